"""The launch file under the real launch system, where a ROS 2 installation brings it. No process is started."""

import pytest

pytest.importorskip("launch_ros", reason="launch comes with a ROS 2 installation, not as a wheel")

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from medrobot_ros.config import CellConfig
from medrobot_ros.description import MESSAGE_FRAMES, cell_nodes, environment
from medrobot_ros.errors import MedrobotError
from medrobot_ros.resources import share

EXPECTED = ("arm", "task", "hardware", "vendor", "prefix", "probe", "body", "out", "config", "namespace", "autostart", "rviz", "log_level")


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


def executables(entities, package):
    return [e.node_executable for e in entities if isinstance(e, Node) and e.node_package == package]


def test_every_argument_is_documented():
    arguments = [e for e in description().entities if isinstance(e, DeclareLaunchArgument)]
    assert [a.name for a in arguments] == list(EXPECTED)
    assert all(a.description and a.description != "no description given" for a in arguments)


def test_it_starts_the_nodes_of_the_one_description_and_the_frames():
    _, entities = launched()
    assert executables(entities, "medrobot_ros") == [*(n.executable for n in cell_nodes(CellConfig())), "bringup"]
    assert "bringup" not in executables(launched(autostart="false")[1], "medrobot_ros")
    assert executables(entities, "robot_state_publisher") == ["robot_state_publisher"]
    assert len(executables(entities, "tf2_ros")) == len(MESSAGE_FRAMES)
    assert executables(entities, "rviz2") == []


def test_a_real_arm_gets_its_driver_node_and_its_streaming_controller():
    _, entities = launched(arm="fr3", hardware="ros2_control", prefix="left_")
    assert "ros2_control" in executables(entities, "medrobot_ros") and "hardware" not in executables(entities, "medrobot_ros")
    assert executables(entities, "controller_manager") == ["spawner"]
    assert executables(launched(arm="gen3", hardware="ros2_control")[1], "controller_manager") == [], "its bring-up starts one"


def test_rviz_comes_on_request():
    assert executables(launched(rviz="true")[1], "rviz2") == ["rviz2"]


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
    ],
)
def test_a_bad_argument_is_one_line_that_helps(given, says):
    with pytest.raises(MedrobotError) as caught:
        launched(**given)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
