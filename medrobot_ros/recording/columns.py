"""Thousands of recorded messages of one topic as arrays, read from their CDR bytes at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.geometry.pose import rotation_from_quat_xyzw
from medrobot_ros.messages.cdr_layout import BODY, DOUBLE, LENGTH, SOURCE, STAMP
from medrobot_ros.signals import Array


def stamps_ns(messages: Sequence[bytes]) -> NDArray[np.int64]:
    """Stamps (N,) of messages that begin with a header."""
    heads = np.frombuffer(b"".join(m[BODY : BODY + STAMP.size] for m in messages), dtype=np.dtype("<i4, <u4"))
    return heads["f0"].astype(np.int64) * 1_000_000_000 + heads["f1"].astype(np.int64)


def sources(messages: Sequence[bytes]) -> list[str]:
    """The frame ids of messages that begin with a header."""
    text = SOURCE + LENGTH.size
    return [m[text : text + LENGTH.unpack_from(m, SOURCE)[0] - 1].decode(errors="replace") for m in messages]


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
    at = _skip_text(message, BODY + STAMP.size)
    return at + (BODY - at) % DOUBLE


def _positions(message: bytes) -> tuple[int, int]:
    """Where a JointState's positions begin, and how many there are."""
    at = _skip_text(message, BODY + STAMP.size)
    names, at = _length(message, at)
    for _ in range(names):
        at = _skip_text(message, at)
    count, at = _length(message, at)
    return at + (BODY - at) % DOUBLE, count


def _length(message: bytes, at: int) -> tuple[int, int]:
    """A sequence's length, and where what it counts begins."""
    at += (BODY - at) % LENGTH.size
    return int(LENGTH.unpack_from(message, at)[0]), at + LENGTH.size


def _skip_text(message: bytes, at: int) -> int:
    length, at = _length(message, at)
    return at + length


def _doubles(messages: Sequence[bytes], starts: Sequence[int], count: int) -> Array:
    size = count * DOUBLE
    data = b"".join(m[s : s + size] for m, s in zip(messages, starts, strict=True))
    return np.frombuffer(data, dtype="<f8").reshape(len(messages), count)
