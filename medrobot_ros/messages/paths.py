"""The path that is to be scanned, for contact and for rviz."""

from typing import Any

import numpy as np

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import framed_stamp, rigid
from medrobot_ros.messages.kit import Kit
from medrobot_ros.signals import Array, ScanReference


def encode_reference(kit: Kit, row: Topic, s: ScanReference) -> Any:
    """The one multi-DOF joint is named by the reference's id."""
    points = [
        kit("trajectory_msgs/MultiDOFJointTrajectoryPoint",
            transforms=[kit("geometry_msgs/Transform", translation=kit.vector3(T[:3, 3]), rotation=kit.quaternion(T[:3, :3]))],
            velocities=[], accelerations=[], time_from_start=kit.duration(t))
        for T, t in zip(s.T_base_probe, s.time_s.tolist(), strict=True)
    ]  # fmt: skip
    header = kit.header(s.stamp_ns, row.frame)
    return kit("trajectory_msgs/MultiDOFJointTrajectory", header=header, joint_names=[s.reference_id], points=points)


def decode_reference(kit: Kit, row: Topic, m: Any) -> ScanReference:
    if len(m.joint_names) != 1 or any(len(p.transforms) != 1 for p in m.points):
        raise ValueError("not exactly one multi-DOF joint")
    time_s = [p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in m.points]
    poses = [rigid(p.transforms[0].translation, p.transforms[0].rotation) for p in m.points]
    return _reference(framed_stamp(row, m.header), str(m.joint_names[0]), poses, time_s)


def encode_path(kit: Kit, row: Topic, s: ScanReference) -> Any:
    stamps_ns = (s.stamp_ns + round(1e9 * t) for t in s.time_s.tolist())
    poses = [kit.pose_stamped(t, row.frame, T) for t, T in zip(stamps_ns, s.T_base_probe, strict=True)]
    return kit("nav_msgs/Path", header=kit.header(s.stamp_ns, row.frame), poses=poses)


def decode_path(kit: Kit, row: Topic, m: Any) -> ScanReference:
    """A path has no id."""
    stamp_ns = framed_stamp(row, m.header)
    time_s = [1e-9 * (framed_stamp(row, p.header) - stamp_ns) for p in m.poses]
    return _reference(stamp_ns, "", [rigid(p.pose.position, p.pose.orientation) for p in m.poses], time_s)


def _reference(stamp_ns: int, reference_id: str, poses: list[Array], time_s: list[float]) -> ScanReference:
    if not poses:
        raise ValueError("no points")
    times = np.array(time_s)
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise ValueError("times do not increase")
    return ScanReference(stamp_ns, reference_id, np.stack(poses), times)
