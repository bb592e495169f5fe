"""What came of a fault, by the twin's truth, from the signals that were heard after it began."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from medrobot_ros.signals import Array

FORCE_LIMIT_N = 25.0
STILL_M = 1e-5  # between two of the probe's poses at 100 Hz: 1 mm/s
WORKING = ("scanning", "retreating", "concluded")  # modes of a task that goes on
COMMANDS = "forward_position_controller/commands"

Heard = Sequence[tuple[int, str, Any]]  # when [ns], topic, signal; of the truth the wrench (6,) or the pose (4, 4) itself


@dataclass
class Outcome:
    """In N, and in s after the fault began; None where it did not happen."""

    force_max_n: float
    finite: bool
    acted_s: float | None
    still_s: float | None
    states: list[str]
    events: list[str]
    latched: bool = False
    recovered: bool = False


def measured(heard: Heard, began_ns: int) -> Outcome:
    """All but what happens after the fault has ended."""
    states = [(ns, s.state) for ns, t, s in heard if t == "safety/state" and s.state != "ok"]
    return Outcome(
        max((float(np.linalg.norm(F[:3])) for F in _of(heard, "twin/contact_wrench")), default=0.0),
        all(np.isfinite(s.q).all() for s in _of(heard, COMMANDS)),
        1e-9 * (states[0][0] - began_ns) if states else None,
        still_s(heard, began_ns),
        list(dict.fromkeys(s for _, s in states)),
        sorted({f"{s.source}/{s.kind}" for s in _of(heard, "events")}),
    )


def _of(heard: Heard, topic: str) -> list[Any]:
    return [s for _, t, s in heard if t == topic]


def still_s(heard: Heard, began_ns: int) -> float | None:
    """When the arm came to rest for good [s], by the truth of the probe's pose; None where it did not."""
    still: float | None = None
    poses: list[tuple[int, Array]] = [(ns, T[:3, 3]) for ns, t, T in heard if t == "twin/probe_pose"]
    for (_, a), (ns, b) in pairwise(poses):
        if np.linalg.norm(b - a) > STILL_M:
            still = None
        elif still is None:
            still = 1e-9 * (ns - began_ns)
    return still


def latched(heard: Heard) -> bool:
    """Whether the supervisor says nothing but 'stopped', and the arm has come to rest."""
    states = _of(heard, "safety/state")
    return all(s.state == "stopped" for s in states) and still_s(heard, 0) is not None


HEADER = f"{'fault':44} {'phase':9} {'N':>6} {'acted':>6} {'still':>6}  reaction"


def row(name: str, phase: str, o: Outcome) -> str:
    """One line of the table that is printed."""
    times = " ".join("     -" if v is None else f"{v:6.2f}" for v in (o.acted_s, o.still_s))
    rest = ("latched, " if o.latched else "") + ("recovered" if o.recovered else "not recovered")
    return f"{name:44} {phase:9} {o.force_max_n:6.1f} {times}  {' > '.join(o.states) or 'goes on'}; {rest}"
