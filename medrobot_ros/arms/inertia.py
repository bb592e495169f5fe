"""The joint-space inertia of a chain."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from medrobot_ros.arms.urdf import Segment
from medrobot_ros.geometry.turning import rotation_of
from medrobot_ros.signals import Array


class Inertia:
    """Inertia matrix of a chain of segments: every body's kinetic energy, summed."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._R = np.array([s.T_before_joint[:3, :3] for s in segments])
        self._p = np.array([s.T_before_joint[:3, 3] for s in segments])
        self._axis = np.array([s.axis for s in segments])
        self._mass = np.array([s.mass_kg for s in segments])
        self._com = np.array([s.p_com for s in segments])
        self._inertia = np.array([s.inertia for s in segments])

    def matrix(self, q: Array) -> Array:
        """M (n, n) [kg m^2] at `q` (n,) [rad]: `0.5 qd @ M @ qd` is the kinetic energy."""
        return _matrix(q, self._R, self._p, self._axis, self._mass, self._com, self._inertia)  # type: ignore[no-any-return]


@njit(cache=True)
def _matrix(q, R_before, p_before, axis, mass, com, inertia):  # type: ignore[no-untyped-def]
    n = q.size
    R, p = np.eye(3), np.zeros(3)
    z, o, M = np.empty((n, 3)), np.empty((n, 3)), np.zeros((n, n))
    for i in range(n):
        p = p + R @ p_before[i]
        R = R @ R_before[i] @ rotation_of(q[i] * axis[i])
        o[i], z[i] = p, R @ axis[i]
        about_com, c = R @ inertia[i] @ R.T, p + R @ com[i]
        moved = np.empty((i + 1, 3))  # velocity of the body's centre of mass for each joint's unit rate
        for k in range(i + 1):
            moved[k] = np.cross(z[k], c - o[k])
        for k in range(i + 1):
            turned = about_com @ z[k]
            for m in range(i + 1):
                M[k, m] += mass[i] * (moved[k] @ moved[m]) + turned @ z[m]
    return M
