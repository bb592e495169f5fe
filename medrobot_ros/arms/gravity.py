"""Joint torques that hold an arm against gravity."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from medrobot_ros.arms.chain import along
from medrobot_ros.arms.urdf import Segment
from medrobot_ros.geometry.wrench import STANDARD_GRAVITY
from medrobot_ros.signals import Array


class Gravity:
    """Gravity torque of a chain of segments whose base stands upright."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._R = np.array([s.T_before_joint[:3, :3] for s in segments])
        self._p = np.array([s.T_before_joint[:3, 3] for s in segments])
        self._axis = np.array([s.axis for s in segments])
        self._mass = np.array([s.mass_kg for s in segments])
        self._com = np.array([s.p_com for s in segments])

    def torque(self, q: Array) -> Array:
        """Torque (n,) [Nm] on the links about their axes that balances gravity at `q` (n,) [rad]."""
        return gravity_torque(q, *self.arrays)  # type: ignore[no-any-return]

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What the compiled function takes behind `q`."""
        return self._R, self._p, self._axis, self._mass, self._com


@njit(cache=True)
def gravity_torque(q, R_before, p_before, axis, mass, com):  # type: ignore[no-untyped-def]
    """As `Gravity.torque`."""
    n = q.size
    R, p = np.eye(3), np.zeros(3)
    z, o, c = np.empty((n, 3)), np.empty((n, 3)), np.empty((n, 3))
    for i in range(n):
        along(R, p, R_before[i], p_before[i], axis[i], q[i])
        for k in range(3):
            o[i, k] = p[k]
            z[i, k] = R[k, 0] * axis[i, 0] + R[k, 1] * axis[i, 1] + R[k, 2] * axis[i, 2]
            c[i, k] = p[k] + R[k, 0] * com[i, 0] + R[k, 1] * com[i, 1] + R[k, 2] * com[i, 2]
    tau, weight, moment_x, moment_y = np.zeros(n), 0.0, 0.0, 0.0
    for i in range(n - 1, -1, -1):
        w = mass[i] * STANDARD_GRAVITY
        weight, moment_x, moment_y = weight + w, moment_x + w * c[i, 0], moment_y + w * c[i, 1]
        tau[i] = z[i, 0] * (moment_y - weight * o[i, 1]) - z[i, 1] * (moment_x - weight * o[i, 0])  # z . (lever x up)
    return tau
