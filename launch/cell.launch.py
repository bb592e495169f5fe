"""Brings a cell up: `ros2 launch medrobot_ros cell.launch.py arm:=fr3`. Begin with the service `/cell/task/start`.

The nodes and their parameters are those of `medrobot cell`; the robot's description and frames come along for rviz.
On Ctrl-C the arm retreats and stops before the nodes of the control path leave.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnShutdown
from launch.events import Shutdown as Ending
from launch.events import matches_action
from launch.events.process import ProcessExited, SignalProcess
from launch.logging import launch_config
from launch_ros.actions import Node, SetParameter
from launch_ros.substitutions import ExecutableInPackage

from medrobot_ros.config import CellConfig
from medrobot_ros.description import (
    ProcessDescription,
    check_time,
    enclave,
    nodes_here,
    processes,
    write_controllers,
    write_parameters,
)
from medrobot_ros.interfaces import NAMESPACE
from medrobot_ros.network import environment, network_warnings
from medrobot_ros.nodes.entry import FORKED_BY
from medrobot_ros.nodes.launching import frames, other, view
from medrobot_ros.options import cell_config, check_namespace
from medrobot_ros.resources import PACKAGE

DEFAULT = CellConfig()
OPTIONS = {
    "arm": f"which arm; `medrobot arms` lists them (default {DEFAULT.arm.name})",
    "task": f"which task (default {DEFAULT.task})",
    "hardware": f"which hardware (default {DEFAULT.hardware.name})",
    "vendor": "whose driver, with hardware:=ros2_control (default the arm's own maker's)",
    "prefix": "prefix of that driver's joint names",
    "probe": f"which probe (default {DEFAULT.probe.name})",
    "body": "a watertight surface mesh instead of the analytic torso",
    "out": f"folder that the run folder is made in (default {DEFAULT.recording.out})",
    "executor": f"what wakes contact and kinematics: auto, events, single (default {DEFAULT.ros.executor})",
}


def switch(name: str, default: str, description: str) -> DeclareLaunchArgument:
    """An argument that is true or false."""
    return DeclareLaunchArgument(name, default_value=default, choices=["true", "false"], description=description)


ARGUMENTS = (
    *(DeclareLaunchArgument(name, default_value="", description=text) for name, text in OPTIONS.items()),
    DeclareLaunchArgument("config", default_value="", description="a YAML file of settings; `medrobot config` lists them"),
    DeclareLaunchArgument("namespace", default_value=NAMESPACE, description="the cell's namespace"),
    DeclareLaunchArgument("nodes", default_value="", description="of the cell's nodes only these, comma-separated; others run elsewhere"),
    switch("autostart", "true", "configure and activate the nodes; false leaves it to you"),
    switch("rviz", "false", "show the cell in rviz"),
    switch("record", "true", "record the run; false starts no recorder"),
    switch("use_sim_time", "false", "take the time from /clock, with a simulator behind hardware:=ros2_control"),
    DeclareLaunchArgument(
        "log_level", default_value="info", choices=["debug", "info", "warn", "error", "fatal"], description="of the nodes"
    ),
)
RETREAT_S = 5.0  # when a node has ended the supervisor retreats and stops the arm first


def generate_launch_description() -> LaunchDescription:
    """The arguments, then the cell that they make."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=cell)])


def cell(context: LaunchContext) -> list:
    """Every process of the cell. Raises: MedrobotError, one line, for an argument that cannot be used."""
    given = {a.name: context.launch_configurations[a.name] for a in ARGUMENTS}
    namespace = check_namespace(given["namespace"])
    file = Path(given["config"]) if given["config"] else None
    config = cell_config({**{name: given[name] for name in OPTIONS}, "record": given["record"] == "true"}, file)
    check_time(config, given["use_sim_time"] == "true")
    nodes = nodes_here(config, given["nodes"])
    hardware = "hardware" in nodes  # whose machine brings up the cell, wherever its nodes run
    folder = Path(launch_config.log_dir, namespace)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = folder / "parameters.yaml"
    write_parameters(config, parameters)
    started = [
        forkserver(folder, parameters),
        *stages(processes(config, nodes), namespace, folder, parameters, given["log_level"]),
        *([*spawners(config, folder), *frames(config, namespace)] if hardware else []),
        *([bringup(namespace, folder, parameters)] if hardware and given["autostart"] == "true" else []),
        *(view(namespace, folder) if given["rviz"] == "true" else []),
    ]
    return [
        *(LogInfo(msg=warning) for warning in network_warnings()),
        *(SetEnvironmentVariable(name, value) for name, value in environment().items()),
        SetParameter("use_sim_time", given["use_sim_time"] == "true"),
        *started,
        leaving(started),
    ]


def forkserver(folder: Path, parameters: Path) -> ExecuteProcess:
    """The process that the cell's own are forked from; an interpreter for each would take three times as long."""
    command = [ExecutableInPackage("forkserver", PACKAGE), str(folder), str(parameters)]
    return ExecuteProcess(cmd=command, name="forkserver", output="both", on_exit=required)


def stages(processes: Sequence[ProcessDescription], namespace: str, folder: Path, parameters: Path, log_level: str) -> list[Node]:
    """The processes of the cell's own nodes. All are required: when one ends, so does the cell."""
    return [
        Node(
            package=PACKAGE,
            executable=process.executable,
            arguments=[FORKED_BY, str(folder)],
            namespace=namespace,
            parameters=[str(parameters)],
            ros_arguments=["--log-level", log_level, *enclave(process, namespace)],
            output="both",
            on_exit=required,
        )
        for process in processes
    ]


def spawners(config: CellConfig, folder: Path) -> list[Node]:
    """The streaming controller, in the driver's controller manager, where its own bring-up starts none."""
    if config.hardware.name != "ros2_control":
        return []
    file = folder / "controllers.yaml"
    names, manager = write_controllers(config, file)
    arguments = [*names, "--controller-manager", manager, "--param-file", str(file)]
    return [other("controller_manager", "spawner", arguments=arguments, output="both")] if names else []


def leaving(processes: Sequence[ExecuteProcess]) -> RegisterEventHandler:
    """Asks the processes to leave where the launch system does not: on SIGINT it trusts its terminal to have done so, and would terminate
    them after five seconds where nobody has. Asked twice at once is asked once.
    """

    def ask(event: Ending, context: LaunchContext) -> list:
        trusts = event.due_to_sigint and not context.noninteractive
        running = [process for process in processes if trusts and process.process_details]
        return [EmitEvent(event=SignalProcess(signal_number=signal.SIGINT, process_matcher=matches_action(p))) for p in running]

    return RegisterEventHandler(OnShutdown(on_shutdown=ask))


def required(event: ProcessExited, context: LaunchContext) -> list:
    """Ends the cell once the supervisor has had time to retreat and stop the arm."""
    reason = f"{event.process_name} ended"
    return [] if context.is_shutdown else [TimerAction(period=RETREAT_S, actions=[Shutdown(reason=reason)])]


def bringup(namespace: str, folder: Path, parameters: Path) -> Node:
    """Configures and activates the nodes, in order; where one will not, the cell ends."""

    def ended(event: ProcessExited, context: LaunchContext) -> list:
        return [Shutdown(reason="the cell could not be brought up")] if event.returncode else []

    return Node(
        package=PACKAGE,
        executable="bringup",
        arguments=[FORKED_BY, str(folder)],
        namespace=namespace,
        parameters=[str(parameters)],
        ros_arguments=["--enclave", f"/{namespace}/bringup"],
        output="both",
        on_exit=ended,
    )
