"""The launch file under the real launch system, where a ROS 2 installation brings it. No process is started."""

from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch comes with a ROS 2 installation, not as a wheel")

import yaml
from launch import Action, LaunchContext
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.events import Shutdown
from launch.launch_description_sources import AnyLaunchDescriptionSource, get_launch_description_from_python_launch_file
from launch.logging import launch_config
from launch.substitutions import TextSubstitution
from launch.utilities import perform_substitutions
from launch_ros.actions import Node, SetParameter

from medrobot_ros.config import CellConfig
from medrobot_ros.description import MESSAGE_FRAMES, processes
from medrobot_ros.errors import MedrobotError
from medrobot_ros.interfaces import NODES
from medrobot_ros.network import environment
from medrobot_ros.resources import share

EXPECTED = (
    "arm", "task", "hardware", "vendor", "prefix", "probe", "body", "out", "executor", "config", "namespace", "nodes", "autostart", "rviz",
    "record", "use_sim_time", "log_level",
)  # fmt: skip
XML = """<launch>
  <include file="{file}">
    <arg name="arm" value="iiwa7"/> <arg name="namespace" value="left"/> <arg name="record" value="false"/>
  </include>
</launch>"""
YAML = """launch:
- include:
    file: "{file}"
    arg: [{{name: arm, value: iiwa7}}, {{name: namespace, value: left}}, {{name: record, value: "false"}}]
"""


def description():
    return get_launch_description_from_python_launch_file(str(share("launch/cell.launch.py")))


def launched(**given):
    """What the launch file starts for the arguments that are given."""
    context = LaunchContext()
    for entity in description().entities:
        if isinstance(entity, DeclareLaunchArgument):
            default = perform_substitutions(context, entity.default_value)
            context.launch_configurations[entity.name] = given.get(entity.name, default)
    (cell,) = (e for e in description().entities if isinstance(e, OpaqueFunction))
    return context, cell.execute(context)


def settings(namespace):
    """The parameters that a cell's nodes are given, from the file that all of them share."""
    return yaml.safe_load(Path(launch_config.log_dir, namespace, "parameters.yaml").read_text())["/**"]["ros__parameters"]


def namespaces(nodes, context):
    for node in nodes:
        node._perform_substitutions(context)
    return {node.expanded_node_namespace for node in nodes}


def walked(entity, context):
    """Every node that an included launch file would start."""
    if isinstance(entity, ExecuteProcess):
        return [entity] if isinstance(entity, Node) else []
    inside = entity.execute(context) if isinstance(entity, Action) else entity.visit(context)
    return [node for e in inside or () for node in walked(e, context)]


def told(process):
    """The words of a command line."""
    return [s.text for part in process.cmd for s in part if isinstance(s, TextSubstitution)]


def executables(entities, package):
    return [e.node_executable for e in entities if isinstance(e, Node) and e.node_package == package]


def test_every_argument_is_documented():
    arguments = [e for e in description().entities if isinstance(e, DeclareLaunchArgument)]
    assert [a.name for a in arguments] == list(EXPECTED)
    assert all(a.description and a.description != "no description given" for a in arguments)


def test_it_starts_the_nodes_of_the_one_description_and_the_frames():
    _, entities = launched()
    assert executables(entities, "medrobot_ros") == [*(p.executable for p in processes(CellConfig(), NODES)), "bringup"]
    assert "bringup" not in executables(launched(autostart="false")[1], "medrobot_ros")
    assert executables(entities, "robot_state_publisher") == ["robot_state_publisher"]
    assert len(executables(entities, "tf2_ros")) == len(MESSAGE_FRAMES)
    assert executables(entities, "rviz2") == []


def test_its_processes_are_forked_from_one_that_is_started_first():
    _, entities = launched()
    own = [e for e in entities if isinstance(e, ExecuteProcess) and (not isinstance(e, Node) or e.node_package == "medrobot_ros")]
    assert not isinstance(own[0], Node) and all(isinstance(e, Node) for e in own[1:])
    assert all(str(Path(launch_config.log_dir, "cell")) in told(e) for e in own)


def test_a_real_arm_gets_its_driver_node_and_its_streaming_controller():
    _, entities = launched(arm="fr3", hardware="ros2_control", prefix="left_")
    assert "ros2_control" in executables(entities, "medrobot_ros") and "hardware" not in executables(entities, "medrobot_ros")
    assert executables(entities, "controller_manager") == ["spawner"]
    assert executables(launched(arm="gen3", hardware="ros2_control")[1], "controller_manager") == [], "its bring-up starts one"


