"""Joint torques that hold an arm against gravity."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from medrobot_ros.arms.chain import along, joint_rows
from medrobot_ros.arms.urdf import Segment
from medrobot_ros.geometry.wrench import STANDARD_GRAVITY
from medrobot_ros.signals import Array


class Gravity:
    """Gravity torque of a chain of segments whose base stands upright."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._joints = joint_rows(segments)
        self.masses = np.array([[s.mass_kg, *s.p_com] for s in segments])  # (n, 4), with their centres in their links

    def torque(self, q: Array) -> Array:
        """Torque (n,) [Nm] on the links about their axes that balances gravity at `q` (n,) [rad]."""
        return _torque(q, self._joints, self.masses)  # type: ignore[no-any-return]


@njit(cache=True)
def _torque(q, joints, masses):  # type: ignore[no-untyped-def]
    z, o, c, _, _ = hung(q, joints, masses)
    return holding(z, o, c, masses)


@njit(cache=True)
def hung(q, joints, masses):  # type: ignore[no-untyped-def]
    """The joints' axes and origins and the links' centres of mass (n, 3) in base, and the last link's frame (R, p)."""
    n = q.size
    R, p, z, o, c = np.eye(3), np.zeros(3), np.empty((n, 3)), np.empty((n, 3)), np.empty((n, 3))
    for i in range(n):
        along(R, p, joints[i], q[i], z[i], o[i])
        for k in range(3):
            c[i, k] = p[k] + R[k, 0] * masses[i, 1] + R[k, 1] * masses[i, 2] + R[k, 2] * masses[i, 3]
    return z, o, c, R, p


@njit(cache=True)
def holding(z, o, c, masses):  # type: ignore[no-untyped-def]
    """The torques (n,) about the joints that hold the masses at `c` (n, 3)."""
    n = len(z)
    tau, weight, moment_x, moment_y = np.zeros(n), 0.0, 0.0, 0.0
    for i in range(n - 1, -1, -1):
        w = masses[i, 0] * STANDARD_GRAVITY
        weight, moment_x, moment_y = weight + w, moment_x + w * c[i, 0], moment_y + w * c[i, 1]
        tau[i] = z[i, 0] * (moment_y - weight * o[i, 1]) - z[i, 1] * (moment_x - weight * o[i, 0])  # z . (lever x up)
    return tau
