"""The one description of a cell over ROS 2: its nodes, their processes and parameters. `medrobot` and the launch file read it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from medrobot_ros.config import CellConfig, as_dict
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.interfaces import NAMESPACE, NODES, TOGETHER
from medrobot_ros.resources import share

# Frames that messages name, and the links of the cell's URDF that they are.
MESSAGE_FRAMES = {"base": "world", "ft": "ft_sensor"}
# Real-time priorities: the supervisor above all that it watches, the loop's clock above those that answer it; below the control
# path the shorter the work the higher. Imaging's has no bound: Linux stops all real-time work that together takes too much of a core.
_PRIORITIES = {"safety": 75, "hardware": 70, "kinematics": 65, "contact": 65, "surface": 25, "recorder": 20, "planner": 15}
_ONLY_WITH_TWIN = ("surface",)
_DRIVERS = {"ros2_control": "ros2_control"}  # hardware whose loop is the driver's, by the executable that serves it


@dataclass(frozen=True)
class ProcessDescription:
    """One process: the executable that runs it, and its nodes' names in the interface table."""

    executable: str
    nodes: tuple[str, ...]


def cell_nodes(config: CellConfig) -> tuple[str, ...]:
    """The nodes of a cell. All are required and none is started again."""
    absent = {*(() if config.imaging.source == "twin" else _ONLY_WITH_TWIN), *(() if config.recording.enabled else ("recorder",))}
    return tuple(n for n in NODES if n not in absent)


def nodes_here(config: CellConfig, asked: str = "") -> tuple[str, ...]:
    """The nodes that this machine runs: those of a comma-separated list, all where it is empty. The machine with the hardware
    brings up the whole cell.

    Raises: UnknownName for one that the cell does not have.
    """
    nodes = cell_nodes(config)
    names = [name.strip() for name in asked.split(",")] if asked else nodes
    for name in names:
        if name not in nodes:
            raise UnknownName("node", name, nodes)
    return tuple(n for n in nodes if n in names)


def processes(config: CellConfig, nodes: Collection[str]) -> tuple[ProcessDescription, ...]:
    """What serves these nodes, in the order in which it starts: a process each, but one for those that share it."""
    shared = {p: ns for p, ns in TOGETHER.items() if config.ros.together and set(ns) <= set(nodes)}
    process = {n: p for p, ns in shared.items() for n in ns}
    executables = {"hardware": _DRIVERS.get(config.hardware.name, "hardware"), **process}
    names = dict.fromkeys(executables.get(n, n) for n in nodes)
    return tuple(ProcessDescription(e, tuple(n for n in nodes if executables.get(n, n) == e)) for e in names)


def start_order(config: CellConfig) -> tuple[str, ...]:
    """The nodes in the order in which they are activated: the recorder first, that it misses nothing."""
    return tuple(sorted(cell_nodes(config), key=lambda n: n != "recorder"))


def realtime_priority(name: str) -> int | None:
    """SCHED_FIFO priority of a node, None for ordinary scheduling."""
    return _PRIORITIES.get(name)


def check_time(config: CellConfig, simulated: bool) -> None:
    """Raises: ConfigError where the cell shall live by /clock and its hardware keeps its own time."""
    if simulated and config.hardware.name == "mock":
        raise ConfigError("use_sim_time: the mock keeps its own time; a simulator's takes hardware ros2_control")


def write_parameters(config: CellConfig, path: Path) -> None:
    """The configuration as a ROS parameter file that every node of the cell takes."""
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": as_dict(config)}}, sort_keys=False))


def enclave(process: ProcessDescription, namespace: str) -> list[str]:
    """The arguments that name a process's enclave of `security/policy.xml`; without ROS's security they change nothing."""
    return ["--enclave", f"/{namespace}/{process.executable if len(process.nodes) > 1 else process.nodes[0]}"]


def ros_arguments(namespace: str, *parameters: Path) -> list[str]:
    """What every process of a cell is told: where it belongs, and files of parameters."""
    return ["--ros-args", "-r", f"__ns:=/{namespace}", *(word for file in parameters for word in ("--params-file", str(file)))]


def robot_description(config: CellConfig) -> str:
    """The URDF of the cell: arm and probe on link `world`, the table under the patient, the patient's frame."""
    from medrobot_ros.arms import expand_cell
    from medrobot_ros.twin.body import load_body

    hardware = "mock" if config.hardware.name == "mock" else "real"
    table_z_m = config.body.position_m[2] + load_body(config.body.mesh).table_z_m
    return expand_cell(
        config.arm.name, config.probe.name, hardware, config.body.position_m, config.body.yaw_rad, table_z_m
    )


def write_controllers(config: CellConfig, path: Path) -> tuple[tuple[str, ...], str]:
    """The parameter file of the controllers that the driver's own bring-up does not start; their names, and their manager's."""
    from medrobot_ros.arms import load_arm
    from medrobot_ros.hardware.ros2_control import vendor_of
    from medrobot_ros.hardware.vendor import controllers

    arm = load_arm(config.arm.name, config.probe.name)
    vendor = vendor_of(config, arm)
    joints = vendor.joint_names(arm.name, arm.n, config.hardware.prefix)
    path.write_text(yaml.safe_dump(controllers(vendor, joints), sort_keys=False))
    return vendor.spawn, vendor.resolve("controller_manager", config.hardware.namespace)


def rviz_config(namespace: str) -> str:
    """The rviz view of a cell in a namespace."""
    return share("rviz/cell.rviz").read_text().replace(f"/{NAMESPACE}/", f"/{namespace}/")
