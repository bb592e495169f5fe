"""An arm's compiled functions together: kinematics, statics, inertia, velocity limits."""

from math import inf, sqrt

from numba import njit

from medrobot_ros.arms.chain import Chain, tip_jacobian
from medrobot_ros.arms.description import NearStops
from medrobot_ros.arms.gravity import Gravity, gravity_torque
from medrobot_ros.arms.inertia import Inertia
from medrobot_ros.arms.urdf import Segment
from medrobot_ros.signals import Array


class Compiled:
    """Made with all of it loaded that a control tick calls, but for the inertia: no tick waits for that."""

    def __init__(self, segments: tuple[Segment, ...], T_last_probe: Array, qd_max: Array, near: NearStops) -> None:
        self.chain, self.gravity, self.inertia = Chain(segments, T_last_probe), Gravity(segments), Inertia(segments)
        self._limits = qd_max, near.lower_rad, near.upper_rad, near.offset_rad_per_s, near.slope_rad_per_s2
        q = 0.0 * qd_max  # may be written to, as those of a tick
        of_the_tip = self.chain.pose, self.chain.pose_and_jacobian, self.probe_and_limits
        for load in (*of_the_tip, self.velocity_limits, self.gravity.torque, self.statics):
            load(q)
        self.chain.poses(q[None])

    def statics(self, q: Array) -> tuple[Array, Array]:
        """The tip's Jacobian (6, n) and the torques (n,) [Nm] that balance gravity, at `q` (n,)."""
        return _statics(q, self.chain.arrays, self.gravity.arrays)  # type: ignore[no-any-return]

    def probe_and_limits(self, q: Array) -> tuple[Array, Array, Array, Array]:
        """The tip's pose (4, 4) and Jacobian (6, n), and `velocity_limits`, at `q` (n,)."""
        return _probe_and_limits(q, self.chain.arrays, self._limits)  # type: ignore[no-any-return]

    def velocity_limits(self, q: Array) -> tuple[Array, Array]:
        """Least and greatest joint velocities (n,) [rad/s] at `q` (n,)."""
        return _velocity_limits(q, *self._limits)  # type: ignore[no-any-return]


@njit(cache=True)
def _statics(q, chain, gravity):  # type: ignore[no-untyped-def]
    J, _ = tip_jacobian(q, *chain)
    return J, gravity_torque(q, *gravity)


@njit(cache=True)
def _velocity_limits(q, qd_max, lower, upper, offset, slope):  # type: ignore[no-untyped-def]
    """See `NearStops`; an infinite slope is no limit."""
    low, high = -qd_max, qd_max.copy()
    for i in range(q.size):
        if slope[i] < inf:
            high[i] = min(qd_max[i], max(0.0, sqrt(max(slope[i] * (upper[i] - q[i]), 0.0)) - offset[i]))
            low[i] = max(-qd_max[i], min(0.0, offset[i] - sqrt(max(slope[i] * (q[i] - lower[i]), 0.0))))
    return low, high


@njit(cache=True)
def _probe_and_limits(q, chain, limits):  # type: ignore[no-untyped-def]
    J, T = tip_jacobian(q, *chain)
    low, high = _velocity_limits(q, *limits)
    return T, J, low, high
