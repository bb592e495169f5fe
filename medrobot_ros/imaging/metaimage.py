"""MetaImage files (.mha): volumes, and tracked sequences as PLUS and 3D Slicer write them. Millimetres, as the format has them.

A sequence carries one `Seq_FrameNNNN_<Name>Transform` line a transform and frame (row-major 4x4, mm), with its status,
a timestamp and an image status. Everything that is not as it should be is a `DataError` of one line.
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
from medrobot_ros.signals import Array

TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
LONGEST_LINE = 1 << 16
LONGEST_HEADER_LINES = 1 << 20
MAX_BYTES = 1 << 32  # of pixels, uncompressed
_SEQUENCE_KEY = re.compile(r"Seq_Frame(\d+)_(\w+)")


@dataclass(frozen=True)
class Volume:
    """`voxels` (nz, ny, nx); voxel (0, 0, 0)'s centre lies at `offset_mm` (x, y, z)."""

    voxels: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    offset_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """What a sequence says about one image. Transforms (4, 4) in mm by name, such as `ProbeToTracker`; only those with status OK."""

    time_s: float | None
    ok: bool
    transforms: Mapping[str, Array]


@dataclass(frozen=True)
class Sequence:
    """Images `pixels` (frames, rows, columns) uint8, marked side left and near side up where the file tells its orientation."""

    path: Path
    pixels: NDArray[np.uint8]
    spacing_mm: tuple[float, float]
    frames: tuple[Frame, ...]


@dataclass
class _Header:
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

    def transform(self, frame: int, key: str) -> Array:
        name = f"Seq_Frame{frame:04d}_{key}"
        T = np.array(self.parsed(name, self.frames[frame][key], 16)).reshape(4, 4)
        if not np.array_equal(T[3], (0.0, 0.0, 0.0, 1.0)):
            raise self.error(f"{name} does not end in 0 0 0 1")
        return T


# --- reading ----------------------------------------------------------------------------------------------------------


def read_volume(path: Path) -> Volume:
    """A volume. Raises: DataError."""
    header, data = _read(path)
    shape = _shape(header, 3)
    spacing = header.numbers("ElementSpacing", 3)
    offset = header.numbers("Offset", 3, header.fields.get("Position", "0 0 0"))
    return Volume(_elements(header, data, shape), spacing, offset)  # type: ignore[arg-type]


def read_sequence(path: Path) -> Sequence:
    """A sequence of 8-bit images with what the file says about each frame. Raises: DataError."""
    header, data = _read(path)
    kind = header.text("ElementType")
    if kind != "MET_UCHAR":
        raise header.error(f"ElementType = {kind}: a sequence of 8-bit images (MET_UCHAR) is needed")
    shape = _shape(header, 3)
    pixels = _upright(_elements(header, data, shape), header.fields.get("UltrasoundImageOrientation", ""))
    _check_frames(header, shape[0])
    column_mm, row_mm, _ = header.numbers("ElementSpacing", 3, "1 1 1")
    return Sequence(path, pixels, (column_mm, row_mm), tuple(_frame(header, k) for k in range(shape[0])))


def _read(path: Path) -> tuple[_Header, bytes]:
    """The header, and the bytes that follow it."""
    header = _Header(path)
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


def _read_field(header: _Header, line: bytes) -> str:
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


def _shape(header: _Header, dimensions: int) -> tuple[int, ...]:
    """(slowest, ..., fastest) size."""
    (found,) = header.numbers("NDims", 1)
    if found != dimensions:
        raise header.error(f"NDims = {found:g}: {dimensions} are needed")
    size = header.numbers("DimSize", dimensions)
    if any(n < 1 or n != int(n) for n in size):
        raise header.error(f"DimSize = {header.text('DimSize')} must be whole numbers above zero")
    return tuple(int(n) for n in reversed(size))


def _elements(header: _Header, data: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
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


def _inflated(header: _Header, data: bytes, expected: int) -> bytes:
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


def _check_frames(header: _Header, count: int) -> None:
    """Every image has its fields and the other way round."""
    beyond = [k for k in sorted(header.frames) if k >= count]
    if beyond:
        raise header.error(f"Seq_Frame{beyond[0]:04d} has no image: DimSize holds {count}")
    missing = [k for k in range(count) if k not in header.frames]
    if header.frames and missing:
        raise header.error(f"image {missing[0]} of {count} has no Seq_Frame{missing[0]:04d} fields")


def _frame(header: _Header, k: int) -> Frame:
    fields = header.frames.get(k, {})
    time = header.parsed(f"Seq_Frame{k:04d}_Timestamp", fields["Timestamp"], 1)[0] if "Timestamp" in fields else None
    names = [key.removesuffix("Transform") for key in fields if key.endswith("Transform")]
    transforms = {n: header.transform(k, f"{n}Transform") for n in names if fields.get(f"{n}TransformStatus", "OK") == "OK"}
    return Frame(time, fields.get("ImageStatus", "OK") == "OK", transforms)


def _upright(pixels: NDArray[Any], orientation: str) -> NDArray[Any]:
    """Marked side left and near side up. Scan lines (orientation FM, ...) stay as they are: a line a row."""
    if orientation[:1] == "U":
        pixels = pixels[:, :, ::-1]
    if orientation[:1] in ("M", "U") and orientation[1:2] == "N":
        pixels = pixels[:, ::-1, :]
    return pixels


# --- writing ----------------------------------------------------------------------------------------------------------


def write_volume(path: Path, volume: Volume) -> None:
    """A compressed volume. Raises: DataError where the file cannot be written."""
    fields = {"ElementSpacing": _row(volume.spacing_mm), "Offset": _row(volume.offset_mm)}
    _write(path, volume.voxels, fields)


def write_sequence(path: Path, sequence: Sequence) -> None:
    """A compressed sequence, marked side left and near side up. Raises: DataError where the file cannot be written."""
    fields = {"ElementSpacing": _row((*sequence.spacing_mm, 1.0)), "Offset": "0 0 0", "UltrasoundImageOrientation": "MFA"}
    for k, frame in enumerate(sequence.frames):
        for name, T in frame.transforms.items():
            fields[f"Seq_Frame{k:04d}_{name}Transform"] = _row(T.ravel())
            fields[f"Seq_Frame{k:04d}_{name}TransformStatus"] = "OK"
        if frame.time_s is not None:
            fields[f"Seq_Frame{k:04d}_Timestamp"] = f"{frame.time_s:.6f}"
        fields[f"Seq_Frame{k:04d}_ImageStatus"] = "OK" if frame.ok else "INVALID"
    _write(path, sequence.pixels, fields)


def _row(values: Iterable[float]) -> str:
    return " ".join(f"{v:.9g}" for v in values)


def _write(path: Path, elements: NDArray[Any], fields: Mapping[str, str]) -> None:
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
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "DimSize": " ".join(str(n) for n in reversed(elements.shape)),
        "ElementType": kind,
        **fields,
        "ElementDataFile": "LOCAL",
    }
    try:
        path.write_bytes("".join(f"{k} = {v}\n" for k, v in head.items()).encode() + data)
    except OSError as e:
        raise DataError(f"{path}: cannot be written ({e.strerror})") from None
