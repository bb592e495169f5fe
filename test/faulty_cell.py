"""A cell in one process that can have the faults of the table.

Each case runs in a fork of one cell that is brought to a phase once.
`PYTHONPATH=test python -m faulty_cell [PART OF A NAME ...] [PHASE ...]` prints the table.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fault_outcome import HEADER, WORKING, Outcome, latched, measured, row
from faults import EACH_TOPIC, FAULTS, PHASES, Fault

from medrobot_ros.cell import Cell, make_stage, run_examination, simulated_stages
from medrobot_ros.config import CellConfig
from medrobot_ros.stage import NOTHING, Outputs

TRUTH = {"twin/contact_wrench": "F_tissue_on_probe_in_probe", "twin/probe_pose": "T_base_probe"}


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
        self.killed: set[str] = set()
        self._config = config
        self.alter: Callable[[str, Any], Outputs] | None = None
        self.heard: list[tuple[int, str, Any]] = []
        self.recording = False
        self.late: list[tuple[int, str, Any]] = []
        super().__init__({n: _Freezable(n, s, self.frozen) for n, s in simulated_stages(config).items()})

    def publish(self, outputs):
        outputs = tuple(outputs)
        if self.recording:
            self.heard += [(self.now_ns, t, _as_heard(t, s)) for t, s in outputs]
        if self.alter is not None:
            outputs = [pair for topic, signal in outputs for pair in self.alter(topic, signal)]
        super().publish(outputs)

    def advance(self):
        super().advance()
        due = [x for x in self.late if x[0] <= self.now_ns]
        self.late = [x for x in self.late if x[0] > self.now_ns]
        super().publish([(topic, signal) for _, topic, signal in due])

    def run(self, seconds):
        """What is published in a while."""
        self.heard = []
        until_ns = self.now_ns + seconds * 1e9
        while self.now_ns < until_ns:
            self.advance()
        return self.heard

    def to_phase(self, phase):
        """Runs until the planner is in a phase, and a little into it."""
        for task in run_examination(self, 60.0):
            if task.phase == phase:
                break
        self.run(0.1 if phase == "retreat" else 0.6)
        assert self.task.phase == phase
        return self

    def hardware(self):
        return self.stages["hardware"].stage

    def kill(self, node):
        """A node says and hears nothing any more."""
        self.killed.add(node)
        self.frozen.add(node)

    def say(self, topic, signal):
        """Somebody outside says something."""
        self.publish([(topic, signal)])

    def heal(self):
        """Ends the fault; what was killed begins anew."""
        self.alter = None
        self.frozen.clear()
        for node in self.killed:
            self.stages[node].stage = make_stage(node, self._config)
        self.killed.clear()


def _as_heard(topic, signal):
    return getattr(signal, TRUTH[topic]) if topic in TRUTH else signal


def inject(cell: FaultyCell, fault: Fault, seconds: float = 3.0) -> Outcome:
    """Runs a fault in a fork of the cell."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(asdict(_outcome(cell, fault, seconds))).encode())
        except Exception:
            traceback.print_exc()
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
    outcome = measured(cell.run(seconds), began_ns)
    if "hardware" in cell.frozen:
        outcome.still_s = 0.0  # the mock's arm and patient stand with it
    cell.heal()
    outcome.latched = bool(outcome.states) and latched(cell.run(0.5))
    outcome.recovered = _recovers(cell)
    return outcome


def _recovers(cell):
    """Whether a person's reset and resume, or start where the planner began anew, let the examination go on."""
    cell.run(1.2)  # in which every state is said again
    if cell.latest["safety/state"].state == "retreat":
        cell.run(3.5)
    if cell.latest["safety/state"].state != "ok":
        granted, _ = cell.call("safety/reset")
        if not granted:
            return False
        cell.run(0.3)
    if cell.task.mode not in WORKING:  # an arm that stood while the patient breathed was pushed away
        cell.call("task/start" if cell.task.mode == "idle" else "task/resume")
    moved = any(t == "twin/probe_pose" for _, t, _ in cell.run(1.0))
    return moved and cell.task.mode in WORKING


if __name__ == "__main__":
    wanted = [w for w in sys.argv[1:] if w not in PHASES]
    cells = {phase: FaultyCell(CellConfig()).to_phase(phase) for phase in PHASES if phase in sys.argv or not {*sys.argv} & {*PHASES}}
    print(HEADER)
    for fault in (*FAULTS, *EACH_TOPIC):
        for phase, cell in cells.items():
            if not wanted or any(w in fault.name for w in wanted):
                print(row(fault.name, phase, inject(cell, fault)), flush=True)
