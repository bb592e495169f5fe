"""Shapes that organs are made of, and how they are painted: a straight column of voxels enters a convex shape once and leaves it once."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy.grid import Grid

Span = tuple[Array, Array]  # depths (nx, ny) at which columns enter and leave; where they miss, NaN


@dataclass(frozen=True)
class Ellipsoid:
    """Half axes along the columns of `R`; with `rise`, what lies towards the feet lies that much per length towards the front."""

    center: Array  # (3,) in the patient frame
    half: tuple[float, float, float]
    R: Array = field(default_factory=lambda: np.eye(3))
    rise: float = 0.0

    def span(self, grid: Grid) -> Span:
        """Where the grid's columns run inside it."""
        return _roots((grid.skin - self.center) @ self.to_unit, grid.outward @ self.to_unit)

    @property
    def to_unit(self) -> Array:
        """(3, 3) that turns offsets from the centre, as rows, into those of a unit sphere."""
        shear = np.eye(3)
        shear[1, 2] = self.rise
        out: Array = shear @ self.R / np.asarray(self.half)
        return out

    def holds(self, points: Array) -> bool:
        """Whether all of some points (n, 3) lie inside."""
        return bool((np.linalg.norm((points - self.center) @ self.to_unit, axis=1) < 1.0).all())


@dataclass(frozen=True)
class Cylinder:
    """Straight, with flat ends: `axis` is a unit vector; the section has `half` axes along `side` and across it."""

    center: Array  # (3,) in the patient frame
    axis: Array
    side: Array
    half: tuple[float, float]
    half_length: float

    def span(self, grid: Grid) -> Span:
        """Where the grid's columns run inside it."""
        across = np.cross(self.axis, self.side)
        scaled = np.column_stack((self.side / self.half[0], across / self.half[1]))
        from_center = grid.skin - self.center
        enter, leave = _roots(from_center @ scaled, grid.outward @ scaled)
        reach, rate = from_center @ self.axis, grid.outward @ self.axis
        rate = np.where(np.abs(rate) < 1e-9, 1e-9, rate)
        middle, half = reach / rate, self.half_length / np.abs(rate)
        enter, leave = np.maximum(enter, middle - half), np.minimum(leave, middle + half)
        return np.where(enter < leave, enter, np.nan), leave


class Shape(Protocol):
    """Whatever a column of voxels enters once."""

    def span(self, grid: Grid) -> Span:
        """Where the grid's columns run inside it."""
        ...


def _roots(s: Array, n: Array) -> Span:
    """Depths d at which |s - d n| is 1."""
    a, b, c = _dot(n, n), _dot(n, s), _dot(s, s) - 1.0
    square = b * b - a * c
    root = np.sqrt(np.where(square > 0.0, square, np.nan))
    return (b - root) / a, (b + root) / a


def _dot(u: Array, v: Array) -> Array:
    """Over the last, short axis, along which numpy's own sum takes its time."""
    out: Array = u[..., 0] * v[..., 0]
    for k in range(1, u.shape[-1]):
        out += u[..., k] * v[..., k]
    return out


def paint(labels: NDArray[np.uint8], grid: Grid, shape: Shape, label: int, only_over: int | None = None) -> None:
    """Gives the voxels inside a shape a label, all of them or only those of one label."""
    enter, leave = shape.span(grid)
    hit = np.argwhere((leave > 0.0) & (enter < grid.depth[-1]))
    if len(hit) == 0:
        return
    (i0, j0), (i1, j1) = hit.min(axis=0), hit.max(axis=0) + 1
    enter, leave = enter[i0:i1, j0:j1, None], leave[i0:i1, j0:j1, None]
    first, last = np.searchsorted(grid.depth, (np.nanmin(enter), np.nanmax(leave)))
    depth, part = grid.depth[first:last], labels[i0:i1, j0:j1, first:last]
    inside = (depth >= enter) & (depth < leave)
    part[inside if only_over is None else inside & (part == only_over)] = label
