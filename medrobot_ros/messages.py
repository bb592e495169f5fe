"""Signals to ROS messages and back: the one place where wire formats are known.

`Codec` works with any family of message classes that take their fields as keywords: rclpy's in a node, rosbags' in the
recorder. Status rows travel as one DiagnosticStatus whose values are the signal's fields; `None` is an absent key.
"""

import json
from array import array
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import lru_cache
from io import BytesIO
from math import atan2, cos, isfinite, sin
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import PIL.Image as PIL

from medrobot_ros.geometry.pose import pose, quat_xyzw, rotation_from_quat_xyzw
from medrobot_ros.interfaces import Topic, topic
from medrobot_ros.png import grey_png
from medrobot_ros.signals import (
    Array,
    ContactMode,
    ContactStatus,
    Event,
    HardwareStatus,
    Image,
    ImageGeometry,
    ImageQuality,
    JointCommand,
    JointState,
    MotionGoal,
    MotionStatus,
    PatientTruth,
    PlannedSkin,
    ProbeState,
    ProbeTwist,
    SafetyStatus,
    ScanReference,
    Stamp,
    StopRequest,
    Surface,
    TaskStatus,
    TwistCommand,
    VolumeCloud,
    Wrench,
)

Encode = Callable[["Kit", Topic, Any], Any]
Decode = Callable[["Kit", Topic, Any], Any]

PATIENT_VALUES = (
    "breathing_phase", "breathing_offset", "indentation", "patient_x", "patient_y", "patient_z", "patient_yaw",
)  # fmt: skip


class Codec:
    """Encodes and decodes the signals of the interface table.

    `types` gives the message class of a ROS name such as `std_msgs/msg/Header`. With `joint_names`, joint states are put
    into that order.
    """

    def __init__(self, types: Callable[[str], Any], joint_names: Iterable[str] = ()) -> None:
        self._kit = Kit(types, tuple(joint_names))

    def encode(self, name: str, signal: Any) -> Any:
        """The message that carries a signal on a topic of the table."""
        return _KINDS[name][0](self._kit, topic(name), signal)

    def decode(self, name: str, message: Any) -> Any:
        """The signal in a message.

        Raises: ValueError with a short reason for a wrong frame or length, or for a value that is not finite.
        """
        return _KINDS[name][1](self._kit, topic(name), message)


_DEFAULTS: dict[str, Any] = {"int": 0, "float": 0.0, "str": ""}  # of rosbags' fields; sequences are always filled in


