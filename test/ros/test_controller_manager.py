"""The hardware node before the real controller_manager: its controllers spawned as the launch file does, over an arm of mock_components."""

import subprocess
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from maker_driver import Driver
from node_process import ACTIVATE, CONFIGURE
from rclpy.qos import DurabilityPolicy, QoSProfile

from medrobot_ros.arms import expand_urdf
from medrobot_ros.config import CellConfig, from_dict
from medrobot_ros.description import write_controllers
from medrobot_ros.hardware.vendor import load_vendor
from medrobot_ros.nodes.stage_node import message_type

MANAGER, BROADCASTER = "controller_manager", "joint_state_broadcaster"
PARTS = (MANAGER, "hardware_interface", BROADCASTER, "joint_trajectory_controller", "forward_command_controller")
SPAWN_S, STEP_RAD, FAR_RAD, NEAR_RAD = 60.0, 0.0005, 0.05, 1e-3


def missing():
    """The packages of ros2_control that are not installed."""
    for package in PARTS:
        try:
            get_package_prefix(package)
        except (PackageNotFoundError, OSError):  # the latter where nothing is sourced
            yield package


ABSENT = ", ".join(missing())
pytestmark = pytest.mark.skipif(bool(ABSENT), reason=f"ros2_control is not installed: no {ABSENT}")


class ManagedDriver(Driver):
    """The joints are what the broadcaster tells; only the wrench is a stand-in's."""

    def tell(self, stamp):
        self.feel(stamp)


def executable(name):
    return str(Path(get_package_prefix(MANAGER), "lib", MANAGER, name))


def description(arm):
    """The arm's URDF with its ros2_control section, the mock at home: at zero some arms are outside their limits."""
    robot = ET.fromstring(expand_urdf(arm.name, arm.probe_name))
    for joint, q in zip(robot.findall("ros2_control/joint"), arm.q_home, strict=True):
        (state,) = (s for s in joint.findall("state_interface") if s.get("name") == "position")
        ET.SubElement(state, "param", name="initial_value").text = str(q)
    return ET.tostring(robot, encoding="unicode")


@contextmanager
def managed(w, driver, folder):
    """controller_manager under the maker's namespace, names and rate, with the controllers that the maker's bring-up starts."""
    vendor, file = driver.vendor, folder / "manager.yaml"
    parameters = {
        f"/**/{MANAGER}": {"ros__parameters": {"update_rate": int(vendor.rate_hz)}},
        f"/**/{BROADCASTER}": {"ros__parameters": {"type": f"{BROADCASTER}/JointStateBroadcaster"}},
    }
    file.write_text(yaml.safe_dump(parameters))
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    String = message_type("std_msgs/msg/String")
    robot = w.node.create_publisher(String, vendor.resolve("robot_description"), latched)
    robot.publish(String(data=description(driver.arm)))
    remap = ["-r", f"__ns:=/{vendor.namespace}", "-r", f"joint_states:={vendor.joint_states.topic}"]
    process = subprocess.Popen([executable("ros2_control_node"), "--ros-args", *remap, "--params-file", str(file)])
    try:
        spawn(vendor.resolve(MANAGER), file, BROADCASTER)
        yield
    finally:
        process.terminate()
        process.wait(20)


def spawn(manager, file, *names):
    """What the launch file does."""
    line = [executable("spawner"), *names, "--controller-manager", manager, "--param-file", str(file)]
    subprocess.run(line, check=True, timeout=SPAWN_S)


@pytest.mark.parametrize(("arm", "maker"), [("fr3", "franka"), ("med14", "kuka")])
def test_the_spawned_controller_takes_the_arm_where_the_cell_sends_it(watch, tmp_path, arm, maker):
    config = from_dict({"arm": {"name": arm}, "hardware": {"name": "ros2_control", **load_vendor(maker).settings["hardware"]}}, "test")
    w = watch("hardware", "ros2_control", arm__name=arm, hardware__name="ros2_control", hardware__rate_hz=config.hardware.rate_hz)
    driver = ManagedDriver(w, arm, maker, CellConfig().hardware.prefix, controller=False)
    sent = driver.arm.q_home.copy()

    def onwards():
        sent[0] = min(sent[0] + STEP_RAD, driver.arm.q_home[0] + FAR_RAD)
        return sent

    def first_joint():
        return np.array([m.position[0] for m in w.heard.get("joint_states", ())])

    with managed(w, driver, tmp_path):
        names, manager = write_controllers(config, tmp_path / "controllers.yaml")
        spawn(manager, tmp_path / "controllers.yaml", *names)
        assert w.change(CONFIGURE)
        driver.run(lambda: first_joint().size > 5)
        assert first_joint() == pytest.approx(driver.arm.q_home[0], abs=NEAR_RAD)
        assert w.change(ACTIVATE)
        driver.run(lambda: abs(first_joint()[-1] - driver.arm.q_home[0] - FAR_RAD) < NEAR_RAD, onwards)
        assert np.abs(np.diff(first_joint())).max() < 20 * STEP_RAD, "no jump, neither at activation nor later"
