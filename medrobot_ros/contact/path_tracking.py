"""Where along the planned path the probe should be, and the tangential and angular velocity that keep it there."""

import numpy as np

from medrobot_ros.geometry.pose import inverse, moved, rotation_vector
from medrobot_ros.signals import Array, ScanReference

MAX_CORRECTION_M_PER_S = 0.03
MAX_TURN_RAD_PER_S = 0.5
LOOK_AHEAD_S = 0.05
NO_TWIST = np.zeros(6)


class PathTracking:
    """Follows a `ScanReference` in time; whoever calls decides how fast time passes. The beam direction is left to force."""

    def __init__(self, reference: ScanReference, track_gain_per_s: float, tilt_gain_per_s: float) -> None:
        self.reference = reference
        self._track, self._tilt = track_gain_per_s, tilt_gain_per_s
        self.time_s = 0.0
        self._turns: dict[int, Array] = {}  # from one reference pose to the next, of those that were needed

    @property
    def progress(self) -> float:
        """Share of the path that has passed, 0 to 1."""
        return min(1.0, self.time_s / float(self.reference.time_s[-1]))

    def pose_at(self, time_s: float) -> Array:
        """The reference pose (4, 4) at a time, held at the ends."""
        t, T = self.reference.time_s, self.reference.T_base_probe
        k = min(max(int(t.searchsorted(time_s, side="right")) - 1, 0), len(t) - 2)
        share = min(max((time_s - float(t[k])) / float(t[k + 1] - t[k]), 0.0), 1.0)
        if k not in self._turns:
            self._turns[k] = rotation_vector(T[k, :3, :3].T @ T[k + 1, :3, :3])
        return moved(T[k], share, self._turns[k], T[k + 1, :3, 3])

    def twist(self, T_base_probe: Array, pace: float) -> Array:
        """Twist (6,) in probe axes with no part along the beam; `pace` is how fast path time passes, 0 to 1."""
        T_probe_base = inverse(T_base_probe)
        now = T_probe_base @ self.pose_at(self.time_s)
        feed_forward = NO_TWIST
        if pace > 0.0 and self.progress < 1.0:
            ahead = T_probe_base @ self.pose_at(self.time_s + LOOK_AHEAD_S)
            turn = rotation_vector(now[:3, :3].T @ ahead[:3, :3])
            feed_forward = np.concatenate((ahead[:3, 3] - now[:3, 3], now[:3, :3] @ turn)) * (pace / LOOK_AHEAD_S)
        V = np.empty(6)
        V[:3] = feed_forward[:3] + _limited(self._track * now[:3, 3], MAX_CORRECTION_M_PER_S)
        V[2] = 0.0
        V[3:] = feed_forward[3:] + _limited(self._tilt * rotation_vector(now[:3, :3]), MAX_TURN_RAD_PER_S)
        return V


def _limited(v: Array, limit: float) -> Array:
    size = float(np.sqrt(v @ v))
    return v if size <= limit else v * (limit / size)