class Kit:
    """Makes messages of one family and hides how the families differ."""

    def __init__(self, types: Callable[[str], Any], joint_names: tuple[str, ...]) -> None:
        self._class = lru_cache(maxsize=None)(lambda kind: types(kind.replace("/", "/msg/")))
        self.joint_names = joint_names
        self._numpy = is_dataclass(types("std_msgs/msg/Header"))  # rosbags' classes are dataclasses of numpy arrays

    def __call__(self, kind: str, **values: Any) -> Any:
        """A message of a kind such as `geometry_msgs/Point`."""
        return self._class(kind)(**values)

    def new(self, kind: str, stamp_ns: int, frame: str) -> Any:
        """A stamped message to be filled in place: rclpy makes every part itself first, whatever it is given."""
        message = self._blank(self._class(kind))
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        message.header.frame_id = frame
        return message

    def _blank(self, kind: Any) -> Any:
        if not self._numpy:
            return kind()
        types = {f.name: str(f.type) for f in fields(kind) if f.default is MISSING}
        parts = {n: self._blank(self._class(t.replace("__msg__", "/"))) for n, t in types.items() if "__" in t and "[" not in t}
        return kind(**{n: parts.get(n, _DEFAULTS.get(t)) for n, t in types.items()})

    def doubles(self, values: Array) -> Any:
        """A float64[] field."""
        values = np.ascontiguousarray(values, dtype=np.float64)
        return values if self._numpy else array("d", values.tobytes())

    def octets(self, values: bytes) -> Any:
        """A uint8[] field. rclpy copies an array('B') at once and anything else byte by byte."""
        return np.frombuffer(values, dtype=np.uint8) if self._numpy else array("B", values)

    def level(self, level: int) -> Any:
        """A DiagnosticStatus level: 0 OK, 1 WARN, 2 ERROR."""
        return level if self._numpy else bytes([level])

    def header(self, stamp_ns: int, frame: str = "") -> Any:
        """A std_msgs/Header."""
        return self("std_msgs/Header", stamp=self.time(stamp_ns), frame_id=frame)

    def time(self, stamp_ns: int) -> Any:
        """A builtin_interfaces/Time."""
        sec, nanosec = divmod(stamp_ns, 1_000_000_000)
        return self("builtin_interfaces/Time", sec=sec, nanosec=nanosec)

    def duration(self, seconds: float) -> Any:
        """A builtin_interfaces/Duration, to the nanosecond."""
        sec, nanosec = divmod(round(1e9 * seconds), 1_000_000_000)
        return self("builtin_interfaces/Duration", sec=sec, nanosec=nanosec)

    def vector3(self, v: Array) -> Any:
        """A geometry_msgs/Vector3."""
        x, y, z = v.tolist()
        return self("geometry_msgs/Vector3", x=x, y=y, z=z)

    def point(self, p: Array) -> Any:
        """A geometry_msgs/Point."""
        return self.points(p[None])[0]

    def points(self, P: Array) -> list[Any]:
        """A geometry_msgs/Point of each row of `P` (n, 3)."""
        point = self._class("geometry_msgs/Point")
        return [point(x=x, y=y, z=z) for x, y, z in P.tolist()]

    def colors(self, values: Array) -> list[Any]:
        """A std_msgs/ColorRGBA of each row of `values` (n, 4)."""
        color = self._class("std_msgs/ColorRGBA")
        return [color(r=r, g=g, b=b, a=a) for r, g, b, a in values.tolist()]

    def quaternion(self, R: Array) -> Any:
        """A geometry_msgs/Quaternion."""
        x, y, z, w = quat_xyzw(R)
        return self("geometry_msgs/Quaternion", x=x, y=y, z=z, w=w)

    def pose(self, T: Array) -> Any:
        """A geometry_msgs/Pose."""
        return self("geometry_msgs/Pose", position=self.point(T[:3, 3]), orientation=self.quaternion(T[:3, :3]))

    def pose_stamped(self, stamp_ns: int, frame: str, T: Array) -> Any:
        """A geometry_msgs/PoseStamped."""
        m = self.new("geometry_msgs/PoseStamped", stamp_ns, frame)
        p, q = m.pose.position, m.pose.orientation
        p.x, p.y, p.z = T[:3, 3].tolist()
        q.x, q.y, q.z, q.w = quat_xyzw(T[:3, :3])
        return m

    def joint_state(self, stamp_ns: int, names: Iterable[str], *values: Array) -> Any:
        """A sensor_msgs/JointState of position, velocity and effort."""
        m = self.new("sensor_msgs/JointState", stamp_ns, "")
        m.name = list(names)
        m.position, m.velocity, m.effort = (self.doubles(v) for v in values)
        return m


# --- reading ----------------------------------------------------------------------------------------------------------


def _stamp_ns(header: Any) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def _framed_ns(row: Topic, header: Any) -> int:
    """The stamp of a header that names the topic's frame."""
    if header.frame_id != row.frame:
        raise ValueError(f"frame '{header.frame_id}' instead of '{row.frame}'")
    return _stamp_ns(header)


def _finite(values: Any, length: int | None = None) -> Array:
    """A float64 array (n,) of finite values, copied."""
    out = np.array(values, dtype=np.float64)
    if length is not None and out.shape != (length,):
        raise ValueError(f"{out.size} values instead of {length}")
    if not np.isfinite(out).all():
        raise ValueError("a value is not finite")
    return out


def _six(linear: Any, angular: Any) -> Array:
    return _finite((linear.x, linear.y, linear.z, angular.x, angular.y, angular.z))


def _rigid(position: Any, orientation: Any) -> Array:
    """Pose (4, 4) of a position and a unit quaternion."""
    p = _finite((position.x, position.y, position.z))
    q = _finite((orientation.x, orientation.y, orientation.z, orientation.w))
    if abs(float(q @ q) - 1.0) > 1e-3:
        raise ValueError("the orientation is not a unit quaternion")
    return pose(rotation_from_quat_xyzw(*q.tolist()), p)


def _in_order(kit: Kit, names: list[str], values: Any) -> Array:
    """Joint values in the order of the codec's joints, or as they come where it has none."""
    out = _finite(values, len(names))
    if not kit.joint_names or tuple(names) == kit.joint_names:
        return out
    if sorted(names) != sorted(kit.joint_names):
        raise ValueError(f"joints {', '.join(names) or 'without names'} instead of {', '.join(kit.joint_names)}")
    return out[[names.index(n) for n in kit.joint_names]]


