"""CDR bytes of the topics that come at the control rate, of status rows and of the planned skin, laid out by hand.

A generic serialiser costs tens of microseconds a message, more than a simulated tick can pay. These messages are an
optional header, texts that never change, and float64 sequences, so that only the stamp and the numbers have to be
filled in. Status rows are a list of texts. Other topics go through the generic serialiser.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from struct import Struct, pack
from typing import Any

import numpy as np

from medrobot_ros.interfaces import topic
from medrobot_ros.messages.cdr_layout import (
    DOUBLE,
    ENCAPSULATION,
    LENGTH,
    POSE,
    STAMP,
    framed,
    layout_and_length_of,
    length_of,
    named,
    padded,
    pose_values,
    stamped,
    text_of,
)
from medrobot_ros.messages.joints import numbered_joints
from medrobot_ros.messages.skin import POINT_SIZE_M, POINTS_MARKER, SKIN_MARKER, skin_colors
from medrobot_ros.messages.status import STATUS_ROWS
from medrobot_ros.messages.truth import PATIENT_VALUES, patient_values
from medrobot_ros.signals import Array

_ONE_STATUS = Struct("<IB3x")  # how many, and its level
_NOT_MOVED = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def _stamp(s: Any, names: tuple[str, ...]) -> bytes:
    return stamped(s.stamp_ns) + text_of(s.source)


def _joints(s: Any, names: tuple[str, ...]) -> bytes:
    n = len(s.q)
    length, between = length_of(n), named(names or numbered_joints(n), n)
    return b"".join((stamped(s.stamp_ns), between, s.q.tobytes(), length, s.qd.tobytes(), length, s.tau.tobytes()))


def _patient(s: Any, names: tuple[str, ...]) -> bytes:
    empty = LENGTH.pack(0)
    head = stamped(s.stamp_ns) + named(PATIENT_VALUES, len(PATIENT_VALUES))
    return head + np.array(patient_values(s)).tobytes() + empty + empty


def _command(s: Any, names: tuple[str, ...]) -> bytes:
    return ENCAPSULATION + layout_and_length_of(len(s.q)) + s.q.tobytes()


def _vector(field: str, frame: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    between = framed(frame)
    values: Callable[[Any], Array] = attrgetter(field)
    return lambda s, names: stamped(s.stamp_ns) + between + values(s).tobytes()


def _pose(field: str, frame: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    between = framed(frame)
    pose = attrgetter(field)
    return lambda s, names: stamped(s.stamp_ns) + between + pose_values(pose(s))


def _aligned(text: str) -> bytes:
    return padded(text_of(text), 4)


_key = lru_cache(maxsize=256)(_aligned)


def _status(name: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    """A DiagnosticArray of one status without a hardware id; padding is there for what follows."""
    row, texts = topic(name), STATUS_ROWS[name].texts
    no_frame = no_hardware = _aligned("")

    def write(s: Any, names: tuple[str, ...]) -> bytes:
        level, source, message, values = texts(row, s)
        parts = [stamped(s.stamp_ns), no_frame, _ONE_STATUS.pack(1, level), _aligned(source), _aligned(message), no_hardware]
        parts.append(LENGTH.pack(len(values)))
        for key, value in values[:-1]:
            parts += _key(key), _aligned(value)
        key, value = values[-1]
        return b"".join((*parts, _key(key), text_of(value)))

    return write


@lru_cache(maxsize=8)
def _marker(frame: str, count: int) -> tuple[bytes, bytes]:
    """What lies around the points of a MarkerArray of one marker: from its stamp to `count` points, and what comes after the colours."""
    one, nothing = LENGTH.pack(1), LENGTH.pack(0)
    body = one + bytes(STAMP.size) + _aligned(frame) + _aligned(SKIN_MARKER) + pack("<3i", 0, POINTS_MARKER, 0)
    body = padded(body, DOUBLE) + POSE.pack(*_NOT_MOVED) + pack("<3d", POINT_SIZE_M, POINT_SIZE_M, 0.0) + pack("<4f", 0.0, 0.0, 0.0, 1.0)
    body += bytes(8) + bytes(4)  # for ever, in a frame that is not locked
    body = padded(body + LENGTH.pack(count), DOUBLE)
    texture = _aligned("") + bytes(STAMP.size) + _aligned("") + _aligned("") + nothing
    after = texture + nothing + 3 * _aligned("") + nothing + bytes(1)  # no texture's places, no text, no mesh
    return body[len(one) + STAMP.size :], after


def _skin(frame: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    def write(s: Any, names: tuple[str, ...]) -> bytes:
        before, after = _marker(frame, len(s.points))
        colors = skin_colors(s.quality).astype("<f4").tobytes()
        stamp = STAMP.pack(*divmod(s.stamp_ns, 1_000_000_000))
        head = ENCAPSULATION + LENGTH.pack(1) + stamp
        return b"".join((head, before, s.points.tobytes(), LENGTH.pack(len(s.points)), colors, after))

    return write


def _of(make: Callable[[str, str], Callable[[Any, tuple[str, ...]], bytes]], name: str, field: str) -> Any:
    return make(field, topic(name).frame)


_WRITERS: dict[str, Callable[[Any, tuple[str, ...]], bytes]] = {
    "joint_states": _joints,
    "wrench": _of(_vector, "wrench", "F"),
    "forward_position_controller/commands": _command,
    "probe/pose": _of(_pose, "probe/pose", "T_base_probe"),
    "probe/twist": _of(_vector, "probe/twist", "V_base_probe_in_probe"),
    "probe/twist_command": _of(_vector, "probe/twist_command", "V_base_probe_in_probe"),
    "contact/wrench": _of(_vector, "contact/wrench", "F"),
    "safety/permit": _stamp,
    "heartbeat": _stamp,
    "twin/contact_wrench": _of(_vector, "twin/contact_wrench", "F_tissue_on_probe_in_probe"),
    "twin/probe_pose": _of(_pose, "twin/probe_pose", "T_base_probe"),
    "twin/skin_pose": _of(_pose, "twin/skin_pose", "T_base_skin"),
    "twin/patient": _patient,
    "scan/markers": _skin(topic("scan/markers").frame),
    **{name: _status(name) for name in STATUS_ROWS if topic(name).recorded},
}

FIXED_TOPICS = frozenset(_WRITERS)


def to_bytes(name: str, signal: Any, joint_names: tuple[str, ...]) -> bytes:
    """CDR of a signal on one of `FIXED_TOPICS`: byte for byte what the generic serialiser makes of it."""
    return _WRITERS[name](signal, joint_names)
