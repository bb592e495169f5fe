"""Wrenches, twists, poses; stamps and requests to stop."""

from typing import Any

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import framed_stamp, rigid, six, stamp_of
from medrobot_ros.messages.kit import Decode, Kit
from medrobot_ros.signals import Array, ProbeState, ProbeTwist, Stamp, StopRequest, TwistCommand, Wrench


def wrench_message(kit: Kit, stamp_ns: int, frame: str, F: Array) -> Any:
    """A geometry_msgs/WrenchStamped of force before torque."""
    m = kit.new("geometry_msgs/WrenchStamped", stamp_ns, frame)
    f, t = m.wrench.force, m.wrench.torque
    f.x, f.y, f.z, t.x, t.y, t.z = F.tolist()
    return m


def encode_wrench(kit: Kit, row: Topic, s: Wrench) -> Any:
    return wrench_message(kit, s.stamp_ns, s.frame, s.F)


def decode_wrench(kit: Kit, row: Topic, m: Any) -> Wrench:
    return Wrench(framed_stamp(row, m.header), row.frame, six(m.wrench.force, m.wrench.torque))


def encode_twist(kit: Kit, row: Topic, s: TwistCommand | ProbeTwist | ProbeState) -> Any:
    V = s.V_base_probe_in_probe
    if V is None:
        raise ValueError("a probe state without a twist")
    m = kit.new("geometry_msgs/TwistStamped", s.stamp_ns, row.frame)
    v, w = m.twist.linear, m.twist.angular
    v.x, v.y, v.z, w.x, w.y, w.z = V.tolist()
    return m


def decode_twist(kind: type) -> Decode:
    """For the `kind` of signal that a topic's twists are."""
    return lambda kit, row, m: kind(framed_stamp(row, m.header), six(m.twist.linear, m.twist.angular))


def encode_pose(kit: Kit, row: Topic, s: ProbeState) -> Any:
    return kit.pose_stamped(s.stamp_ns, row.frame, s.T_base_probe)


def decode_pose(kit: Kit, row: Topic, m: Any) -> ProbeState:
    return ProbeState(framed_stamp(row, m.header), rigid(m.pose.position, m.pose.orientation))


def encode_stamp(kit: Kit, row: Topic, s: Stamp) -> Any:
    return kit.header(s.stamp_ns, s.source)


def decode_stamp(kit: Kit, row: Topic, m: Any) -> Stamp:
    return Stamp(stamp_of(m), str(m.frame_id))


def encode_stop(kit: Kit, row: Topic, s: StopRequest) -> Any:
    return kit("std_msgs/Bool", data=bool(s.stop))


def decode_stop(kit: Kit, row: Topic, m: Any) -> StopRequest:
    return StopRequest(bool(m.data))
