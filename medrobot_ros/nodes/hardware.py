"""The hardware node: it owns the clock of the cell. One thread takes commands, ticks on absolute deadlines and publishes."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic_ns
from typing import Any

from medrobot_ros.messages import TRUTH_TOPICS
from medrobot_ros.nodes.loop_timing import LoopTiming
from medrobot_ros.nodes.polling import Poller
from medrobot_ros.nodes.realtime import sleep_until
from medrobot_ros.nodes.rivals import COMMANDS, Rivals
from medrobot_ros.nodes.stage_node import StageNode
from medrobot_ros.signals import HardwareStatus

POLL_PERIOD_NS = 6_000_000  # permits and stops: a fifth of a permit's life


class HardwareNode(StageNode):
    """The backend under a deadline loop."""

    def __init__(self) -> None:
        super().__init__("hardware")
        self._answered = False
        self._truths: deque[tuple[str, Any]] = deque()  # still to be published
        self._arrived_ns = 0  # of the command being taken, by the middleware's clock; 0 for anything else
        self.load()  # while the others do: it is configured after them

    def _make(self) -> None:
        super()._make()
        self._period_ns = round(1e9 / self.stage.rate_hz)
        self._timing: LoopTiming | None = None
        self._polled_ns = 0
        self._rivals = Rivals(self, self._events, COMMANDS)

    def receive(self, topic: str, signal: Any) -> None:
        """One arrival; a command counts from when the middleware had it, a period ago at most. Inactive it takes none."""
        if not self.active:
            super().receive(topic, signal)
            return
        self.heard(topic, signal)
        now_ns = self.clock.now_ns()
        self.stage.now_ns = min(max(self._arrived_ns or now_ns, now_ns - self._period_ns), now_ns)
        self.send(self.stage.receive(topic, signal))
        self._answered |= topic == COMMANDS
        if topic == "safety/permit" and self._timing is None:
            self._timing = LoopTiming(1e-9 * self._period_ns)

    def _work(self, running: Callable[[], bool]) -> None:
        """Takes what has come, then ticks; a deadline that has passed is skipped, not caught up."""
        poller = Poller(self)
        commands = next(s for s in self.subscriptions if s.topic_name.endswith(COMMANDS))
        take = self._on_command(commands)
        deadline = last = monotonic_ns()
        while running():
            deadline += self._period_ns
            sleep_until(deadline)
            now = monotonic_ns()
            poller.take(commands, take)
            self._tick_after(1e-9 * (now - last))
            if not self.configured:
                return
            if now - self._polled_ns >= POLL_PERIOD_NS:
                self._polled_ns = now
                poller.poll()
                self._rivals.check(now)
                self._beat_inactive(self.clock.now_ns())
                self.diagnose(**(self._timing.figures() if self._timing else {}))
            last = now
            if now - deadline > self._period_ns:
                deadline = now

    def _on_command(self, commands: Any) -> Callable[[Any, Any], None]:
        def take(message: Any, info: Any) -> None:
            self._arrived_ns = info["received_timestamp"]
            commands.callback(message)
            self._arrived_ns = 0

        return take

    def _tick_after(self, period_s: float) -> None:
        answered, self._answered = self._answered, False
        if self._timing is not None:
            self._timing.add(period_s, answered)
        now_ns = self.clock.now_ns()
        try:
            out = [self._timed(o) for o in self.stage.tick(now_ns)]
        except Exception as e:
            self.fail(e)
            return
        # Inactive hardware still says where the arm is, but not that it is ready to work.
        self.send(o for o in out if o[0] not in TRUTH_TOPICS and (self.active or o[0] != "heartbeat"))
        self.send(self._events.drain(now_ns))
        # One a tick, while others answer: all four at once would keep a core from them.
        self._truths.extend(o for o in out if o[0] in TRUTH_TOPICS)
        due = max(1, len(self._truths) - len(TRUTH_TOPICS) + 1)
        self.send([self._truths.popleft() for _ in range(min(due, len(self._truths)))])

    def _timed(self, output: tuple[str, Any]) -> tuple[str, Any]:
        topic, signal = output
        if isinstance(signal, HardwareStatus):
            figures = self._timing.figures() if self._timing else {}
            return topic, replace(signal, realtime=self.realtime, **figures)
        return output
