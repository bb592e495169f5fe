"""A maker's driver as its graph looks to the hardware node: names, types and QoS, with an arm that stands still."""

import time

from rclpy.qos import QoSProfile, ReliabilityPolicy

from medrobot_ros.arms import load_arm
from medrobot_ros.hardware.vendor import load_vendor
from medrobot_ros.interfaces import topic
from medrobot_ros.nodes.stage_node import message_type, qos

JointState, WrenchStamped, Bool = (
    message_type(n) for n in ("sensor_msgs/msg/JointState", "geometry_msgs/msg/WrenchStamped", "std_msgs/msg/Bool")
)
KINDS = {"trajectory": "trajectory_msgs/msg/JointTrajectory", "positions": "std_msgs/msg/Float64MultiArray"}


class Driver:
    """A maker's driver as its graph looks, with an arm that stands still."""

    def __init__(self, w, arm_name, vendor, prefix, controller=True):
        self.w, self.arm, self.vendor = w, load_arm(arm_name, "curvilinear"), load_vendor(vendor)
        self.names = self.vendor.joint_names(arm_name, self.arm.n, prefix)
        self.commands = []
        offered = self.vendor.joint_states
        self.joints = w.node.create_publisher(JointState, self.vendor.resolve(offered.topic), _profile(offered.reliable, offered.depth))
        if self.vendor.wrench.topic:
            row = self.vendor.wrench
            self.wrench = w.node.create_publisher(WrenchStamped, self.vendor.resolve(row.topic), _profile(row.reliable, row.depth))
        self.faults = {n: w.node.create_publisher(Bool, self.vendor.resolve(t), 1) for n, t in self.vendor.faults.items()}
        if controller:
            self.spawn_controller()
        self.permits = w.node.create_publisher(message_type("std_msgs/msg/Header"), "safety/permit", qos(topic("safety/permit")))
        name = "forward_position_controller/commands"
        self.cell = w.node.create_publisher(message_type("std_msgs/msg/Float64MultiArray"), name, qos(topic(name)))

    def spawn_controller(self):
        command = self.vendor.command
        self.w.node.create_subscription(message_type(KINDS[command.kind]), self.vendor.resolve(command.topic), self.commands.append, 10)

    def tell(self, stamp):
        """What a driver says in a period."""
        joints = JointState(name=list(self.names), position=self.arm.q_home.tolist(), velocity=[0.0] * 7, effort=[0.0] * 7)
        joints.header.stamp = stamp
        self.joints.publish(joints)
        self.feel(stamp)

    def feel(self, stamp):
        """The wrench, where it has one."""
        if self.vendor.wrench.topic:
            wrench = WrenchStamped()
            wrench.header.stamp = stamp
            self.wrench.publish(wrench)

    def run(self, until, target=None):
        """Driver and cell at 100 Hz until something is so, commanding `target()` (n,) or the home; what comes is served meanwhile."""
        end = time.monotonic() + 30.0
        while not until():
            assert time.monotonic() < end, "not within time"
            self.tell(self.w.node.get_clock().now().to_msg())
            self.permits.publish(message_type("std_msgs/msg/Header")(frame_id="safety#0"))
            command = self.arm.q_home if target is None else target()
            self.cell.publish(message_type("std_msgs/msg/Float64MultiArray")(data=command.tolist()))
            next_s = time.monotonic() + 0.01
            while (left := next_s - time.monotonic()) > 0.0:
                self.w.executor.spin_once(timeout_sec=left)


def _profile(reliable, depth):
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT)


def said(w, kind):
    """Whether the node has reported an event of this kind."""
    return any(kind in (s.name + s.message) for m in w.heard.get("events", ()) for s in m.status)
