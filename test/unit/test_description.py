import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import yaml

from medrobot_ros.arms import arm_names, load_arm
from medrobot_ros.config import CellConfig, from_dict, keys, nested
from medrobot_ros.description import (
    MESSAGE_FRAMES,
    ProcessDescription,
    cell_nodes,
    processes,
    realtime_priority,
    robot_description,
    ros_arguments,
    rviz_config,
    write_parameters,
)
from medrobot_ros.interfaces import CONTROL_PATH, NAMESPACE, NODES, TOPICS, VIEW_MARKERS, topic
from medrobot_ros.resources import share

DISPLAYS = {
    "PointCloud2": "sensor_msgs/msg/PointCloud2",
    "MarkerArray": "visualization_msgs/msg/MarkerArray",
    "Path": "nav_msgs/msg/Path",
    "Image": "sensor_msgs/msg/Image",
    "Wrench": "geometry_msgs/msg/WrenchStamped",
}


def cell_of(arm):
    return from_dict(nested("arm.name", arm))


def links(arm):
    return {link.get("name") for link in ET.fromstring(robot_description(cell_of(arm))).findall("link")}


def displays():
    return yaml.safe_load(rviz_config(NAMESPACE))["Visualization Manager"]["Displays"]


def test_a_twin_has_a_camera_and_a_driver_a_node_of_its_own():
    config = CellConfig()
    assert cell_nodes(config) == NODES
    real = replace(config, hardware=replace(config.hardware, name="ros2_control"), imaging=replace(config.imaging, source="playback"))
    assert {*cell_nodes(config)} - {*cell_nodes(real)} == {"surface"}
    assert [p.executable for p in processes(real, NODES) if p.nodes == ("hardware",)] == ["ros2_control"]


def test_those_that_answer_each_other_share_a_process_where_both_run():
    config = CellConfig()
    shared = [p for p in processes(config, NODES) if len(p.nodes) > 1]
    assert shared == [ProcessDescription("control", ("kinematics", "contact"))]
    assert [n for p in processes(config, NODES) for n in p.nodes] == [*NODES]
    apart = replace(config, ros=replace(config.ros, together=False))
    for few in (processes(apart, NODES), processes(config, ("hardware", "contact"))):
        assert all(p.nodes == (p.executable,) for p in few)


def test_the_supervisor_comes_first_and_the_control_path_before_the_rest():
    priorities = {n: realtime_priority(n) for n in NODES}
    rest = [p for n, p in priorities.items() if n not in (*CONTROL_PATH, "imaging")]
    assert max(priorities, key=lambda n: priorities[n] or 0) == "safety" and max(rest) < min(priorities[n] for n in CONTROL_PATH)
    assert priorities["hardware"] > max(priorities["kinematics"], priorities["contact"])
    assert priorities["imaging"] is None, "its work has no bound, and Linux would stop the control path with it"


def test_the_parameter_file_holds_every_setting_in_its_own_type(tmp_path):
    changed = from_dict({"seed": 7, "scan": {"size_m": [0.1, 1e-1], "confirmed": True}, "hardware": {"encoder_noise_rad": 1e-5}})
    write_parameters(changed, tmp_path / "p.yaml")
    values = yaml.safe_load((tmp_path / "p.yaml").read_text())["/**"]["ros__parameters"]
    assert from_dict(values) == changed
    for key in keys(changed):
        value = values
        for part in key.name.split("."):
            value = value[part]
        assert type(value) is (list if isinstance(key.value, tuple) else type(key.value)), key.name
        assert not isinstance(value, list) or all(type(v) is float for v in value), key.name


