"""Which planned skin points a probe's aperture covers."""

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.geometry.pose import inverse
from medrobot_ros.signals import Array

ELEVATION_HALF_M = 0.0035  # half the 7 mm elevation aperture of an abdominal probe
DEPTH_REACH_M = 0.03  # a planned point moves this far along the beam with breathing and pressing


def covered(T_base_probe: Array, coupled_m: tuple[float, float], p_base_points: Array) -> NDArray[np.bool_]:
    """Share-of-coverage mask (N,) of `p_base_points` (N, 3): inside the coupled aperture, at the skin."""
    T = inverse(T_base_probe)
    p = p_base_points @ T[:3, :3].T + T[:3, 3]
    return (
        (p[:, 0] >= coupled_m[0])
        & (p[:, 0] <= coupled_m[1])
        & (np.abs(p[:, 1]) <= ELEVATION_HALF_M)
        & (np.abs(p[:, 2]) <= DEPTH_REACH_M)
    )
