"""A whole cell over ROS 2 on this machine: how soon it is ready, what it costs while it scans, and its loop beside a bare ping-pong."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

IMAGES_HZ, SECONDS, STEP_S = 30.0, 14.0, 1.0
READY_S = 300.0  # the first start on a machine compiles
PAIRS = 3  # of processes that play ping-pong one after the other: one pair is up to half again as quick as the next
QUEUE, POLL_S = 100, 0.02
TICK_S, MB = 1.0 / os.sysconf("SC_CLK_TCK"), 1e6
JOINTS, COMMANDS = "joint_states", "forward_position_controller/commands"


def figures() -> dict[str, Any]:
    """Everything, of one cell that scans a whole region."""
    from medrobot_ros.description import realtime_priority
    from medrobot_ros.network import environment

    os.environ.update(environment())  # the ping-pong's as well
    with tempfile.TemporaryDirectory() as out, cell(out) as (process, ready_s):
        from medrobot_ros.nodes.operator import Operator

        operator = Operator()
        try:
            while not operator.ready():
                operator.spin(0.1)
            operator.call("task/start")
            while not _scans(operator):
                operator.spin(0.1)
            cost = costs(process.pid)
            trips = round_trips(operator.node.create_subscription)
            operator.spin(0.1)
            if not _scans(operator):
                raise RuntimeError("the scan was over before the measurement")
        finally:
            operator.close()
    priority = realtime_priority("kinematics") if _may_prioritise() else None
    pings = np.concatenate([ping_pong(priority) for _ in range(PAIRS)])
    return {
        "ready_s": ready_s, **cost,
        "round_trip_us": _summary(trips), "ping_pong_us": _summary(pings),
        "round_trip_over_ping_pong": float(np.median(trips) / np.median(pings)),
    }  # fmt: skip


def _scans(operator: Any) -> bool:
    """Whether the probe scans. RuntimeError where it will not any more."""
    task, safety = operator.heard["task/state"], operator.heard["safety/state"]
    if task.outcome or safety.state != "ok":
        raise RuntimeError(f"{task.outcome} {task.reason} (safety: {safety.state} {', '.join(safety.reasons)})")
    return bool(task.phase == "scan")


@contextmanager
def cell(out: str) -> Iterator[tuple[Any, float]]:
    """`medrobot cell` as a process, and the seconds from its start until it said that it is up."""
    line = [sys.executable, "-u", "-m", "medrobot_ros.cli", "cell", "--out", out, "--set", f"imaging.rate_hz={IMAGES_HZ}"]
    began = time.perf_counter()
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if " is up " not in said:
            raise RuntimeError(said)
        yield process, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def costs(pid: int) -> dict[str, Any]:
    """CPU in percent of one core, and memory, of the nodes that a cell's command has started, over a while."""
    nodes = {_node(p): p for p in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())}
    before, began, pss_mb, times = {n: _cpu_s(p) for n, p in nodes.items()}, time.perf_counter(), [], []
    while (elapsed_s := time.perf_counter() - began) < SECONDS:
        times.append(elapsed_s)
        pss_mb.append(sum(map(_pss_mb, nodes.values())))
        time.sleep(STEP_S)
    cpu = {n: 100.0 * (_cpu_s(p) - before[n]) / elapsed_s for n, p in nodes.items()}
    slope = float(np.polyfit(times, pss_mb, 1)[0]) * 60.0
    return {"cpu_percent": sum(cpu.values()), "cpu_percent_by_node": cpu, "pss_mb": pss_mb[-1], "memory_slope_mb_per_min": slope}


def _node(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _pss_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if x.startswith("Pss:"))
    return int(line.split()[1]) * 1024 / MB


def round_trips(subscribe: Callable[..., Any]) -> Any:
    """Times [us] from each joint state to the next command, both as their writers sent them."""
    from medrobot_ros.interfaces import topic
    from medrobot_ros.nodes.polling import Poller
    from medrobot_ros.nodes.stage_node import message_type, qos

    rows = topic(JOINTS), topic(COMMANDS)
    heard = [subscribe(message_type(r.type), r.name, lambda data: None, qos(r, QUEUE), raw=True) for r in rows]
    sent: list[list[int]] = [[] for _ in heard]
    until = time.monotonic() + SECONDS / 4
    while time.monotonic() < until:
        time.sleep(POLL_S)
        for subscription, times in zip(heard, sent, strict=True):
            Poller.take(subscription, lambda data, info, times=times: times.append(info["source_timestamp"]))
    asked, answered = (np.array(sorted(times)) for times in sent)
    after = np.searchsorted(answered, asked, side="right")
    good = after < len(answered)
    return 1e-3 * (answered[after[good]] - asked[good])


def ping_pong(priority: int | None) -> Any:
    """Times [us] of the same between two processes that do nothing else, at the cell's rate and priority."""
    import rclpy
    from rclpy.node import Node

    parties = [subprocess.Popen([sys.executable, __file__, role, str(priority or 0)]) for role in ("ping", "pong")]
    rclpy.init()
    node = Node("referee")
    try:
        time.sleep(3.0)
        return round_trips(node.create_subscription)
    finally:
        for party in parties:
            party.kill()
            party.wait()
        node.destroy_node()
        rclpy.try_shutdown()


def play(role: str, priority: int) -> None:
    """One of the two parties, until it is killed: `ping` sends joints at the control rate, `pong` answers each with a command."""
    import rclpy
    from rclpy.node import Node

    from medrobot_ros.config import CellConfig
    from medrobot_ros.interfaces import topic
    from medrobot_ros.nodes.executor import make_executor
    from medrobot_ros.nodes.realtime import prepare, prioritise, sleep_until
    from medrobot_ros.nodes.stage_node import message_type, qos

    rclpy.init()
    prepare()
    node = Node(role)
    joints, commands = topic(JOINTS), topic(COMMANDS)
    Joints, Commands = message_type(joints.type), message_type(commands.type)
    values, names = [0.1] * 7, [f"joint{k}" for k in range(7)]
    if role == "ping":
        publisher = node.create_publisher(Joints, JOINTS, qos(joints))
        prioritise(priority or None)
        deadline, period_ns = time.monotonic_ns(), round(1e9 / CellConfig().hardware.rate_hz)
        while True:
            sleep_until(deadline := deadline + period_ns)
            publisher.publish(Joints(name=names, position=values, velocity=values, effort=values))
    publisher = node.create_publisher(Commands, COMMANDS, qos(commands))
    node.create_subscription(Joints, JOINTS, lambda message: publisher.publish(Commands(data=message.position)), qos(joints))
    executor = make_executor()
    executor.add_node(node)
    prioritise(priority or None)
    while True:
        executor.spin_once(timeout_sec=0.05)


def _may_prioritise() -> bool:
    from medrobot_ros.nodes.realtime import prioritise

    granted = prioritise(1)
    prioritise(None)
    return granted


def _summary(times_us: Any) -> dict[str, float]:
    return {"median": float(np.median(times_us)), "p99": float(np.quantile(times_us, 0.99)), "samples": len(times_us)}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        play(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps(figures(), indent=2))
