"""The tool centre point, from poses of the flange while the tip rests in one place."""

from dataclasses import dataclass

import numpy as np

from medrobot_ros.calibration.estimate import enough, linear
from medrobot_ros.calibration.excitation import check_turns, turns_between
from medrobot_ros.signals import Array

MIN_POSES = 4


@dataclass(frozen=True)
class ToolPoint:
    """The tip in the flange's frame and the place it rested in [m], each (3,); `covariance_m2` (3, 3) is the tip's."""

    p_flange_tip_m: Array
    p_base_pivot_m: Array
    covariance_m2: Array
    residual_m: float
    samples: int


def tool_point(T_base_flange: Array) -> ToolPoint:
    """From poses (n, 4, 4). Raises: DataError where they are too few or do not turn about two axes.

    Solves R p_flange_tip + t = p_base_pivot for both points ("algebraic two-step" in Yaniv, Proc. SPIE 9415, 2015).
    """
    n = len(T_base_flange)
    enough(n, MIN_POSES, "poses")
    R, t = T_base_flange[:, :3, :3], T_base_flange[:, :3, 3]
    check_turns(turns_between(R), "base")
    A = np.concatenate((R, np.broadcast_to(-np.eye(3), R.shape)), axis=2).reshape(3 * n, 6)
    found = linear(A, -t.ravel())
    return ToolPoint(found.x[:3], found.x[3:], found.covariance[:3, :3], found.residual, n)
