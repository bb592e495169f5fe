"""How fast any point of an arm moves, against what is allowed where it is: near the patient less than elsewhere."""

from math import sqrt

import numpy as np
from numba import njit

from medrobot_ros.arms.bodies import Bodies, extents, place
from medrobot_ros.signals import Array


class SpeedLimits:
    """`near_m_per_s` [m/s] for every capsule that reaches into the zone, `free_m_per_s` for the others.

    `zone_m` (2, 3) are its lower and its upper corner in base."""

    def __init__(self, bodies: Bodies, zone_m: Array, near_m_per_s: float, free_m_per_s: float) -> None:
        self._bodies = bodies
        self.zone_and_limits = zone_m, near_m_per_s, free_m_per_s
        still = np.zeros(len(bodies.joints))
        self.share(still, still)  # compiled or loaded now, not in a tick

    def share(self, q: Array, qd: Array, ahead_s: float = 0.0) -> float:
        """The greatest share that a point's speed at `q`, `qd` (n,) takes of its limit; more than 1 is too fast.

        What reaches the zone within `ahead_s` [s] counts as inside. No point of a capsule is faster than the faster of its
        ends and what its turning adds over its radius."""
        return float(_share(self._bodies, q, qd, *self.zone_and_limits, ahead_s))


@njit(cache=True)
def _share(bodies, q, qd, zone, near_m_per_s, free_m_per_s, ahead_s):  # type: ignore[no-untyped-def]
    at_a, at_b, z, o, _, _ = place(bodies, q)
    low, high = extents(bodies, at_a, at_b)
    return share_of(bodies, at_a, at_b, z, o, low, high, qd, zone, near_m_per_s, free_m_per_s, ahead_s)


@njit(cache=True)
def share_of(bodies, at_a, at_b, z, o, low, high, qd, zone, near_m_per_s, free_m_per_s, ahead_s):  # type: ignore[no-untyped-def]
    """As `SpeedLimits.share`, of placed capsules with their extents."""
    most, twists = 0.0, _twists(z, o, qd)
    for c in range(len(at_a)):
        if bodies.segment[c] < 0:
            continue
        speed = _fastest(twists[bodies.segment[c]], at_a[c], at_b[c], bodies.radius[c])
        inside = True
        for k in range(3):
            inside &= low[c, k] - speed * ahead_s < zone[1, k] and high[c, k] + speed * ahead_s > zone[0, k]
        most = max(most, speed / (near_m_per_s if inside else free_m_per_s))
    return most


@njit(cache=True)
def _twists(z, o, qd):  # type: ignore[no-untyped-def]
    """Twists [v; w] (n, 6) of the links about the base's origin, in base axes."""
    out = np.zeros((len(z), 6))
    for i in range(len(z)):
        if i > 0:
            out[i] = out[i - 1]
        x, y, w = z[i, 0] * qd[i], z[i, 1] * qd[i], z[i, 2] * qd[i]
        out[i, 0] += o[i, 1] * w - o[i, 2] * y
        out[i, 1] += o[i, 2] * x - o[i, 0] * w
        out[i, 2] += o[i, 0] * y - o[i, 1] * x
        out[i, 3], out[i, 4], out[i, 5] = out[i, 3] + x, out[i, 4] + y, out[i, 5] + w
    return out


@njit(cache=True)
def _fastest(twist, a, b, radius):  # type: ignore[no-untyped-def]
    """No point of a capsule is faster than this [m/s]: its ends turn with it, and its surface about them."""
    wx, wy, wz = twist[3], twist[4], twist[5]
    vx, vy, vz = twist[0] + wy * a[2] - wz * a[1], twist[1] + wz * a[0] - wx * a[2], twist[2] + wx * a[1] - wy * a[0]
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    ux, uy, uz = vx + wy * dz - wz * dy, vy + wz * dx - wx * dz, vz + wx * dy - wy * dx
    ends = max(vx * vx + vy * vy + vz * vz, ux * ux + uy * uy + uz * uz)
    return sqrt(ends) + sqrt(wx * wx + wy * wy + wz * wz) * radius
