"""The patient in point clouds: where the body lies, how its skin runs, and whether it has moved.

Several clouds over more than a breath are averaged, since one carries the skin's offset at its moment.
The patient frame's origin is the skin on the body's midline at the camera's aim: the operator's region is given against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import inverse, pose, rotation_from_vector
from medrobot_ros.planning.spline import value_and_slopes
from medrobot_ros.signals import Array, Surface

MIN_POINTS = 1000
ABOVE_TABLE_M = 0.06  # lower points are table, blanket or arm
MIN_BODY_SHARE = 0.15  # of all points
OUTLIER_NEIGHBOURS, OUTLIER_M = 8, 0.012
CELL_M = 0.006
SMOOTH_M = 0.011
SEEN_SHARE = 0.25  # of the usual density of points, below which skin counts as unseen
HALF_REGION_M = (0.13, 0.16)  # across and along the body, the part whose skin is modelled
MAX_YAW_RAD = 0.6
MIN_LENGTH_M, SLICE_M, SLICES = 0.25, 0.04, 9  # of a body, and of the slices across it
MIDLINE_ROUNDS = 5
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Torso:
    """What stands out of the table in one cloud: points (N, 3) in base, and the camera's aim (x, y) there."""

    points: Array
    aim: Array


@dataclass(frozen=True)
class Skin:
    """A smooth height field [m] over the patient frame, on the grid `x`, `y`; `seen` where points support it."""

    x: Array
    y: Array
    spline: RectBivariateSpline
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class FoundPatient:
    """Where the patient lies, and the skin over its frame."""

    T_base_patient: Array  # (4, 4)
    skin: Skin

    def height(self, x: Array, y: Array) -> Array:
        """Skin height [m] in patient coordinates."""
        z: Array = self.skin.spline.ev(x, y)
        return z

    def slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Slopes of the height along patient x and y."""
        return self.skin.spline.ev(x, y, dx=1), self.skin.spline.ev(x, y, dy=1)

    def normal(self, x: Array, y: Array) -> Array:
        """Unit outward normals (..., 3) in patient coordinates."""
        zx, zy = self.slopes(x, y)
        n = np.stack((-zx, -zy, np.ones(np.shape(x))), axis=-1)
        out: Array = n / np.linalg.norm(n, axis=-1, keepdims=True)
        return out

    def seen(self, x: Array, y: Array) -> NDArray[np.bool_]:
        """Whether points support the skin at patient (x, y)."""
        i = np.clip(np.rint((x - self.skin.x[0]) / CELL_M).astype(int), 0, len(self.skin.x) - 1)
        j = np.clip(np.rint((y - self.skin.y[0]) / CELL_M).astype(int), 0, len(self.skin.y) - 1)
        out: NDArray[np.bool_] = self.skin.seen[i, j]
        return out

    def moved_m(self, before: "FoundPatient") -> float:
        """How far along the table the frame's origin lies from where it was found before."""
        return float(np.linalg.norm((self.T_base_patient - before.T_base_patient)[:2, 3]))

    def above_skin_m(self, p_base: Array) -> float:
        """Height [m] of a point (3,) over the skin below it."""
        T = inverse(self.T_base_patient)
        x, y, z = (T[:3, :3] @ p_base + T[:3, 3]).tolist()
        return z - float(self.skin.spline.ev(x, y))


def torso_in(cloud: Surface) -> Torso:
    """The body in a cloud, without outliers.

    Raises: DataError, saying what is missing, where there is no body to be found.
    """
    points = without_outliers(cloud.points)
    aim = 0.5 * (points[:, :2].min(axis=0) + points[:, :2].max(axis=0))
    return Torso(_above_table(points), aim)


def find_patient(torsos: Sequence[Torso], table_yaw_rad: float = 0.0) -> FoundPatient:
    """The patient in one cloud or in several of the same, resting patient.

    The table's turn in base tells head from feet: clouds of a trunk alone do not.
    Raises: DataError, saying what is missing, where there is no body to be found.
    """
    body = np.concatenate([t.points for t in torsos])
    return _with_skin(body, _midline_frame(body, np.mean([t.aim for t in torsos], axis=0), table_yaw_rad))


def find_again(found: FoundPatient, torsos: Sequence[Torso]) -> FoundPatient:
    """A patient who may have shifted: the frame moves along, so that the region stays on the same skin."""
    shifts = [shift_of(found, t.points) for t in torsos]
    x, y = np.mean([s.offset_m for s in shifts], axis=0)
    yaw = float(np.mean([s.yaw_rad for s in shifts]))
    T = found.T_base_patient @ pose(rotation_from_vector(yaw * UP), np.array([x, y, 0.0]))
    return _with_skin(np.concatenate([t.points for t in torsos]), T)


