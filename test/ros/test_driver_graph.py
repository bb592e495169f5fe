"""The hardware node in front of each maker's driver: names, types and QoS on a real graph."""

import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import ACTIVATE, CONFIGURE
from rclpy.qos import QoSProfile, ReliabilityPolicy

from medrobot_ros.arms import load_arm
from medrobot_ros.hardware.vendor import load_vendor
from medrobot_ros.interfaces import topic
from medrobot_ros.nodes.stage_node import message_type, qos

MAKERS = [("fr3", "franka", "left_"), ("gen3", "kinova", ""), ("med14", "kuka", "")]
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

    def run(self, until, command=True):
        """Publishes at 100 Hz until something is so; what comes is served meanwhile."""
        end = time.monotonic() + 30.0
        while not until():
            assert time.monotonic() < end, "not within time"
            stamp = self.w.node.get_clock().now().to_msg()
            joints = JointState(name=list(self.names), position=self.arm.q_home.tolist(), velocity=[0.0] * 7, effort=[0.0] * 7)
            joints.header.stamp = stamp
            self.joints.publish(joints)
            if self.vendor.wrench.topic:
                wrench = WrenchStamped()
                wrench.header.stamp = stamp
                self.wrench.publish(wrench)
            self.permits.publish(message_type("std_msgs/msg/Header")(frame_id="safety#0"))
            if command:
                self.cell.publish(message_type("std_msgs/msg/Float64MultiArray")(data=self.arm.q_home.tolist()))
            next_s = time.monotonic() + 0.01
            while (left := next_s - time.monotonic()) > 0.0:
                self.w.executor.spin_once(timeout_sec=left)


def _profile(reliable, depth):
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT)


def said(w, kind):
    """Whether the node has reported an event of this kind."""
    return any(kind in (s.name + s.message) for m in w.heard.get("events", ()) for s in m.status)


@pytest.mark.parametrize(("arm", "vendor", "prefix"), MAKERS)
def test_the_cell_and_the_driver_hear_each_other(watch, arm, vendor, prefix):
    rate_hz = float(load_vendor(vendor).settings["hardware"]["rate_hz"])
    settings = {"arm__name": arm, "hardware__name": "ros2_control", "hardware__rate_hz": rate_hz}
    w = watch("hardware", "ros2_control", **settings, **({"hardware__prefix": prefix} if prefix else {}))
    driver = Driver(w, arm, vendor, prefix)
    assert w.change(CONFIGURE)
    driver.run(lambda: len(w.heard.get("joint_states", ())) > 5 and w.heard.get("wrench"))
    assert driver.commands == [], "inactive it tells the joints and commands nothing"
    assert list(w.heard["joint_states"][-1].position) == pytest.approx(driver.arm.q_home.tolist())
    assert w.change(ACTIVATE)
    driver.run(lambda: driver.commands)
    sent = driver.commands[-1]
    if driver.vendor.command.kind == "trajectory":
        assert tuple(sent.joint_names) == driver.names and not any(sent.points[-1].velocities)
        assert list(sent.points[0].positions) == pytest.approx(driver.arm.q_home.tolist())
    else:
        assert list(sent.data) == pytest.approx(driver.arm.q_home.tolist())
    for publisher in driver.faults.values():
        publisher.publish(Bool(data=True))
        driver.run(lambda: w.heard.get("safety/stop"))


def test_without_the_controller_the_hardware_is_not_ready_and_says_why(watch):
    w = watch("hardware", "ros2_control", arm__name="fr3", hardware__name="ros2_control")
    driver = Driver(w, "fr3", "franka", "", controller=False)
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    driver.run(lambda: said(w, "no_controller"))
    assert not [m for m in w.heard.get("heartbeat", ()) if m.frame_id == "hardware"] and driver.commands == []
    driver.spawn_controller()
    driver.run(lambda: any(m.frame_id == "hardware" for m in w.heard.get("heartbeat", ())))


def test_a_driver_with_other_joints_is_one_clear_line_and_nothing_is_commanded(watch):
    w = watch("hardware", "ros2_control", arm__name="fr3", hardware__name="ros2_control", hardware__prefix="left_")
    driver = Driver(w, "fr3", "franka", "right_")
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    driver.run(lambda: said(w, "mismatched_joints"))
    assert driver.commands == [] and not w.heard.get("joint_states")
    w.process.terminate()
    (line,) = (line for line in w.process.stdout.read().splitlines() if "left_fr3_joint1" in line)
    assert "the driver has right_fr3_joint1" in line