def numbered_joints(count: int) -> tuple[str, ...]:
    """Names for joints that were given none."""
    return tuple(f"joint_{k + 1}" for k in range(count))


# --- joints -----------------------------------------------------------------------------------------------------------


def _encode_joints(kit: Kit, row: Topic, s: JointState) -> Any:
    names = kit.joint_names or numbered_joints(len(s.q))
    return kit.joint_state(s.stamp_ns, names, s.q, s.qd, s.tau)


def _decode_joints(kit: Kit, row: Topic, m: Any) -> JointState:
    names = list(m.name)
    q, qd, tau = (_in_order(kit, names, v) for v in (m.position, m.velocity, m.effort))
    return JointState(_stamp_ns(m.header), q, qd, tau)


def _encode_command(kit: Kit, row: Topic, s: JointCommand) -> Any:
    layout = kit("std_msgs/MultiArrayLayout", dim=[], data_offset=0)
    return kit("std_msgs/Float64MultiArray", layout=layout, data=kit.doubles(s.q))


def _decode_command(kit: Kit, row: Topic, m: Any) -> JointCommand:
    """The message has no header: the stamp is 0."""
    return JointCommand(0, _finite(m.data, len(kit.joint_names) or None))


def _check_goal(s: MotionGoal) -> None:
    if s.goal_id != str(s.stamp_ns):
        raise ValueError(f"goal id '{s.goal_id}' is not its stamp {s.stamp_ns}, which is what messages carry")


def _encode_joint_goal(kit: Kit, row: Topic, s: MotionGoal) -> Any:
    _check_goal(s)
    if s.q is None:
        raise ValueError("a joint goal without joint positions")
    none, q = kit.doubles(np.empty(0)), kit.doubles(s.q)
    point = kit("trajectory_msgs/JointTrajectoryPoint", positions=q, velocities=none, accelerations=none, effort=none,
                time_from_start=kit.duration(0.0))  # fmt: skip
    names = list(kit.joint_names or numbered_joints(len(s.q)))
    return kit("trajectory_msgs/JointTrajectory", header=kit.header(s.stamp_ns), joint_names=names, points=[point])


def _decode_joint_goal(kit: Kit, row: Topic, m: Any) -> MotionGoal:
    if len(m.points) != 1:
        raise ValueError(f"{len(m.points)} points instead of 1")
    stamp_ns = _stamp_ns(m.header)
    return MotionGoal(stamp_ns, str(stamp_ns), q=_in_order(kit, list(m.joint_names), m.points[0].positions))


def _encode_pose_goal(kit: Kit, row: Topic, s: MotionGoal) -> Any:
    _check_goal(s)
    if s.T_base_probe is None:
        raise ValueError("a pose goal without a pose")
    return kit.pose_stamped(s.stamp_ns, row.frame, s.T_base_probe)


def _decode_pose_goal(kit: Kit, row: Topic, m: Any) -> MotionGoal:
    stamp_ns = _framed_ns(row, m.header)
    return MotionGoal(stamp_ns, str(stamp_ns), T_base_probe=_rigid(m.pose.position, m.pose.orientation))


# --- wrenches, twists, poses ------------------------------------------------------------------------------------------


def _wrench_message(kit: Kit, stamp_ns: int, frame: str, F: Array) -> Any:
    m = kit.new("geometry_msgs/WrenchStamped", stamp_ns, frame)
    f, t = m.wrench.force, m.wrench.torque
    f.x, f.y, f.z, t.x, t.y, t.z = F.tolist()
    return m


def _encode_wrench(kit: Kit, row: Topic, s: Wrench) -> Any:
    return _wrench_message(kit, s.stamp_ns, s.frame, s.F)


def _decode_wrench(kit: Kit, row: Topic, m: Any) -> Wrench:
    return Wrench(_framed_ns(row, m.header), row.frame, _six(m.wrench.force, m.wrench.torque))


def _encode_twist(kit: Kit, row: Topic, s: TwistCommand | ProbeTwist | ProbeState) -> Any:
    V = s.V_base_probe_in_probe
    if V is None:
        raise ValueError("a probe state without a twist")
    m = kit.new("geometry_msgs/TwistStamped", s.stamp_ns, row.frame)
    v, w = m.twist.linear, m.twist.angular
    v.x, v.y, v.z, w.x, w.y, w.z = V.tolist()
    return m


