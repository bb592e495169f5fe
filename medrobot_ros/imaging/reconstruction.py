"""Volumes from tracked images: each pixel is spread over its eight nearest voxels, a voxel is the weighted mean of what it got."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.imaging.calibration import Calibration, Reconstruction, read_calibration
from medrobot_ros.imaging.sequence import Sequence, read_sequence
from medrobot_ros.imaging.volume import Volume, write_volume
from medrobot_ros.signals import Array

MARGIN_MM = 15.0  # that a growing volume grows by, so that it does so seldom
MAX_VOXELS = 1 << 29
MIN_WEIGHT = 1e-3  # of a pixel that a voxel needs to count as filled
RUN_SPACING_MM, RUN_STRIDE, RUN_STICK = 1.5, 2, 3  # of a robot's scan: half the pixels, in both directions, are finer than a voxel
STICKS = np.array(
    [(dz, dy, dx) for dz in (0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dz, dy, dx) > (0, 0, 0)], dtype=np.int64
)  # the 13 lines through a voxel and its neighbours


class Compounder:
    """Adds images one at a time to a mean volume that grows as they need it.

    `stride` skips pixels; `empty` leaves pixels of value 0 out, as outside a fan.
    """

    def __init__(self, spacing_mm: tuple[float, float, float], stride: int = 1, empty: bool = False, nearest: bool = False) -> None:
        self._spacing = np.asarray(spacing_mm, float)
        self._stride, self._empty, self._nearest = stride, empty, nearest
        self._sum: NDArray[np.float32] = np.zeros((0, 0, 0, 2), np.float32)  # (z, y, x, [value times weight, weight])
        self._low: NDArray[np.int64] = np.zeros(3, np.int64)  # the first voxel's index (x, y, z)
        self._anchor_mm: Array | None = None  # where voxel index (0, 0, 0) lies

    def reserve(self, low_mm: Array, high_mm: Array) -> None:
        """Makes room for the box between two corners (3,), exactly so when it is the first."""
        if self._anchor_mm is None:
            self._anchor_mm = np.array(low_mm, float)
        low = np.floor((low_mm - self._anchor_mm) / self._spacing + 1e-6).astype(np.int64)
        high = np.ceil((high_mm - self._anchor_mm) / self._spacing - 1e-6).astype(np.int64) + 1
        size = np.array(self._sum.shape[2::-1])
        if size.all() and (low >= self._low).all() and (high <= self._low + size).all():
            return
        if size.all():
            margin = np.ceil(MARGIN_MM / self._spacing).astype(np.int64)
            low = np.where(low < self._low, low - margin, self._low)
            high = np.where(high > self._low + size, high + margin, self._low + size)
        self._resize(low, high)

    def _resize(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
        size = high - low
        if np.prod(size.astype(float)) > MAX_VOXELS:
            raise DataError(f"the images span {' x '.join(f'{n * s:.0f}' for n, s in zip(size, self._spacing, strict=True))} mm: "
                            f"more than {MAX_VOXELS >> 20} million voxels")  # fmt: skip
        bigger = np.zeros((*size[::-1], 2), np.float32)
        if self._sum.size:
            at = (self._low - low)[::-1]
            bigger[tuple(slice(a, a + n) for a, n in zip(at, self._sum.shape[:3], strict=True))] = self._sum
        self._sum, self._low = bigger, low

    def add(self, pixels: NDArray[np.uint8], T_volume_pixel: Array) -> None:
        """One image (rows, columns); `T_volume_pixel` (4, 4) maps (column, row, 0, 1) into the volume's frame [mm]."""
        corners = image_corners(pixels.shape, T_volume_pixel)
        self.reserve(corners.min(axis=0), corners.max(axis=0))
        T = T_volume_pixel.copy()
        first_mm = self._anchor_mm + self._low * self._spacing
        T[:3, 3] -= first_mm
        T[:3] /= self._spacing[:, None]
        _splat(pixels, T, self._sum, self._stride, self._empty, self._nearest)

    def volume(self, stick: int = 0) -> Volume:
        """The mean so far; holes between filled voxels at most `stick` steps apart are filled."""
        weight = self._sum[..., 1]
        mean = np.divide(self._sum[..., 0], weight, out=np.zeros_like(weight), where=weight > MIN_WEIGHT)
        if stick:
            mean = _fill_holes(mean, weight, stick, STICKS)
        voxels = np.rint(mean).astype(np.uint8)
        offset = np.zeros(3) if self._anchor_mm is None else self._anchor_mm + self._low * self._spacing
        return Volume(voxels, tuple(self._spacing.tolist()), tuple(offset.tolist()))


