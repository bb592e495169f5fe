"""A volume that takes tracked images one at a time, while they come, and grows as they need it."""

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError
from medrobot_ros.imaging import splat
from medrobot_ros.imaging.holes import fill_holes
from medrobot_ros.imaging.masks import Mask
from medrobot_ros.imaging.settings import LATEST, MAXIMUM, MEAN, NEAREST, RUNNING_MEAN, Reconstruction
from medrobot_ros.imaging.volume import Volume
from medrobot_ros.signals import Array

MARGIN_MM = 15.0  # that a growing volume grows by, so that it does so seldom
MAX_VOXELS = 1 << 29
OWN_ROWS: NDArray[np.float32] = np.zeros((0, 0), np.float32)
KERNELS = {MEAN: splat.MEAN, RUNNING_MEAN: splat.RUNNING_MEAN, MAXIMUM: splat.MAXIMUM, LATEST: splat.LATEST}


class Compounder:
    """Compounds images as `settings` say; of their pixels count each `stride`-th in both directions."""

    def __init__(self, settings: Reconstruction, stride: int = 1) -> None:
        self._settings, self._stride = settings, stride
        self._spacing = np.asarray(settings.spacing_mm, float)
        self._cells: NDArray[np.float32] = np.zeros((0, 0, 0, 2), np.float32)
        self._newest: NDArray[np.int32] = np.zeros((0, 0, 0), np.int32)
        self._low: NDArray[np.int64] = np.zeros(3, np.int64)  # the first voxel's index (x, y, z)
        self._anchor_mm: Array | None = None  # where voxel index (0, 0, 0) lies
        self.images = 0

    def reserve(self, low_mm: Array, high_mm: Array) -> None:
        """Makes room for the box between two corners (3,), exactly so when it is the first."""
        if self._anchor_mm is None:
            self._anchor_mm = np.array(low_mm, float)
        low = np.floor((low_mm - self._anchor_mm) / self._spacing + 1e-6).astype(np.int64)
        high = np.ceil((high_mm - self._anchor_mm) / self._spacing - 1e-6).astype(np.int64) + 1
        size = np.array(self._cells.shape[2::-1])
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
        room = tuple(slice(a, a + n) for a, n in zip((self._low - low)[::-1], self._cells.shape[:3], strict=True))
        cells = np.zeros((*size[::-1], 2), np.float32)
        if self._cells.size:
            cells[room] = self._cells
        self._newest = np.zeros(size[::-1] if self._settings.compounding == LATEST else (0, 0, 0), np.int32)  # the image to come has none
        self._cells, self._low = cells, low

    def add(self, pixels: NDArray[np.uint8], T_volume_pixel: Array, mask: Mask | None = None, rows: NDArray[np.float32] = OWN_ROWS) -> None:
        """One image (rows, columns), of which the pixels in `mask` count; `T_volume_pixel` (4, 4) maps (column, row, 0, 1) to mm.

        `rows` (rows, columns), where given, are the rows that the pixels' content belongs in.
        """
        corners = image_corners(pixels.shape, T_volume_pixel, *((rows.min(), rows.max()) if rows.size else ()))
        self.reserve(corners.min(axis=0), corners.max(axis=0))
        self.images += 1
        T = T_volume_pixel.copy()
        T[:3, 3] -= self._offset_mm()
        T[:3] /= self._spacing[:, None]
        counts = pixels >= self._settings.threshold
        if mask is not None:
            counts &= mask
        kernel, nearest = KERNELS[self._settings.compounding], self._settings.interpolation == NEAREST
        splat.splat(pixels, counts, rows, T, self._cells, self._newest, self.images, kernel, nearest, self._stride)

    def volume(self) -> Volume:
        """The volume so far, its holes filled."""
        values, weight = self._cells[..., 0], self._cells[..., 1]
        filled = weight > splat.MIN_WEIGHT
        if self._settings.compounding in (MEAN, LATEST):
            values = np.divide(values, weight, out=np.zeros_like(weight), where=filled)
        if self._settings.stick:
            values = fill_holes(np.ascontiguousarray(values), filled, self._settings.stick, self._settings.sticks)
        offset_mm = self._offset_mm()
        return Volume(np.rint(values).astype(np.uint8), tuple(self._spacing.tolist()), tuple(offset_mm.tolist()))

    def _offset_mm(self) -> Array:
        """Where the first voxel's centre lies (3,)."""
        return np.zeros(3) if self._anchor_mm is None else self._anchor_mm + self._low * self._spacing


def image_corners(shape: tuple[int, ...], T_volume_pixel: Array, top: float = 0.0, bottom: float | None = None) -> Array:
    """Centres (4, 3) of an image's corner pixels in the volume's frame, or of those between two rows."""
    last = shape[0] - 1 if bottom is None else bottom
    corners = np.array([(x, y, 0.0, 1.0) for x in (0, shape[1] - 1) for y in (top, last)])
    return (corners @ T_volume_pixel.T)[:, :3]