def _decode_twist(kind: type) -> Decode:
    return lambda kit, row, m: kind(_framed_ns(row, m.header), _six(m.twist.linear, m.twist.angular))


def _encode_pose(kit: Kit, row: Topic, s: ProbeState) -> Any:
    return kit.pose_stamped(s.stamp_ns, row.frame, s.T_base_probe)


def _decode_pose(kit: Kit, row: Topic, m: Any) -> ProbeState:
    return ProbeState(_framed_ns(row, m.header), _rigid(m.pose.position, m.pose.orientation))


# --- headers and stops ------------------------------------------------------------------------------------------------


def _encode_stamp(kit: Kit, row: Topic, s: Stamp) -> Any:
    return kit.header(s.stamp_ns, s.source)


def _decode_stamp(kit: Kit, row: Topic, m: Any) -> Stamp:
    return Stamp(_stamp_ns(m), str(m.frame_id))


def _encode_stop(kit: Kit, row: Topic, s: StopRequest) -> Any:
    return kit("std_msgs/Bool", data=bool(s.stop))


def _decode_stop(kit: Kit, row: Topic, m: Any) -> StopRequest:
    return StopRequest(bool(m.data))


# --- paths ------------------------------------------------------------------------------------------------------------


def _encode_reference(kit: Kit, row: Topic, s: ScanReference) -> Any:
    """The one multi-DOF joint is named by the reference's id."""
    points = [
        kit("trajectory_msgs/MultiDOFJointTrajectoryPoint",
            transforms=[kit("geometry_msgs/Transform", translation=kit.vector3(T[:3, 3]), rotation=kit.quaternion(T[:3, :3]))],
            velocities=[], accelerations=[], time_from_start=kit.duration(t))
        for T, t in zip(s.T_base_probe, s.time_s.tolist(), strict=True)
    ]  # fmt: skip
    header = kit.header(s.stamp_ns, row.frame)
    return kit("trajectory_msgs/MultiDOFJointTrajectory", header=header, joint_names=[s.reference_id], points=points)


def _decode_reference(kit: Kit, row: Topic, m: Any) -> ScanReference:
    if len(m.joint_names) != 1 or any(len(p.transforms) != 1 for p in m.points):
        raise ValueError("not exactly one multi-DOF joint")
    time_s = [p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in m.points]
    poses = [_rigid(p.transforms[0].translation, p.transforms[0].rotation) for p in m.points]
    return _reference(_framed_ns(row, m.header), str(m.joint_names[0]), poses, time_s)


def _encode_path(kit: Kit, row: Topic, s: ScanReference) -> Any:
    stamps_ns = (s.stamp_ns + round(1e9 * t) for t in s.time_s.tolist())
    poses = [kit.pose_stamped(t, row.frame, T) for t, T in zip(stamps_ns, s.T_base_probe, strict=True)]
    return kit("nav_msgs/Path", header=kit.header(s.stamp_ns, row.frame), poses=poses)


def _decode_path(kit: Kit, row: Topic, m: Any) -> ScanReference:
    """A path has no id."""
    stamp_ns = _framed_ns(row, m.header)
    time_s = [1e-9 * (_framed_ns(row, p.header) - stamp_ns) for p in m.poses]
    return _reference(stamp_ns, "", [_rigid(p.pose.position, p.pose.orientation) for p in m.poses], time_s)


def _reference(stamp_ns: int, reference_id: str, poses: list[Array], time_s: list[float]) -> ScanReference:
    if not poses:
        raise ValueError("no points")
    times = np.array(time_s)
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise ValueError("times do not increase")
    return ScanReference(stamp_ns, reference_id, np.stack(poses), times)


# --- clouds and markers -----------------------------------------------------------------------------------------------

_CLOUD_FIELDS = ("x", "y", "z", "normal_x", "normal_y", "normal_z")
_FLOAT32, _FLOAT32_BYTES = 7, 4


def _cloud(kit: Kit, row: Topic, stamp_ns: int, names: tuple[str, ...], count: int, data: bytes) -> Any:
    """Points of float32 fields, one after the other."""
    step = len(names) * _FLOAT32_BYTES
    layout = [
        kit("sensor_msgs/PointField", name=name, offset=k * _FLOAT32_BYTES, datatype=_FLOAT32, count=1) for k, name in enumerate(names)
    ]
    return kit("sensor_msgs/PointCloud2", header=kit.header(stamp_ns, row.frame), height=1, width=count, fields=layout,
               is_bigendian=False, point_step=step, row_step=step * count, data=kit.octets(data), is_dense=True)  # fmt: skip


