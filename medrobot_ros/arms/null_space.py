"""What a redundant arm does with its freedom: home, away from stops and singularities, and out of the way of bounds."""

import numpy as np
from numba import njit

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

POSTURE_GAIN_PER_S = 0.5
POSTURE_MAX_RAD_PER_S = 0.1
NEAR_STOP_RAD = 0.2  # at this distance from a stop the way home weighs twice as much, nearer still more
SMALL = 1e-6  # of the square of a unit vector's part


class Posture:
    """A slow joint motion (n,) [rad/s] towards home, the stronger the nearer a joint is to its stop."""

    def __init__(self, model: ArmModel) -> None:
        self._home, self._lower, self._upper = model.q_home, model.q_lower, model.q_upper

    def velocity(self, q: Array) -> Array:
        """At `q` (n,)."""
        return _posture(q, self._home, self._lower, self._upper)  # type: ignore[no-any-return]


@njit(cache=True)
def _posture(q, home, lower, upper):  # type: ignore[no-untyped-def]
    qd = np.empty(q.size)
    for i in range(q.size):
        margin = max(min(q[i] - lower[i], upper[i] - q[i]), 1e-3)
        pull = POSTURE_GAIN_PER_S * (home[i] - q[i]) * (1.0 + (NEAR_STOP_RAD / margin) ** 2)
        qd[i] = min(max(pull, -POSTURE_MAX_RAD_PER_S), POSTURE_MAX_RAD_PER_S)
    return qd


def null_direction(J: Array) -> Array:
    """A unit vector (n,) with `J @ it = 0`; zeros where the arm has no freedom left."""
    return _null_direction(J)  # type: ignore[no-any-return]


@njit(cache=True)
def _null_direction(J):  # type: ignore[no-untyped-def]
    """Of the unit vectors, the one that keeps most of its length when the rows are taken out of it, twice for exactness."""
    m, n = J.shape
    rows, count = np.empty((m, n)), 0
    for i in range(m):
        row = J[i].copy()
        length = np.sqrt(row @ row)
        for _ in range(2):
            for k in range(count):
                row -= (rows[k] @ row) * rows[k]
        left = np.sqrt(row @ row)
        if left > SMALL * length:
            rows[count] = row / left
            count += 1
    free = np.ones(n)
    for k in range(count):
        free -= rows[k] ** 2
    freest = np.argmax(free)
    out = np.zeros(n)
    if free[freest] < SMALL:
        return out
    out[freest] = 1.0
    for _ in range(2):
        for k in range(count):
            out -= (rows[k] @ out) * rows[k]
    return out / np.sqrt(out @ out)


def slid(qd: Array, along: Array, low: Array, high: Array, G: Array, g: Array) -> Array | None:
    """`qd + z along` with the least |z| that lies within `low` to `high` and keeps `G @ qd >= g`; None where none does."""
    z, found = _slide(qd, along, low, high, G, g)
    return qd + z * along if found else None


@njit(cache=True)
def _slide(qd, along, low, high, G, g):  # type: ignore[no-untyped-def]
    least, most = -np.inf, np.inf
    for i in range(qd.size):
        least, most = _narrowed(least, most, along[i], low[i] - qd[i])
        least, most = _narrowed(least, most, -along[i], qd[i] - high[i])
    for k in range(g.size):
        least, most = _narrowed(least, most, G[k] @ along, g[k] - G[k] @ qd)
    return min(max(0.0, least), most), least <= most


@njit(cache=True)
def _narrowed(least, most, slope, needed):  # type: ignore[no-untyped-def]
    """The part of `least` to `most` where slope z >= needed."""
    if slope > 1e-12:
        return max(least, needed / slope), most
    if slope < -1e-12:
        return least, min(most, needed / slope)
    return (least, most) if needed <= 0.0 else (np.inf, -np.inf)
