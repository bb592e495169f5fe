"""Joint torques that hold an arm against gravity."""

from collections.abc import Sequence
from math import cos, sin

import numpy as np
from numba import njit

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
        return _torque(q, self._R, self._p, self._axis, self._mass, self._com, STANDARD_GRAVITY)  # type: ignore[no-any-return]


@njit(cache=True)
def _torque(q, R_before, p_before, axis, mass, com, gravity):  # type: ignore[no-untyped-def]
    n = q.size
    R, p = np.eye(3), np.zeros(3)
    z, o, c = np.empty((n, 3)), np.empty((n, 3)), np.empty((n, 3))
    for i in range(n):
        p = p + R @ p_before[i]
        R = R @ R_before[i] @ rotation(axis[i], q[i])
        o[i], z[i], c[i] = p, R @ axis[i], p + R @ com[i]
    tau, weight, moment = np.zeros(n), 0.0, np.zeros(3)
    for i in range(n - 1, -1, -1):
        weight += mass[i] * gravity
        moment = moment + mass[i] * gravity * c[i]
        lever = moment - weight * o[i]
        tau[i] = z[i, 0] * lever[1] - z[i, 1] * lever[0]  # z . (lever x up)
    return tau


@njit(cache=True)
def rotation(a, angle):  # type: ignore[no-untyped-def]
    """Rotation (3, 3) by `angle` [rad] about the unit axis `a` (3,)."""
    s, c = sin(angle), cos(angle)
    K = np.array([[0.0, -a[2], a[1]], [a[2], 0.0, -a[0]], [-a[1], a[0], 0.0]])
    return np.eye(3) + s * K + (1.0 - c) * (K @ K)