def test_a_part_of_the_cell_leaves_the_rest_to_the_machine_with_the_hardware():
    _, entities = launched(nodes="planner,imaging")
    assert executables(entities, "medrobot_ros") == ["imaging", "planner"]
    assert executables(entities, "robot_state_publisher") == []
    assert "bringup" in executables(launched(nodes="hardware")[1], "medrobot_ros")


@pytest.mark.parametrize(("sigint", "noninteractive", "asks"), [(True, False, True), (True, True, False), (False, False, False)])
def test_it_asks_its_processes_to_leave_where_the_launch_system_does_not(monkeypatch, sigint, noninteractive, asks):
    _, actions = launched()
    monkeypatch.setattr(ExecuteProcess, "process_details", {"pid": 1})
    (leaving,) = (a.event_handler for a in actions if isinstance(a, RegisterEventHandler))
    asked = leaving.handle(Shutdown(due_to_sigint=sigint), LaunchContext(noninteractive=noninteractive))
    assert len(asked) == (sum(isinstance(a, ExecuteProcess) for a in actions) if asks else 0)


def test_rviz_comes_on_request():
    _, entities = launched(rviz="true")
    assert executables(entities, "rviz2") == ["rviz2"] and executables(entities, "medrobot_ros")[-1] == "view"


def test_what_is_asked_for_reaches_the_nodes(tmp_path):
    (tmp_path / "own.yaml").write_text("contact: {force_n: 6.0}")
    context, entities = launched(
        arm="fr3", hardware="ros2_control", prefix="left_", config=str(tmp_path / "own.yaml"), executor="single", namespace="/left/",
        use_sim_time="true", log_level="debug", record="false",
    )  # fmt: skip
    given = settings("left")
    assert given["hardware"]["prefix"] == "left_" and given["contact"]["force_n"] == 6.0 and given["ros"]["executor"] == "single"
    own = [e for e in entities if isinstance(e, Node) and e.node_package == "medrobot_ros" and e.node_executable != "bringup"]
    assert "recorder" not in {e.node_executable for e in own}
    assert namespaces(own, context) == {"/left"}
    assert all("debug" in told(node) for node in own)
    (simulated,) = (e for e in entities if isinstance(e, SetParameter))
    simulated.execute(context)
    assert context.launch_configurations["global_params"] == [("use_sim_time", True)]


@pytest.mark.parametrize(("name", "text"), [("cell.launch.xml", XML), ("cell.launch.yaml", YAML)], ids=["xml", "yaml"])
def test_xml_and_yaml_launch_files_include_it(tmp_path, name, text):
    pytest.importorskip(f"launch_{name.rsplit('.', 1)[1]}")
    file = tmp_path / name
    file.write_text(text.format(file=share("launch/cell.launch.py")))
    context = LaunchContext()
    nodes = walked(IncludeLaunchDescription(AnyLaunchDescriptionSource(str(file))), context)
    own = [n for n in nodes if n.node_package == "medrobot_ros"]
    assert "recorder" not in {n.node_executable for n in own} and "control" in {n.node_executable for n in own}
    assert namespaces(own, context) == {"/left"} and settings("left")["arm"]["name"] == "iiwa7"


def test_a_widened_network_is_said_loudly(monkeypatch):
    def said():
        context, entities = launched()
        return [perform_substitutions(context, e.msg) for e in entities if isinstance(e, LogInfo)]

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    assert said() == []
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    assert "others on the network can command this arm" in said()[0]


def test_a_domain_out_of_range_starts_nothing(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "233")
    with pytest.raises(MedrobotError, match="0 to 101"):
        launched()


def test_it_sets_the_environment_of_the_one_description():
    context, entities = launched()
    variables = [e for e in entities if isinstance(e, SetEnvironmentVariable)]
    given = {perform_substitutions(context, e.name): perform_substitutions(context, e.value) for e in variables}
    assert given == environment()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"arm": "fr4"}, "valid: fer, fr3"),
        ({"task": "mri"}, "valid: ultrasound"),
        ({"probe": "round"}, "valid: curvilinear, linear"),
        ({"hardware": "real"}, "valid: mock, ros2_control"),
        ({"hardware": "ros2_control", "vendor": "ur"}, "valid: franka, kinova, kuka"),
        ({"config": "/nonexistent.yaml"}, "/nonexistent.yaml"),
        ({"namespace": "9x"}, "namespace"),
        ({"nodes": "planer"}, "did you mean 'planner'"),
        ({"executor": "many"}, "auto, events, single"),
        ({"body": "/nonexistent.stl"}, "/nonexistent.stl"),
        ({"use_sim_time": "true"}, "the mock keeps its own time"),
    ],
)
def test_a_bad_argument_is_one_line_that_helps(given, says):
    with pytest.raises(MedrobotError) as caught:
        launched(**given)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
