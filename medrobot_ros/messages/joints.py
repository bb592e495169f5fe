"""Joint states, commands and goals, and goals for the probe."""

from typing import Any

import numpy as np

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import finite, framed_stamp, in_order, rigid, stamp_of
from medrobot_ros.messages.kit import Kit
from medrobot_ros.signals import JointCommand, JointState, MotionGoal


def numbered_joints(count: int) -> tuple[str, ...]:
    """Names for joints that were given none."""
    return tuple(f"joint_{k + 1}" for k in range(count))


def encode_joints(kit: Kit, row: Topic, s: JointState) -> Any:
    names = kit.joint_names or numbered_joints(len(s.q))
    return kit.joint_state(s.stamp_ns, names, s.q, s.qd, s.tau)


def decode_joints(kit: Kit, row: Topic, m: Any) -> JointState:
    names = list(m.name)
    q, qd, tau = (in_order(kit, names, v) for v in (m.position, m.velocity, m.effort))
    return JointState(stamp_of(m.header), q, qd, tau)


def encode_command(kit: Kit, row: Topic, s: JointCommand) -> Any:
    layout = kit("std_msgs/MultiArrayLayout", dim=[], data_offset=0)
    return kit("std_msgs/Float64MultiArray", layout=layout, data=kit.doubles(s.q))


def decode_command(kit: Kit, row: Topic, m: Any) -> JointCommand:
    """The message has no header: the stamp is 0."""
    return JointCommand(0, finite(m.data, len(kit.joint_names) or None))


def _check_goal(s: MotionGoal) -> None:
    if s.goal_id != str(s.stamp_ns):
        raise ValueError(f"goal id '{s.goal_id}' is not its stamp {s.stamp_ns}, which is what messages carry")


def encode_joint_goal(kit: Kit, row: Topic, s: MotionGoal) -> Any:
    _check_goal(s)
    if s.q is None:
        raise ValueError("a joint goal without joint positions")
    none, q = kit.doubles(np.empty(0)), kit.doubles(s.q)
    point = kit("trajectory_msgs/JointTrajectoryPoint", positions=q, velocities=none, accelerations=none, effort=none,
                time_from_start=kit.duration(0.0))  # fmt: skip
    names = list(kit.joint_names or numbered_joints(len(s.q)))
    return kit("trajectory_msgs/JointTrajectory", header=kit.header(s.stamp_ns), joint_names=names, points=[point])


def decode_joint_goal(kit: Kit, row: Topic, m: Any) -> MotionGoal:
    if len(m.points) != 1:
        raise ValueError(f"{len(m.points)} points instead of 1")
    stamp_ns = stamp_of(m.header)
    return MotionGoal(stamp_ns, str(stamp_ns), q=in_order(kit, list(m.joint_names), m.points[0].positions))


def encode_pose_goal(kit: Kit, row: Topic, s: MotionGoal) -> Any:
    _check_goal(s)
    if s.T_base_probe is None:
        raise ValueError("a pose goal without a pose")
    return kit.pose_stamped(s.stamp_ns, row.frame, s.T_base_probe)


def decode_pose_goal(kit: Kit, row: Topic, m: Any) -> MotionGoal:
    stamp_ns = framed_stamp(row, m.header)
    return MotionGoal(stamp_ns, str(stamp_ns), T_base_probe=rigid(m.pose.position, m.pose.orientation))
