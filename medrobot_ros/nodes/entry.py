"""Entry points: `ros2 run medrobot_ros <node>`, or `python -m medrobot_ros.nodes.entry <node>`."""

import sys
from collections.abc import Callable
from typing import Any

from medrobot_ros.description import realtime_priority
from medrobot_ros.nodes.executor import run, spin
from medrobot_ros.nodes.polling import poll_periodically

ANSWERING = ("kinematics", "contact")  # these answer every sample as it comes; the others work periodically


def run_node(name: str, args: list[str] | None = None) -> int:
    """One node until a signal; returns the exit status."""
    if name == "hardware":
        from medrobot_ros.nodes.hardware import HardwareNode

        return run(HardwareNode, realtime_priority(name), lambda node, running: node.loop(running), args)
    if name == "recorder":
        from medrobot_ros.nodes.recorder import RecorderNode

        return run(RecorderNode, realtime_priority(name), lambda node, running: node.loop(running), args)
    from medrobot_ros.nodes.stage_node import StageNode

    work = _answer if name in ANSWERING else _work_periodically
    return run(lambda: StageNode(name), realtime_priority(name), work, args)


def _answer(node: Any, running: Callable[[], bool]) -> None:
    node.create_timer(1.0 / node.stage.rate_hz, node.tick)
    spin(node, running)


def _work_periodically(node: Any, running: Callable[[], bool]) -> None:
    poll_periodically(node, node.stage.rate_hz, node.tick, running)


def hardware() -> int:
    """The arm, real or mock."""
    return run_node("hardware")


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


if __name__ == "__main__":
    sys.exit(run_node(sys.argv[1], sys.argv))
