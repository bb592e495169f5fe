"""A B-mode and a volume in plain numpy, as one writes them without compiled loops: peers to time ours against.

The B-mode has straight rays through the same chart, labels, tables and scatterers. It leaves out refraction, slices, points, echoes of
echoes and noise, and meets every interface head on.
"""

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy import LOW_M, VOXEL_M
from medrobot_ros.twin.path import GAIN
from medrobot_ros.twin.ray import ECHO, IMPEDANCE, SCATTERED
from medrobot_ros.twin.render import Scene, View
from medrobot_ros.twin.speckle import ASIDE


def plain_envelope(scene: Scene, view: View) -> NDArray[np.float32]:
    """The envelope (lines, samples) of a view, 1 at full scale."""
    t = scene.tables
    p, samples = _places(view.chart[:, :-1, 0], len(t.tgc)), len(t.tgc)
    labels = _labels(scene.labels, p)
    rows = t.materials[labels]
    z = rows[..., IMPEDANCE]
    reflected = np.diff(z, axis=1, prepend=z[:, :1]) / (z + np.roll(z, 1, axis=1))
    amplitude = np.cumprod((1.0 - reflected**2) * t.fading[labels, 1], axis=1)
    interfaces = ECHO * reflected * amplitude * t.tgc
    field = rows[..., SCATTERED] * amplitude * t.slices[0, GAIN, :samples] * _grains(scene.scatterers.tile, view.axes, p)
    field += np.apply_along_axis(np.convolve, 1, interfaces, t.pulse, "same")
    weights = t.weights[:, ::2]  # of real parts, and the same of imaginary ones
    out = weights[0] * field
    for j in range(1, len(weights)):
        padded = np.pad(field, ((j, j), (0, 0)), mode="reflect")
        out += weights[j] * (padded[: -2 * j] + padded[2 * j :])
    return scene.gain * view.share[:, None] * abs(out)


def _places(knots: Array, samples: int) -> Array:
    """Skin coordinates (lines, samples, 3), linear between a chart's knots (lines, knots, 3)."""
    at = np.arange(samples) * (knots.shape[1] - 1) / samples
    a = at.astype(int)
    b = (at - a)[:, None]
    out: Array = (1.0 - b) * knots[:, a] + b * knots[:, a + 1]
    return out


def _labels(labels: NDArray[np.uint8], p: Array) -> NDArray[np.uint8]:
    """Of the nearest voxels to skin coordinates (lines, samples, 3); gel above the skin."""
    index = np.clip(np.rint((p - LOW_M) / VOXEL_M).astype(int), 0, np.array(labels.shape) - 1)
    out: NDArray[np.uint8] = np.where(p[..., 2] >= 0.0, labels[tuple(np.moveaxis(index, -1, 0))], 0)
    return out


def _grains(tile: NDArray[np.int16], axes: Array, p: Array) -> NDArray[np.complex64]:
    """The scatterers' field at skin coordinates (lines, samples, 3), in the tile's unit."""
    beside, across = p[..., :2] @ axes[:2] + ASIDE, p[..., :2] @ axes[2:4] + ASIDE
    cells = (v.astype(int) % n for v, n in zip((beside, across, p[..., 2] * axes[4]), tile.shape[:3], strict=True))
    out: NDArray[np.complex64] = tile[tuple(cells)].astype(np.float32).view(np.complex64)[..., 0]
    return out


class PlainMean:
    """The mean of images' pixels, each spread over its eight nearest of size^3 voxels of 1 mm with trilinear weights."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.total, self.weight = np.zeros(size**3), np.zeros(size**3)

    def add(self, pixels: NDArray[np.uint8], T_volume_pixel: Array) -> None:
        """One image (rows, columns); T (4, 4) maps (column, row, 0, 1) to mm."""
        rows, columns = np.indices(pixels.shape).reshape(2, -1)
        p = T_volume_pixel[:3, :2] @ np.stack((columns, rows)) + T_volume_pixel[:3, 3:]
        low = np.floor(p).astype(int)
        part = p - low
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod([a if up else 1.0 - a for up, a in zip(corner, part, strict=True)], axis=0)
            x, y, z = np.clip(low + np.array(corner)[:, None], 0, self._size - 1)
            voxel = (z * self._size + y) * self._size + x
            self.weight += np.bincount(voxel, weight, len(self.weight))
            self.total += np.bincount(voxel, weight * pixels.ravel(), len(self.total))
