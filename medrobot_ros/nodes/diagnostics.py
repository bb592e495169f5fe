"""What a node says of itself on /diagnostics once a second, as rqt and the diagnostic aggregator expect it.

The name is `<namespace>/<node>`, the hardware id `<namespace>/<arm>`: many cells share the topic.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from medrobot_ros.interfaces import topic
from medrobot_ros.signals import Event

PERIOD_NS = 1_000_000_000
CLOCK_S = 0.05  # in which the skin breathes 0.4 mm by default: machines whose clocks differ by more cannot share an examination; chosen
SLOW = 0.8  # share of a topic's rate below which it counts as slow; chosen


class Diagnostics:
    """Counts what arrives and what goes wrong in each second. `expected` is how often topics should arrive [Hz]: less is a warning."""

    def __init__(self, node: Node, arm: str) -> None:
        self._node = node
        cell = node.get_namespace().strip("/")
        self._name, self._hardware = f"{cell}/{node.get_name()}", f"{cell}/{arm}"
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", topic("/diagnostics").depth)
        self.expected: dict[str, float] = {}
        self._arrived: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._clocks_s: dict[str, float] = {}
        self._since_ns = 0

    def arrived(self, name: str) -> None:
        """Counts one message of a topic."""
        self._arrived[name] += 1

    def happened(self, event: Event) -> None:
        """Notes an event that the node reports."""
        self._events[event.kind] += 1

    def beat(self, source: str, age_s: float) -> None:
        """Notes a node's heartbeat: the youngest of a second tells its machine's clock from this one's, but for the quickest way."""
        self._clocks_s[source] = min(age_s, self._clocks_s.get(source, age_s))

    def due(self, now_ns: int) -> bool:
        """Whether a second has passed."""
        return now_ns - self._since_ns >= PERIOD_NS

    def publish(self, now_ns: int, state: str, values: Mapping[str, Any]) -> None:
        """One status: `state` is the lifecycle's, `values` what this kind of node adds."""
        elapsed_s = 1e-9 * (now_ns - self._since_ns)
        rates = {name: self._arrived[name] / elapsed_s for name in self.expected} if self._since_ns else {}
        slow = [name for name, rate in rates.items() if rate < SLOW * self.expected[name]] if state == "active" else []
        clocks = [f"the clock of {node} is off" for node, age_s in self._clocks_s.items() if abs(age_s) > CLOCK_S]
        troubles = [*(f"{name} slow or silent" for name in slow), *clocks, *self._events]
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if troubles else DiagnosticStatus.OK,
            name=self._name,
            hardware_id=self._hardware,
            message="; ".join(troubles) or state,
        )
        arrivals = {f"{name} [Hz]": f"{rate:.1f}" for name, rate in rates.items()}
        clock_ms = {f"clock of {node} behind [ms]": f"{1e3 * age_s:.1f}" for node, age_s in self._clocks_s.items()}
        rows = {"state": state, **values, **arrivals, **clock_ms, **{f"event {kind}": n for kind, n in self._events.items()}}
        status.values = [KeyValue(key=k, value=str(v)) for k, v in rows.items() if v is not None]
        self._publisher.publish(DiagnosticArray(header=Header(stamp=Time(nanoseconds=now_ns).to_msg()), status=[status]))
        self._arrived.clear()
        self._events.clear()
        self._clocks_s.clear()
        self._since_ns = now_ns
