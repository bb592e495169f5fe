"""Where the depth camera sees the reference spheres, against where they are."""

import numpy as np
from scipy.optimize import least_squares

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

MAX_ERROR_M = 0.005
SEARCH_M = 0.05  # about a sphere's known place
ABOVE_TABLE_M = 0.012  # of a point that counts as on the sphere: eight times a depth camera's noise
MIN_POINTS = 12
NOISE_M = 0.003  # beyond which a point's pull is cut


def camera_error(points: Array, p_base_spheres: Array, radius_m: float) -> float:
    """The greatest distance [m] between a sphere's centre in a cloud `points` (N, 3) and where it is, (3, 3), all in base.

    Raises: DataError that names a sphere which is not seen.
    """
    seen = np.array([_centre(points, p, radius_m) for p in p_base_spheres])
    return float(np.linalg.norm(seen - p_base_spheres, axis=1).max())


def _centre(points: Array, p_known: Array, radius_m: float) -> Array:
    """The centre (3,) of a sphere of known radius through what stands out of the table near its known place."""
    near = points[np.hypot(*(points[:, :2] - p_known[:2]).T) < SEARCH_M]
    cap = near[near[:, 2] > np.median(near[:, 2]) + ABOVE_TABLE_M] if len(near) else near
    if len(cap) < MIN_POINTS:
        x, y, z = p_known
        where = f"({x:.2f}, {y:.2f}, {z:.2f}) m"
        raise DataError(f"the camera does not see the reference sphere at {where}: is it there, and camera.spheres_m right?")
    start = np.median(cap, axis=0) - np.array([0.0, 0.0, 0.5 * radius_m])
    centre: Array = least_squares(lambda c: np.linalg.norm(cap - c, axis=1) - radius_m, start, loss="soft_l1", f_scale=NOISE_M).x
    return centre