def image_corners(shape: tuple[int, ...], T_volume_pixel: Array) -> Array:
    """Centres (4, 3) of an image's corner pixels in the volume's frame."""
    bottom, right = shape[0] - 1, shape[1] - 1
    corners = np.array([(x, y, 0.0, 1.0) for x in (0, right) for y in (0, bottom)])
    return (corners @ T_volume_pixel.T)[:, :3]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _splat(pixels, T, total, stride, empty, nearest):  # type: ignore[no-untyped-def]
    """Spreads pixels over `total` (z, y, x, 2); T maps (column, row) to voxel coordinates."""
    nz, ny, nx, _ = total.shape
    for row in range(0, pixels.shape[0], stride):
        for column in range(0, pixels.shape[1], stride):
            value = np.float32(pixels[row, column])
            if empty and value == 0:
                continue
            x = T[0, 0] * column + T[0, 1] * row + T[0, 3]
            y = T[1, 0] * column + T[1, 1] * row + T[1, 3]
            z = T[2, 0] * column + T[2, 1] * row + T[2, 3]
            if nearest:
                x, y, z = np.floor(x + 0.5), np.floor(y + 0.5), np.floor(z + 0.5)
            i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
            a, b, c = x - i, y - j, z - k
            for dk in range(2):
                wk = c if dk else 1.0 - c
                for dj in range(2):
                    wj = wk * (b if dj else 1.0 - b)
                    for di in range(2):
                        w = np.float32(wj * (a if di else 1.0 - a))
                        if w > 0 and 0 <= i + di < nx and 0 <= j + dj < ny and 0 <= k + dk < nz:
                            total[k + dk, j + dj, i + di, 0] += w * value
                            total[k + dk, j + dj, i + di, 1] += w


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill_holes(mean, weight, limit, sticks):  # type: ignore[no-untyped-def]
    """Each hole takes the distance-weighted mean of the ends of the shortest stick through it, at most `limit` steps long.

    PLUS's STICK method with one stick.
    """
    out = mean.copy()
    nz, ny, nx = mean.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if weight[z, y, x] > MIN_WEIGHT:
                    continue
                best = np.inf
                for s in range(sticks.shape[0]):
                    dz, dy, dx = sticks[s, 0], sticks[s, 1], sticks[s, 2]
                    a = _reach(weight, z, y, x, dz, dy, dx, limit - 1)
                    if a == 0:
                        continue
                    b = _reach(weight, z, y, x, -dz, -dy, -dx, limit - a)
                    if b == 0:
                        continue
                    length = (a + b) * np.sqrt(dz * dz + dy * dy + dx * dx)
                    if length < best:
                        best = length
                        there, back = mean[z + a * dz, y + a * dy, x + a * dx], mean[z - b * dz, y - b * dy, x - b * dx]
                        out[z, y, x] = (b * there + a * back) / (a + b)
    return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _reach(weight, z, y, x, dz, dy, dx, limit):  # type: ignore[no-untyped-def]
    """Steps to the first filled voxel in a direction, 0 where there is none within `limit`."""
    for n in range(1, limit + 1):
        z, y, x = z + dz, y + dy, x + dx
        if not (0 <= z < weight.shape[0] and 0 <= y < weight.shape[1] and 0 <= x < weight.shape[2]):
            return 0
        if weight[z, y, x] > MIN_WEIGHT:
            return n
    return 0


# --- what is compounded -----------------------------------------------------------------------------------------------


def compound(images: Iterable[tuple[NDArray[np.uint8], Array]], spacing_mm: float, stride: int = 1, stick: int = 0) -> Volume | None:
    """Mean volume of images with their `T_base_pixel` (4, 4) [m], in base [mm]; None where there are none.

    Pixels of value 0 lie outside the fan and do not count.
    """
    compounder, any_image = Compounder((spacing_mm,) * 3, stride, empty=True), False
    for pixels, T_base_pixel in images:
        any_image = True
        compounder.add(pixels, np.diag([1e3, 1e3, 1e3, 1.0]) @ T_base_pixel)
    return compounder.volume(stick) if any_image else None


def compound_run(images: Iterable[tuple[NDArray[np.uint8], Array]], out: Path) -> Volume | None:
    """The volume of a robot's scan, written to `out`; None, and no file, where there are no images."""
    volume = compound(images, RUN_SPACING_MM, RUN_STRIDE, RUN_STICK)
    if volume is not None:
        write_volume(out, volume)
    return volume


