"""Faults of the cell as a table, and a cell in one process that can have them.

Each case runs in a fork of one cell that is brought to a phase once. What is judged comes from the twin's truth.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from medrobot_ros.cell import Cell, run_examination, simulated_stages
from medrobot_ros.config import CellConfig
from medrobot_ros.stage import NOTHING

FORCE_LIMIT_N = 25.0
STILL_RAD_PER_S = 0.01  # noise-free joint speed that counts as standing
CONTROL_S, OTHER_S = 0.05, 0.5  # until the supervisor must have acted

Pairs = Iterable[tuple[str, Any]]
Alter = Callable[["FaultyCell", str, Any], Pairs]


class _Freezable:
    """A stage that can be stopped in its tracks, as SIGSTOP does."""

    def __init__(self, name, stage, frozen):
        self.name, self.stage, self._frozen = name, stage, frozen
        self.rate_hz = stage.rate_hz

    @property
    def now_ns(self):
        return self.stage.now_ns

    @now_ns.setter
    def now_ns(self, value):
        if self.name not in self._frozen:
            self.stage.now_ns = value

    def receive(self, topic, signal):
        return NOTHING if self.name in self._frozen else self.stage.receive(topic, signal)

    def tick(self, stamp_ns):
        return NOTHING if self.name in self._frozen else self.stage.tick(stamp_ns)

    def call(self, service):
        return (False, "frozen") if self.name in self._frozen else self.stage.call(service)


class FaultyCell(Cell):
    """A cell whose signals can be altered on their way and whose stages can be frozen."""

    def __init__(self, config: CellConfig) -> None:
        self.frozen: set[str] = set()
        self.alter: Alter | None = None
        self.heard: list[tuple[int, str, Any]] = []
        self.recording = False
        self.late: list[tuple[int, str, Any]] = []
        super().__init__({n: _Freezable(n, s, self.frozen) for n, s in simulated_stages(config).items()}, self._hear)

    def _hear(self, topic, signal):
        if self.recording:
            self.heard.append((self.now_ns, topic, signal))
        return NOTHING

    def publish(self, outputs):
        if self.alter is not None:
            outputs = [pair for topic, signal in outputs for pair in self.alter(self, topic, signal)]
        super().publish(outputs)

    def advance(self):
        super().advance()
        due = [x for x in self.late if x[0] <= self.now_ns]
        self.late = [x for x in self.late if x[0] > self.now_ns]
        super().publish([(topic, signal) for _, topic, signal in due])

    def run(self, seconds):
        until_ns = self.now_ns + seconds * 1e9
        while self.now_ns < until_ns:
            self.advance()

    def to_phase(self, phase):
        """Runs until the planner is in a phase, and a little into it."""
        for task in run_examination(self, 60.0):
            if task.phase == phase:
                break
        self.run(0.6)
        assert self.task.phase == phase
        return self

    @property
    def patient(self):
        return self.stages["hardware"].stage._patient


@dataclass(frozen=True)
class Fault:
    """`reaction`: 'stop' or 'retreat' by the supervisor, 'stands' without it, 'goes on', or 'any' of these."""

    name: str
    reaction: str
    begin: Callable[[FaultyCell], None]
    on_control_path: bool = True


@dataclass
class Outcome:
    """What came of a fault: from the truth, in N and s after it began; None where it did not happen."""

    force_max_n: float
    finite: bool
    acted_s: float | None
    still_s: float | None
    states: list[str]
    latched: bool
    recovered: bool
    events: list[str]


def inject(cell: FaultyCell, fault: Fault, seconds: float = 3.0) -> Outcome:
    """Runs a fault in a fork of the cell."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(asdict(_outcome(cell, fault, seconds))).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    assert text, f"{fault.name}: the cell raised"
    return Outcome(**json.loads(text))


def _outcome(cell: FaultyCell, fault: Fault, seconds: float) -> Outcome:
    cell.recording, began_ns = True, cell.now_ns
    fault.begin(cell)
    cell.run(seconds)
    forces = [float(np.linalg.norm(s.F_tissue_on_probe_in_probe[:3])) for _, t, s in cell.heard if t == "twin/contact_wrench"]
    commands = [s.q for _, t, s in cell.heard if t == "forward_position_controller/commands"]
    states = [(ns, s.state) for ns, t, s in cell.heard if t == "safety/state" and s.state != "ok"]
    before = {
        "force_max_n": max(forces, default=0.0),
        "finite": all(np.isfinite(q).all() for q in _sent(cell, commands)),
        "acted_s": 1e-9 * (states[0][0] - began_ns) if states else None,
        "still_s": _still_s(cell, began_ns),
        "states": list(dict.fromkeys(s for _, s in states)),
        "events": sorted({f"{s.source}/{s.kind}" for _, t, s in cell.heard if t == "events"}),
    }
    return Outcome(**before, latched=_latched(cell, states), recovered=_recovers(cell))


