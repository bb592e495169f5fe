"""How fast any point of an arm moves, against what is allowed where it is: near the patient less than elsewhere."""

import numpy as np
from numba import njit

from medrobot_ros.arms.bodies import Bodies, extents, place
from medrobot_ros.signals import Array


class SpeedLimits:
    """`near_m_per_s` [m/s] for every capsule that reaches into the zone, `free_m_per_s` for the others.

    `zone_m` (2, 3) are its lower and its upper corner in base."""

    def __init__(self, bodies: Bodies, zone_m: Array, near_m_per_s: float, free_m_per_s: float) -> None:
        self._bodies, self._zone = bodies, zone_m
        self._near_m_per_s, self._free_m_per_s = near_m_per_s, free_m_per_s
        still = np.zeros(len(bodies.axis))
        self.share(still, still)  # compiled or loaded now, not in a tick

    def share(self, q: Array, qd: Array, ahead_s: float = 0.0) -> float:
        """The greatest share that a point's speed at `q`, `qd` (n,) takes of its limit; more than 1 is too fast.

        What reaches the zone within `ahead_s` [s] counts as inside. No point of a capsule is faster than the faster of its
        ends and what its turning adds over its radius."""
        return float(_share(self._bodies, q, qd, self._zone, self._near_m_per_s, self._free_m_per_s, ahead_s))


@njit(cache=True)
def _share(bodies, q, qd, zone, near_m_per_s, free_m_per_s, ahead_s):  # type: ignore[no-untyped-def]
    at_a, at_b, z, o = place(bodies, q)
    low, high = extents(bodies, at_a, at_b)
    most = 0.0
    for c in range(len(at_a)):
        if bodies.segment[c] < 0:
            continue
        speed = _fastest(bodies, c, at_a[c], at_b[c], z, o, qd)
        inside = True
        for k in range(3):
            inside &= low[c, k] - speed * ahead_s < zone[1, k] and high[c, k] + speed * ahead_s > zone[0, k]
        most = max(most, speed / (near_m_per_s if inside else free_m_per_s))
    return most


@njit(cache=True)
def _fastest(bodies, c, a, b, z, o, qd):  # type: ignore[no-untyped-def]
    """No point of a capsule is faster than this [m/s]."""
    turn, v_a, v_b = np.zeros(3), np.zeros(3), np.zeros(3)
    for joint in range(bodies.segment[c] + 1):
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            turn[k] += z[joint, k] * qd[joint]
            v_a[k] += (z[joint, i] * (a[j] - o[joint, j]) - z[joint, j] * (a[i] - o[joint, i])) * qd[joint]
            v_b[k] += (z[joint, i] * (b[j] - o[joint, j]) - z[joint, j] * (b[i] - o[joint, i])) * qd[joint]
    ends = np.sqrt(max(np.sum(v_a * v_a), np.sum(v_b * v_b)))
    return ends + np.sqrt(np.sum(turn * turn)) * bodies.radius[c]
