"""Makes messages of one family: rclpy's classes, or rosbags' dataclasses."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from medrobot_ros.geometry.pose import quat_xyzw
from medrobot_ros.interfaces import Topic
from medrobot_ros.signals import Array

Encode = Callable[["Kit", Topic, Any], Any]
Decode = Callable[["Kit", Topic, Any], Any]

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
