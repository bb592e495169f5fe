"""Forward kinematics and Jacobian of a serial chain, compiled: a control tick calls them several times.

The same numbers as roboticstoolbox's `ETS.eval` and `ETS.jacobe` (a test holds them to 1e-12), whose argument checks cost
more than the arithmetic (`bench/kinematics.py`).
"""

from collections.abc import Sequence
from math import cos, sin

import numpy as np
from numba import njit

from medrobot_ros.arms.urdf import Segment
from medrobot_ros.signals import Array


class Chain:
    """From the base to the tip, `T_last_tip` (4, 4) behind the last joint."""

    def __init__(self, segments: Sequence[Segment], T_last_tip: Array) -> None:
        self._R = np.array([s.T_before_joint[:3, :3] for s in segments])
        self._p = np.array([s.T_before_joint[:3, 3] for s in segments])
        self._axis = np.array([s.axis for s in segments], dtype=float)
        self._tip = np.ascontiguousarray(T_last_tip, dtype=float)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What the compiled functions of this module take behind `q`."""
        return self._R, self._p, self._axis, self._tip

    def pose(self, q: Array) -> Array:
        """Tip pose (4, 4) in base at `q` (n,)."""
        return pose_of(q, self._R, self._p, self._axis, self._tip)  # type: ignore[no-any-return]

    def poses(self, Q: Array) -> Array:
        """Tip poses (k, 4, 4) in base at the rows of `Q` (k, n)."""
        return _poses(Q, self._R, self._p, self._axis, self._tip)  # type: ignore[no-any-return]

    def pose_and_jacobian(self, q: Array) -> tuple[Array, Array]:
        """Tip pose (4, 4) in base, and the Jacobian (6, n) that gives the twist [v; w] of the tip in tip axes."""
        J, T = tip_jacobian(q, self._R, self._p, self._axis, self._tip)
        return T, J


@njit(cache=True)
def along(R, p, R_before, p_before, axis, angle):  # type: ignore[no-untyped-def]
    """Moves the frame (R, p) over one joint, in place: no arrays are made."""
    for i in range(3):
        p[i] += R[i, 0] * p_before[0] + R[i, 1] * p_before[1] + R[i, 2] * p_before[2]
    x, y, z = axis[0], axis[1], axis[2]
    s, c = sin(angle), cos(angle)
    t = 1.0 - c
    k00, k01, k02 = c + t * x * x, t * x * y - s * z, t * x * z + s * y
    k10, k11, k12 = t * x * y + s * z, c + t * y * y, t * y * z - s * x
    k20, k21, k22 = t * x * z - s * y, t * y * z + s * x, c + t * z * z
    for i in range(3):
        a = R[i, 0] * R_before[0, 0] + R[i, 1] * R_before[1, 0] + R[i, 2] * R_before[2, 0]
        b = R[i, 0] * R_before[0, 1] + R[i, 1] * R_before[1, 1] + R[i, 2] * R_before[2, 1]
        d = R[i, 0] * R_before[0, 2] + R[i, 1] * R_before[1, 2] + R[i, 2] * R_before[2, 2]
        R[i, 0] = a * k00 + b * k10 + d * k20
        R[i, 1] = a * k01 + b * k11 + d * k21
        R[i, 2] = a * k02 + b * k12 + d * k22


@njit(cache=True)
def _to_tip(R, p, tip):  # type: ignore[no-untyped-def]
    """Tip pose (4, 4) behind the frame (R, p)."""
    T = np.zeros((4, 4))
    for i in range(3):
        T[i, 3] = p[i]
        for k in range(3):
            T[i, 3] += R[i, k] * tip[k, 3]
            for j in range(3):
                T[i, j] += R[i, k] * tip[k, j]
    T[3, 3] = 1.0
    return T


@njit(cache=True)
def pose_of(q, R_before, p_before, axis, tip):  # type: ignore[no-untyped-def]
    """Tip pose (4, 4)."""
    R, p = np.eye(3), np.zeros(3)
    for i in range(q.size):
        along(R, p, R_before[i], p_before[i], axis[i], q[i])
    return _to_tip(R, p, tip)


@njit(cache=True)
def _poses(Q, R_before, p_before, axis, tip):  # type: ignore[no-untyped-def]
    out = np.empty((Q.shape[0], 4, 4))
    for k in range(Q.shape[0]):
        out[k] = pose_of(Q[k], R_before, p_before, axis, tip)
    return out


@njit(cache=True)
def tip_jacobian(q, R_before, p_before, axis, tip):  # type: ignore[no-untyped-def]
    """Jacobian (6, n) in tip axes and tip pose (4, 4)."""
    n = q.size
    R, p = np.eye(3), np.zeros(3)
    z, o = np.empty((n, 3)), np.empty((n, 3))
    for i in range(n):
        along(R, p, R_before[i], p_before[i], axis[i], q[i])
        for k in range(3):
            o[i, k] = p[k]
            z[i, k] = R[k, 0] * axis[i, 0] + R[k, 1] * axis[i, 1] + R[k, 2] * axis[i, 2]
    T = _to_tip(R, p, tip)
    J = np.empty((6, n))
    for i in range(n):
        a, b, c = T[0, 3] - o[i, 0], T[1, 3] - o[i, 1], T[2, 3] - o[i, 2]
        vx, vy, vz = z[i, 1] * c - z[i, 2] * b, z[i, 2] * a - z[i, 0] * c, z[i, 0] * b - z[i, 1] * a
        for k in range(3):
            J[k, i] = T[0, k] * vx + T[1, k] * vy + T[2, k] * vz
            J[3 + k, i] = T[0, k] * z[i, 0] + T[1, k] * z[i, 1] + T[2, k] * z[i, 2]
    return J, T
