"""What a pressed probe does to the tissue in its image, and where that tissue lies when nothing presses.

Tissue goes down with the face above it, the less the deeper it lies: by `d_line * decay(depth)`, `d_line` being how far that line's piece
of the face is in the skin. The decay is an elastic half-space's under a punch, whose one parameter, its radius, is that with which the
images taken at different indentations fall best onto each other. `docs/derivations.md` has the formulas and their sources.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import least_squares, minimize_scalar

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.masks import pixel_depths_m
from medrobot_ros.imaging.scan_conversion import pixel_centres
from medrobot_ros.imaging.temporal import correlation
from medrobot_ros.signals import Array, ImageGeometry

RADII_M = (0.002, 0.06)  # of the punch, that are looked for
MIN_IMAGES = 5  # while the probe presses itself in
MIN_CORRELATION = 0.3  # between images laid onto each other, for a radius to mean anything: chosen
STEPS = 4  # of the fixed-point search for a depth at rest, each with an error below a tenth of that before
NEAR_M, FAR_SHARE = 0.004, 0.9  # compared are images below their reverberation, and above their lower edge, which never moves
GRAIN_M, SHADE_M = (0.0003, 0.0006), 0.004  # structures between these sizes are compared; (down, across)
COLUMN_STEP = 3
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Resistance:
    """Push [N] of a tissue over the indentation d [m], `linear` d + `quadratic` d^2."""

    linear_n_per_m: float
    quadratic_n_per_m2: float

    def indentation_m(self, push_n: Array) -> Array:
        """At a push (N,) that has lasted; 0 where nothing pushes."""
        a, b, push = self.linear_n_per_m, self.quadratic_n_per_m2, np.maximum(push_n, 0.0)
        out: Array = 2.0 * push / (a + np.sqrt(a * a + 4.0 * b * push))
        return out


def estimate_resistance(time_s: Array, travel_m: Array, push_n: Array) -> tuple[Resistance, float]:
    """From a probe's travel (N,) into the tissue, against the skin's own motion, and its push, while it presses itself in.

    Returns the resistance, and the travel at which the probe touched. Viscosity is told apart by the speed. Raises: DataError where the
    push varies too little to tell.
    """
    if len(push_n) < 10 or np.ptp(push_n) < 0.3 * np.max(push_n, initial=0.0):
        raise DataError("the push does not rise far enough while the probe comes to rest, to tell where it touched")
    speed, first_mm = np.gradient(1e3 * travel_m, time_s), 1e3 * float(travel_m.min())

    def misfit(p: Array) -> Array:
        touch_mm, linear, quadratic, viscous_s = p
        d = 1e3 * travel_m - touch_mm
        out: Array = (linear + quadratic * d) * d + viscous_s * (linear + 2.0 * quadratic * d) * speed - push_n
        return out

    fit = least_squares(misfit, (first_mm - 1.0, 1.0, 0.1, 0.0), bounds=((first_mm - 30.0, 1e-3, 0.0, 0.0), (first_mm, 20.0, 20.0, 1.0)))
    touch_mm, linear, quadratic, _ = fit.x
    return Resistance(1e3 * float(linear), 1e6 * float(quadratic)), 1e-3 * float(touch_mm)


def decay(depth: Array, radius: float) -> Array:
    """Share (...) of a punch's displacement that tissue on its axis follows, at `depth` below it, in the unit of its `radius`.

    An incompressible elastic half-space under a rigid, flat, round punch.
    """
    out: Array = (np.arctan2(radius, depth) + radius * depth / (radius * radius + depth * depth)) * (2.0 / np.pi)
    return out


def skin_curvature_per_m(points: Array, T_base_probe: Array, reach_m: float = 0.07) -> float:
    """Of the skin's cloud (N, 3) under the probe, in the image plane; above 0 where it falls away to the sides. Raises: DataError."""
    R, p = T_base_probe[:3, :3], T_base_probe[:3, 3]
    x, y, z = ((points - p) @ R).T
    near = (np.hypot(x, y) < reach_m) & (np.abs(z) < reach_m)
    if near.sum() < 30:
        raise DataError(f"the depth camera's cloud holds {near.sum()} points about the probe, 30 are needed")
    x, y, z = x[near], y[near], z[near]
    terms = np.column_stack((np.ones_like(x), x, y, 0.5 * x * x, x * y, 0.5 * y * y))
    return float(np.linalg.lstsq(terms, z, rcond=None)[0][3])


