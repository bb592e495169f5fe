"""Faults of the cell as a table. `faulty_cell` runs it in one process, `faulty_graph` over ROS 2."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.interfaces import TOPICS
from medrobot_ros.signals import StopRequest, inactive
from medrobot_ros.twin.patient import Pressed

COMMANDS, TWIST, TWIST_FIELD = "forward_position_controller/commands", "probe/twist_command", "V_base_probe_in_probe"
FULL_SPEED_M_PER_S = CellConfig().contact.max_speed_m_per_s

Change = Callable[["Faulty", Any], tuple[Any, ...]]


class Faulty(Protocol):
    """What can have a fault: a cell in one process, or that one process of the graph which the fault is in."""

    now_ns: int
    frozen: Any  # a set of nodes' names
    alter: Any  # takes a topic and a signal, answers with (topic, signal) pairs
    late: list[tuple[int, str, Any]]  # when to publish what

    def hardware(self) -> Any: ...

    def kill(self, node: str) -> None: ...

    def say(self, topic: str, signal: Any) -> None: ...


@dataclass(frozen=True)
class Frozen:
    """A node stands, as by SIGSTOP."""

    node: str

    def __call__(self, cell: Faulty) -> None:
        cell.frozen.add(self.node)


@dataclass(frozen=True)
class Killed:
    """A node ends at once; it is started again before the reset."""

    node: str

    def __call__(self, cell: Faulty) -> None:
        cell.kill(self.node)


@dataclass(frozen=True)
class Said:
    """Somebody says something on a topic, once."""

    topic: str
    signal: Any

    def __call__(self, cell: Faulty) -> None:
        cell.say(self.topic, self.signal)


@dataclass(frozen=True)
class Altered:
    """Each signal of a topic is replaced by what `change(cell, signal)` yields."""

    topic: str
    change: Change

    def __call__(self, cell: Faulty) -> None:
        cell.alter = lambda topic, signal: (
            [(topic, s) for s in self.change(cell, signal)] if topic == self.topic else [(topic, signal)]
        )


@dataclass(frozen=True)
class InHardware:
    """Something happens to the arm or the patient: `change(hardware, seconds)`, the latter a function of no arguments."""

    change: Callable[[Any, Callable[[], float]], None]

    def __call__(self, cell: Faulty) -> None:
        began_ns = cell.now_ns
        self.change(cell.hardware(), lambda: 1e-9 * (cell.now_ns - began_ns))


@dataclass(frozen=True)
class Fault:
    """`reaction`: 'stop' or 'retreat' by the supervisor, 'stands' without it, 'goes on', or 'any' of these."""

    name: str
    reaction: str
    begin: Callable[[Any], None]
    on_control_path: bool = True


# --- kinds of change --------------------------------------------------------------------------------------------------


def dropped(topic):
    return Altered(topic, lambda cell, s: ())


def twice(topic):
    return Altered(topic, lambda cell, s: (s, s))


def delayed(topic, seconds):
    def change(cell, signal):
        cell.late.append((cell.now_ns + round(seconds * 1e9), topic, signal))
        return ()

    return Altered(topic, change)


def swapped(topic):
    """Every second signal comes after the one that follows it."""
    held = []

    def change(cell, signal):
        if held:
            return (signal, held.pop())
        held.append(signal)
        return ()

    return Altered(topic, change)


def with_array(topic, field, change):
    """The array in `field` changed by `change(array, seconds since the first)`."""
    first = []

    def alter(cell, signal):
        now_ns = cell.now_ns  # of a process it goes on between two looks
        first.append(now_ns) if not first else None
        return (replace(signal, **{field: change(getattr(signal, field), 1e-9 * (now_ns - first[0]))}),)

    return Altered(topic, alter)


def stuck(topic, field):
    kept = []

    def change(array, t):
        kept.append(array) if not kept else None
        return kept[0]

    return with_array(topic, field, change)


def mirrored(topic, field):
    """The array turned about its first value: what changes does so the wrong way."""
    first = []

    def change(array, t):
        first.append(array) if not first else None
        return 2.0 * first[0] - array

    return with_array(topic, field, change)


def once(array, t, value):
    return np.full_like(array, value) if t == 0.0 else array


def corrupted(topic):
    """Nothing that a signal says is left: numbers are none, counts are negative, words mean nothing; only its stamp is whole."""
    return Altered(topic, lambda cell, s: (_corrupt(s),))


def _corrupt(value, name=""):
    if is_dataclass(value):
        return replace(value, **{f.name: _corrupt(getattr(value, f.name), f.name) for f in fields(value)})
    if isinstance(value, np.ndarray):
        return np.full_like(value, np.nan if value.dtype.kind == "f" else 0)
    if isinstance(value, (tuple, list)):
        return type(value)(_corrupt(v) for v in value)
    if isinstance(value, dict):
        return {k: _corrupt(v) for k, v in value.items()}
    if name == "stamp_ns" or value is None or isinstance(value, bool):
        return value
    return "?" if isinstance(value, str) else -1 if isinstance(value, int) else np.nan


def stamps(topic, seconds):
    return Altered(topic, lambda cell, s: (replace(s, stamp_ns=s.stamp_ns + round(seconds * 1e9)),))


def _altered_patient(alter):
    """The patient steps one by one, with constants that `alter(constants, time_s, seconds since the fault)` makes of the usual ones."""

    def change(hardware, seconds):
        patient = hardware._patient
        usual, advance = patient._constants, patient.advance

        def advance_altered(stamps_ns, first_s, step_s, T_base_probe):
            rows, count = [], len(T_base_probe)
            for k in range(count):
                time_s = first_s + k * step_s
                patient._constants = alter(usual, time_s, max(0.0, seconds() - (count - 1 - k) * step_s))
                rows.append(advance(stamps_ns[k : k + 1], time_s, step_s, T_base_probe[k : k + 1]).rows)
            return Pressed(stamps_ns, T_base_probe, np.concatenate(rows))

        patient.advance = advance_altered

    return InHardware(change)


def patient_moves(offset):
    """The skin under the probe moves by `offset(t)` [m] along its outward normal, besides its breathing and its pulse."""

    def alter(usual, time_s, t):
        at_rest, (breath_m, w, phase, pulse_m, w_pulse), *rest = usual
        return at_rest, (breath_m, w, phase, pulse_m * np.sin(w_pulse * time_s) + offset(t), 0.5 * np.pi / time_s), *rest  # its sine is 1

    return _altered_patient(alter)


def patient_shifts(offset_m, over_s):
    """The patient moves on the table by `offset_m` (3,) in base."""

    def alter(usual, time_s, t):
        T = usual[0].copy()
        T[:3, 3] += step(t, over_s, 1.0) * np.asarray(offset_m)
        return T, *usual[1:]

    return _altered_patient(alter)


def loaded(factor, for_s):
    """Every joint bears `factor` times its torque for a while."""

    def change(hardware, seconds):
        saturate = hardware._servo.saturate
        hardware._servo.saturate = lambda tau: saturate(factor * tau if seconds() < for_s else tau)

    return InHardware(change)


def standing(for_s):
    """The drives do nothing for a while, whatever they are sent."""

    def change(hardware, seconds):
        servo = hardware._servo
        plan = servo.plan
        servo.plan = lambda *told, **how: plan(*told, **how) if seconds() > for_s else servo._underway.clear()
        advance, stand = servo.advance, lambda step_s, q_set: np.tile(servo.q, (len(q_set), 1))
        servo.advance = lambda step_s, q_set: (advance if seconds() > for_s else stand)(step_s, q_set)

    return InHardware(change)


def held_twist(V_base_probe_in_probe):
    """The regulator is stuck: it asks for the same twist whatever it feels."""
    return with_array(TWIST, TWIST_FIELD, lambda a, t: np.array(V_base_probe_in_probe))


def _inactive(beat, node):
    return replace(beat, source=inactive(node)) if beat.source == node else beat


def bell(t, rise_s, height_m):
    """There and back, smoothly, in twice `rise_s`."""
    return height_m * 0.5 * (1.0 - np.cos(np.pi * t / rise_s)) if t < 2.0 * rise_s else 0.0


def step(t, rise_s, height_m):
    return height_m * 0.5 * (1.0 - np.cos(np.pi * min(t, rise_s) / rise_s))


# --- the table --------------------------------------------------------------------------------------------------------

FAULTS = (
    *(Fault(f"{n} freezes", "stop", Frozen(n)) for n in ("hardware", "kinematics", "contact")),
    Fault("safety freezes", "stands", Frozen("safety")),
    *(Fault(f"{n} freezes", "retreat", Frozen(n), False) for n in ("planner", "imaging", "surface")),
    *(Fault(f"{n} killed", "stop", Killed(n)) for n in ("hardware", "kinematics", "contact")),
    Fault("safety killed", "stands", Killed("safety")),
    *(Fault(f"{n} killed", "retreat", Killed(n), False) for n in ("planner", "imaging", "surface")),
    Fault("a person asks for a stop", "stop", Said("safety/stop", StopRequest(True))),
    Fault("contact says that it is not active", "stop", Altered("heartbeat", lambda cell, s: (_inactive(s, "contact"),))),
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
    Fault("F/T drifts by 4 N/s along the beam", "any", with_array("wrench", "F", lambda a, t: a + 4.0 * t * np.eye(6)[2])),
    Fault("F/T changes with the wrong sign", "any", mirrored("wrench", "F")),
    Fault("F/T sign flipped", "any", with_array("wrench", "F", lambda a, t: -a)),
    Fault("encoder jumps by 0.05 rad", "any", with_array("joint_states", "q", lambda a, t: a + 0.05)),
    Fault("clock steps back by 1 s", "any", stamps("joint_states", -1.0)),
    Fault("clock steps ahead by 10 s", "any", stamps("joint_states", 10.0)),
    Fault("the wrench's clock steps back by 1 s", "any", stamps("wrench", -1.0)),
    Fault("the wrench's clock steps ahead by 10 s", "any", stamps("wrench", 10.0)),
    Fault("patient coughs, 15 mm in 0.2 s", "any", patient_moves(lambda t: bell(t, 0.2, 0.015))),
    Fault("patient rises by 60 mm in 1 s", "any", patient_moves(lambda t: step(t, 1.0, 0.06))),
    Fault("patient sinks away by 60 mm in 0.5 s", "any", patient_moves(lambda t: step(t, 0.5, -0.06))),
    Fault("patient moves aside by 60 mm in 0.5 s", "any", patient_shifts((0.06, 0.0, 0.0), 0.5)),
    Fault("regulator stuck at full speed", "any", held_twist((0.0, 0.0, FULL_SPEED_M_PER_S, 0.0, 0.0, 0.0))),
    Fault("arm saturates for 1 s", "any", loaded(3.0, 1.0)),
    Fault("arm stands for 3 s, whatever it is sent", "any", standing(3.0)),
)

KINDS = {
    "lost": dropped,
    "twice": twice,
    "out of order": swapped,
    "0.1 s late": lambda topic: delayed(topic, 0.1),
    "corrupt": corrupted,
}
EACH_TOPIC = tuple(Fault(f"each {t.name} {kind}", "any", change(t.name)) for t in TOPICS if t.readers for kind, change in KINDS.items())

PHASES = ("move", "approach", "scan", "retreat")
