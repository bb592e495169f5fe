"""An arm's compiled functions together: kinematics, statics, inertia, velocity limits."""

from math import inf, sqrt

import numpy as np
from numba import njit

from medrobot_ros.arms.chain import Chain, jacobian, tip_jacobian, to_tip
from medrobot_ros.arms.description import NearStops
from medrobot_ros.arms.gravity import Gravity, holding, hung
from medrobot_ros.arms.inertia import Inertia
from medrobot_ros.arms.small import squared, times
from medrobot_ros.arms.urdf import Segment
from medrobot_ros.signals import Array

DAMPING = 1e-9  # of J J^T: 1e-6 of a force where the Jacobian's condition halts the arm, and finite where it is singular


class Compiled:
    """Made with all of it loaded that a control tick calls, but for the inertia: no tick waits for that."""

    def __init__(self, segments: tuple[Segment, ...], T_last_probe: Array, qd_max: Array, near: NearStops) -> None:
        self.chain, self.gravity, self.inertia = Chain(segments, T_last_probe), Gravity(segments), Inertia(segments)
        self._limits = np.stack((qd_max, near.lower_rad, near.upper_rad, near.offset_rad_per_s, near.slope_rad_per_s2))
        q = 0.0 * qd_max  # may be written to, as those of a tick
        of_the_tip = self.chain.pose, self.chain.pose_and_jacobian, self.probe_and_limits
        for load in (*of_the_tip, self.velocity_limits, self.gravity.torque, self.statics):
            load(q)
        self.chain.poses(q[None])
        self.chain.pose_and_twist(q, q)
        self.tip_wrench(q, q)

    def statics(self, q: Array) -> tuple[Array, Array]:
        """The tip's Jacobian (6, n) and the torques (n,) [Nm] that balance gravity, at `q` (n,)."""
        return _statics(q, *self.chain.arrays, self.gravity.masses)  # type: ignore[no-any-return]

    def tip_wrench(self, q: Array, tau: Array) -> Array:
        """The wrench (6,) on the tip in its axes that leaves the motors torques `tau` (n,) [Nm] of those against gravity."""
        return _tip_wrench(q, tau, *self.chain.arrays, self.gravity.masses)  # type: ignore[no-any-return]

    def probe_and_limits(self, q: Array) -> tuple[Array, Array, Array]:
        """The tip's pose (4, 4) and Jacobian (6, n), and `velocity_limits`, at `q` (n,)."""
        return _probe_and_limits(q, *self.chain.arrays, self._limits)  # type: ignore[no-any-return]

    def velocity_limits(self, q: Array) -> Array:
        """Least and greatest joint velocities (2, n) [rad/s] at `q` (n,)."""
        return _velocity_limits(q, self._limits)  # type: ignore[no-any-return]


@njit(cache=True)
def _statics(q, joints, tip, masses):  # type: ignore[no-untyped-def]
    z, o, c, R, p = hung(q, joints, masses)
    return jacobian(z, o, to_tip(R, p, tip)), holding(z, o, c, masses)


@njit(cache=True)
def _tip_wrench(q, tau, joints, tip, masses):  # type: ignore[no-untyped-def]
    J, tau_gravity = _statics(q, joints, tip, masses)
    return np.linalg.solve(squared(J) + DAMPING * np.eye(6), times(J, tau_gravity - tau))


@njit(cache=True)
def _velocity_limits(q, limits):  # type: ignore[no-untyped-def]
    """See `NearStops`; an infinite slope is no limit."""
    qd_max, lower, upper, offset, slope = limits[0], limits[1], limits[2], limits[3], limits[4]
    out = np.empty((2, q.size))
    for i in range(q.size):
        out[0, i], out[1, i] = -qd_max[i], qd_max[i]
        if slope[i] < inf:
            out[0, i] = max(-qd_max[i], min(0.0, offset[i] - sqrt(max(slope[i] * (q[i] - lower[i]), 0.0))))
            out[1, i] = min(qd_max[i], max(0.0, sqrt(max(slope[i] * (upper[i] - q[i]), 0.0)) - offset[i]))
    return out


@njit(cache=True)
def _probe_and_limits(q, joints, tip, limits):  # type: ignore[no-untyped-def]
    J, T = tip_jacobian(q, joints, tip)
    return T, J, _velocity_limits(q, limits)
