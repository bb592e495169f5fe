"""Cells under launch_testing, each in a launch of its own: they come up, examine, and end safely whichever process is killed.

`launch_test` runs them as processes, not its pytest plugin, which knows only the pytest that a distribution ships.
"""

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="launch_testing comes with a ROS 2 installation; test/ros does the same through `medrobot`")
pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import children, gone
from operating import PROCESSES, Operating

from medrobot_ros.arms import arm_names
from medrobot_ros.resources import share

SCENARIO = Path(__file__).with_name("cell_scenario.py")


def launch_test(**arguments):
    """Runs the scenario; everything it said is the failure's message."""
    line = [sys.executable, "-m", "launch_testing.launch_test", str(SCENARIO), *(f"{k}:={v}" for k, v in arguments.items())]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SCENARIO.parents[1]), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=env, timeout=240)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def test_a_cell_comes_up_and_ends_safely_when_a_process_dies():
    launch_test(victim="control")


@pytest.mark.skipif(not shutil.which("ros2"), reason="needs the command ros2")
@pytest.mark.parametrize("number", [signal.SIGTERM, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGKILL, signal.SIGINT))])
def test_a_launch_that_alone_is_ended_leaves_no_process_and_an_arm_that_was_stopped(tmp_path, number):
    """With a terminal, whose Ctrl-C would reach all: the launch system then passes nothing on, and whatever else ends it nothing ever."""
    terminal = pty.openpty()
    line = ["ros2", "launch", str(share("launch/cell.launch.py")), "record:=false", f"out:={tmp_path}"]
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen(line, stdin=terminal[1], stdout=log, stderr=log)
    orphans = []
    try:
        with Operating() as operating:
            operating.wait_ready()
            orphans = children(process.pid)
            process.send_signal(number)
            operating.wait_stopped_by(["silent"])  # those first that a retreat does not need
            operating.wait(lambda: all(map(gone, orphans)), "ended: the launched processes")
    finally:
        for pid in (process.pid, *(p for p in orphans if not gone(p))):
            os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("arm", arm_names())
def test_every_arm_examines_under_launch(arm):
    launch_test(arm=arm, examine="true")


@pytest.mark.slow
@pytest.mark.parametrize("victim", PROCESSES)
def test_a_killed_process_ends_the_cell_safely_in_contact(victim):
    launch_test(victim=victim, phase="scan")
