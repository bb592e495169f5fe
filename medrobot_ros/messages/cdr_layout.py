"""How CDR bytes lie: OMG CDR, little endian, aligned from byte 4 (DDS-XTypes 1.3, 7.4)."""

from functools import lru_cache
from struct import Struct

from medrobot_ros.geometry.pose import quat_xyzw
from medrobot_ros.signals import Array

ENCAPSULATION = b"\x00\x01\x00\x00"
BODY = len(ENCAPSULATION)
STAMP, BEGINNING = Struct("<iI"), Struct("<4siI")
LENGTH = Struct("<I")
POSE = Struct("<7d")
DOUBLE = 8
SOURCE = 12  # where a header's text begins: its length, then its characters


@lru_cache(maxsize=256)
def text_of(text: str) -> bytes:
    """A string: its length, its characters and a zero."""
    data = text.encode() + b"\x00"
    return LENGTH.pack(len(data)) + data


def padded(body: bytes, to: int) -> bytes:
    """`body` (which begins at the alignment origin) up to a multiple of `to`."""
    return body + bytes(-len(body) % to)


@lru_cache(maxsize=64)
def framed(frame: str) -> bytes:
    """What lies between a header's stamp and the float64 fields after it."""
    return padded(bytes(STAMP.size) + text_of(frame), DOUBLE)[STAMP.size :]


@lru_cache(maxsize=8)
def named(names: tuple[str, ...], count: int) -> bytes:
    """What lies between a JointState's stamp and its positions."""
    body = bytes(STAMP.size) + text_of("")
    body = padded(body, 4) + LENGTH.pack(len(names))
    for name in names:
        body = padded(body, 4) + text_of(name)
    return padded(padded(body, 4) + LENGTH.pack(count), DOUBLE)[STAMP.size :]


@lru_cache(maxsize=8)
def length_of(count: int) -> bytes:
    """What lies before a sequence of float64 that follows another."""
    return padded(LENGTH.pack(count), DOUBLE)


@lru_cache(maxsize=8)
def layout_and_length_of(count: int) -> bytes:
    """What lies before a Float64MultiArray's data: no dimensions, no offset, and its length."""
    return padded(bytes(8) + LENGTH.pack(count), DOUBLE)


def stamped(stamp_ns: int) -> bytes:
    """The beginning of a message with a header, up to its text."""
    return BEGINNING.pack(ENCAPSULATION, *divmod(stamp_ns, 1_000_000_000))


def pose_values(T: Array) -> bytes:
    """Position and quaternion of a pose (4, 4)."""
    return POSE.pack(*T[:3, 3].tolist(), *quat_xyzw(T[:3, :3]))
