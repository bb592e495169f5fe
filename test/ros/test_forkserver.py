"""The processes of a launched cell: each stands for one that is forked from what they share, and ends as that does."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import children, command_line, gone, name_of

from medrobot_ros.config import CellConfig
from medrobot_ros.description import write_parameters
from medrobot_ros.nodes.entry import FORKED_BY

WAIT_S = 60.0


def started(*line):
    return subprocess.Popen([sys.executable, "-m", "medrobot_ros.nodes.entry", *line], stderr=subprocess.PIPE, text=True)


def until(done, what):
    end = time.monotonic() + WAIT_S
    while not (found := done()):
        assert time.monotonic() < end, f"not within {WAIT_S:g} s: {what}"
        time.sleep(0.02)
    return found


@pytest.fixture
def folder(tmp_path):
    """Of a path that is longer than the address of a socket may be."""
    long = tmp_path / ("a" * 100)
    long.mkdir()
    write_parameters(CellConfig(), long / "parameters.yaml")
    return long


@pytest.fixture
def server(folder):
    process = started("forkserver", str(folder), str(folder / "parameters.yaml"))
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def surface(server, folder):
    """Starts the node `surface`; its process, and the one that is forked for it."""
    processes = []

    def start():
        before = children(server.pid)
        processes.append(process := subprocess.Popen([*command_line("surface", "cell"), FORKED_BY, str(folder)]))
        return process, until(lambda: [p for p in children(server.pid) if p not in before and name_of(p) == "surface"], "surface")[0]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_what_a_node_is_told_and_says_and_how_it_ends_are_its_own(server, folder):
    line = ["surface", FORKED_BY, str(folder), "--ros-args", "--params-file", str(folder / "parameters.yaml"), "-p", "use_sim_time:=true"]
    process = started(*line)
    said = process.communicate(timeout=WAIT_S)[1]
    assert process.returncode == 1 and "the mock keeps its own time" in said and "Traceback" not in said


def test_signals_are_passed_on_and_ends_are_shared(server, surface):
    process, node = surface()
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0 and gone(node)

    process, node = surface()
    os.kill(node, signal.SIGKILL)
    assert process.wait(WAIT_S) == -signal.SIGKILL

    process, node = surface()
    process.kill()
    until(lambda: gone(node), "ended: the node of a process that was killed")

    process, node = surface()
    server.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0 and server.wait(WAIT_S) == 0


def test_no_node_outlives_what_it_was_forked_from(server, surface):
    process, node = surface()
    server.kill()
    until(lambda: gone(node), "ended: the node")
    assert process.wait(WAIT_S) == 1


def test_it_ends_clean_while_it_loads(folder):
    process = started("forkserver", str(folder), str(folder / "parameters.yaml"))
    until((folder / "forkserver").exists, "listening")
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=WAIT_S)[1] and process.returncode == 0
