"""A sweep as a film: images with their scale, in the time they took, as H.264 in an MP4."""

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError, MachineError
from medrobot_ros.imaging.preview import annotated
from medrobot_ros.signals import Image, ImageGeometry

MACROBLOCK = 16  # H.264 codes blocks of this size; frames are padded to it, never resampled


def write_cine(images: Callable[[], Iterable[Image]], geometry: ImageGeometry | None, out: Path, source: Path) -> int:
    """Writes the images at their mean rate into `out`; returns how many. `source` names where they come from in errors.

    They are gone through twice: to check them and find their rate, then to write them, one at a time.
    Raises: DataError where there is no film in them or `out` is no MP4; MachineError without imageio-ffmpeg.
    """
    if out.suffix.lower() != ".mp4":
        raise DataError(f"{out}: a cine is written as .mp4")
    if not out.parent.is_dir():
        raise DataError(f"{out}: cannot be written (its folder does not exist)")
    ffmpeg = _ffmpeg()
    if geometry is None:
        raise DataError(f"{source}: no image/geometry was recorded, so the images have no scale")
    count, rate_hz = _checked(images(), geometry, source)
    frames = (_padded(annotated(image.pixels, geometry)) for image in images())
    first = next(frames)
    writer = ffmpeg.write_frames(
        str(out), first.shape[::-1], pix_fmt_in="gray", fps=rate_hz, codec="libx264", macro_block_size=MACROBLOCK, quality=8,
        ffmpeg_log_level="error",
    )  # fmt: skip
    try:
        writer.send(None)
        for frame in chain((first,), frames):
            writer.send(np.ascontiguousarray(frame))
        writer.close()
    except OSError as e:
        raise DataError(f"{out}: cannot be written ({' '.join(str(e).split())[-200:]})") from None
    return count


def _checked(images: Iterable[Image], geometry: ImageGeometry, source: Path) -> tuple[int, float]:
    """How many images there are, and how many a second."""
    size = (geometry.rows, geometry.columns)
    stamps_ns: list[int] = []
    for number, image in enumerate(images):
        if image.pixels.shape != size:
            raise DataError(f"{source}: image {number}: pixels are {image.pixels.shape}, image/geometry says {size}")
        if stamps_ns and image.stamp_ns <= stamps_ns[-1]:
            raise DataError(f"{source}: image {number}: stamp_ns {image.stamp_ns} is not after that of the image before")
        stamps_ns.append(image.stamp_ns)
    if len(stamps_ns) < 2:
        raise DataError(f"{source}: images: {len(stamps_ns)} found, a film needs two")
    return len(stamps_ns), (len(stamps_ns) - 1) / (1e-9 * (stamps_ns[-1] - stamps_ns[0]))


def _padded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = pixels.shape
    return np.pad(pixels, ((0, -rows % MACROBLOCK), (0, -columns % MACROBLOCK)))


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise MachineError("a cine needs imageio-ffmpeg; install the extra: pip install 'medrobot_ros[cine]'") from None
    return imageio_ffmpeg
