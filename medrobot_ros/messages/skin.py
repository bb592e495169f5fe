"""The planned skin as a marker, coloured by quality."""

from typing import Any

import numpy as np

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import finite, framed_stamp
from medrobot_ros.messages.kit import Kit
from medrobot_ros.signals import Array, PlannedSkin

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


def encode_skin(kit: Kit, row: Topic, s: PlannedSkin) -> Any:
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


def decode_skin(kit: Kit, row: Topic, m: Any) -> PlannedSkin:
    if len(m.markers) != 1 or len(m.markers[0].points) != len(m.markers[0].colors):
        raise ValueError("not one marker with a colour for each point")
    marker = m.markers[0]
    points = finite([(p.x, p.y, p.z) for p in marker.points]).reshape(-1, 3)
    quality = np.array([c.g if c.a == _COVERED_ALPHA else np.nan for c in marker.colors], dtype=np.float64)
    return PlannedSkin(framed_stamp(row, marker.header), points, quality)