def _with_skin(body: Array, T: Array) -> FoundPatient:
    """The patient with its frame's origin brought onto the skin."""
    x, y, z, seen = _height_field((body - T[:3, 3]) @ T[:3, :3])
    origin = float(RectBivariateSpline(x, y, z).ev(0.0, 0.0))
    T = T.copy()
    T[:3, 3] += origin * T[:3, 2]
    return FoundPatient(T, Skin(x, y, RectBivariateSpline(x, y, z - origin), seen))


def without_outliers(points: Array) -> Array:
    """Points whose height agrees with their neighbours'."""
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < MIN_POINTS:
        raise DataError(f"no patient found: {len(points)} points, at least {MIN_POINTS} are needed")
    tree = cKDTree(points[:, :2], balanced_tree=False, compact_nodes=False)  # quicker over points that are spread evenly
    _, near = tree.query(points[:, :2], k=OUTLIER_NEIGHBOURS + 1)
    return points[np.abs(points[:, 2] - np.median(points[near, 2], axis=1)) < OUTLIER_M]


def _above_table(points: Array) -> Array:
    """What stands out of the table, whose height is the most common one in the lower half."""
    if len(points) < MIN_POINTS:
        raise DataError(f"no patient found: {len(points)} points, at least {MIN_POINTS} are needed")
    z = points[:, 2]
    bottom, top = np.percentile(z, (0.5, 99.5))
    low = z[(z >= bottom) & (z <= 0.5 * (bottom + top))]
    counts, edges = np.histogram(low, bins=np.arange(bottom, max(top, bottom + 0.01) + 0.005, 0.005))
    table_z = edges[int(np.argmax(counts))] + 0.0025
    body = points[z > table_z + ABOVE_TABLE_M]
    if len(body) < MIN_BODY_SHARE * len(points):
        raise DataError(f"no patient found: {len(body)} of {len(points)} points stand out of the table")
    return body


def _midline_frame(body: Array, aim: Array, table_yaw_rad: float) -> Array:
    """Frame with y along the body's midline, towards the table's head; x and y of its origin are the aim's foot on the midline.

    Slices across a body that lies askew cut its ends off one-sidedly, so they are laid again along each estimate.
    """
    yaw, x0 = table_yaw_rad, 0.0
    for _ in range(MIDLINE_ROUNDS):
        R = rotation_from_vector(yaw * UP)
        slope, x0 = _midline((body[:, :2] - aim) @ R[:2, :2])
        yaw -= float(np.arctan(slope))
    if abs(yaw - table_yaw_rad) > MAX_YAW_RAD:
        raise DataError(f"no patient found: the body lies {np.degrees(yaw - table_yaw_rad):.0f} deg across the table")
    R = rotation_from_vector(yaw * UP)
    foot = aim + x0 * R[:2, 0]
    return pose(R, np.array([foot[0], foot[1], 0.0]))


def _midline(xy: Array) -> tuple[float, float]:
    """Slope dx/dy of the body's middle, and its x at y = 0, from slices across points (N, 2)."""
    low, high = np.percentile(xy[:, 1], (0.5, 99.5))
    middles = []
    for y in np.linspace(low + SLICE_M, high - SLICE_M, SLICES):
        x = xy[np.abs(xy[:, 1] - y) < 0.5 * SLICE_M, 0]
        if len(x) > MIN_POINTS // 50:
            middles.append((0.5 * sum(np.percentile(x, (2, 98))), y))
    if high - low < MIN_LENGTH_M or len(middles) < SLICES // 2:
        raise DataError(f"no patient found: what stands on the table is {1e3 * (high - low):.0f} mm long, too short for a body")
    m = np.array(middles)
    slope, x0 = np.polyfit(m[:, 1], m[:, 0], 1)
    return float(slope), float(x0)


