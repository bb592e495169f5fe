"""The skin and the volume as point clouds."""

from typing import Any

import numpy as np

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import framed_stamp
from medrobot_ros.messages.kit import Kit
from medrobot_ros.signals import Surface, VolumeCloud

_POINT = ("x", "y", "z", "normal_x", "normal_y", "normal_z")
_VOXEL = np.dtype([(name, "<f4") for name in ("x", "y", "z", "intensity")])
_FLOAT32, _FLOAT32_BYTES = 7, 4


def _cloud(kit: Kit, row: Topic, stamp_ns: int, names: tuple[str, ...], count: int, data: bytes) -> Any:
    """Points of float32 fields, one after the other."""
    step = len(names) * _FLOAT32_BYTES
    layout = [
        kit("sensor_msgs/PointField", name=name, offset=k * _FLOAT32_BYTES, datatype=_FLOAT32, count=1) for k, name in enumerate(names)
    ]
    return kit("sensor_msgs/PointCloud2", header=kit.header(stamp_ns, row.frame), height=1, width=count, fields=layout,
               is_bigendian=False, point_step=step, row_step=step * count, data=kit.octets(data), is_dense=True)  # fmt: skip


def _fields(m: Any, names: tuple[str, ...]) -> Any:
    """The float32 fields of a cloud, by name."""
    offsets = {f.name: f.offset for f in m.fields if f.datatype == _FLOAT32}
    if missing := [n for n in names if n not in offsets]:
        raise ValueError(f"no float32 field {', '.join(missing)}")
    if m.is_bigendian or len(m.data) != m.row_step * m.height or m.row_step != m.point_step * m.width:
        raise ValueError("the cloud's size does not fit its data")
    return np.frombuffer(m.data, np.dtype({
        "names": list(names), "formats": ["<f4"] * len(names), "offsets": [offsets[n] for n in names], "itemsize": m.point_step,
    }))  # fmt: skip


def encode_surface(kit: Kit, row: Topic, s: Surface) -> Any:
    data = np.hstack((s.points, s.normals)).astype("<f4")
    return _cloud(kit, row, s.stamp_ns, _POINT, len(data), data.tobytes())


def decode_surface(kit: Kit, row: Topic, m: Any) -> Surface:
    """Points that are not finite are dropped: depth cameras mark holes so."""
    stamp_ns = framed_stamp(row, m.header)
    cloud = _fields(m, _POINT)
    values = np.column_stack([cloud[n] for n in _POINT]).astype(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    return Surface(stamp_ns, values[:, :3], values[:, 3:])


def encode_volume(kit: Kit, row: Topic, s: VolumeCloud) -> Any:
    data = np.empty(len(s.points), _VOXEL)
    data["x"], data["y"], data["z"] = s.points.T
    data["intensity"] = s.grey
    return _cloud(kit, row, s.stamp_ns, _VOXEL.names or (), len(data), data.tobytes())


def decode_volume(kit: Kit, row: Topic, m: Any) -> VolumeCloud:
    stamp_ns, cloud = framed_stamp(row, m.header), _fields(m, _VOXEL.names or ())
    points = np.column_stack([cloud[n] for n in "xyz"]).astype(np.float64)
    return VolumeCloud(stamp_ns, points, cloud["intensity"].astype(np.uint8))
