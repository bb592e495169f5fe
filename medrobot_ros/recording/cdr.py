"""CDR bytes of the topics that come at the control rate, of status rows and of the planned skin, laid out by hand.

A generic serialiser costs tens of microseconds a message, more than a simulated tick can pay. These messages are an
optional header, texts that never change, and float64 sequences, so that only the stamp and the numbers have to be
filled in, and thousands of recorded messages can be read at once. Status rows are a list of texts. Other topics go through
the generic serialiser.
Encoding: OMG CDR, little endian, aligned from byte 4 (DDS-XTypes 1.3, 7.4).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from struct import Struct, pack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.geometry.pose import quat_xyzw, rotation_from_quat_xyzw
from medrobot_ros.interfaces import topic
from medrobot_ros.messages import (
    PATIENT_VALUES,
    POINT_SIZE_M,
    POINTS_MARKER,
    SKIN_MARKER,
    STATUS_ROWS,
    numbered_joints,
    patient_values,
    skin_colors,
)
from medrobot_ros.signals import Array, JointCommand, JointState, TwistCommand, Wrench

_ENCAPSULATION = b"\x00\x01\x00\x00"
_BODY = len(_ENCAPSULATION)
_STAMP, _BEGINNING = Struct("<iI"), Struct("<4siI")
_LENGTH = Struct("<I")
_POSE = Struct("<7d")
_ONE_STATUS = Struct("<IB3x")  # how many, and its level
_DOUBLE = 8
_NOT_MOVED = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


@lru_cache(maxsize=256)
def _text(text: str) -> bytes:
    data = text.encode() + b"\x00"
    return _LENGTH.pack(len(data)) + data


def _pad(body: bytes, to: int) -> bytes:
    """`body` (which begins at the alignment origin) up to a multiple of `to`."""
    return body + bytes(-len(body) % to)


@lru_cache(maxsize=64)
def _framed(frame: str) -> bytes:
    """What lies between a header's stamp and the float64 fields after it."""
    return _pad(bytes(_STAMP.size) + _text(frame), _DOUBLE)[_STAMP.size :]


@lru_cache(maxsize=8)
def _named(names: tuple[str, ...], count: int) -> bytes:
    """What lies between a JointState's stamp and its positions."""
    body = bytes(_STAMP.size) + _text("")
    body = _pad(body, 4) + _LENGTH.pack(len(names))
    for name in names:
        body = _pad(body, 4) + _text(name)
    return _pad(_pad(body, 4) + _LENGTH.pack(count), _DOUBLE)[_STAMP.size :]


@lru_cache(maxsize=8)
def _length_of(count: int) -> bytes:
    """What lies before a sequence of float64 that follows another."""
    return _pad(_LENGTH.pack(count), _DOUBLE)


@lru_cache(maxsize=8)
def _layout_and_length_of(count: int) -> bytes:
    """What lies before a Float64MultiArray's data: no dimensions, no offset, and its length."""
    return _pad(bytes(8) + _LENGTH.pack(count), _DOUBLE)


def _stamped(stamp_ns: int) -> bytes:
    return _BEGINNING.pack(_ENCAPSULATION, *divmod(stamp_ns, 1_000_000_000))


def _pose_values(T: Array) -> bytes:
    return _POSE.pack(*T[:3, 3].tolist(), *quat_xyzw(T[:3, :3]))


# --- writing ----------------------------------------------------------------------------------------------------------


def _stamp(s: Any, names: tuple[str, ...]) -> bytes:
    return _stamped(s.stamp_ns) + _text(s.source)


def _joints(s: Any, names: tuple[str, ...]) -> bytes:
    n = len(s.q)
    length, between = _length_of(n), _named(names or numbered_joints(n), n)
    return b"".join((_stamped(s.stamp_ns), between, s.q.tobytes(), length, s.qd.tobytes(), length, s.tau.tobytes()))


def _patient(s: Any, names: tuple[str, ...]) -> bytes:
    empty = _LENGTH.pack(0)
    head = _stamped(s.stamp_ns) + _named(PATIENT_VALUES, len(PATIENT_VALUES))
    return head + np.array(patient_values(s)).tobytes() + empty + empty


def _command(s: Any, names: tuple[str, ...]) -> bytes:
    return _ENCAPSULATION + _layout_and_length_of(len(s.q)) + s.q.tobytes()


