"""How far two volumes agree where they lie in the same place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from medrobot_ros.imaging.volume import Volume


@dataclass(frozen=True)
class Agreement:
    """`correlation` (normalised cross-correlation) and `mean_difference` (absolute, in grey levels) where both are filled, NaN where they
    do not meet; `filled` is the share of voxels, inside both, that are filled in both or in neither."""

    correlation: float
    mean_difference: float
    filled: float


def agreement(a: Volume, b: Volume) -> Agreement:
    """Of two volumes along the same axes, at b's voxel centres; filled voxels are those above 0."""
    axes = [
        (o_b - o_a + s_b * np.arange(n)) / s_a
        for o_a, o_b, s_a, s_b, n in zip(a.offset_mm, b.offset_mm, a.spacing_mm, b.spacing_mm, b.voxels.shape[::-1], strict=True)
    ]
    at = np.meshgrid(*(_snapped(axis) for axis in reversed(axes)), indexing="ij")
    value = map_coordinates(a.voxels.astype(np.float32), at, order=1, cval=np.nan)
    filled = map_coordinates((a.voxels > 0).astype(np.float32), at, order=1, cval=np.nan)
    inside = np.isfinite(value)
    both = inside & (filled > 0.99) & (b.voxels > 0)
    if both.sum() < 2:
        return Agreement(float("nan"), float("nan"), float("nan"))
    ours, theirs = value[both], b.voxels[both].astype(np.float32)
    same = (filled[inside] > 0.5) == (b.voxels[inside] > 0)
    return Agreement(float(np.corrcoef(ours, theirs)[0, 1]), float(np.abs(ours - theirs).mean()), float(same.mean()))


def _snapped(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates on the grid where they are within the rounding of a file's offset, so that nothing is blurred."""
    grid = np.rint(axis)
    return np.where(np.abs(axis - grid) < 1e-3, grid, axis)
