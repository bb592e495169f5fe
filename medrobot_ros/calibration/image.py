"""Where the image lies on the probe, from wires of a phantom that show in it while the probe is tracked.

Spots are first put into one linear problem for the image's axes and origin, whose answer is the start of least squares over
a rigid pose and two pixel spacings. N-wire: the middle spot's place on its wire follows from the ratio of its distances
(Comeau et al., Med. Phys. 25(10), 1998), and the fit brings every spot onto its wire. Crossed wires: every spot is one
unknown point (Detmer et al., Ultrasound Med. Biol. 20(9), 1994).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from medrobot_ros.calibration.estimate import Estimate, at_solution, enough
from medrobot_ros.calibration.excitation import check_turns, turns_between
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.signals import Array

MIN_IMAGES = 5
MIN_SPREAD = 0.04  # rms of the spots' places over the image's size, in its weaker direction; chosen
OUTLIER, OUTLIER_M = 4.0, 1e-4  # times the median error, and never nearer the wires than this: chosen
MAX_DROPPED = 0.25
MAX_RESIDUAL_M = 0.003  # chosen: published N-wire and crossed-wire calibrations leave 0.3 to 1.5 mm


@dataclass(frozen=True)
class ImageCalibration:
    """`T_probe_image` (4, 4) maps image metres into the probe, `spacing_m` is (column, row).

    `covariance` (8, 8) of a small [rotation vector; translation] of the image in its own frame and of the spacings [rad, m, m].
    `errors_m` (n,) is each image's rms distance from the wires.
    """

    T_probe_image: Array
    spacing_m: Array
    covariance: Array
    residual_m: float
    errors_m: Array


def from_n_wires(T_phantom_probe: Array, spots: Array, wires_m: Array, size: tuple[int, int]) -> ImageCalibration:
    """From poses (n, 4, 4), spots (n, layers, 3, 2) in pixels, wires (layers, 3, 2, 3) and the image's (columns, rows).

    Raises: DataError where the spots do not spread over the image, or are not those wires'.
    """
    n, layers = spots.shape[:2]
    enough(n, MIN_IMAGES, "images that show every wire")
    _check_spread(spots[:, :, 1].reshape(-1, 2), size, "a middle wire")
    R, t = T_phantom_probe[:, None, :3, :3], T_phantom_probe[:, None, :3, 3]
    p_probe = np.einsum("nlji,nlj->nli", np.broadcast_to(R, (n, layers, 3, 3)), _middle_points(spots, wires_m) - t)
    pixels = _homogeneous(spots[:, :, 1].reshape(-1, 2))
    columns = np.linalg.lstsq(pixels, p_probe.reshape(-1, 3), rcond=None)[0].T
    starts, across = wires_m[:, :, 0], _across(wires_m)

    def errors(columns: Array, _: Array) -> Array:
        seen = np.einsum("nij,nlwj->nlwi", T_phantom_probe[:, :3, :3], _homogeneous(spots) @ columns.T) + t[:, :, None]
        return np.einsum("lwki,nlwi->nlwk", across, seen - starts).ravel()

    return _fitted(columns, np.zeros(0), errors, n)


def from_crossed_wires(T_reference_probe: Array, spots: Array, size: tuple[int, int], frame: str) -> ImageCalibration:
    """From poses (n, 4, 4), the crossing's spots (n, 2) in pixels and the image's (columns, rows).

    Raises: DataError where the spots do not spread over the image or the probe does not turn about two axes of `frame`.
    """
    n = len(spots)
    enough(n, MIN_IMAGES, "images that show the crossing")
    R, t = T_reference_probe[:, :3, :3], T_reference_probe[:, :3, 3]
    _check_spread(spots, size, "the crossing")
    check_turns(turns_between(R), frame)
    pixels = _homogeneous(spots)
    A = np.concatenate((np.einsum("nij,nk->nijk", R, pixels).reshape(n, 3, 9), np.broadcast_to(-np.eye(3), (n, 3, 3))), axis=2)
    x = np.linalg.lstsq(A.reshape(3 * n, 12), -t.ravel(), rcond=None)[0]

    def errors(columns: Array, p_crossing: Array) -> Array:
        return (np.einsum("nij,nj->ni", R, pixels @ columns.T) + t - p_crossing).ravel()

    return _fitted(x[:9].reshape(3, 3), x[9:], errors, n)


def _fitted(columns: Array, p: Array, errors: Callable[[Array, Array], Array], n: int) -> ImageCalibration:
    """The rigid image nearest the affine `columns` (3, 3), moved to least errors together with the points `p`."""
    spacing = np.linalg.norm(columns[:, :2], axis=0)
    x_axis, y_axis = (columns[:, :2] / spacing).T
    U, _, V = np.linalg.svd(np.column_stack((x_axis, y_axis, np.cross(x_axis, y_axis))))
    T_start = pose(U @ V, columns[:, 2])

    def image(x: Array) -> Array:
        return T_start @ pose(Rotation.from_rotvec(x[:3]).as_matrix(), x[3:6])

    def residuals(x: Array) -> Array:
        T = image(x)
        return errors(np.column_stack((T[:3, 0] * x[6], T[:3, 1] * x[7], T[:3, 3])), x[8:])

    start = np.concatenate((np.zeros(6), spacing, p))
    found = least_squares(residuals, start, x_scale="jac", method="lm")
    estimate: Estimate = at_solution(found.x, found.jac, found.fun)
    errors_m = np.sqrt(np.mean(found.fun.reshape(n, -1) ** 2, axis=1))
    return ImageCalibration(image(found.x), found.x[6:8], estimate.covariance[:8, :8], estimate.residual, errors_m)


def without_outliers(fit: Callable[[Array, Array], ImageCalibration], T: Array, spots: Array) -> tuple[ImageCalibration, int]:
    """`fit(T, spots)` without the images whose spots are others than the wires', and how many those were.

    An image far worse than most is left out and the rest is fitted again. Raises: DataError where too many are, or where the
    rest does not fit either.
    """
    kept = np.arange(len(T))
    while True:
        found = fit(T[kept], spots[kept])
        worse = found.errors_m > max(OUTLIER * float(np.median(found.errors_m)), OUTLIER_M)
        dropped = len(T) - len(kept) + int(worse.sum())
        if dropped > MAX_DROPPED * len(T):
            raise DataError(f"{dropped} of {len(T)} images do not agree with the others: are other spots as bright as the wires?")
        if not worse.any():
            _check_residual(found)
            return found, dropped
        kept = kept[~worse]


def _check_residual(found: ImageCalibration) -> None:
    if not found.residual_m < MAX_RESIDUAL_M:
        off_mm, limit_mm = 1e3 * found.residual_m, 1e3 * MAX_RESIDUAL_M
        doubt = "are the wires listed as the image shows them, from the left and from the probe, or did the phantom move?"
        raise DataError(f"the spots lie {off_mm:.1f} mm rms from the wires, more than {limit_mm:g} mm: {doubt}")


def _homogeneous(spots: Array) -> Array:
    return np.concatenate((spots, np.ones((*spots.shape[:-1], 1))), axis=-1)


def _check_spread(spots: Array, size: tuple[int, int], what: str) -> None:
    spread, directions = np.linalg.eigh(np.cov((spots / size).T, bias=True))
    if np.sqrt(max(spread[0], 0.0)) < MIN_SPREAD:
        missing = "at other depths" if abs(directions[1, 0]) > abs(directions[0, 0]) else "further to the left and right"
        raise DataError(f"{what} shows nearly along one line of the images only: move the probe so that it shows {missing}")


def _middle_points(spots: Array, wires_m: Array) -> Array:
    """Where each image cuts the middle wires, in the phantom (n, layers, 3): ratios along a line survive any affine image."""
    outer = spots[:, :, 2] - spots[:, :, 0]
    share = np.einsum("nli,nli->nl", spots[:, :, 1] - spots[:, :, 0], outer) / np.einsum("nli,nli->nl", outer, outer)
    first, middle, last = wires_m[:, 0, 0], wires_m[:, 1], wires_m[:, 2, 0]
    along = wires_m[:, 0, 1] - first
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    gap = last - first
    sideways = gap - np.einsum("li,li->l", gap, along)[:, None] * along
    run = middle[:, 1] - middle[:, 0]
    wanted = np.einsum("li,nli->nl", sideways, first + share[..., None] * gap - middle[:, 0])
    out: Array = middle[:, 0] + (wanted / np.einsum("li,li->l", sideways, run))[..., None] * run
    return out


def _across(wires_m: Array) -> Array:
    """Two unit vectors across each wire (layers, 3, 2, 3)."""
    along = wires_m[:, :, 1] - wires_m[:, :, 0]
    return np.array([[np.linalg.svd(wire[None])[2][1:] for wire in layer] for layer in along])