def _height_field(p: Array) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Grid, smooth heights and support over the modelled region, from points (N, 3): Gaussian averages about a polynomial trend."""
    x = np.arange(-HALF_REGION_M[0], HALF_REGION_M[0] + CELL_M, CELL_M)
    y = np.arange(-HALF_REGION_M[1], HALF_REGION_M[1] + CELL_M, CELL_M)
    i, j = np.rint((p[:, 0] - x[0]) / CELL_M).astype(int), np.rint((p[:, 1] - y[0]) / CELL_M).astype(int)
    inside = (i >= 0) & (i < len(x)) & (j >= 0) & (j < len(y))
    p, i, j = p[inside], i[inside], j[inside]
    if len(p) < MIN_POINTS // 4:
        raise DataError(f"no patient found: {len(p)} points around the region, at least {MIN_POINTS // 4} are needed")
    trend = _Quartic(p)
    count, total = np.zeros((len(x), len(y))), np.zeros((len(x), len(y)))
    np.add.at(count, (i, j), 1.0)
    np.add.at(total, (i, j), p[:, 2] - trend(p[:, 0], p[:, 1]))
    sigma = SMOOTH_M / CELL_M
    weight = gaussian_filter(count, sigma, mode="nearest")
    residual = gaussian_filter(total, sigma, mode="nearest") / np.maximum(weight, 1e-3)
    X, Y = np.meshgrid(x, y, indexing="ij")
    return x, y, trend(X, Y) + residual, weight > SEEN_SHARE * float(np.median(weight[weight > 0.0]))


class _Quartic:
    """Least-squares polynomial of fourth order: takes the body's curvature out before smoothing would flatten it."""

    POWERS = tuple((a, b) for a in range(5) for b in range(5 - a))
    SCALE_M = 0.15

    def __init__(self, p: Array) -> None:
        A = self._terms(p[:, 0], p[:, 1])
        self._c = np.linalg.solve(A.T @ A, A.T @ p[:, 2])  # scaled as they are, that loses nothing that could be measured

    def _terms(self, x: Array, y: Array) -> Array:
        one = np.ones_like(x, float)
        u, v = (np.cumprod([one, *4 * [w / self.SCALE_M]], axis=0) for w in (x, y))
        return np.stack([u[a] * v[b] for a, b in self.POWERS], axis=-1)

    def __call__(self, x: Array, y: Array) -> Array:
        z: Array = self._terms(x, y) @ self._c
        return z


# --- has the patient moved ---------------------------------------------------------------------------------------------

STEPS, SETTLED = 15, 1e-4  # at most, and the step [m, rad] that is the last: a tenth of what the points' noise makes
CHOOSING = 5  # steps after which the points are chosen: what comes and goes at their edge would keep it stepping to and fro
USED_POINTS = 4000
INNER_M = (0.10, 0.13)  # across and along: where the height field is trusted under a shift
STRAY_M = 0.015  # a residual beyond it is an arm, a hand, a sheet
PRIOR = 1e-4  # of "no shift", against the mean squared slope: decides where the body's shape says nothing
PRIOR_ARM_M = 0.1  # turns of the prior count as shifts at this radius


@dataclass(frozen=True)
class Shift:
    """Shift (left, cranial) [m] and turn [rad] of a patient since it was found, in its frame.

    `deviation_m` (2,) is the standard deviation that the points' noise gives each: a torso that hardly changes along its
    length shows a cranial shift weakly.
    """

    offset_m: Array
    yaw_rad: float
    deviation_m: Array

    @property
    def size_m(self) -> float:
        """Length of the shift."""
        return float(np.hypot(*self.offset_m))


def shift_since(found: FoundPatient, cloud: Surface) -> Shift:
    """How far the patient has moved, as a new cloud shows it.

    Raises: DataError where the cloud shows no body.
    """
    return shift_of(found, _above_table(cloud.points[np.isfinite(cloud.points).all(axis=1)]))


def shift_of(found: FoundPatient, body: Array) -> Shift:
    """Lays body points (N, 3) on the height field by trimmed Gauss-Newton over shift, turn and breath.

    The breath moves the skin along its normal and is not returned. Raises: DataError where too few points lie on the region.
    """
    body = body[:: max(1, len(body) // USED_POINTS)]
    T = inverse(found.T_base_patient)
    p = body @ T[:3, :3].T + T[:3, 3]
    left = cranial = yaw = breath = 0.0
    for k in range(STEPS):
        q = (p[:, :2] - (left, cranial)) @ rotation_from_vector(yaw * UP)[:2, :2]
        if k < CHOOSING:
            inner = (np.abs(q[:, 0]) < INNER_M[0]) & (np.abs(q[:, 1]) < INNER_M[1])
        if inner.sum() < MIN_POINTS // 4:
            raise DataError("no patient found: the region is hidden or empty")
        x, y = q[inner].T
        z, zx, zy = value_and_slopes(found.skin.spline, x, y)
        rise = np.sqrt(1.0 + zx * zx + zy * zy)  # of the height per breath along the normal
        residual = p[inner, 2] - z - breath * rise
        if k < CHOOSING:
            keep = np.abs(residual - np.median(residual)) < STRAY_M
        A = np.column_stack((-zx, -zy, zx * y - zy * x, rise))[keep]
        H = A.T @ A + PRIOR * len(A) * np.diag([1.0, 1.0, PRIOR_ARM_M**2, 0.0])
        step = np.linalg.solve(H, A.T @ residual[keep])
        left, cranial, yaw, breath = (np.array([left, cranial, yaw, breath]) + step).tolist()
        if np.abs(step).max() < SETTLED:
            break
    noise_m = float(np.std(residual[keep]))
    deviation = noise_m * np.sqrt(np.diag(np.linalg.inv(H))[:2])
    return Shift(np.array([left, cranial]), yaw, deviation)
