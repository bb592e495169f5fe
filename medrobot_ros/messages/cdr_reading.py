"""Signals from CDR bytes, read in place: what the control loop takes, ten times as fast as through a message."""

from collections.abc import Callable
from typing import Any

import numpy as np

from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.interfaces import topic
from medrobot_ros.messages.cdr_layout import BODY, DOUBLE, ENCAPSULATION, SOURCE, STAMP, framed, layout_and_length_of, length_of, named
from medrobot_ros.signals import Array, JointCommand, JointState, TwistCommand, Wrench


def _read_stamp(data: bytes) -> int:
    seconds, nanoseconds = STAMP.unpack_from(data, BODY)
    return int(seconds * 1_000_000_000 + nanoseconds)


def _values(data: bytes, head: bytes, at: int, count: int) -> Array | None:
    """The `count` finite float64 that follow `head` at `at`; None where other bytes lie there.

    A copy: to compiled functions an array that may not be written to is another type, which would be compiled in a tick.
    """
    start = at + len(head)
    if data[at:start] != head or len(data) < start + count * DOUBLE:
        return None
    values = np.frombuffer(data, "<f8", count, start).copy()
    return values if all_finite(values) else None


def _read_joints(data: bytes, names: tuple[str, ...]) -> JointState | None:
    n = len(names)
    head, length = named(names, n), length_of(n)
    values = _values(data, head, SOURCE, 3 * n + 2)  # three sequences, and between them the lengths of two, which are checked below
    at, step = SOURCE + len(head) + n * DOUBLE, (n + 1) * DOUBLE
    if values is None or data[at : at + DOUBLE] != length or data[at + step : at + step + DOUBLE] != length:
        return None
    return JointState(_read_stamp(data), values[:n], values[n + 1 : 2 * n + 1], values[2 * n + 2 :])


def _read_command(data: bytes, names: tuple[str, ...]) -> JointCommand | None:
    n = len(names)
    q = _values(data, layout_and_length_of(n), BODY, n)
    return None if q is None else JointCommand(0, q)


def _read_wrench(frame: str) -> Callable[[bytes, tuple[str, ...]], Wrench | None]:
    between = framed(frame)

    def read(data: bytes, names: tuple[str, ...]) -> Wrench | None:
        F = _values(data, between, SOURCE, 6)
        return None if F is None else Wrench(_read_stamp(data), frame, F)

    return read


def _read_twist(frame: str) -> Callable[[bytes, tuple[str, ...]], TwistCommand | None]:
    between = framed(frame)

    def read(data: bytes, names: tuple[str, ...]) -> TwistCommand | None:
        V = _values(data, between, SOURCE, 6)
        return None if V is None else TwistCommand(_read_stamp(data), V)

    return read


_READERS: dict[str, Callable[[bytes, tuple[str, ...]], Any]] = {
    "joint_states": _read_joints,
    "wrench": _read_wrench(topic("wrench").frame),
    "forward_position_controller/commands": _read_command,
    "probe/twist_command": _read_twist(topic("probe/twist_command").frame),
    "contact/wrench": _read_wrench(topic("contact/wrench").frame),
}

READABLE_TOPICS = frozenset(_READERS)


def from_bytes(name: str, data: bytes, joint_names: tuple[str, ...]) -> Any:
    """The signal in the CDR of one of `READABLE_TOPICS`; None where it is not laid out as `to_bytes` does.

    Another layout may still be a good message (other padding, another order of joints): the generic way decides.
    """
    return _READERS[name](data, joint_names) if data[:2] == ENCAPSULATION[:2] else None
