"""Entry points: `ros2 run medrobot_ros <node>`, or `python -m medrobot_ros.nodes.entry <node>`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medrobot_ros.interfaces import TOGETHER

FORKED_BY = "--forked-by"  # FOLDER, in which the process listens that forks this executable
ENDING = (signal.SIGINT, signal.SIGTERM)
ANSWERING = {"kinematics", "contact"}  # these answer every sample as it comes; the others work periodically


def run_node(name: str, args: list[str] | None = None) -> int:
    """One node until a signal; returns the exit status."""

    def life() -> int:
        from medrobot_ros.network import environment

        os.environ.update(environment())
        from medrobot_ros.nodes.executor import run

        return run(lambda: _make(name), args)

    return _process(name, life)


def _process(executable: str, life: Callable[[], int]) -> int:
    """What every process of a cell has in common. Returns its exit status."""
    _end_at_once()
    from medrobot_ros.nodes.realtime import end_with_parent, name_process

    end_with_parent()
    name_process(executable)
    if FORKED_BY not in sys.argv:
        return life()
    from medrobot_ros.nodes.forkserver import fork

    return fork(executable)


def _end_at_once() -> None:
    """A signal while modules are still loading ends the process as clean as a later one. One that was forked has had them held."""
    for number in ENDING:
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _make(name: str) -> Any:
    if name == "hardware":
        from medrobot_ros.nodes.hardware import HardwareNode

        return HardwareNode()
    if name == "recorder":
        from medrobot_ros.nodes.recorder import RecorderNode

        return RecorderNode()
    if name == "view":
        from medrobot_ros.nodes.view import View

        return View()
    from medrobot_ros.nodes.stage_node import StageNode
    from medrobot_ros.nodes.together import Together

    if name == "ros2_control":
        from medrobot_ros.nodes.ros2_control import DriverNode

        return Together([DriverNode()])
    names = TOGETHER.get(name, (name,))
    return Together([StageNode(n) for n in names]) if set(names) <= ANSWERING else StageNode(name)


def hardware() -> int:
    """The arm, real or mock."""
    return run_node("hardware")


def ros2_control() -> int:
    """A real arm behind its maker's driver; the node is called `hardware` as well."""
    return run_node("ros2_control")


def control() -> int:
    """Kinematics and contact in one process."""
    return run_node("control")


def kinematics() -> int:
    """Goals and twists to joint commands."""
    return run_node("kinematics")


def contact() -> int:
    """Probe force control."""
    return run_node("contact")


def imaging() -> int:
    """Images and their quality."""
    return run_node("imaging")


def surface() -> int:
    """The depth camera."""
    return run_node("surface")


def planner() -> int:
    """The task."""
    return run_node("planner")


def safety() -> int:
    """The supervisor."""
    return run_node("safety")


def recorder() -> int:
    """The bag."""
    return run_node("recorder")


def view() -> int:
    """What rviz cannot draw by itself."""
    return run_node("view")


def bringup() -> int:
    """Configures and activates the nodes of a cell."""

    def life() -> int:
        from medrobot_ros.nodes.bringup import main

        return main(sys.argv)

    return _process("bringup", life)


def forkserver() -> int:
    """Forks the processes of a launched cell: FOLDER PARAMETERS."""

    def life() -> int:
        from medrobot_ros.nodes.forkserver import serve

        serve(Path(sys.argv[1]), Path(sys.argv[2]))
        return 0

    return _process("forkserver", life)


if __name__ == "__main__":
    sys.exit(globals()[sys.argv.pop(1)]())
