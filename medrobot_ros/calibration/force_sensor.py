"""Bias of a force/torque sensor, mass and centre of mass of what hangs on it, from untouched readings in several poses."""

from dataclasses import dataclass

import numpy as np

from medrobot_ros.calibration.estimate import enough, linear
from medrobot_ros.calibration.excitation import check_tilts
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import skew
from medrobot_ros.geometry.wrench import STANDARD_GRAVITY
from medrobot_ros.signals import Array

MIN_POSES = 4


@dataclass(frozen=True)
class ToolWeight:
    """`F_bias` (6,) [N, Nm], `mass_kg`, `p_ft_com_m` (3,); `covariance` (10, 10) in that order."""

    F_bias: Array
    mass_kg: float
    p_ft_com_m: Array
    covariance: Array
    residual_n: float
    residual_nm: float
    samples: int


def tool_weight(R_base_ft: Array, F_raw: Array) -> ToolWeight:
    """From rotations (n, 3, 3) and mean raw wrenches (n, 6), base upright. Raises: DataError where the poses do not tilt about two axes.

    Forces give bias and mass, torques bias and mass times lever: two linear problems, each with its own noise.
    """
    n = len(F_raw)
    enough(n, MIN_POSES, "poses")
    up = R_base_ft[:, 2, :]
    check_tilts(up, "ft")
    ones = np.broadcast_to(np.eye(3), (n, 3, 3))
    per_kg = -STANDARD_GRAVITY * up[:, :, None]
    per_kg_m = STANDARD_GRAVITY * np.array([skew(u) for u in up])
    force = linear(np.concatenate((ones, per_kg), axis=2).reshape(3 * n, 4), F_raw[:, :3].ravel())
    torque = linear(np.concatenate((ones, per_kg_m), axis=2).reshape(3 * n, 6), F_raw[:, 3:].ravel())
    mass_kg = float(force.x[3])
    if mass_kg <= 3.0 * force.std[3]:
        found = f"the mass found is {mass_kg:.3f} kg, give or take {force.std[3]:.3f}"
        raise DataError(f"{found}: are wrench and pose of the same frame and sign?")
    covariance = _propagated(force.covariance, torque.covariance, mass_kg, torque.x[3:])
    F_bias = np.concatenate((force.x[:3], torque.x[:3]))
    return ToolWeight(F_bias, mass_kg, torque.x[3:] / mass_kg, covariance, force.residual, torque.residual, n)


def _propagated(force: Array, torque: Array, mass_kg: float, moment_kg_m: Array) -> Array:
    """Covariance (10, 10) of bias, mass and centre of mass from those of (force bias, mass) and (torque bias, mass times lever)."""
    to = np.zeros((10, 10))
    to[:3, :3] = to[3:6, 4:7] = np.eye(3)
    to[6, 3] = 1.0
    to[7:, 3] = -moment_kg_m / mass_kg**2
    to[7:, 7:] = np.eye(3) / mass_kg
    both = np.zeros((10, 10))
    both[:4, :4], both[4:, 4:] = force, torque
    return to @ both @ to.T