def reconstruct(
    frames: Iterable[NDArray[np.uint8]], T_reference_pixel: Iterable[Array], settings: Reconstruction
) -> Volume:
    """Volume in the reference frame of `frames` (rows, columns) with their transforms (4, 4) from pixels to mm."""
    tracked = [_clipped(pixels, T, settings.clip) for pixels, T in zip(frames, T_reference_pixel, strict=True)]
    compounder = Compounder(settings.spacing_mm, nearest=settings.interpolation == "NEAREST_NEIGHBOR")
    if tracked:
        corners = np.concatenate([image_corners(pixels.shape, T) for pixels, T in tracked])
        compounder.reserve(corners.min(axis=0), corners.max(axis=0))
    for pixels, T in tracked:
        compounder.add(pixels, T)
    return compounder.volume(settings.stick)


def _clipped(pixels: NDArray[np.uint8], T: Array, clip: tuple[int, int, int, int] | None) -> tuple[NDArray[np.uint8], Array]:
    """The part of an image inside (left, top, width, height), and its own transform."""
    if clip is None:
        return pixels, T
    left, top, width, height = clip
    shifted = T.copy()
    shifted[:3, 3] += T[:3, 0] * left + T[:3, 1] * top
    return pixels[top : top + height, left : left + width], shifted


def reconstruct_file(sequence: Path, calibration: Path, out: Path) -> dict[str, Any]:
    """Reconstructs a tracked sequence with PLUS's calibration and settings into `out`; returns what it did.

    Raises: DataError where a file is not what it should be.
    """
    images, setup = read_sequence(sequence), read_calibration(calibration)
    good = _tracked(images, setup)
    _check_clip(images, setup.reconstruction.clip, calibration)
    volume = reconstruct([images.pixels[k] for k, _ in good], [T for _, T in good], setup.reconstruction)
    write_volume(out, volume)
    return {
        "frames": len(good),
        "skipped": len(images.frames) - len(good),
        "size": list(volume.voxels.shape[::-1]),
        "spacing_mm": list(volume.spacing_mm),
        "offset_mm": [round(v, 4) for v in volume.offset_mm],
        "filled": round(float((volume.voxels > 0).mean()), 4),
    }


def _tracked(images: Sequence, setup: Calibration) -> list[tuple[int, Array]]:
    """(index, `T_reference_pixel` (4, 4) [mm]) of the frames whose image and transforms are good."""
    for name in ("ProbeToTracker", "ReferenceToTracker"):
        if not any(name in f.transforms for f in images.frames):
            raise DataError(f"{images.path}: no Seq_FrameNNNN_{name}Transform with status OK; the images have no poses")
    return [
        (k, inverse(f.transforms["ReferenceToTracker"]) @ f.transforms["ProbeToTracker"] @ setup.T_probe_pixel)
        for k, f in enumerate(images.frames)
        if f.ok and {"ProbeToTracker", "ReferenceToTracker"} <= f.transforms.keys()
    ]


def _check_clip(images: Sequence, clip: tuple[int, int, int, int] | None, calibration: Path) -> None:
    rows, columns = images.pixels.shape[1:]
    if clip is not None and (clip[0] + clip[2] > columns or clip[1] + clip[3] > rows):
        raise DataError(f"{calibration}: the clip rectangle {clip} is larger than the images of {images.path} ({columns} x {rows})")


def correlation_where_filled(a: Volume, b: Volume) -> float:
    """Normalised cross-correlation of two volumes at b's voxel centres where both are filled; NaN where they do not meet."""
    axes = [
        (o_b - o_a + s_b * np.arange(n)) / s_a
        for o_a, o_b, s_a, s_b, n in zip(a.offset_mm, b.offset_mm, a.spacing_mm, b.spacing_mm, b.voxels.shape[::-1], strict=True)
    ]
    at = np.meshgrid(*reversed(axes), indexing="ij")
    value = map_coordinates(a.voxels.astype(np.float32), at, order=1, cval=0.0)
    filled = map_coordinates((a.voxels > 0).astype(np.float32), at, order=1, cval=0.0) > 0.99
    both = filled & (b.voxels > 0)
    if both.sum() < 2:
        return float("nan")
    return float(np.corrcoef(value[both], b.voxels[both].astype(np.float32))[0, 1])
