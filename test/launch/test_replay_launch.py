"""The replay's launch file under the real launch system, where a ROS 2 installation brings it. No process is started."""

import pytest

pytest.importorskip("launch_ros", reason="launch comes with a ROS 2 installation, not as a wheel")

import yaml
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from medrobot_ros.config import CellConfig, as_dict
from medrobot_ros.errors import MedrobotError
from medrobot_ros.resources import share


def launched(**given):
    context = LaunchContext()
    entities = get_launch_description_from_python_launch_file(str(share("launch/replay.launch.py"))).entities
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            default = perform_substitutions(context, entity.default_value or [])
            context.launch_configurations[entity.name] = given.get(entity.name, default)
    (replay,) = (e for e in entities if isinstance(e, OpaqueFunction))
    return replay.execute(context)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "bag").mkdir()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(as_dict(CellConfig())))
    return str(tmp_path)


def test_a_run_is_played_with_its_robot_and_view(run):
    entities = launched(run=run, rate="2")
    nodes = {e.node_executable for e in entities if isinstance(e, Node)}
    assert nodes == {"robot_state_publisher", "static_transform_publisher", "rviz2", "view"}
    assert any(isinstance(e, ExecuteProcess) and not isinstance(e, Node) for e in entities)


@pytest.mark.parametrize(("given", "says"), [({"run": "/nonexistent"}, "no recorded run"), ({"rate": "-1"}, "0.01 to 100")])
def test_a_bad_argument_is_one_line(run, given, says):
    with pytest.raises(MedrobotError, match=says):
        launched(**{"run": run, **given})