def _sent(cell, commands):
    """What kinematics sent; a fault that corrupts commands on their way does so after that."""
    return commands if cell.alter is None or not getattr(cell.alter, "on_commands", False) else []


def _still_s(cell, began_ns):
    """When the arm came to rest for good, by the truth of the probe; None where it did not."""
    poses = [(ns, s.T_base_probe[:3, 3]) for ns, t, s in cell.heard if t == "twin/probe_pose"]
    if "hardware" in cell.frozen:
        return 0.0  # the mock's arm and patient stand with it
    still = None
    for (_, a), (ns, b) in pairwise(poses):
        moving = np.linalg.norm(b - a) > 1e-5  # 1 mm/s at 100 Hz
        still = None if moving else (still if still is not None else ns)
    return None if still is None else 1e-9 * (still - began_ns)


def _latched(cell, states):
    """Whether a stop stays although its cause is gone, and nothing moves."""
    if not states:
        return False
    cell.alter, cell.heard = None, []
    cell.frozen.clear()
    cell.run(0.5)
    return all(s.state == "stopped" for _, t, s in cell.heard if t == "safety/state") and _still_s(cell, cell.now_ns) is not None


def _recovers(cell):
    """Whether a person's reset and resume let the examination go on."""
    cell.alter = None
    cell.frozen.clear()
    cell.run(0.7)
    if "safety/state" in cell.latest and cell.latest["safety/state"].state != "ok":
        granted, _ = cell.call("safety/reset")
        if not granted:
            return False
        cell.run(0.3)
    cell.call("task/resume")  # refused where nothing waits for it
    cell.heard = []
    cell.run(1.0)
    return any(t == "twin/probe_pose" for _, t, _ in cell.heard) and cell.task.mode in ("scanning", "retreating", "concluded")


# --- the table --------------------------------------------------------------------------------------------------------


def freeze(name):
    return lambda cell: cell.frozen.add(name)


def altered(topic, change):
    """Each signal of a topic replaced by what `change(cell, signal)` yields."""

    def begin(cell):
        def alter(cell, t, signal):
            return [(t, s) for s in change(cell, signal)] if t == topic else [(t, signal)]

        alter.on_commands = topic == "forward_position_controller/commands"
        cell.alter = alter

    return begin


def dropped(topic):
    return altered(topic, lambda cell, s: ())


def twice(topic):
    return altered(topic, lambda cell, s: (s, s))


def delayed(topic, seconds):
    def change(cell, signal):
        cell.late.append((cell.now_ns + round(seconds * 1e9), topic, signal))
        return ()

    return altered(topic, change)


def swapped(topic):
    """Every second signal comes after the one that follows it."""
    held = []

    def change(cell, signal):
        if held:
            return (signal, held.pop())
        held.append(signal)
        return ()

    return altered(topic, change)


def with_array(topic, field, change):
    """The array in `field` changed by `change(array, seconds since the first)`."""
    first = []

    def alter(cell, signal):
        first.append(cell.now_ns) if not first else None
        return (replace(signal, **{field: change(getattr(signal, field), 1e-9 * (cell.now_ns - first[0]))}),)

    return altered(topic, alter)


def stuck(topic, field):
    kept = []

    def change(array, t):
        kept.append(array) if not kept else None
        return kept[0]

    return with_array(topic, field, change)


def once(array, t, value):
    return np.full_like(array, value) if t == 0.0 else array


def stamps(topic, seconds):
    return altered(topic, lambda cell, s: (replace(s, stamp_ns=s.stamp_ns + round(seconds * 1e9)),))


def patient_moves(offset):
    """The skin under the probe moves by `offset(t)` [m] along its outward normal."""

    def begin(cell):
        patient, before, began_s = cell.patient, cell.patient.breathing, 1e-9 * cell.now_ns
        patient.breathing = lambda t: (before(t)[0], before(t)[1] + offset(1e-9 * cell.now_ns - began_s))

    return begin


def bell(t, rise_s, height_m):
    """There and back, smoothly, in twice `rise_s`."""
    return height_m * 0.5 * (1.0 - np.cos(np.pi * t / rise_s)) if t < 2.0 * rise_s else 0.0


