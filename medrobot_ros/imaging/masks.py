"""Which pixels of an image count: those inside a fan, and those between two depths."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.imaging.scan_conversion import pixel_centres
from medrobot_ros.signals import Array, ImageGeometry

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Fan:
    """Pixels between two radii around `origin` (column, row) and two angles [rad] from straight down, counted towards the right."""

    origin: tuple[float, float]
    angles_rad: tuple[float, float]
    radii: tuple[float, float]

    def radius(self, shape: tuple[int, int]) -> Array:
        """Each pixel's distance (rows, columns) from the origin, in pixels."""
        return np.hypot(*self._from_origin(shape))

    def mask(self, shape: tuple[int, int]) -> Mask:
        """Which pixels (rows, columns) lie inside."""
        across, down = self._from_origin(shape)
        angle, radius = np.arctan2(across, down), np.hypot(across, down)
        (first, last), (near, far) = self.angles_rad, self.radii
        inside: Mask = (angle >= first) & (angle <= last) & (radius >= near) & (radius <= far)
        return inside

    def _from_origin(self, shape: tuple[int, int]) -> tuple[Array, Array]:
        down, across = np.indices(shape, dtype=float)
        return across - self.origin[0], down - self.origin[1]


def depth_mask(depth: Array, near: float, far: float) -> Mask:
    """Which pixels lie between two depths, in the unit of `depth` (rows, columns)."""
    inside: Mask = (depth >= near) & (depth <= far)
    return inside


def pixel_depths_m(geometry: ImageGeometry) -> Array:
    """Each pixel's depth (rows, columns) below the probe's face along the beam through it [m]."""
    x, z = pixel_centres(geometry)
    if geometry.face_radius_m == 0.0:
        return np.broadcast_to(z[:, None], (len(z), len(x))).copy()
    return np.hypot(x[None, :], z[:, None] + geometry.face_radius_m) - geometry.face_radius_m