def test_ros_itself_reads_the_parameter_file_as_it_was_meant(tmp_path):
    rclpy = pytest.importorskip("rclpy")
    from rclpy.context import Context
    from rclpy.node import Node

    write_parameters(CellConfig(), tmp_path / "p.yaml")
    context = Context()
    rclpy.init(context=context)
    line = ["--ros-args", "--params-file", str(tmp_path / "p.yaml")]
    node = Node("reader", context=context, cli_args=line, automatically_declare_parameters_from_overrides=True)
    try:
        for key in keys(CellConfig()):
            value = node.get_parameter(key.name).value
            assert (tuple(value) if isinstance(key.value, tuple) else value) == key.value, key.name
            assert isinstance(key.value, tuple) or type(value) is type(key.value), key.name
    finally:
        node.destroy_node()
        context.shutdown()


def test_processes_are_told_their_namespace_and_parameters(tmp_path):
    given = ros_arguments("ward/cell_a", tmp_path / "p.yaml")
    assert given == ["--ros-args", "-r", "__ns:=/ward/cell_a", "--params-file", str(tmp_path / "p.yaml")]


@pytest.mark.parametrize("arm", arm_names())
def test_the_robot_description_carries_what_frames_and_joint_states_name(arm):
    have = links(arm)
    assert {"world", "probe", "patient", "table"} <= have
    assert set(MESSAGE_FRAMES.values()) <= have
    assert not set(MESSAGE_FRAMES) & have, "a frame has two parents"
    joints = {j.get("name") for j in ET.fromstring(robot_description(cell_of(arm))).findall("joint")}
    assert set(load_arm(arm, CellConfig().probe.name).joint_names) <= joints


def test_every_frame_of_the_interface_table_that_rviz_shows_reaches_rviz():
    shown = {t.frame for t in TOPICS if t.type in DISPLAYS.values() and t.type != DISPLAYS["Image"]} - {""}
    assert shown <= links(CellConfig().arm.name) | set(MESSAGE_FRAMES)


def test_the_table_lies_under_the_patient():
    robot = ET.fromstring(robot_description(CellConfig()))
    heights = {
        j.find("child").get("link"): float(j.find("origin").get("xyz").split()[2])
        for j in robot.findall("joint") if j.find("child").get("link") in ("table", "patient")
    }  # fmt: skip
    assert heights["patient"] == CellConfig().body.position_m[2]
    assert 0.15 < heights["patient"] - heights["table"] < 0.3


def test_the_rviz_view_subscribes_to_what_is_published_and_as_it_is_offered():
    names = {d["Topic"]["Value"].removeprefix(f"/{NAMESPACE}/"): d for d in displays() if d["Class"].split("/")[1] in DISPLAYS}
    assert set(names) == {"surface", "scan/markers", "scan/path", "contact/wrench", "image", "volume", VIEW_MARKERS}
    for name, display in names.items():
        if name == VIEW_MARKERS:
            continue
        row = topic(name)
        assert row.type == DISPLAYS[display["Class"].split("/")[1]]
        assert display["Topic"]["Reliability Policy"] == ("Reliable" if row.reliable else "Best Effort")
        assert display["Topic"]["Durability Policy"] == ("Transient Local" if row.latched else "Volatile")


def test_the_rviz_view_follows_the_namespace_and_stands_on_the_cells_root():
    assert f"/{NAMESPACE}/" not in rviz_config("ward/cell_b")
    assert "/ward/cell_b/scan/path" in rviz_config("ward/cell_b")
    fixed = yaml.safe_load(rviz_config(NAMESPACE))["Visualization Manager"]["Global Options"]["Fixed Frame"]
    robot = ET.fromstring(robot_description(CellConfig()))
    children = {j.find("child").get("link") for j in robot.findall("joint")}
    assert fixed in links(CellConfig().arm.name) - children


def test_the_aggregators_groups_hold_every_node_once():
    """`contains` is what diagnostic_aggregator's GenericAnalyzer looks for in a status' name, which here ends in the node's."""
    groups = yaml.safe_load(share("config/diagnostics.yaml").read_text())["analyzers"]["ros__parameters"]
    parts = [part for group in groups.values() if isinstance(group, dict) for part in group["contains"]]
    assert sorted(parts) == sorted(f"/{node}" for node in NODES)
