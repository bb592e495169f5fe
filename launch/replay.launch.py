"""Plays a recorded run into rviz: `ros2 launch medrobot_ros replay.launch.py run:=runs/<UTC>-fr3-ultrasound`."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, Shutdown
from launch.logging import launch_config
from launch_ros.actions import SetParameter

from medrobot_ros.config import from_dict, load_yaml
from medrobot_ros.errors import ConfigError, DataError
from medrobot_ros.interfaces import NAMESPACE
from medrobot_ros.nodes.launching import WITH_LAUNCH, frames, view
from medrobot_ros.options import check_namespace
from medrobot_ros.recording.writer import BAG, CONFIG

ARGUMENTS = (
    DeclareLaunchArgument("run", description="the run's folder"),
    DeclareLaunchArgument("rate", default_value="1.0", description="how many times as fast as it was"),
    DeclareLaunchArgument("namespace", default_value=NAMESPACE, description="the namespace that it was recorded in"),
    DeclareLaunchArgument("rviz", default_value="true", choices=["true", "false"], description="show it in rviz"),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=["true", "false"], description="give the recorded time on /clock, and live by it"
    ),
)


def generate_launch_description() -> LaunchDescription:
    """The arguments, then what they make."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=replay)])


def replay(context: LaunchContext) -> list:
    """The bag's player, the frames of the robot that was recorded, and rviz. Raises: MedrobotError, one line."""
    given = {a.name: context.launch_configurations[a.name] for a in ARGUMENTS}
    run, namespace = Path(given["run"]), check_namespace(given["namespace"])
    if not (run / BAG).is_dir():
        raise DataError(f"{run}: no recorded run ({BAG}/ is missing)")
    try:
        rate = float(given["rate"])
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 100.0:
        raise ConfigError(f"rate = {given['rate']}: must lie in 0.01 to 100")
    config = from_dict(load_yaml(run / CONFIG), str(run / CONFIG))
    simulated = given["use_sim_time"] == "true"
    player = [*WITH_LAUNCH, "ros2", "bag", "play", str(run / BAG), "--rate", str(rate), *(["--clock"] if simulated else [])]
    return [
        SetParameter("use_sim_time", simulated),
        ExecuteProcess(cmd=player, output="screen", on_exit=Shutdown(reason="the run is over")),
        *frames(config, namespace),
        *(view(namespace, Path(launch_config.log_dir)) if given["rviz"] == "true" else []),
    ]