class PressedView:
    """Images of one geometry under a probe on skin of one curvature. Depths count from the skin where nothing presses it."""

    def __init__(self, geometry: ImageGeometry, curvature_per_m: float) -> None:
        x, z = pixel_centres(geometry)
        radius_m = geometry.face_radius_m
        angle = np.arctan2(x[None, :], z[:, None] + radius_m) if radius_m else np.zeros((len(z), len(x)))
        face_x = radius_m * np.sin(angle) if radius_m else np.broadcast_to(x, angle.shape)
        curved = radius_m > 0.0 and not geometry.sector_rad
        self._set_back_m = 0.5 * curvature_per_m * face_x**2 + (radius_m * (1.0 - np.cos(angle)) if curved else 0.0)
        self._below_m = z[:, None] - 0.5 * curvature_per_m * x[None, :] ** 2
        self._row_m, depth_m = geometry.spacing_m[1], pixel_depths_m(geometry)
        self._compared = (depth_m > NEAR_M) & (depth_m < FAR_SHARE * geometry.depth_m)

    def line_indentation_m(self, indentation_m: float) -> Array:
        """Of the face's piece above each pixel (rows, columns), with the tip `indentation_m` in the skin."""
        out: Array = np.maximum(indentation_m - self._set_back_m, 0.0)
        return out

    def rest_depth_m(self, indentation_m: float, radius_m: float) -> Array:
        """Depth (rows, columns) at which what each pixel shows lies when nothing presses."""
        pressed, by = self._below_m + indentation_m, self.line_indentation_m(indentation_m)
        depth = np.maximum(pressed - by * decay(np.maximum(pressed, 0.0), radius_m), 0.0)
        for _ in range(STEPS):
            depth = np.maximum(pressed - by * decay(depth, radius_m), 0.0)
        return depth

    def rest_rows(self, indentation_m: float, radius_m: float) -> Image:
        """Row (rows, columns) of the image in which what each pixel shows would lie when nothing presses."""
        rows = np.arange(self._below_m.shape[0], dtype=float)[:, None]
        by = self.line_indentation_m(indentation_m) * decay(self.rest_depth_m(indentation_m, radius_m), radius_m)
        return (rows - by / self._row_m).astype(np.float32)

    def estimate_radius(self, images: NDArray[np.uint8], indentation_m: Array, still: NDArray[np.bool_]) -> tuple[float, float]:
        """The punch's radius [m], and the correlation then, from images (N, rows, columns) at indentations (N,).

        Those at which the probe has come to rest are `still`. Raises: DataError where the images do not tell.
        """
        moving = ~still & (indentation_m > 0.0)
        if moving.sum() < MIN_IMAGES or not still.any():
            raise DataError(f"{moving.sum()} images of the probe pressing itself in, {MIN_IMAGES} are needed")
        pixels, columns = images.astype(np.float32), slice(None, None, COLUMN_STEP)
        rest_m = float(indentation_m[still].mean())
        reference = self._structures(pixels[still].mean(axis=0))
        others = [(self._structures(pixels[k]), float(indentation_m[k])) for k in np.flatnonzero(moving)]

        def likeness(radius_m: float) -> float:
            share = decay(self.rest_depth_m(rest_m, radius_m), radius_m)
            likenesses = []
            for other, d in others:
                by = self.line_indentation_m(d)
                up = (rest_m - d) - (self.line_indentation_m(rest_m) - by) * share
                rows, cols = np.nonzero((self._compared & (by > 0.0))[:, columns])
                cols *= COLUMN_STEP
                at = rows + up[rows, cols] / self._row_m
                likenesses.append(correlation(reference[rows, cols], map_coordinates(other, (at, cols), order=1)))
            return float(np.mean(likenesses))

        found = minimize_scalar(lambda radius_m: -likeness(radius_m), bounds=RADII_M, method="bounded", options={"xatol": 1e-4})
        if not -found.fun >= MIN_CORRELATION:
            raise DataError(f"the images of the probe pressing itself in are not alike (correlation {-found.fun:.2f})")
        return float(found.x), float(-found.fun)

    def _structures(self, image: Image) -> Any:
        grain = gaussian_filter(image, [s / self._row_m for s in GRAIN_M])
        return grain - gaussian_filter(grain, SHADE_M / self._row_m)