def _vector(field: str, frame: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    between = _framed(frame)
    values: Callable[[Any], Array] = attrgetter(field)
    return lambda s, names: _stamped(s.stamp_ns) + between + values(s).tobytes()


def _pose(field: str, frame: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    between = _framed(frame)
    pose = attrgetter(field)
    return lambda s, names: _stamped(s.stamp_ns) + between + _pose_values(pose(s))


def _aligned(text: str) -> bytes:
    return _pad(_text(text), 4)


_key = lru_cache(maxsize=256)(_aligned)


def _status(name: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    """A DiagnosticArray of one status without a hardware id; padding is there for what follows."""
    row, texts = topic(name), STATUS_ROWS[name].texts
    no_frame = no_hardware = _aligned("")

    def write(s: Any, names: tuple[str, ...]) -> bytes:
        level, source, message, values = texts(row, s)
        parts = [_stamped(s.stamp_ns), no_frame, _ONE_STATUS.pack(1, level), _aligned(source), _aligned(message), no_hardware]
        parts.append(_LENGTH.pack(len(values)))
        for key, value in values[:-1]:
            parts += _key(key), _aligned(value)
        key, value = values[-1]
        return b"".join((*parts, _key(key), _text(value)))

    return write


@lru_cache(maxsize=8)
def _marker(frame: str, count: int) -> tuple[bytes, bytes]:
    """What lies around the points of a MarkerArray of one marker: from its stamp to `count` points, and what comes after the colours."""
    one, nothing = _LENGTH.pack(1), _LENGTH.pack(0)
    body = one + bytes(_STAMP.size) + _aligned(frame) + _aligned(SKIN_MARKER) + pack("<3i", 0, POINTS_MARKER, 0)
    body = _pad(body, _DOUBLE) + _POSE.pack(*_NOT_MOVED) + pack("<3d", POINT_SIZE_M, POINT_SIZE_M, 0.0) + pack("<4f", 0.0, 0.0, 0.0, 1.0)
    body += bytes(8) + bytes(4)  # for ever, in a frame that is not locked
    body = _pad(body + _LENGTH.pack(count), _DOUBLE)
    texture = _aligned("") + bytes(_STAMP.size) + _aligned("") + _aligned("") + nothing
    after = texture + nothing + 3 * _aligned("") + nothing + bytes(1)  # no texture's places, no text, no mesh
    return body[len(one) + _STAMP.size :], after


def _skin(frame: str) -> Callable[[Any, tuple[str, ...]], bytes]:
    def write(s: Any, names: tuple[str, ...]) -> bytes:
        before, after = _marker(frame, len(s.points))
        colors = skin_colors(s.quality).astype("<f4").tobytes()
        stamp = _STAMP.pack(*divmod(s.stamp_ns, 1_000_000_000))
        head = _ENCAPSULATION + _LENGTH.pack(1) + stamp
        return b"".join((head, before, s.points.tobytes(), _LENGTH.pack(len(s.points)), colors, after))

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
        rows[:, _BODY : _BODY + _STAMP.size] = stamps.astype("<i4").view(np.uint8)  # the nanoseconds have no sign bit either
    for values in reversed(_NUMBERS[name](signals)):
        begin = end - _DOUBLE * values.shape[1]
        rows[:, begin:end] = values.astype("<f8", order="C").view(np.uint8)
        end = begin - _DOUBLE  # with the length before it
    return rows


# --- reading one ------------------------------------------------------------------------------------------------------

_SOURCE = 12  # where a header's text begins: its length, then its characters


def _read_stamp(data: bytes) -> int:
    seconds, nanoseconds = _STAMP.unpack_from(data, _BODY)
    return int(seconds * 1_000_000_000 + nanoseconds)


def _values(data: bytes, head: bytes, at: int, count: int) -> Array | None:
    """The `count` finite float64 that follow `head` at `at`; None where other bytes lie there.

    A copy: to compiled functions an array that may not be written to is another type, which would be compiled in a tick.
    """
    start = at + len(head)
    if data[at:start] != head or len(data) < start + count * _DOUBLE:
        return None
    values = np.frombuffer(data, "<f8", count, start).copy()
    return values if all_finite(values) else None


def _read_joints(data: bytes, names: tuple[str, ...]) -> JointState | None:
    n = len(names)
    head, length = _named(names, n), _length_of(n)
    q = _values(data, head, _SOURCE, n)
    at = _SOURCE + len(head) + n * _DOUBLE
    qd = _values(data, length, at, n)
    tau = _values(data, length, at + len(length) + n * _DOUBLE, n)
    return None if q is None or qd is None or tau is None else JointState(_read_stamp(data), q, qd, tau)


def _read_command(data: bytes, names: tuple[str, ...]) -> JointCommand | None:
    n = len(names)
    q = _values(data, _layout_and_length_of(n), _BODY, n)
    return None if q is None else JointCommand(0, q)


def _read_wrench(frame: str) -> Callable[[bytes, tuple[str, ...]], Wrench | None]:
    between = _framed(frame)

    def read(data: bytes, names: tuple[str, ...]) -> Wrench | None:
        F = _values(data, between, _SOURCE, 6)
        return None if F is None else Wrench(_read_stamp(data), frame, F)

    return read


def _read_twist(frame: str) -> Callable[[bytes, tuple[str, ...]], TwistCommand | None]:
    between = _framed(frame)

    def read(data: bytes, names: tuple[str, ...]) -> TwistCommand | None:
        V = _values(data, between, _SOURCE, 6)
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
    return _READERS[name](data, joint_names) if data[:2] == _ENCAPSULATION[:2] else None


# --- reading many -----------------------------------------------------------------------------------------------------


def stamps_ns(messages: Sequence[bytes]) -> NDArray[np.int64]:
    """Stamps (N,) of messages that begin with a header."""
    heads = np.frombuffer(b"".join(m[_BODY : _BODY + _STAMP.size] for m in messages), dtype=np.dtype("<i4, <u4"))
    return heads["f0"].astype(np.int64) * 1_000_000_000 + heads["f1"].astype(np.int64)


def sources(messages: Sequence[bytes]) -> list[str]:
    """The frame ids of messages that begin with a header."""
    text = _SOURCE + _LENGTH.size
    return [m[text : text + _LENGTH.unpack_from(m, _SOURCE)[0] - 1].decode(errors="replace") for m in messages]


def vectors(messages: Sequence[bytes], count: int) -> Array:
    """The `count` float64 (N, count) after the header of each message: a wrench, a twist, or a pose."""
    return _doubles(messages, [_after_header(m) for m in messages], count)


def joint_positions(messages: Sequence[bytes]) -> Array:
    """Positions (N, n) of joint states that all have the same names."""
    start, count = _positions(messages[0])
    return _doubles(messages, [start] * len(messages), count)


def poses(messages: Sequence[bytes]) -> Array:
    """Poses (N, 4, 4) of PoseStamped messages."""
    v = vectors(messages, 7)
    T = np.tile(np.eye(4), (len(v), 1, 1))
    T[:, :3, :3] = np.moveaxis(rotation_from_quat_xyzw(*v[:, 3:].T), -1, 0)
    T[:, :3, 3] = v[:, :3]
    return T


def _after_header(message: bytes) -> int:
    at = _skip_text(message, _BODY + _STAMP.size)
    return at + (_BODY - at) % _DOUBLE


def _positions(message: bytes) -> tuple[int, int]:
    """Where a JointState's positions begin, and how many there are."""
    at = _skip_text(message, _BODY + _STAMP.size)
    names, at = _length(message, at)
    for _ in range(names):
        at = _skip_text(message, at)
    count, at = _length(message, at)
    return at + (_BODY - at) % _DOUBLE, count


def _length(message: bytes, at: int) -> tuple[int, int]:
    """A sequence's length, and where what it counts begins."""
    at += (_BODY - at) % _LENGTH.size
    return int(_LENGTH.unpack_from(message, at)[0]), at + _LENGTH.size


def _skip_text(message: bytes, at: int) -> int:
    length, at = _length(message, at)
    return at + length


def _doubles(messages: Sequence[bytes], starts: Sequence[int], count: int) -> Array:
    size = count * _DOUBLE
    data = b"".join(m[s : s + size] for m, s in zip(messages, starts, strict=True))
    return np.frombuffer(data, dtype="<f8").reshape(len(messages), count)
