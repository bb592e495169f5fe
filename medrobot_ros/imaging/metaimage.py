"""The MetaImage format (.mha): a header of text fields, some of them of single frames, and elements in the same file.

Everything that is not as it should be is a `DataError` of one line that names the file and the field.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError

TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
ALONG_THE_AXES = "1 0 0 0 1 0 0 0 1"  # the TransformMatrix of what is not turned
LONGEST_LINE = 1 << 16
LONGEST_HEADER_LINES = 1 << 20
MAX_BYTES = 1 << 32  # of pixels, uncompressed
_SEQUENCE_KEY = re.compile(r"Seq_Frame(\d+)_(\w+)")


@dataclass
class Header:
    """The fields of a file in their own text, and those of each frame."""

    path: Path
    fields: dict[str, str] = field(default_factory=dict)
    frames: dict[int, dict[str, str]] = field(default_factory=dict)

    def error(self, text: str) -> DataError:
        return DataError(f"{self.path}: {text}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.fields.get(key, default)
        if value is None:
            raise self.error(f"{key} is missing from the header")
        return value

    def numbers(self, key: str, count: int, default: str | None = None) -> tuple[float, ...]:
        return self.parsed(key, self.text(key, default), count)

    def parsed(self, key: str, text: str, count: int) -> tuple[float, ...]:
        try:
            values = tuple(float(t) for t in text.split())
        except ValueError:
            raise self.error(f"{key} = '{text[:60]}' is not a row of numbers") from None
        if len(values) != count or not all(isfinite(v) for v in values):
            raise self.error(f"{key} must be {count} finite numbers, not '{text[:60]}'")
        return values

    def flag(self, key: str) -> bool:
        value = self.text(key, "False")
        if value not in ("True", "False"):
            raise self.error(f"{key} = '{value}' must be True or False")
        return value == "True"


# --- reading ----------------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[Header, bytes]:
    """The header, and the bytes that follow it."""
    header = Header(path)
    try:
        with path.open("rb") as f:
            for _ in range(LONGEST_HEADER_LINES):
                line = f.readline(LONGEST_LINE)
                if _read_field(header, line) == "ElementDataFile":
                    break
            data = f.read()
    except OSError as e:
        raise header.error(f"cannot be read ({e.strerror})") from None
    if header.text("ElementDataFile") != "LOCAL":
        raise header.error(f"ElementDataFile = {header.fields['ElementDataFile'][:60]}: pixels must be in the same file (LOCAL)")
    return header, data


def _read_field(header: Header, line: bytes) -> str:
    """Takes one header line; returns its key."""
    try:
        key, equals, value = line.decode("ascii").partition("=")
    except UnicodeDecodeError:
        equals = ""
    if not equals:
        known = "its header ends before ElementDataFile" if header.fields else "not a MetaImage file"
        raise header.error(known)
    key, value = key.strip(), value.strip()
    of_frame = _SEQUENCE_KEY.fullmatch(key)
    fields = header.frames.setdefault(int(of_frame[1]), {}) if of_frame else header.fields
    name = of_frame[2] if of_frame else key
    if name in fields:
        raise header.error(f"{key} appears twice")
    fields[name] = value
    return key


def shape_of(header: Header, dimensions: int) -> tuple[int, ...]:
    """(slowest, ..., fastest) size."""
    (found,) = header.numbers("NDims", 1)
    if found != dimensions:
        raise header.error(f"NDims = {found:g}: {dimensions} are needed")
    size = header.numbers("DimSize", dimensions)
    if any(n < 1 or n != int(n) for n in size):
        raise header.error(f"DimSize = {header.text('DimSize')} must be whole numbers above zero")
    return tuple(int(n) for n in reversed(size))


def elements_of(header: Header, data: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    kind, (channels,) = header.text("ElementType"), header.numbers("ElementNumberOfChannels", 1, "1")
    if kind not in TYPES:
        raise header.error(f"ElementType = {kind}: must be one of {', '.join(TYPES)}")
    if channels != 1:
        raise header.error(f"ElementNumberOfChannels = {channels:g}: one is needed")
    big_endian = header.flag("BinaryDataByteOrderMSB") or header.flag("ElementByteOrderMSB")
    dtype = np.dtype((">" if big_endian else "<") + TYPES[kind])
    expected = prod(shape) * dtype.itemsize
    if expected > MAX_BYTES:
        raise header.error(f"DimSize = {header.text('DimSize')}: larger than {MAX_BYTES >> 30} GiB")
    raw = _inflated(header, data, expected) if header.flag("CompressedData") else data
    if len(raw) != expected:
        problem = "truncated" if len(raw) < expected else "longer than its header says"
        raise header.error(f"{problem}: {len(raw)} bytes of pixels where DimSize needs {expected}")
    return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _inflated(header: Header, data: bytes, expected: int) -> bytes:
    """The zlib stream's content, at most one byte more than expected."""
    if "CompressedDataSize" in header.fields:
        (size,) = header.numbers("CompressedDataSize", 1)
        if len(data) < size:
            raise header.error(f"truncated: {len(data)} of {size:.0f} bytes of compressed pixels")
    inflator = zlib.decompressobj()
    try:
        raw = inflator.decompress(data, expected + 1)
    except zlib.error as e:
        raise header.error(f"its compressed pixels are broken ({' '.join(str(e).split())})") from None
    if not inflator.eof and len(raw) <= expected:
        raise header.error(f"truncated: the compressed pixels end after {len(raw)} of {expected} bytes")
    return raw


# --- writing ----------------------------------------------------------------------------------------------------------


def row(values: Iterable[float]) -> str:
    """Numbers as a field's text."""
    return " ".join(f"{v:.9g}" for v in values)


def write(path: Path, elements: NDArray[Any], fields: Mapping[str, str]) -> None:
    """A compressed file of these elements, slowest axis first. Raises: DataError where it cannot be written."""
    kind = next((k for k, t in TYPES.items() if elements.dtype == np.dtype(t)), None)
    if kind is None:
        raise DataError(f"{path}: elements of type {elements.dtype} have no MetaImage type")
    data = zlib.compress(np.ascontiguousarray(elements, elements.dtype.newbyteorder("<")).tobytes(), 3)
    head = {
        "ObjectType": "Image",
        "NDims": str(elements.ndim),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(data)),
        "TransformMatrix": ALONG_THE_AXES,
        "DimSize": " ".join(str(n) for n in reversed(elements.shape)),
        "ElementType": kind,
        **fields,
        "ElementDataFile": "LOCAL",
    }
    try:
        path.write_bytes("".join(f"{k} = {v}\n" for k, v in head.items()).encode() + data)
    except OSError as e:
        raise DataError(f"{path}: cannot be written ({e.strerror})") from None
