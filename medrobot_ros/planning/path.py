"""The raster over the region: lines along the body, joined in contact into one serpentine, and what it is to cover."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from medrobot_ros.config import ScanSection
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.coverage import covered
from medrobot_ros.geometry.pose import frame_from_z, pose
from medrobot_ros.planning.surface import HALF_REGION_M, FoundPatient
from medrobot_ros.signals import Array, ImageQuality, ScanReference

SAMPLE_M = 0.0025
GRID_M = 0.004
USABLE_APERTURE = 0.8  # a convex face touches soft skin over about this share of its chord
OVERRUN_M = 0.004  # lines and aperture reach beyond the region, so that its edge is covered too
ROUNDING = 1.2  # samples, of the corners where two lines join
NEGLIGIBLE = 0.005  # share of the planned points for which no line is repeated
MARGIN_M = 0.02  # of modelled skin around the region


@dataclass(frozen=True)
class Raster:
    """`T_base_probe` (N, 4, 4) along the serpentine; `lines` are the first and last sample of each straight line."""

    T_base_probe: Array
    lines: tuple[tuple[int, int], ...]

    def poses_of(self, first: int, last: int) -> Array:
        """The poses from the beginning of one line to the end of another, joins between them included."""
        return self.T_base_probe[self.lines[first][0] : self.lines[last][1] + 1]

    def line_at(self, p_base_points: Array) -> NDArray[np.int64]:
        """The line nearest to each point (M, 3)."""
        on_lines = [self.T_base_probe[first : last + 1, :3, 3] for first, last in self.lines]
        _, sample = cKDTree(np.concatenate(on_lines)).query(p_base_points)
        owner: NDArray[np.int64] = np.repeat(np.arange(len(on_lines)), [len(p) for p in on_lines])
        return owner[sample]


def plan_raster(found: FoundPatient, config: ScanSection, aperture_m: float) -> Raster:
    """Lines along patient y over the region, close enough that the aperture covers its whole width.

    Raises: DataError where the region reaches beyond the skin that was seen.
    """
    length, width = config.size_m
    cx, cy = config.center_m
    _check_region(found, cx, cy, width, length)
    usable_m = USABLE_APERTURE * aperture_m
    offsets = line_offsets(width + 2.0 * OVERRUN_M, min(config.line_spacing_m, usable_m), usable_m)
    half = 0.5 * length + OVERRUN_M
    xy, lines = _serpentine([cx + o for o in offsets], cy - half, cy + half)
    return Raster(skin_poses(found, xy), lines)


def _check_region(found: FoundPatient, cx: float, cy: float, width: float, length: float) -> None:
    reach = np.array([abs(cx) + 0.5 * width, abs(cy) + 0.5 * length])
    limit = np.array(HALF_REGION_M) - MARGIN_M
    if (reach > limit).any():
        across, along = 2e3 * limit
        raise DataError(f"the region reaches beyond the {along:.0f} x {across:.0f} mm of skin around the patient frame")
    x, y = np.meshgrid(cx + width * np.linspace(-0.5, 0.5, 15), cy + length * np.linspace(-0.5, 0.5, 15))
    unseen = 1.0 - float(found.seen(x, y).mean())
    if unseen > 0.0:
        raise DataError(f"{100 * unseen:.0f} % of the region lies beside the body or out of the camera's sight")


def line_offsets(width: float, spacing: float, usable: float) -> list[float]:
    """Positions of the lines across the region: evenly, edges at half the usable aperture from an outer line."""
    if width <= usable:
        return [0.0]
    span = width - usable
    count = ceil(span / spacing - 1e-9) + 1
    return [float(v) for v in np.linspace(-0.5 * span, 0.5 * span, count)]


def _serpentine(xs: list[float], y0: float, y1: float) -> tuple[Array, tuple[tuple[int, int], ...]]:
    """Points (N, 2) of lines up and down, joined across with rounded corners, and where each line begins and ends."""
    steps = max(2, round((y1 - y0) / SAMPLE_M))
    points: list[Array] = []
    lines = []
    for k, x in enumerate(xs):
        y = np.linspace(y0, y1, steps + 1)
        line = np.column_stack((np.full(len(y), x), y if k % 2 == 0 else y[::-1]))
        if points:
            points += list(_join(points[-1], line[0]))
        lines.append((len(points), len(points) + steps))
        points += list(line)
    return gaussian_filter1d(np.array(points), ROUNDING, axis=0, mode="nearest"), tuple(lines)


def _join(a: Array, b: Array) -> Array:
    """Points strictly between two ends."""
    steps = max(1, round(float(np.linalg.norm(b - a)) / SAMPLE_M))
    out: Array = a + (b - a) * (np.arange(1, steps) / steps)[:, None]
    return out


def skin_poses(found: FoundPatient, xy: Array) -> Array:
    """Probe poses (N, 4, 4) in base on the skin at patient (x, y) (N, 2): z along the inward normal, x across the body."""
    z = found.height(xy[:, 0], xy[:, 1])
    normals = found.normal(xy[:, 0], xy[:, 1])
    across = np.array([1.0, 0.0, 0.0])
    T = [pose(frame_from_z(-n, across), np.array([x, y, h])) for (x, y), h, n in zip(xy, z, normals, strict=True)]
    return found.T_base_patient @ np.array(T)


def timed(T_base_probe: Array, speed_m_per_s: float, stamp_ns: int) -> ScanReference:
    """The poses with times at a nominal speed along the skin."""
    time_s = np.concatenate(([0.0], np.cumsum(_steps_m(T_base_probe) / speed_m_per_s)))
    return ScanReference(stamp_ns, str(stamp_ns), T_base_probe, time_s)


def length_m(T_base_probe: Array) -> float:
    """Length of a path along the skin."""
    return float(_steps_m(T_base_probe).sum())


def _steps_m(T_base_probe: Array) -> Array:
    out: Array = np.linalg.norm(np.diff(T_base_probe[:, :3, 3], axis=0), axis=1)
    return out


def planned_points(found: FoundPatient, config: ScanSection) -> Array:
    """Grid of skin points (M, 3) in base over the region."""
    length, width = config.size_m
    x = config.center_m[0] + np.linspace(-0.5, 0.5, max(2, round(width / GRID_M) + 1)) * width
    y = config.center_m[1] + np.linspace(-0.5, 0.5, max(2, round(length / GRID_M) + 1)) * length
    X, Y = (g.ravel() for g in np.meshgrid(x, y, indexing="ij"))
    T = found.T_base_patient
    points: Array = np.column_stack((X, Y, found.height(X, Y))) @ T[:3, :3].T + T[:3, 3]
    return points


class CoverageMap:
    """Best quality of an accepted image at each planned point; NaN where there is none yet."""

    def __init__(self, points: Array) -> None:
        self.points = points
        self.quality = np.full(len(points), np.nan)
        self._since_ns = np.zeros(len(points), np.int64)  # stamp of the first such image

    def add(self, T_base_probe: Array, verdict: ImageQuality) -> None:
        """One image, with the pose that it was taken at."""
        if verdict.accepted:
            seen = covered(T_base_probe, verdict.coupled_m, self.points)
            self._since_ns[seen & np.isnan(self.quality)] = verdict.stamp_ns
            self.quality[seen] = np.fmax(self.quality[seen], verdict.visibility)

    def forget(self, after_ns: int) -> None:
        """Takes back what no image until then had covered."""
        self.quality[self._since_ns > after_ns] = np.nan

    @property
    def share(self) -> float:
        """Share of the planned points that are covered."""
        return float(np.isfinite(self.quality).mean())

    def runs_to_repeat(self, raster: Raster) -> list[tuple[int, int]]:
        """Runs (first, last line) of neighbouring lines along which more than a few points are not covered."""
        missing = self.points[np.isnan(self.quality)]
        if len(missing) == 0:
            return []
        counts = np.bincount(raster.line_at(missing), minlength=len(raster.lines))
        return runs_of([k for k, n in enumerate(counts) if n >= max(1.0, NEGLIGIBLE * len(self.points))])


def runs_of(lines: list[int]) -> list[tuple[int, int]]:
    """Neighbouring lines as (first, last): each run is scanned in one contact."""
    runs: list[tuple[int, int]] = []
    for k in lines:
        if runs and runs[-1][1] == k - 1:
            runs[-1] = (runs[-1][0], k)
        else:
            runs.append((k, k))
    return runs
