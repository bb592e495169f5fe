"""The hardware node: it owns the clock of the cell. A thread on absolute deadlines ticks and publishes."""

from collections.abc import Callable
from dataclasses import replace
from threading import Event, Lock, Thread
from time import monotonic_ns
from typing import Any

from medrobot_ros.nodes.executor import spin
from medrobot_ros.nodes.loop_timing import LoopTiming
from medrobot_ros.nodes.realtime import sleep_until
from medrobot_ros.nodes.stage_node import StageNode
from medrobot_ros.signals import HardwareStatus, StopRequest

COMMANDS = "forward_position_controller/commands"
PUBLISHER_CHECK_S = 0.2


class HardwareNode(StageNode):
    """The backend under a deadline loop; arrivals come in on the executor's thread."""

    realtime = False

    def __init__(self) -> None:
        super().__init__("hardware")
        self._lock = Lock()
        self._period_ns = round(1e9 / self.stage.rate_hz)
        self._timing: LoopTiming | None = None
        self._answered = False
        self.create_timer(PUBLISHER_CHECK_S, self._check_publishers)

    def receive(self, topic: str, signal: Any) -> None:
        """Arrivals, stamped as they come."""
        with self._lock:
            self.stage.now_ns = self.clock.now_ns()
            outputs = self.stage.receive(topic, signal)
            self._answered |= topic == COMMANDS
            if topic == "safety/permit" and self._timing is None:
                self._timing = LoopTiming(1e-9 * self._period_ns)
        self.send(outputs)

    def _check_publishers(self) -> None:
        """Two sources of commands would fight over the arm: neither is obeyed."""
        if self.count_publishers(COMMANDS) > 1:
            self._events.add(self.clock.now_ns(), "second_publisher", f"more than one publisher on {COMMANDS}")
            self.receive("safety/stop", StopRequest(True))
            self.send([("safety/stop", StopRequest(True))])

    def loop(self, running: Callable[[], bool]) -> None:
        """Ticks on absolute deadlines; a deadline that has passed is skipped, not caught up."""
        deadline = last = monotonic_ns()
        while running():
            deadline += self._period_ns
            sleep_until(deadline)
            now = monotonic_ns()
            self._tick_at(1e-9 * (now - last))
            last = now
            if now - deadline > self._period_ns:
                deadline = now

    def _tick_at(self, period_s: float) -> None:
        with self._lock:
            answered, self._answered = self._answered, False
            if self._timing is not None:
                self._timing.add(period_s, answered)
            now_ns = self.clock.now_ns()
            outputs = [*self.stage.tick(now_ns), *self._events.drain(now_ns)]
        self.send(self._timed(o) for o in outputs)

    def _timed(self, output: tuple[str, Any]) -> tuple[str, Any]:
        topic, signal = output
        if isinstance(signal, HardwareStatus):
            figures = self._timing.figures() if self._timing else {}
            return topic, replace(signal, realtime=self.realtime, **figures)
        return output


def work(node: HardwareNode, running: Callable[[], bool]) -> None:
    """The deadline loop on this thread, arrivals on another."""
    ended = Event()
    arrivals = Thread(target=spin, args=(node, lambda: not ended.is_set()), daemon=True)
    arrivals.start()
    try:
        node.loop(running)
    finally:
        ended.set()
        arrivals.join()
