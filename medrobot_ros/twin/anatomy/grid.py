"""The label volume: which point of the patient each of its voxels is.

A volume follows the skin: x to the patient's left and y cranial of the skin point above, depth below it along its normal [m]. Organs are
shapes of the patient frame, so they keep their true size below any skin.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array
from medrobot_ros.twin.body import Body

VOXEL_M = (0.0015, 0.0015, 0.001)  # along x, y and depth
LOW_M = (-0.18, -0.26, 0.0)
HIGH_M = (0.18, 0.26, 0.20)
Point = tuple[float, float, float]


class Grid:
    """Columns of voxels below a body's skin. The point at `depth` in column (i, j) is `skin[i, j] - depth * outward[i, j]`."""

    def __init__(self, body: Body) -> None:
        self.x, self.y, self.depth = (np.arange(low, high, step) for low, high, step in zip(LOW_M, HIGH_M, VOXEL_M, strict=True))
        self._body = body

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y and depth."""
        return len(self.x), len(self.y), len(self.depth)

    @cached_property
    def skin(self) -> Array:
        """(nx, ny, 3) in the patient frame; beside the body, where it is smooth as well."""
        X, Y = np.meshgrid(self.x, self.y, indexing="ij")
        return np.stack((X, Y, self._body.surface(X, Y)), axis=-1)

    @cached_property
    def outward(self) -> Array:
        """Unit normals (nx, ny, 3)."""
        return self._body.normal(self.skin[..., 0], self.skin[..., 1])

    def patient_point(self, x: float, y: float, depth: float) -> Array:
        """(3,) in the patient frame of a point `depth` below the skin at (x, y)."""
        point = np.array([x, y])
        p: Array = np.append(point, self._body.surface(*point)) - depth * self._body.normal(*point)
        return p

    def skin_coordinates(self, p_patient: Array) -> Array:
        """(x, y, depth) of a point (3,) inside the body: the skin point whose normal leads to it, by repeated projection."""
        x, y = p_patient[:2]
        for _ in range(50):
            s, n = np.array([x, y, self._body.surface(x, y)]), self._body.normal(x, y)
            along = (p_patient - s) @ n
            x, y = (p_patient - along * n)[:2]
        return np.array([x, y, -along])

    def index(self, coordinates: Array) -> NDArray[np.int64]:
        """Indices (..., 3) of the voxels nearest to skin coordinates (..., 3), inside the volume."""
        nearest = np.rint((coordinates - np.array(LOW_M)) / np.array(VOXEL_M)).astype(np.int64)
        out: NDArray[np.int64] = np.clip(nearest, 0, np.array(self.shape) - 1)
        return out
