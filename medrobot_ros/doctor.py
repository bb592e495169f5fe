"""What this machine lacks, and what that costs."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from medrobot_ros.errors import ConfigError
from medrobot_ros.network import network_warnings

LOW_DISK_GB = 2.0


def findings() -> Iterator[str]:
    """One line a finding, `ok` or `--` first."""
    yield _line(sys.version_info >= (3, 10), f"Python {sys.version.split()[0]}", "3.10 or newer is needed")
    ros = find_spec("rclpy") is not None
    yield _line(ros, "ROS 2 (rclpy)", "`medrobot scan` and `cell` cannot run; `simulate` can. pip install 'medrobot_ros[ros]'")
    if ros:
        distro = os.environ.get("ROS_DISTRO", "wheels, nothing sourced")
        yield f"ok  ROS distribution: {distro}; domain {os.environ.get('ROS_DOMAIN_ID', '0')}"
        yield from _network()
    yield _line(_realtime(), "real-time priority", "control periods jitter under load; see docs/deployment.md")
    yield _line((os.cpu_count() or 1) >= 2, f"{os.cpu_count()} cores", "one core is too few for control beside imaging")
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    yield _line(free_gb > LOW_DISK_GB, f"{free_gb:.0f} GB free here", "a run takes up to 0.6 GB")
    yield _line(shutil.which("rviz2") is not None, "rviz2", "no live view; everything else works")


def _network() -> Iterator[str]:
    try:
        yield from [f"--  {w}" for w in network_warnings()] or ["ok  discovery stays on this machine"]
    except ConfigError as e:
        yield f"--  {e}"


def _line(good: bool, what: str, cost: str) -> str:
    return f"ok  {what}" if good else f"--  {what}: {cost}"


def _realtime() -> bool:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, *before)
    return True
