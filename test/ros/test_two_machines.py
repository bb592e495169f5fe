"""One cell on two machines: network namespaces joined by a cable, UDP and unicast peers only."""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from operating import Operating

HARDWARE, REST = "hardware,kinematics,contact,safety,recorder", "planner,imaging,surface"
ADDRESSES = {"a": "10.61.7.1", "b": "10.61.7.2"}
CLONE_NEWNET = 0x40000000


def ip(*words, check=True):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


def enter(path):
    """Moves this thread into a network namespace; what it starts afterwards lives there."""
    with open(path) as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture
def machines(monkeypatch):
    """Two namespaces, `a` entered; their names. The cable passes no multicast."""
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
        home = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
        with open(home) as before:
            enter(f"/run/netns/{names['a']}")
            stack.callback(enter, f"/proc/self/fd/{os.dup(before.fileno())}")
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
        monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")
        monkeypatch.setenv("ROS_STATIC_PEERS", ADDRESSES["b"])
        yield names


def start(machine, nodes, peer, out, stack):
    """`medrobot cell` with some of the nodes on one of the machines."""
    line = [sys.executable, "-m", "medrobot_ros.cli", "cell", "--nodes", nodes, "--out", str(out)]
    env = {**os.environ, "ROS_STATIC_PEERS": ADDRESSES[peer]}
    process = subprocess.Popen(
        ["ip", "netns", "exec", machine, *line], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    stack.callback(end, process)
    return process


def end(process):
    """What it printed, once Ctrl-C has ended it."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=60)[0] if not process.stdout.closed else ""
    finally:
        process.kill()


def clock_rows(operating, node):
    """What the supervisor's machine says of the clock of a node's machine [ms]."""
    return operating.diagnostics("safety").get(f"clock of {node} behind [ms]")


def test_planner_and_imaging_elsewhere_and_the_cable_breaks(machines, tmp_path):
    with ExitStack() as stack:
        rest = start(machines["b"], REST, "a", tmp_path / "b", stack)
        hardware = start(machines["a"], HARDWARE, "b", tmp_path / "a", stack)
        operating = stack.enter_context(Operating())
        operating.wait_ready()
        operating.wait(lambda: clock_rows(operating, "imaging"), "told the clock")
        assert abs(float(clock_rows(operating, "imaging"))) < 50.0, "one clock here"
        assert hardware.poll() is None and rest.poll() is None
        operating.begin()
        ip("-n", machines["a"], "link", "set", "cable", "down")
        operating.wait_stopped_by(("planner", "imaging", "surface"))
        operating.wait(operating.at_rest, "at rest")
        text = end(hardware)
        assert "others on the network can command this arm" in text
