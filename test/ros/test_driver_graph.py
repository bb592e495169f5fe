"""The hardware node in front of each maker's driver: names, types and QoS on a real graph."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from maker_driver import Bool, Driver, said
from node_process import ACTIVATE, CONFIGURE

from medrobot_ros.hardware.vendor import load_vendor

MAKERS = [("fr3", "franka", "left_"), ("gen3", "kinova", ""), ("med14", "kuka", "")]
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


@pytest.mark.parametrize("cells", [True, False], ids=["the cell's", "the driver's"])
def test_a_second_publisher_of_commands_is_a_stop(watch, cells):
    w = watch("hardware", "ros2_control", arm__name="med14", hardware__name="ros2_control", hardware__rate_hz=100.0)
    driver = Driver(w, "med14", "kuka", "")
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    driver.run(lambda: driver.commands)
    assert not w.heard.get("safety/stop")
    topic = "forward_position_controller/commands"
    w.node.create_publisher(type(driver.commands[0]), topic if cells else driver.vendor.resolve(driver.vendor.command.topic), 1)
    driver.run(lambda: w.heard.get("safety/stop") and said(w, "second_publisher"))


def test_a_fault_that_comes_while_the_hardware_is_inactive_is_not_missed(watch):
    w = watch("hardware", "ros2_control", arm__name="gen3", hardware__name="ros2_control")
    driver = Driver(w, "gen3", "kinova", "")
    assert w.change(CONFIGURE)
    driver.run(lambda: w.heard.get("joint_states"))
    (fault,) = driver.faults.values()
    fault.publish(Bool(data=True))
    driver.run(lambda: w.heard.get("safety/stop"))
    assert w.change(ACTIVATE)
    driver.run(lambda: "internal_fault" in [v.value for m in w.heard.get("hardware/state", ()) for s in m.status for v in s.values])
    assert driver.commands == []


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
