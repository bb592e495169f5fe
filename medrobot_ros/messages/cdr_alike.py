"""CDR bytes of many signals of one topic at once, which the recorder of a simulation has: what they share is laid out once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.geometry.pose import quat_xyzw
from medrobot_ros.messages.cdr_layout import BODY, DOUBLE, STAMP
from medrobot_ros.messages.cdr_writing import to_bytes
from medrobot_ros.messages.truth import patient_values
from medrobot_ros.signals import Array


def _fields(*names: str) -> Callable[[Sequence[Any]], list[Array]]:
    return lambda signals: [_stacked(signals, name).reshape(len(signals), -1) for name in names]


def _stacked(signals: Sequence[Any], name: str) -> Array:
    """A field of all of them, laid end to end: several times as quick as making an array of arrays."""
    return np.concatenate([getattr(s, name) for s in signals])


def _poses(name: str) -> Callable[[Sequence[Any]], list[Array]]:
    def numbers(signals: Sequence[Any]) -> list[Array]:
        T = _stacked(signals, name).reshape(-1, 4, 4)
        return [np.hstack((T[:, :3, 3], [quat_xyzw(R) for R in T[:, :3, :3]]))]

    return numbers


def _patients(signals: Sequence[Any]) -> list[Array]:
    """What follows are two empty sequences, whose lengths take as much room as that of one that is not."""
    return [np.array([patient_values(s) for s in signals]), np.empty((len(signals), 0))]


_NUMBERS: dict[str, Callable[[Sequence[Any]], list[Array]]] = {  # nothing else changes in these topics, but for the stamp
    "joint_states": _fields("q", "qd", "tau"),
    "wrench": _fields("F"),
    "forward_position_controller/commands": _fields("q"),
    "probe/pose": _poses("T_base_probe"),
    "probe/twist": _fields("V_base_probe_in_probe"),
    "probe/twist_command": _fields("V_base_probe_in_probe"),
    "contact/wrench": _fields("F"),
    "twin/contact_wrench": _fields("F_tissue_on_probe_in_probe"),
    "twin/probe_pose": _poses("T_base_probe"),
    "twin/skin_pose": _poses("T_base_skin"),
    "twin/patient": _patients,
    "safety/permit": _fields(),
    "heartbeat": _fields(),
}
_WITHOUT_STAMP = "forward_position_controller/commands"

ALIKE_TOPICS, SOURCED_TOPICS = frozenset(_NUMBERS), frozenset(("safety/permit", "heartbeat"))


def to_bytes_alike(name: str, signals: Sequence[Any], joint_names: tuple[str, ...]) -> NDArray[np.uint8]:
    """`to_bytes` (n, bytes) of signals on one of `ALIKE_TOPICS`, all with as many numbers, or of one source on one of
    `SOURCED_TOPICS`: what they share is laid out once.
    """
    first = np.frombuffer(to_bytes(name, signals[0], joint_names), np.uint8)
    rows, end = np.tile(first, (len(signals), 1)), len(first)
    if name != _WITHOUT_STAMP:
        stamps = np.column_stack(divmod(np.array([s.stamp_ns for s in signals]), 1_000_000_000))
        rows[:, BODY : BODY + STAMP.size] = stamps.astype("<i4").view(np.uint8)  # the nanoseconds have no sign bit either
    for values in reversed(_NUMBERS[name](signals)):
        begin = end - DOUBLE * values.shape[1]
        rows[:, begin:end] = values.astype("<f8", order="C").view(np.uint8)
        end = begin - DOUBLE  # with the length before it
    return rows
