"""What the cells that run now say of themselves: their nodes' latest diagnostics."""

import time
from collections.abc import Iterator
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from medrobot_ros.interfaces import topic
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.stage_node import qos

LISTEN_S = 5.5  # after the last one discovered: each announces itself for 5 s (config/fastdds2), and speaks once a second
AT_MOST_S = 15.0  # where not everybody who could speak has


def running() -> Iterator[str]:
    """One line a node, `ok` or `--` first: its message, and what it measures."""
    said: dict[str, Any] = {}
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node, executor = Node("doctor"), make_executor()
    row = topic("/diagnostics")
    node.create_subscription(DiagnosticArray, row.name, lambda m: said.update((s.name, s) for s in m.status), qos(row))
    executor.add_node(node)
    try:
        began = grown = time.monotonic()
        speakers = 0
        while (now := time.monotonic()) < grown + LISTEN_S or (len(said) < speakers and now < began + AT_MOST_S):
            if node.count_publishers(row.name) > speakers:
                speakers, grown = node.count_publishers(row.name), now
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    if not said:
        yield "ok  no cell runs in this domain"
    for name in sorted(said):
        status = said[name]
        values = ", ".join(f"{v.key} {v.value}" for v in status.values if v.key != "state")
        yield f"{'ok' if status.level == DiagnosticStatus.OK else '--'}  {name} on {status.hardware_id}: {status.message} ({values})"
