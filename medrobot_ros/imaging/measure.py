"""A sonographer's measurements, from image and volume, with pixel spacing carried through. Metres, square and cubic metres.

Points of an image are (column, row) in pixels, those of a volume (x, y, z) in voxels, the centre of the first being 0. Areas and
volumes of outlines are exact for the polygon drawn; diameters are found between pixels at half the edge's height, or its amplitude.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

PER_PIXEL = 8  # samples of a profile on the finest pixel
EDGE_SHARE = 0.5  # of the step between wall and lumen, at which an edge lies
WHITE = 255.0


@dataclass(frozen=True)
class Diameter:
    """A vessel's width [m] along a line, and where its walls lie (2, d) in the pixels or voxels of the line's own points."""

    diameter_m: float
    walls: Array


def distance_m(a: ArrayLike, b: ArrayLike, spacing_m: ArrayLike) -> float:
    """Between two points (d,) of an image or a volume whose pixels are `spacing_m` (d,) apart."""
    a, b, spacing = _points((a, b), spacing_m)
    return float(np.linalg.norm((b - a) * spacing))


def area_m2(outline: ArrayLike, spacing_m: ArrayLike) -> float:
    """Inside a closed polygon (N, 2) that does not cross itself, by Gauss's shoelace formula. Raises: DataError below three points."""
    points = np.asarray(outline, float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise DataError(f"an outline needs three points or more of two coordinates, not {points.shape}")
    *corners, spacing = _points(points, spacing_m)
    x, y = (np.array(corners) * spacing).T
    x, y = x - x[0], y - y[0]  # keeps digits where the outline lies far from the corner
    return float(0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def ellipsoid_m3(length_m: float, width_m: float, height_m: float) -> float:
    """From three diameters at right angles: pi / 6 of their product. Raises: DataError unless all are above zero."""
    if not min(length_m, width_m, height_m) > 0.0:
        raise DataError(f"diameters must be above zero, not {length_m:g}, {width_m:g}, {height_m:g} m")
    return float(np.pi / 6.0 * length_m * width_m * height_m)


def discs_m3(areas_m2: ArrayLike, thickness_m: float) -> float:
    """Method of discs (Simpson's): cross-sections (N,) at the middle of equally thick discs. Raises: DataError."""
    areas = np.asarray(areas_m2, float)
    if areas.ndim != 1 or not len(areas) or not (np.isfinite(areas).all() and (areas >= 0.0).all()) or not thickness_m > 0.0:
        raise DataError("discs need one area or more, none negative, and a thickness above zero")
    return float(areas.sum() * thickness_m)


def biplane_discs_m3(diameters_a_m: ArrayLike, diameters_b_m: ArrayLike, thickness_m: float) -> float:
    """Method of discs from two planes at right angles, whose diameters (N,) are each disc's axes. Raises: DataError."""
    a, b = np.asarray(diameters_a_m, float), np.asarray(diameters_b_m, float)
    if a.shape != b.shape:
        raise DataError(f"the planes have {a.shape} and {b.shape} diameters: they must pair")
    return discs_m3(0.25 * np.pi * a * b, thickness_m)


def diameter(
    values: NDArray[np.generic], a: ArrayLike, b: ArrayLike, spacing_m: ArrayLike, dynamic_range_db: float | None = None
) -> Diameter:
    """Width of the dark lumen that a line from `a` to `b` crosses, starting and ending in the bright wall on either side.

    `values` is an image (rows, columns) or a volume (z, y, x). Edges lie where the profile, linear between pixels, is half way
    between the lumen (the darkest tenth) and the wall (the median of each end's brightest fifth). Where 0 to 255 are a logarithm over
    `dynamic_range_db`, they lie at half the wall's amplitude instead: half way in grey levels is far down the beam's flank, and a
    lumen comes out too narrow. Raises: DataError where a point lies outside or no lumen is crossed.
    """
    a, b, spacing = _points((a, b), spacing_m)
    upper = np.array(values.shape[::-1]) - 1.0
    if len(a) != values.ndim or (np.minimum(a, b) < 0.0).any() or (np.maximum(a, b) > upper).any():
        raise DataError(f"the line from {a.tolist()} to {b.tolist()} leaves the {' x '.join(str(n) for n in values.shape[::-1])} pixels")
    count = int(np.ceil(PER_PIXEL * np.abs(b - a).max())) + 1
    along = np.linspace(0.0, 1.0, max(count, 2))
    line = a + along[:, None] * (b - a)
    profile = map_coordinates(values.astype(np.float64), line.T[::-1], order=1)
    below_wall = None if dynamic_range_db is None else -WHITE * 20.0 * log10(EDGE_SHARE) / dynamic_range_db
    shares = _edges(along, profile, below_wall)
    walls = a + np.array(shares)[:, None] * (b - a)
    return Diameter(distance_m(walls[0], walls[1], spacing), walls)


def _edges(along: Array, profile: Array, below_wall: float | None) -> tuple[float, float]:
    """Where a profile falls into its lumen and rises out of it, between samples: half way, or so much below the wall."""
    lumen = float(np.quantile(profile, 0.1))
    middle = int(np.median(np.flatnonzero(profile <= lumen)))
    found = []
    for side in (slice(middle, None, -1), slice(middle, None, 1)):
        x, v = along[side], profile[side]
        wall = float(np.median(np.sort(v)[-max(1, len(v) // 5) :]))
        edge, beyond = _rise(x, v, lumen + EDGE_SHARE * (wall - lumen))
        if below_wall is not None:
            edge, _ = _rise(x, v, float(np.median(beyond)) - below_wall)
        found.append(edge)
    return found[0], found[1]


def _rise(x: Array, v: Array, level: float) -> tuple[float, Array]:
    """Where values first rise above a level, and all values from there on."""
    above = np.flatnonzero(v > level)
    if not len(above) or above[0] == 0:
        raise DataError("the line crosses no dark lumen with a bright wall on both sides")
    k = int(above[0])
    return float(x[k - 1] + (x[k] - x[k - 1]) * (level - v[k - 1]) / (v[k] - v[k - 1])), v[k:]


def _points(points: Iterable[ArrayLike], spacing_m: ArrayLike) -> tuple[Array, ...]:
    """Points (d,) and the spacing (d,), finite and of one length."""
    rows = [np.asarray(p, float) for p in (*points, spacing_m)]
    if any(r.shape != rows[-1].shape or not np.isfinite(r).all() for r in rows) or not (rows[-1] > 0.0).all():
        raise DataError(f"points and spacing must be finite and of one length, spacing above zero: {[r.tolist() for r in rows[:3]]}")
    return tuple(rows)
