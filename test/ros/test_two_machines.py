"""One cell on two machines: network namespaces joined by a cable, UDP and unicast peers only."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

HARDWARE, REST = "hardware,kinematics,contact,safety,recorder", "planner,imaging,surface"
ADDRESSES = {"a": "10.61.7.1", "b": "10.61.7.2"}
OPERATOR = Path(__file__).with_name("remote_operator.py")


def ip(*words, check=True):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


@pytest.fixture
def machines():
    """Two network namespaces, `a` and `b`. The cable between them passes no multicast."""
    names = {side: f"mr{os.getpid()}{side}" for side in ADDRESSES}
    if os.geteuid() or ip("netns", "add", names["a"], check=False).returncode:
        pytest.skip("this user may not make network namespaces (CAP_NET_ADMIN)")
    with ExitStack() as stack:
        stack.callback(ip, "netns", "del", names["a"])
        ip("netns", "add", names["b"])
        stack.callback(ip, "netns", "del", names["b"])
        ip("link", "add", "cable", "netns", names["a"], "type", "veth", "peer", "name", "cable", "netns", names["b"])
        for side, address in ADDRESSES.items():
            ip("-n", names[side], "addr", "add", f"{address}/24", "dev", "cable")
            ip("-n", names[side], "link", "set", "lo", "up")
            ip("-n", names[side], "link", "set", "cable", "multicast", "off", "up")
        yield names


def start(machine, peer, *words):
    """A Python command on one of the machines, which knows the other one's address."""
    network = {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4", "ROS_STATIC_PEERS": ADDRESSES[peer],
        "PYTHONPATH": os.pathsep.join([str(OPERATOR.parents[1]), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    line = ["ip", "netns", "exec", machine, sys.executable, *words]
    return subprocess.Popen(line, env={**os.environ, **network}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process):
    """What it printed, once Ctrl-C has ended it."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=60)[0] if not process.stdout.closed else ""
    finally:
        process.kill()


@pytest.mark.slow  # a loaded machine may rightly stop it before the cable does
def test_planner_and_imaging_elsewhere_and_the_cable_breaks(machines, tmp_path):
    with ExitStack() as stack:
        command = "-m", "medrobot_ros.cli", "cell", "--out", str(tmp_path), "--nodes"
        rest = start(machines["b"], "a", *command, REST)
        stack.callback(end, rest)
        hardware = start(machines["a"], "b", *command, HARDWARE)
        stack.callback(end, hardware)
        operator = start(machines["a"], "b", str(OPERATOR), REST)
        stack.callback(end, operator)
        said = operator.communicate(timeout=200)[0]
        assert operator.returncode == 0, said
        assert rest.poll() is None, "an other machine's nodes outlive the cable"
        assert "others on the network can command this arm" in end(hardware)
