"""The hardware node in front of a maker's driver: its topics under its own names and QoS, answered as they arrive."""

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import numpy as np
from geometry_msgs.msg import WrenchStamped
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from medrobot_ros.hardware.vendor import FAULT, JOINTS, POSITIONS, TRAJECTORY, WRENCH
from medrobot_ros.nodes.rivals import COMMANDS, Rivals
from medrobot_ros.nodes.stage_node import StageNode
from medrobot_ros.signals import Event, Fault, NamedJoints, Wrench
from medrobot_ros.signals import JointTrajectory as Trajectory

FAULT_DEPTH = COMMAND_DEPTH = 1
LOGGED = ("mismatched_joints", "no_controller")  # for whoever sets up a cell; logging takes too long for what may come while it moves


class DriverNode(StageNode):
    """Stage `hardware` with the driver's topics beside the cell's. Inactive it reports the joints and commands nothing."""

    def __init__(self) -> None:
        super().__init__("hardware")
        self._logged: set[str] = set()
        self.load()  # while the others do: it is configured after them

    def _make(self) -> None:
        super()._make()
        self.diagnostics.expected[JOINTS] = self.stage.vendor.rate_hz
        self._listen()
        kind = JointTrajectory if self.stage.vendor.command.kind == "trajectory" else Float64MultiArray
        self._to_driver = self.create_publisher(kind, self._name(self.stage.vendor.command.topic), COMMAND_DEPTH)
        self._pubs["vendor"] = self._to_driver  # goes with the others
        self._rivals = Rivals(self, self._events, COMMANDS, self._to_driver.topic_name)

    def _listen(self) -> None:
        vendor = self.stage.vendor
        offered = QoSProfile(depth=vendor.joint_states.depth, reliability=_reliability(vendor.joint_states.reliable))
        self._hear(JointState, vendor.joint_states.topic, lambda m: (JOINTS, _joints(m)), offered)
        if vendor.wrench.topic:
            offered = QoSProfile(depth=vendor.wrench.depth, reliability=_reliability(vendor.wrench.reliable))
            self._hear(WrenchStamped, vendor.wrench.topic, lambda m: (WRENCH, _wrench(m)), offered)
        for name, topic in vendor.faults.items():
            self._hear(Bool, topic, lambda m, name=name: (FAULT, Fault(self.clock.now_ns(), name, m.data)), QoSProfile(depth=FAULT_DEPTH))

    def _hear(self, kind: type, topic: str, read: Callable[[Any], tuple[str, Any]], profile: QoSProfile) -> None:
        self._subs.append(self.create_subscription(kind, self._name(topic), lambda m: self.receive(*read(m)), profile))

    def _name(self, topic: str) -> str:
        return self.stage.vendor.resolve(topic, self.config.hardware.namespace)

    def receive(self, topic: str, signal: Any) -> None:
        """One arrival; what the driver says passes while the node is inactive, too: a fault may come then, or go."""
        if self.active or topic not in (JOINTS, WRENCH, FAULT):
            super().receive(topic, signal)
            return
        self.stage.now_ns = self.clock.now_ns()
        self.send(self.stage.receive(topic, signal))

    def tick(self) -> None:
        """The stage's, and a look at who else commands."""
        super().tick()
        self._rivals.check(monotonic_ns())

    def send(self, outputs: Any) -> None:
        """Publishes to the cell, and commands to the driver while active."""
        own = []
        for topic, signal in outputs:
            if topic == "heartbeat" and not self._is_controlled():
                continue  # without which the supervisor permits nothing
            if topic == TRAJECTORY:
                self._command(_trajectory(signal, self.stage.joint_names))
            elif topic == POSITIONS:
                self._command(Float64MultiArray(data=signal.q.tolist()))
            else:
                own.append((topic, signal))
            if topic == "events":
                self._log(signal)
        super().send(own)

    def _log(self, event: Event) -> None:
        """What keeps a cell from coming up, once."""
        if event.kind in LOGGED and event.kind not in self._logged:
            self._logged.add(event.kind)
            self.get_logger().warning(event.detail)

    def _is_controlled(self) -> bool:
        """Whether somebody takes the commands; an event says where nobody does."""
        heard = self._to_driver.get_subscription_count() > 0
        if not heard and self.active:
            missing = f"no controller hears {self._to_driver.topic_name}; the driver's controller manager has to activate it"
            self._events.add(self.clock.now_ns(), "no_controller", missing)
        return heard

    def _command(self, message: Any) -> None:
        if self.active:
            self._to_driver.publish(message)


def _reliability(reliable: bool) -> ReliabilityPolicy:
    return ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT


def _stamp_ns(header: Any) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec  # type: ignore[no-any-return]


def _joints(m: JointState) -> NamedJoints:
    return NamedJoints(_stamp_ns(m.header), tuple(m.name), np.array(m.position), np.array(m.velocity), np.array(m.effort))


def _wrench(m: WrenchStamped) -> Wrench:
    f, t = m.wrench.force, m.wrench.torque
    return Wrench(_stamp_ns(m.header), m.header.frame_id, np.array((f.x, f.y, f.z, t.x, t.y, t.z)))


def _trajectory(signal: Trajectory, names: tuple[str, ...]) -> JointTrajectory:
    """A trajectory that begins when it arrives: its stamp is zero."""
    points = [
        JointTrajectoryPoint(positions=q.tolist(), velocities=qd.tolist(), time_from_start=Duration(seconds=t).to_msg())
        for t, q, qd in zip(signal.times_s, signal.q, signal.qd, strict=True)
    ]
    return JointTrajectory(joint_names=list(names), points=points)
