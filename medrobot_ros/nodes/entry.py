"""Entry points: `ros2 run medrobot_ros <node>`, or `python -m medrobot_ros.nodes.entry <node>`."""

import os
import signal
import sys
from typing import Any

from medrobot_ros.interfaces import TOGETHER

ENDING = (signal.SIGINT, signal.SIGTERM)
ANSWERING = {"kinematics", "contact"}  # these answer every sample as it comes; the others work periodically


def run_node(name: str, args: list[str] | None = None) -> int:
    """One node until a signal; returns the exit status."""
    _end_at_once()
    from medrobot_ros.nodes.realtime import end_with_parent, name_process

    end_with_parent()
    from medrobot_ros.description import environment

    os.environ.update(environment())
    name_process(name)
    from medrobot_ros.nodes.executor import run

    return run(lambda: _make(name), args)


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
    _end_at_once()
    from medrobot_ros.nodes.realtime import end_with_parent

    end_with_parent()
    from medrobot_ros.nodes.bringup import main

    return main()


if __name__ == "__main__":
    sys.exit(run_node(sys.argv[1], sys.argv))
