"""What is read from a message, or a ValueError with a short reason: a wrong frame or length, or a value that is not finite."""

from typing import Any

import numpy as np

from medrobot_ros.geometry.pose import pose, rotation_from_quat_xyzw
from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.kit import Kit
from medrobot_ros.signals import Array

_NORM2_WITHIN = 1e-3  # that a unit quaternion's squared norm may be off


def stamp_of(header: Any) -> int:
    """Its stamp [ns]."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def framed_stamp(row: Topic, header: Any) -> int:
    """The stamp [ns] of a header that names the topic's frame."""
    if header.frame_id != row.frame:
        raise ValueError(f"frame '{header.frame_id}' instead of '{row.frame}'")
    return stamp_of(header)


def finite(values: Any, length: int | None = None) -> Array:
    """A float64 array (n,) of finite values, copied."""
    out = np.array(values, dtype=np.float64)
    if length is not None and out.shape != (length,):
        raise ValueError(f"{out.size} values instead of {length}")
    if not np.isfinite(out).all():
        raise ValueError("a value is not finite")
    return out


def six(linear: Any, angular: Any) -> Array:
    """Linear before angular (6,)."""
    return finite((linear.x, linear.y, linear.z, angular.x, angular.y, angular.z))


def rigid(position: Any, orientation: Any) -> Array:
    """Pose (4, 4) of a position and a unit quaternion."""
    p = finite((position.x, position.y, position.z))
    q = finite((orientation.x, orientation.y, orientation.z, orientation.w))
    if abs(float(q @ q) - 1.0) > _NORM2_WITHIN:
        raise ValueError("the orientation is not a unit quaternion")
    return pose(rotation_from_quat_xyzw(*q.tolist()), p)


def in_order(kit: Kit, names: list[str], values: Any) -> Array:
    """Joint values in the order of the codec's joints, or as they come where it has none."""
    out = finite(values, len(names))
    if not kit.joint_names or tuple(names) == kit.joint_names:
        return out
    if sorted(names) != sorted(kit.joint_names):
        raise ValueError(f"joints {', '.join(names) or 'without names'} instead of {', '.join(kit.joint_names)}")
    return out[[names.index(n) for n in kit.joint_names]]
