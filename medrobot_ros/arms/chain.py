"""Forward kinematics and Jacobian of a serial chain, compiled: a control tick calls them several times.

The same numbers as roboticstoolbox's `ETS.eval` and `ETS.jacobe` (a test holds them to 1e-12), whose argument checks cost
more than the arithmetic (`bench/kinematics.py`).
"""

from collections.abc import Sequence
from math import cos, sin

import numpy as np
from numba import njit

from medrobot_ros.arms.small import times
from medrobot_ros.arms.urdf import Segment
from medrobot_ros.signals import Array


class Chain:
    """From the base to the tip, `T_last_tip` (4, 4) behind the last joint."""

    def __init__(self, segments: Sequence[Segment], T_last_tip: Array) -> None:
        self.arrays = joint_rows(segments), np.ascontiguousarray(T_last_tip, dtype=float)  # what compiled functions take behind `q`

    def pose(self, q: Array) -> Array:
        """Tip pose (4, 4) in base at `q` (n,)."""
        return pose_of(q, *self.arrays)  # type: ignore[no-any-return]

    def poses(self, Q: Array) -> Array:
        """Tip poses (k, 4, 4) in base at the rows of `Q` (k, n)."""
        return _poses(Q, *self.arrays)  # type: ignore[no-any-return]

    def pose_and_jacobian(self, q: Array) -> tuple[Array, Array]:
        """Tip pose (4, 4) in base, and the Jacobian (6, n) that gives the twist [v; w] of the tip in tip axes."""
        J, T = tip_jacobian(q, *self.arrays)
        return T, J

    def pose_and_twist(self, q: Array, qd: Array) -> tuple[Array, Array]:
        """Tip pose (4, 4) in base, and the twist (6,) of the tip in tip axes at joint velocities `qd` (n,)."""
        return _pose_and_twist(q, qd, *self.arrays)  # type: ignore[no-any-return]


def joint_rows(segments: Sequence[Segment]) -> Array:
    """The joints as (n, 5, 3): rotation and position of each in the link before it, and its axis. One array, for each that a
    compiled function is given costs it a quarter of a microsecond."""
    return np.array([[*s.T_before_joint[:3, :3], s.T_before_joint[:3, 3], s.axis] for s in segments], dtype=float)


@njit(cache=True)
def along(R, p, joint, angle, z, o):  # type: ignore[no-untyped-def]
    """Moves the frame (R, p) over one joint (5, 3), in place, and writes its axis and origin (3,): no arrays are made."""
    for i in range(3):
        p[i] += R[i, 0] * joint[3, 0] + R[i, 1] * joint[3, 1] + R[i, 2] * joint[3, 2]
    x, y, w = joint[4, 0], joint[4, 1], joint[4, 2]
    s, c = sin(angle), cos(angle)
    t = 1.0 - c
    k00, k01, k02 = c + t * x * x, t * x * y - s * w, t * x * w + s * y
    k10, k11, k12 = t * x * y + s * w, c + t * y * y, t * y * w - s * x
    k20, k21, k22 = t * x * w - s * y, t * y * w + s * x, c + t * w * w
    for i in range(3):
        a = R[i, 0] * joint[0, 0] + R[i, 1] * joint[1, 0] + R[i, 2] * joint[2, 0]
        b = R[i, 0] * joint[0, 1] + R[i, 1] * joint[1, 1] + R[i, 2] * joint[2, 1]
        d = R[i, 0] * joint[0, 2] + R[i, 1] * joint[1, 2] + R[i, 2] * joint[2, 2]
        R[i, 0] = a * k00 + b * k10 + d * k20
        R[i, 1] = a * k01 + b * k11 + d * k21
        R[i, 2] = a * k02 + b * k12 + d * k22
        z[i] = R[i, 0] * x + R[i, 1] * y + R[i, 2] * w
        o[i] = p[i]


@njit(cache=True)
def to_tip(R, p, tip):  # type: ignore[no-untyped-def]
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
def pose_of(q, joints, tip):  # type: ignore[no-untyped-def]
    """Tip pose (4, 4)."""
    R, p, z, o = np.eye(3), np.zeros(3), np.empty(3), np.empty(3)
    for i in range(q.size):
        along(R, p, joints[i], q[i], z, o)
    return to_tip(R, p, tip)


@njit(cache=True)
def _poses(Q, joints, tip):  # type: ignore[no-untyped-def]
    out = np.empty((Q.shape[0], 4, 4))
    for k in range(Q.shape[0]):
        out[k] = pose_of(Q[k], joints, tip)
    return out


@njit(cache=True)
def tip_jacobian(q, joints, tip):  # type: ignore[no-untyped-def]
    """Jacobian (6, n) in tip axes and tip pose (4, 4)."""
    R, p, z, o = np.eye(3), np.zeros(3), np.empty((q.size, 3)), np.empty((q.size, 3))
    for i in range(q.size):
        along(R, p, joints[i], q[i], z[i], o[i])
    T = to_tip(R, p, tip)
    return jacobian(z, o, T), T


@njit(cache=True)
def _pose_and_twist(q, qd, joints, tip):  # type: ignore[no-untyped-def]
    J, T = tip_jacobian(q, joints, tip)
    return T, times(J, qd)


@njit(cache=True)
def jacobian(z, o, T):  # type: ignore[no-untyped-def]
    """The Jacobian (6, n), in its axes, of a tip at `T` (4, 4) behind joints with axes and origins (n, 3)."""
    n = len(z)
    J = np.empty((6, n))
    for i in range(n):
        a, b, c = T[0, 3] - o[i, 0], T[1, 3] - o[i, 1], T[2, 3] - o[i, 2]
        vx, vy, vz = z[i, 1] * c - z[i, 2] * b, z[i, 2] * a - z[i, 0] * c, z[i, 0] * b - z[i, 1] * a
        for k in range(3):
            J[k, i] = T[0, k] * vx + T[1, k] * vy + T[2, k] * vz
            J[3 + k, i] = T[0, k] * z[i, 0] + T[1, k] * z[i, 1] + T[2, k] * z[i, 2]
    return J
