"""The shape that every stage of the cell has, so that one process or eight can compose the same objects.

A stage owns no clock, no thread and no I/O. It is given signals as they arrive and time as it passes, and answers with
(topic, signal) pairs, the topics being rows of `interfaces.TOPICS`. `cell.Cell` routes the pairs in one process;
`nodes.StageNode` carries them over ROS 2.
"""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from medrobot_ros.interfaces import TOPICS
from medrobot_ros.signals import Event

Outputs = Iterable[tuple[str, Any]]
NOTHING: tuple[tuple[str, Any], ...] = ()


@runtime_checkable
class Stage(Protocol):
    """`name` is the node name in the interface table; `rate_hz` is how often `tick` is called.

    A stage may name `sampled` topics, of which it wants the latest with each tick and no more, and how many ticks it is `behind` at
    most, so that what is due while its computer is busy comes late instead of never.
    `now_ns` is set by whoever composes before every `receive`: the time of arrival on the cell's clock."""

    name: str
    rate_hz: float
    now_ns: int

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Takes one signal; a control stage answers in the same call, others store it for the next tick."""
        ...

    def tick(self, stamp_ns: int) -> Outputs:
        """Advances to `stamp_ns` and returns what is to be published."""
        ...

    def call(self, service: str) -> tuple[bool, str]:
        """Serves a request named in `interfaces.SERVICES`: (granted, why)."""
        ...


class InOrder:
    """Tells messages that are out of order from a clock that was set back: then every message is older, and they are taken again."""

    CLOCK_STEP = 10  # older ones in a row

    def __init__(self) -> None:
        self._newest_ns: int | None = None
        self._older = 0

    def late_ns(self, stamp_ns: int) -> int:
        """How much older than the newest a message is that is to be left out; 0 for one to be taken."""
        older = self._newest_ns is not None and stamp_ns < self._newest_ns
        self._older = self._older + 1 if older else 0
        if older and self._older < self.CLOCK_STEP:
            assert self._newest_ns is not None
            return self._newest_ns - stamp_ns
        self._newest_ns, self._older = stamp_ns, 0
        return 0


class Shown:
    """Which signals others get to see than the readers that get every one: see `Topic.shown_hz`."""

    EARLY = 0.01  # of a period: stamps need not be even

    def __init__(self) -> None:
        self._period_ns = {t.name: round((1.0 - self.EARLY) * 1e9 / t.shown_hz) for t in TOPICS if t.shown_hz}
        self._last_ns = dict.fromkeys(self._period_ns, -(10**18))

    def shows(self, topic: str, signal: Any) -> bool:
        """Whether it is this one's turn."""
        if topic not in self._period_ns:
            return True
        if 0 <= signal.stamp_ns - self._last_ns[topic] < self._period_ns[topic]:
            return False
        self._last_ns[topic] = signal.stamp_ns
        return True


class EventLog:
    """Counts a stage's run-time faults by kind and lets each kind out at most once a second, with its count."""

    PERIOD_NS = 1_000_000_000

    def __init__(self, source: str) -> None:
        self.counts: dict[str, int] = {}
        self._source = source
        self._waiting: dict[str, Event] = {}
        self._sent_ns: dict[str, int] = {}

    def add(self, stamp_ns: int, kind: str, detail: str = "") -> None:
        """Counts one fault."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self._waiting[kind] = Event(stamp_ns, self._source, kind, detail, {"count": self.counts[kind]})

    def drain(self, stamp_ns: int) -> list[tuple[str, Event]]:
        """What is due on the `events` topic."""
        due = [k for k in self._waiting if stamp_ns - self._sent_ns.get(k, -self.PERIOD_NS) >= self.PERIOD_NS]
        self._sent_ns.update((k, stamp_ns) for k in due)
        return [("events", self._waiting.pop(k)) for k in due]
