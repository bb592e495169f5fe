"""From scan lines to an upright image: a table of where each pixel lies among the samples, then bilinear interpolation."""

from dataclasses import dataclass
from math import cos, floor, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import ImagingSection
from medrobot_ros.geometry.pose import pose
from medrobot_ros.imaging.bilinear import Bilinear
from medrobot_ros.imaging.probe import ProbeGeometry
from medrobot_ros.signals import Array, ImageGeometry

FINEST_SPACING_M = 5e-5
R_PROBE_IMAGE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # image x along probe x, image y along the beam


@dataclass(frozen=True)
class ScanLines:
    """Where samples lie: line i begins on the face and sample k lies `k * depth_m / samples` further along it.

    Curvilinear and phased (`radius_m` above 0): lines fan out over `width` [rad] of an arc with that radius. Linear: over `width` [m].
    The lines' `middle`, in the same unit, is where the probe's z axis is, unless a machine says otherwise.
    """

    lines: int
    samples: int
    depth_m: float
    width: float
    radius_m: float = 0.0
    middle: float = 0.0

    @classmethod
    def of_probe(cls, probe: ProbeGeometry, samples: int, depth_m: float) -> "ScanLines":
        """One line an element."""
        if probe.kind == "linear":
            return cls(probe.elements, samples, depth_m, probe.width_m)
        return cls(probe.elements, samples, depth_m, probe.field_of_view_rad, probe.radius_m)

    @property
    def across(self) -> Array:
        """Each line's angle [rad] or lateral position [m]. Shape (lines,)."""
        return self.middle + np.linspace(-0.5 * self.width, 0.5 * self.width, self.lines)

    def spacing_m(self, depth_m: Array) -> Array:
        """Distance between neighbouring lines at depths along them, any shape [m]."""
        return self.width / (self.lines - 1) * (self.radius_m + depth_m if self.radius_m else np.ones_like(depth_m))

    def faces_and_directions(self) -> tuple[Array, Array]:
        """Where each line begins and its unit direction in the probe's x-z plane, both (lines, 2)."""
        if self.radius_m == 0.0:
            return np.column_stack((self.across, np.zeros(self.lines))), np.tile([0.0, 1.0], (self.lines, 1))
        directions = np.column_stack((np.sin(self.across), np.cos(self.across)))
        return self.radius_m * directions - [0.0, self.radius_m], directions

    def fractional(self, x: Array, z: Array) -> tuple[Array, Array]:
        """(line, sample) coordinates of points in the probe's x-z plane [m]. Any broadcastable shapes."""
        if self.radius_m == 0.0:
            across, depth = np.broadcast_arrays(x, z)
        else:
            below = z + self.radius_m
            across, depth = np.arctan2(x, below), np.hypot(x, below) - self.radius_m
        return ((across - self.middle) / self.width + 0.5) * (self.lines - 1), depth * (self.samples / self.depth_m)


class ScanConverter:
    """Converts (lines, samples) to (rows, columns), both uint8. `x` (columns,) and `z` (rows,) are the pixels' centres [m]."""

    def __init__(self, scan: ScanLines, x: Array, z: Array) -> None:
        line, sample = np.broadcast_arrays(*scan.fractional(x[None, :], z[:, None]))
        self._sampled = Bilinear(line, sample, (scan.lines, scan.samples))

    def __call__(self, echoes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image; pixels outside the scan lines are 0."""
        return self._sampled(echoes, np.uint8)


def image_geometry(probe: ProbeGeometry, scan: ScanLines, most_pixels: int = ImagingSection.most_pixels) -> ImageGeometry:
    """Geometry, stamped 0, of the image that holds all scan lines: square pixels, about `most_pixels` of them at most."""
    if scan.radius_m == 0.0:
        half_width_m, top_m = 0.5 * scan.width, 0.0
    else:
        half_width_m = (scan.radius_m + scan.depth_m) * sin(0.5 * scan.width)
        top_m = -scan.radius_m * (1.0 - cos(0.5 * scan.width))
    height_m = scan.depth_m - top_m
    spacing_m = FINEST_SPACING_M * (1 + floor(sqrt(2.0 * half_width_m * height_m / most_pixels) / FINEST_SPACING_M))
    rows, columns = floor(height_m / spacing_m) + 1, 2 * floor(half_width_m / spacing_m) + 1
    left_m = -0.5 * (columns - 1) * spacing_m
    T_probe_image = pose(R_PROBE_IMAGE, np.array([left_m, 0.0, top_m]))
    sector_rad = scan.width if probe.kind == "phased" else 0.0
    return ImageGeometry(
        0, probe.name, rows, columns, (spacing_m, spacing_m), T_probe_image, scan.depth_m, probe.aperture_m, scan.radius_m, sector_rad
    )


def pixel_centres(geometry: ImageGeometry) -> tuple[Array, Array]:
    """Probe x (columns,) and z (rows,) of an upright image's pixels [m]."""
    column_m, row_m = geometry.spacing_m
    left_m, top_m = geometry.T_probe_image[0, 3], geometry.T_probe_image[2, 3]
    return left_m + column_m * np.arange(geometry.columns), top_m + row_m * np.arange(geometry.rows)
