"""How good an image is, from its pixels alone: which part of the aperture touches, and how much of the image shows anything."""

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.imaging.scan_conversion import ScanLines, pixel_centres
from medrobot_ros.signals import Image, ImageGeometry, ImageQuality

SECTORS, LEVELS = 64, 48  # cells of the aperture and of the depth
TOUCH_M = (0.008, 0.022)  # depth below an element's reverberation in which a coupled one shows tissue
SIGNAL_GREY = 26.0  # mean of a cell above which it shows more than a receiver's noise, a tenth of the range drawn
BRIDGED = 2  # sectors without signal, as below a bright speck, that do not break the coupled extent


class QualityMeter:
    """Judges images of one geometry. Cells are sectors of the aperture by levels of depth."""

    def __init__(self, geometry: ImageGeometry, min_contact_share: float, min_visibility: float) -> None:
        half_m, radius_m = 0.5 * geometry.aperture_m, geometry.face_radius_m
        width = 2.0 * np.arcsin(half_m / radius_m) if radius_m else geometry.aperture_m
        cells = ScanLines(SECTORS + 1, LEVELS, geometry.depth_m, float(width), radius_m)
        x, z = pixel_centres(geometry)
        sector, level = (np.floor(a).ravel() for a in cells.fractional(x[None, :], z[:, None]))
        inside = (sector >= 0) & (sector < SECTORS) & (level >= 0) & (level < LEVELS)
        self._pixel = np.flatnonzero(inside).astype(np.int32)
        self._cell = (sector * LEVELS + level)[inside].astype(np.int32)
        self._count = np.bincount(self._cell, minlength=SECTORS * LEVELS)
        depth_m = (np.arange(LEVELS) + 0.5) * geometry.depth_m / LEVELS
        self._touch = (depth_m > TOUCH_M[0]) & (depth_m < TOUCH_M[1])
        self._below = depth_m > TOUCH_M[0]
        self._edges_m = cells.across if not radius_m else radius_m * np.sin(cells.across)
        self._min_contact_share, self._min_visibility = min_contact_share, min_visibility

    def assess(self, image: Image) -> ImageQuality:
        """The verdict, with its reasons."""
        shown = self._means(image.pixels) > SIGNAL_GREY
        touching = shown[:, self._touch].mean(axis=1) >= 0.5
        share = float(touching.mean())
        visibility = float((shown[:, self._below] & touching[:, None]).mean())
        reasons = []
        if share < self._min_contact_share:
            reasons.append(f"{100 * share:.0f} % of the aperture in contact, {100 * self._min_contact_share:.0f} % needed")
        if visibility < self._min_visibility:
            reasons.append(f"visibility {visibility:.2f}, {self._min_visibility:.2f} needed")
        first, end = _longest_run(touching)
        coupled_m = (float(self._edges_m[first]), float(self._edges_m[end])) if end > first else (0.0, 0.0)
        return ImageQuality(image.stamp_ns, share, visibility, coupled_m, not reasons, tuple(reasons))

    def _means(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Mean grey value of each cell, shape (SECTORS, LEVELS); 0 for a cell smaller than a pixel."""
        total = _totals(np.ascontiguousarray(pixels).ravel(), self._pixel, self._cell, SECTORS * LEVELS)
        return (total / np.maximum(self._count, 1)).reshape(SECTORS, LEVELS)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _totals(pixels, pixel, cell, cells):  # type: ignore[no-untyped-def]
    total = np.zeros(cells, np.int64)
    for n in range(len(pixel)):
        total[cell[n]] += pixels[pixel[n]]
    return total


def _longest_run(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """First index of the longest run of True, gaps of `BRIDGED` included, and one past its last; (0, 0) where there is none."""
    runs: list[list[int]] = []
    for k in np.flatnonzero(mask).tolist():
        if runs and k - runs[-1][1] <= BRIDGED:
            runs[-1][1] = k + 1
        else:
            runs.append([k, k + 1])
    first, end = max(runs, key=lambda r: r[1] - r[0], default=[0, 0])
    return first, end
