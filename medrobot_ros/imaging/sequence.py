"""Tracked sequences as PLUS and 3D Slicer write them (.igs.mha): images, and for each one its time, its status and its transforms.

There is one `Seq_FrameNNNN_<Name>Transform` field a transform and frame (row-major 4x4, mm). What is wrong with a single frame is noted
in its `problems`, so that the others can still be used; what is wrong with the file as a whole is a `DataError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.metaimage import Header, elements_of, read, row, shape_of, write
from medrobot_ros.signals import Array

IMAGES = ("MET_UCHAR",)
SCAN_LINES = ("MET_UCHAR", "MET_SHORT", "MET_INT")  # brightness, or radio-frequency echoes as PLUS records them
BRIGHTNESS = "BRIGHTNESS"


@dataclass(frozen=True)
class Frame:
    """What a sequence says about one image. Transforms (4, 4) in mm by name, such as `ProbeToTracker`; only those with status OK.

    `problems` names each field that is missing, invalid or unreadable.
    """

    time_s: float | None
    ok: bool
    transforms: Mapping[str, Array]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sequence:
    """Images `pixels` (frames, rows, columns), marked side left and near side up where the file tells its orientation.

    Scan lines are a line a row, the marked side's line first and the near sample first. `image_type` is the file's UltrasoundImageType.
    """

    path: Path
    pixels: NDArray[Any]
    spacing_mm: tuple[float, float]
    frames: tuple[Frame, ...]
    image_type: str = BRIGHTNESS


def read_sequence(path: Path, types: tuple[str, ...] = IMAGES) -> Sequence:
    """A sequence whose elements are of one of `types`, with what the file says about each frame. Raises: DataError."""
    header, data = read(path)
    kind = header.text("ElementType")
    if kind not in types:
        raise header.error(f"ElementType = {kind}: must be {' or '.join(types)}")
    shape = shape_of(header, 3)
    pixels = _near_and_marked_first(elements_of(header, data, shape), header.fields.get("UltrasoundImageOrientation", ""))
    beyond = [k for k in sorted(header.frames) if k >= shape[0]]
    if beyond:
        raise header.error(f"Seq_Frame{beyond[0]:04d} has no image: DimSize holds {shape[0]}")
    column_mm, row_mm, _ = header.numbers("ElementSpacing", 3, "1 1 1")
    frames = tuple(_frame(header, k, shape) for k in range(shape[0]))
    return Sequence(path, pixels, (column_mm, row_mm), frames, header.fields.get("UltrasoundImageType", BRIGHTNESS))


def write_sequence(path: Path, sequence: Sequence) -> None:
    """A compressed sequence, marked side left and near side up. Raises: DataError where the file cannot be written."""
    fields = {"ElementSpacing": row((*sequence.spacing_mm, 1.0)), "Offset": "0 0 0", "UltrasoundImageOrientation": "MFA"}
    fields["UltrasoundImageType"] = sequence.image_type
    for k, frame in enumerate(sequence.frames):
        for name, T in frame.transforms.items():
            fields[_name(k, f"{name}Transform")] = row(T.ravel())
            fields[_name(k, f"{name}TransformStatus")] = "OK"
        if frame.time_s is not None:
            fields[_name(k, "Timestamp")] = f"{frame.time_s:.6f}"
        fields[_name(k, "ImageStatus")] = "OK" if frame.ok else "INVALID"
    write(path, sequence.pixels, fields)


def _name(k: int, field: str) -> str:
    return f"Seq_Frame{k:04d}_{field}"


def _near_and_marked_first(pixels: NDArray[Any], orientation: str) -> NDArray[Any]:
    """The two letters name where the first and the second axis run to: M marked, U unmarked, F far, N near."""
    across, down = (slice(None, None, -1 if letter in ("U", "N") else 1) for letter in f"{orientation:2.2}")
    return pixels[:, down, across]


# --- one frame --------------------------------------------------------------------------------------------------------


def _frame(header: Header, k: int, shape: tuple[int, ...]) -> Frame:
    fields, problems = header.frames.get(k, {}), list[str]()
    if header.frames and not fields:
        problems.append(f"Seq_Frame{k:04d} has no fields")
    ok = _status_ok(k, "ImageStatus", fields, problems) and _same_size(k, fields, shape, problems)
    transforms = {}
    for name in (key.removesuffix("Transform") for key in fields if key.endswith("Transform")):
        numbers = _numbers(header, k, f"{name}Transform", 16, problems)
        if _status_ok(k, f"{name}TransformStatus", fields, problems) and numbers is not None:
            T = np.array(numbers).reshape(4, 4)
            if np.array_equal(T[3], (0.0, 0.0, 0.0, 1.0)):
                transforms[name] = T
            else:
                problems.append(f"{_name(k, name)}Transform does not end in 0 0 0 1")
    time = _numbers(header, k, "Timestamp", 1, problems) if "Timestamp" in fields else None
    return Frame(time[0] if time else None, ok, transforms, tuple(problems))


def _status_ok(k: int, key: str, fields: Mapping[str, str], problems: list[str]) -> bool:
    status = fields.get(key, "OK")
    if status != "OK":
        problems.append(f"{_name(k, key)} = {status}")
    return status == "OK"


def _same_size(k: int, fields: Mapping[str, str], shape: tuple[int, ...], problems: list[str]) -> bool:
    """A frame of another size than the file's, which PLUS records as `FrameSize`, has no pixels of its own here."""
    rows, columns = shape[1:]
    size = fields.get("FrameSize", f"{columns} {rows}")
    same = size.split()[:2] == [str(columns), str(rows)]
    if not same:
        problems.append(f"{_name(k, 'FrameSize')} = {size} where DimSize holds {columns} {rows}")
    return same


def _numbers(header: Header, k: int, key: str, count: int, problems: list[str]) -> tuple[float, ...] | None:
    try:
        return header.parsed(_name(k, key), header.frames[k][key], count)
    except DataError as e:
        problems.append(str(e).removeprefix(f"{header.path}: "))
        return None
