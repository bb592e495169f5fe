"""Where along the planned path the probe should be, and the tangential and angular velocity that keep it there.

Compiled, with the turn that is asked for: a hundred times a second in numpy it took as long as all else along the beam.
"""

from math import sqrt

import numpy as np
from numba import njit

from medrobot_ros.geometry.turning import rotation_of, turned_back, vector_of
from medrobot_ros.signals import Array, ScanReference

MAX_CORRECTION_M_PER_S = 0.03
MAX_TURN_RAD_PER_S = 0.5
LOOK_AHEAD_S = 0.05
NO_TWIST = np.zeros(6)
UPRIGHT = np.zeros(2)
STANDING = ScanReference(0, "", np.tile(np.eye(4), (2, 1, 1)), np.array([0.0, 1.0]))  # a path that leads nowhere


class PathTracking:
    """Follows a `ScanReference` in time; whoever calls decides how fast time passes. The beam direction is left to force."""

    def __init__(self, reference: ScanReference, track_gain_per_s: float, tilt_gain_per_s: float) -> None:
        self.reference = reference
        self._way = np.array(reference.time_s, float), np.array(reference.T_base_probe, float)
        self._gains = track_gain_per_s, tilt_gain_per_s
        self._end_s = float(reference.time_s[-1])
        self.time_s = 0.0

    @property
    def progress(self) -> float:
        """Share of the path that has passed, 0 to 1."""
        return min(1.0, self.time_s / self._end_s)

    def pose_at(self, time_s: float) -> Array:
        """The reference pose (4, 4) at a time, held at the ends."""
        T: Array = _pose_at(time_s, *self._way)
        return T

    def twist(self, T_base_probe: Array, pace: float, turn_rad: Array = UPRIGHT) -> Array:
        """Twist (6,) in probe axes, none along the beam, towards the path's pose turned by `turn_rad` (2,) about the probe's x and y.

        `pace` is how fast path time passes, 0 to 1.
        """
        V: Array = _twist(T_base_probe, pace if self.progress < 1.0 else 0.0, turn_rad, self.time_s, *self._way, *self._gains)
        return V


@njit(cache=True)  # type: ignore[untyped-decorator]
def _pose_at(time_s, times, poses):  # type: ignore[no-untyped-def]
    k = min(max(np.searchsorted(times, time_s, side="right") - 1, 0), len(times) - 2)
    share = min(max((time_s - times[k]) / (times[k + 1] - times[k]), 0.0), 1.0)
    R, R_next = poses[k, :3, :3], poses[k + 1, :3, :3]
    T = np.eye(4)
    T[:3, :3] = turned_back(R.T, rotation_of(share * vector_of(turned_back(R, R_next))))
    T[:3, 3] = (1.0 - share) * poses[k, :3, 3] + share * poses[k + 1, :3, 3]
    return T


@njit(cache=True)  # type: ignore[untyped-decorator]
def _twist(T_base_probe, pace, turn_rad, time_s, times, poses, track, tilt):  # type: ignore[no-untyped-def]
    """As `PathTracking.twist`: in the axes of the probe turned back, then in its own."""
    R_asked = rotation_of(np.array([turn_rad[0], turn_rad[1], 0.0]))
    R, p = turned_back(T_base_probe[:3, :3].T, R_asked.T), T_base_probe[:3, 3]
    T = _pose_at(time_s, times, poses)
    R_now, p_now = turned_back(R, T[:3, :3]), turned_back(R, T[:3, 3] - p)
    v, w = _limited(track * p_now, MAX_CORRECTION_M_PER_S), _limited(tilt * vector_of(R_now), MAX_TURN_RAD_PER_S)
    if pace > 0.0:
        T = _pose_at(time_s + LOOK_AHEAD_S, times, poses)
        R_ahead, p_ahead = turned_back(R, T[:3, :3]), turned_back(R, T[:3, 3] - p)
        v += (p_ahead - p_now) * (pace / LOOK_AHEAD_S)
        w += turned_back(R_now.T, vector_of(turned_back(R_now, R_ahead))) * (pace / LOOK_AHEAD_S)
    v[2] = 0.0
    V = np.empty(6)
    V[:3], V[3:] = turned_back(R_asked, v), turned_back(R_asked, w)
    V[2] = 0.0
    return V


@njit(cache=True)  # type: ignore[untyped-decorator]
def _limited(v, limit):  # type: ignore[no-untyped-def]
    size = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return v if size <= limit else v * (limit / size)