def _cloud_fields(m: Any, names: tuple[str, ...]) -> Any:
    """The float32 fields of a cloud, by name."""
    offsets = {f.name: f.offset for f in m.fields if f.datatype == _FLOAT32}
    if missing := [n for n in names if n not in offsets]:
        raise ValueError(f"no float32 field {', '.join(missing)}")
    if m.is_bigendian or len(m.data) != m.row_step * m.height or m.row_step != m.point_step * m.width:
        raise ValueError("the cloud's size does not fit its data")
    return np.frombuffer(m.data, np.dtype({
        "names": list(names), "formats": ["<f4"] * len(names), "offsets": [offsets[n] for n in names], "itemsize": m.point_step,
    }))  # fmt: skip


def _encode_surface(kit: Kit, row: Topic, s: Surface) -> Any:
    data = np.hstack((s.points, s.normals)).astype("<f4")
    return _cloud(kit, row, s.stamp_ns, _CLOUD_FIELDS, len(data), data.tobytes())


def _decode_surface(kit: Kit, row: Topic, m: Any) -> Surface:
    """Points that are not finite are dropped: depth cameras mark holes so."""
    stamp_ns = _framed_ns(row, m.header)
    cloud = _cloud_fields(m, _CLOUD_FIELDS)
    values = np.column_stack([cloud[n] for n in _CLOUD_FIELDS]).astype(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    return Surface(stamp_ns, values[:, :3], values[:, 3:])


_VOXEL = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4")])


def _encode_volume(kit: Kit, row: Topic, s: VolumeCloud) -> Any:
    data = np.empty(len(s.points), _VOXEL)
    data["x"], data["y"], data["z"] = s.points.T
    data["intensity"] = s.grey
    return _cloud(kit, row, s.stamp_ns, _VOXEL.names or (), len(data), data.tobytes())


def _decode_volume(kit: Kit, row: Topic, m: Any) -> VolumeCloud:
    stamp_ns, cloud = _framed_ns(row, m.header), _cloud_fields(m, _VOXEL.names or ())
    points = np.column_stack([cloud[n] for n in "xyz"]).astype(np.float64)
    return VolumeCloud(stamp_ns, points, cloud["intensity"].astype(np.uint8))


SKIN_MARKER, POINTS_MARKER, POINT_SIZE_M = "planned_skin", 8, 0.003
_ADD = 0
_COVERED_ALPHA, _OPEN_COLOR = 1.0, (0.5, 0.5, 0.5, 0.5)


def skin_colors(quality: Array) -> Array:
    """Red, green, blue and alpha (n, 4): green is the quality; a point that is still open is grey and half transparent."""
    colors = np.full((len(quality), 4), _OPEN_COLOR)
    covered = ~np.isnan(quality)
    green = np.clip(quality[covered], 0.0, 1.0)
    colors[covered] = np.column_stack((1.0 - green, green, np.full((len(green), 2), (0.2, _COVERED_ALPHA))))
    return colors


def _encode_skin(kit: Kit, row: Topic, s: PlannedSkin) -> Any:
    header, nothing = kit.header(s.stamp_ns, row.frame), kit.octets(b"")
    marker = kit(
        "visualization_msgs/Marker", header=header, ns=SKIN_MARKER, id=0, type=POINTS_MARKER, action=_ADD,
        pose=kit.pose(np.eye(4)), scale=kit.vector3(np.array([POINT_SIZE_M, POINT_SIZE_M, 0.0])),
        color=kit("std_msgs/ColorRGBA", r=0.0, g=0.0, b=0.0, a=1.0), lifetime=kit.duration(0.0), frame_locked=False,
        points=kit.points(s.points), colors=kit.colors(skin_colors(s.quality)), texture_resource="",
        texture=kit("sensor_msgs/CompressedImage", header=kit.header(0), format="", data=nothing), uv_coordinates=[], text="",
        mesh_resource="", mesh_file=kit("visualization_msgs/MeshFile", filename="", data=nothing),
        mesh_use_embedded_materials=False,
    )  # fmt: skip
    return kit("visualization_msgs/MarkerArray", markers=[marker])


def _decode_skin(kit: Kit, row: Topic, m: Any) -> PlannedSkin:
    if len(m.markers) != 1 or len(m.markers[0].points) != len(m.markers[0].colors):
        raise ValueError("not one marker with a colour for each point")
    marker = m.markers[0]
    points = _finite([(p.x, p.y, p.z) for p in marker.points]).reshape(-1, 3)
    quality = np.array([c.g if c.a == _COVERED_ALPHA else np.nan for c in marker.colors], dtype=np.float64)
    return PlannedSkin(_framed_ns(row, marker.header), points, quality)


# --- images -----------------------------------------------------------------------------------------------------------


def _encode_image(kit: Kit, row: Topic, s: Image) -> Any:
    rows, columns = s.pixels.shape
    return kit("sensor_msgs/Image", header=kit.header(s.stamp_ns, row.frame), height=rows, width=columns, encoding="mono8",
               is_bigendian=0, step=columns, data=kit.octets(s.pixels.tobytes()))  # fmt: skip


def _decode_image(kit: Kit, row: Topic, m: Any) -> Image:
    stamp_ns = _framed_ns(row, m.header)
    if m.encoding != "mono8":
        raise ValueError(f"encoding '{m.encoding}' instead of 'mono8'")
    if m.step < m.width or len(m.data) != m.step * m.height:
        raise ValueError("the image's size does not fit its data")
    return Image(stamp_ns, np.frombuffer(m.data, dtype=np.uint8).reshape(m.height, m.step)[:, : m.width])


_PNG = "mono8; png compressed "


def _encode_compressed(kit: Kit, row: Topic, s: Image) -> Any:
    """As image_transport's `compressed` does."""
    return kit("sensor_msgs/CompressedImage", header=kit.header(s.stamp_ns, row.frame), format=_PNG, data=kit.octets(grey_png(s.pixels)))


def _decode_compressed(kit: Kit, row: Topic, m: Any) -> Image:
    stamp_ns = _framed_ns(row, m.header)
    try:
        with PIL.open(BytesIO(bytes(m.data))) as picture:
            if picture.mode != "L":
                raise ValueError(f"pixels '{picture.mode}' instead of 'L'")
            return Image(stamp_ns, np.asarray(picture))
    except OSError as e:
        raise ValueError(f"no image: {e}") from None


# --- status rows ------------------------------------------------------------------------------------------------------

_Level = Callable[[Any], int]
_OK, _WARN, _ERROR = 0, 1, 2


class StatusRow:
    """A signal whose fields are the values of one DiagnosticStatus."""

    def __init__(self, kind: type, level: _Level = lambda s: _OK) -> None:
        self._kind, self._level, self._hints = kind, level, get_type_hints(kind)
        self._names = [f.name for f in fields(kind) if f.name != "stamp_ns"]
        self._optional = {f.name for f in fields(kind) if f.default is not MISSING or f.default_factory is not MISSING}

    def texts(self, row: Topic, s: Any) -> tuple[int, str, str, list[tuple[str, str]]]:
        """The status' level, its name and message, and its keys with their values."""
        values = [(n, _text(v)) for n in self._names if (v := getattr(s, n)) is not None]
        return self._level(s), getattr(s, "source", row.name), _summary(s), values

    def encode(self, kit: Kit, row: Topic, s: Any) -> Any:
        """Signal to message."""
        level, name, message, texts = self.texts(row, s)
        values = [kit("diagnostic_msgs/KeyValue", key=key, value=value) for key, value in texts]
        status = kit("diagnostic_msgs/DiagnosticStatus", level=kit.level(level), name=name, message=message, hardware_id="", values=values)
        return kit("diagnostic_msgs/DiagnosticArray", header=kit.header(s.stamp_ns), status=[status])

    def decode(self, kit: Kit, row: Topic, m: Any) -> Any:
        """Message to signal."""
        if len(m.status) != 1:
            raise ValueError(f"{len(m.status)} statuses instead of 1")
        found = {v.key: v.value for v in m.status[0].values if v.key in self._hints and v.key != "stamp_ns"}
        if missing := [n for n in self._names if n not in found and n not in self._optional]:
            raise ValueError(f"no value for {', '.join(missing)}")
        return self._kind(stamp_ns=_stamp_ns(m.header), **{n: _parsed(n, self._hints[n], text) for n, text in found.items()})


def _summary(s: Any) -> str:
    """The one line that a diagnostics viewer shows."""
    words = (getattr(s, n, "") for n in ("kind", "mode", "state", "phase", "result", "outcome", "detail", "reason"))
    return " ".join(w for w in words if w)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and isfinite(value):
        return float.__repr__(value)  # what `json` makes of it, at a tenth of the cost
    return json.dumps(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)


def _parsed(name: str, hint: Any, text: str) -> Any:
    """A value of the field's type from its text."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(h for h in get_args(hint) if h is not type(None))
    if hint is str:
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        raise ValueError(f"{name} = '{text[:40]}' is not a value") from None
    if hint == Array:
        return _matrix(name, value)
    kind = get_origin(hint) or hint
    if kind is tuple:
        return _tuple(name, get_args(hint), value)
    return _scalar(name, kind, value)


def _scalar(name: str, kind: Any, value: Any) -> Any:
    good = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not good or (kind is float and not isfinite(value)):
        raise ValueError(f"{name} = {str(value)[:40]} is not a finite {kind.__name__}")
    return float(value) if kind is float else value


def _tuple(name: str, kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    any_length = kinds[-1] is Ellipsis
    if not isinstance(value, list) or (not any_length and len(value) != len(kinds)):
        raise ValueError(f"{name} is not a list of the right length")
    return tuple(_scalar(name, kinds[0], v) for v in value)


def _matrix(name: str, value: Any) -> Array:
    try:
        out = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not a matrix") from None
    if out.shape != (4, 4) or not np.isfinite(out).all():
        raise ValueError(f"{name} is not a finite 4 x 4 matrix")
    return out


def _contact_level(s: ContactStatus) -> int:
    return _WARN if s.state in ("lost", "over_force") else _OK


def _motion_level(s: MotionStatus) -> int:
    return _WARN if s.result in ("refused", "stopped") else _OK


def _safety_level(s: SafetyStatus) -> int:
    return {"stopped": _ERROR, "retreat": _WARN}.get(s.state, _OK)


def _task_level(s: TaskStatus) -> int:
    return {"stopped": _ERROR, "rejected": _WARN, "aborted": _WARN}.get(s.outcome, _OK)


def _quality_level(s: ImageQuality) -> int:
    return _OK if s.accepted else _WARN


# --- the twin's truth -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TruthPart:
    """What one of the four `twin/` messages carries of a `PatientTruth`: its field names and their values."""

    stamp_ns: int
    values: dict[str, Any]


def _encode_true_wrench(kit: Kit, row: Topic, s: PatientTruth) -> Any:
    return _wrench_message(kit, s.stamp_ns, row.frame, s.F_tissue_on_probe_in_probe)


def _decode_true_wrench(kit: Kit, row: Topic, m: Any) -> TruthPart:
    F = _six(m.wrench.force, m.wrench.torque)
    return TruthPart(_framed_ns(row, m.header), {"F_tissue_on_probe_in_probe": F})


def _true_pose(field: str) -> tuple[Encode, Decode]:
    def encode(kit: Kit, row: Topic, s: PatientTruth) -> Any:
        return kit.pose_stamped(s.stamp_ns, row.frame, getattr(s, field))

    def decode(kit: Kit, row: Topic, m: Any) -> TruthPart:
        return TruthPart(_framed_ns(row, m.header), {field: _rigid(m.pose.position, m.pose.orientation)})

    return encode, decode


def patient_values(s: PatientTruth) -> tuple[float, ...]:
    """The seven values of `twin/patient`, in the order of `PATIENT_VALUES`. A patient turns about base z only."""
    (r00, _, _, x), (r10, _, _, y), (_, _, _, z), _ = s.T_base_patient.tolist()
    return s.breathing_phase_rad, s.breathing_offset_m, s.indentation_m, x, y, z, atan2(r10, r00)


def _encode_patient(kit: Kit, row: Topic, s: PatientTruth) -> Any:
    none = np.empty(0)
    return kit.joint_state(s.stamp_ns, PATIENT_VALUES, np.array(patient_values(s)), none, none)


def _decode_patient(kit: Kit, row: Topic, m: Any) -> TruthPart:
    if tuple(m.name) != PATIENT_VALUES:
        raise ValueError(f"values {', '.join(m.name)} instead of {', '.join(PATIENT_VALUES)}")
    phase, offset, indentation, x, y, z, yaw = _finite(m.position, len(PATIENT_VALUES)).tolist()
    R = np.array([[cos(yaw), -sin(yaw), 0.0], [sin(yaw), cos(yaw), 0.0], [0.0, 0.0, 1.0]])
    return TruthPart(_stamp_ns(m.header), {
        "breathing_phase_rad": phase, "breathing_offset_m": offset, "indentation_m": indentation,
        "T_base_patient": pose(R, np.array([x, y, z])),
    })  # fmt: skip


TRUTH_TOPICS = ("twin/contact_wrench", "twin/probe_pose", "twin/skin_pose", "twin/patient")
INCOMPLETE_TRUTHS = 20  # that wait for their last part: what a lost message leaves is dropped


class TruthMerge:
    """Puts `PatientTruth` together again from its messages on those of the `topics` that a node hears, by their stamp.

    What arrives on none of them is NaN, so that whoever uses it notices.
    """

    def __init__(self, topics: Iterable[str] = TRUTH_TOPICS) -> None:
        self._topics = frozenset(topics)
        self._nothing: dict[str, Any] = {
            "F_tissue_on_probe_in_probe": np.full(6, np.nan),
            **{n: np.full((4, 4), np.nan) for n in ("T_base_probe", "T_base_skin", "T_base_patient")},
            **dict.fromkeys(("breathing_phase_rad", "breathing_offset_m", "indentation_m"), np.nan),
        }
        self._parts: dict[int, dict[str, TruthPart]] = {}

    def add(self, name: str, part: TruthPart) -> PatientTruth | None:
        """The truth of this part's stamp once its last part has come, else `None`."""
        heard = self._parts.setdefault(part.stamp_ns, {})
        heard[name] = part
        if heard.keys() < self._topics:
            if len(self._parts) > INCOMPLETE_TRUTHS:
                del self._parts[min(self._parts)]
            return None
        self._parts = {stamp: parts for stamp, parts in self._parts.items() if stamp > part.stamp_ns}
        values = {key: value for p in heard.values() for key, value in p.values.items()}
        return PatientTruth(part.stamp_ns, **{**self._nothing, **values})


# --- the table --------------------------------------------------------------------------------------------------------

_WRENCH: tuple[Encode, Decode] = (_encode_wrench, _decode_wrench)
_STAMP: tuple[Encode, Decode] = (_encode_stamp, _decode_stamp)
_EVENT = StatusRow(Event, lambda s: _WARN)

STATUS_ROWS: dict[str, StatusRow] = {
    "contact/mode": StatusRow(ContactMode),
    "contact/state": StatusRow(ContactStatus, _contact_level),
    "motion/state": StatusRow(MotionStatus, _motion_level),
    "hardware/state": StatusRow(HardwareStatus),
    "safety/state": StatusRow(SafetyStatus, _safety_level),
    "image/geometry": StatusRow(ImageGeometry),
    "image/quality": StatusRow(ImageQuality, _quality_level),
    "task/state": StatusRow(TaskStatus, _task_level),
    "events": _EVENT,
    "/diagnostics": _EVENT,
}

_KINDS: dict[str, tuple[Encode, Decode]] = {
    "joint_states": (_encode_joints, _decode_joints),
    "wrench": _WRENCH,
    "forward_position_controller/commands": (_encode_command, _decode_command),
    "probe/pose": (_encode_pose, _decode_pose),
    "probe/twist": (_encode_twist, _decode_twist(ProbeTwist)),
    "probe/twist_command": (_encode_twist, _decode_twist(TwistCommand)),
    "contact/wrench": _WRENCH,
    "scan/reference": (_encode_reference, _decode_reference),
    "scan/force_reference": _WRENCH,
    "motion/goal": (_encode_joint_goal, _decode_joint_goal),
    "motion/goal_pose": (_encode_pose_goal, _decode_pose_goal),
    "safety/permit": _STAMP,
    "heartbeat": _STAMP,
    "safety/stop": (_encode_stop, _decode_stop),
    "surface": (_encode_surface, _decode_surface),
    "image": (_encode_image, _decode_image),
    "image/compressed": (_encode_compressed, _decode_compressed),
    "volume": (_encode_volume, _decode_volume),
    "scan/path": (_encode_path, _decode_path),
    "scan/markers": (_encode_skin, _decode_skin),
    "twin/contact_wrench": (_encode_true_wrench, _decode_true_wrench),
    "twin/probe_pose": _true_pose("T_base_probe"),
    "twin/skin_pose": _true_pose("T_base_skin"),
    "twin/patient": (_encode_patient, _decode_patient),
    **{name: (row.encode, row.decode) for name, row in STATUS_ROWS.items()},
}