def step(t, rise_s, height_m):
    return height_m * 0.5 * (1.0 - np.cos(np.pi * min(t, rise_s) / rise_s))


COMMANDS, TWIST, TWIST_FIELD = "forward_position_controller/commands", "probe/twist_command", "V_base_probe_in_probe"
FAULTS = (
    *(Fault(f"{n} freezes", "stop", freeze(n)) for n in ("hardware", "kinematics", "contact")),
    Fault("safety freezes", "stands", freeze("safety")),
    *(Fault(f"{n} freezes", "retreat", freeze(n), False) for n in ("planner", "imaging", "surface")),
    Fault("joint states lost", "stop", dropped("joint_states")),
    Fault("wrench lost", "stop", dropped("wrench")),
    Fault("permits lost", "stands", dropped("safety/permit")),
    Fault("commands lost", "stands", dropped(COMMANDS)),
    Fault("twists lost", "stands", dropped("probe/twist_command")),
    Fault("probe pose lost", "any", dropped("probe/pose")),
    Fault("compensated wrench lost", "stop", dropped("contact/wrench")),
    *(Fault(f"{t} twice", "goes on", twice(t)) for t in ("joint_states", "wrench", "probe/twist_command", COMMANDS, "safety/permit")),
    *(Fault(f"{t} out of order", "any", swapped(t)) for t in ("joint_states", "wrench", "probe/twist_command")),
    Fault("wrench 10 ms late", "any", delayed("wrench", 0.010)),
    Fault("joint states 100 ms late", "any", delayed("joint_states", 0.1)),
    *(Fault(f"wrench once {v}", "goes on", with_array("wrench", "F", lambda a, t, v=v: once(a, t, v))) for v in (np.nan, np.inf)),
    *(Fault(f"wrench {v}", "stop", with_array("wrench", "F", lambda a, t, v=v: np.full_like(a, v))) for v in (np.nan, np.inf)),
    *(Fault(f"joint states {v}", "stop", with_array("joint_states", "q", lambda a, t, v=v: np.full_like(a, v))) for v in (np.nan, np.inf)),
    *(Fault(f"twist {v}", "stands", with_array(TWIST, TWIST_FIELD, lambda a, t, v=v: np.full_like(a, v))) for v in (np.nan, np.inf)),
    *(Fault(f"command {v}", "stands", with_array(COMMANDS, "q", lambda a, t, v=v: np.full_like(a, v))) for v in (np.nan, np.inf)),
    Fault("F/T stuck", "any", stuck("wrench", "F")),
    Fault("F/T spikes to 100 N once", "any", with_array("wrench", "F", lambda a, t: a + (100.0 if t == 0.0 else 0.0))),
    Fault("F/T drifts by 0.5 N/s", "any", with_array("wrench", "F", lambda a, t: a + 0.5 * t)),
    Fault("F/T sign flipped", "any", with_array("wrench", "F", lambda a, t: -a)),
    Fault("encoder jumps by 0.05 rad", "any", with_array("joint_states", "q", lambda a, t: a + 0.05)),
    Fault("clock steps back by 1 s", "any", stamps("joint_states", -1.0)),
    Fault("clock steps ahead by 10 s", "any", stamps("joint_states", 10.0)),
    Fault("patient coughs, 15 mm in 0.2 s", "any", patient_moves(lambda t: bell(t, 0.2, 0.015))),
    Fault("patient rises by 60 mm in 1 s", "any", patient_moves(lambda t: step(t, 1.0, 0.06))),
    Fault("patient sinks away by 60 mm in 0.5 s", "any", patient_moves(lambda t: step(t, 0.5, -0.06))),
)


PHASES = ("move", "approach", "scan")


def row(fault: Fault, phase: str, o: Outcome) -> str:
    """One line of the table that is printed."""
    times = " ".join("     -" if v is None else f"{v:6.2f}" for v in (o.acted_s, o.still_s))
    reaction = " > ".join(o.states) or "goes on"
    rest = ("latched, " if o.latched else "") + ("recovered" if o.recovered else "not recovered")
    return f"{fault.name:44} {phase:9} {o.force_max_n:6.1f} {times}  {reaction}; {rest}"


HEADER = f"{'fault':44} {'phase':9} {'N':>6} {'acted':>6} {'still':>6}  reaction"

if __name__ == "__main__":
    import sys

    phases = sys.argv[1:] or PHASES
    cells = {phase: FaultyCell(CellConfig()).to_phase(phase) for phase in phases}
    print(HEADER)
    for fault in FAULTS:
        for phase, cell in cells.items():
            print(row(fault, phase, inject(cell, fault)), flush=True)
