"""What a redundant arm does with its freedom: it goes home and away from stops, and slides out of the way of bounds."""

from math import sqrt

import numpy as np
from numba import njit

POSTURE_GAIN_PER_S = 0.5
POSTURE_MAX_RAD_PER_S = 0.1
NEAR_STOP_RAD = 0.2  # at this distance from a stop the way home weighs twice as much, nearer still more
LEAST_MARGIN_RAD = 1e-3
SMALL = 1e-6  # of the square of a unit vector's part


@njit(cache=True)
def posture_velocity(q, posture):  # type: ignore[no-untyped-def]
    """A slow joint motion (n,) [rad/s] towards home, the stronger the nearer a joint is to its stop: rows of `posture` (3, n)."""
    home, lower, upper = posture[0], posture[1], posture[2]
    qd = np.empty(q.size)
    for i in range(q.size):
        margin = max(min(q[i] - lower[i], upper[i] - q[i]), LEAST_MARGIN_RAD)
        pull = POSTURE_GAIN_PER_S * (home[i] - q[i]) * (1.0 + (NEAR_STOP_RAD / margin) ** 2)
        qd[i] = min(max(pull, -POSTURE_MAX_RAD_PER_S), POSTURE_MAX_RAD_PER_S)
    return qd


@njit(cache=True)
def null_direction(J):  # type: ignore[no-untyped-def]
    """A unit vector (n,) with `J @ it = 0`; zeros where the arm has no freedom left.

    It is the axis that keeps most of its length when the rows' directions are taken out of it."""
    rows, count = _directions(J)
    n = J.shape[1]
    out, freest, most = np.zeros(n), 0, 0.0
    for i in range(n):
        free = 1.0
        for k in range(count):
            free -= rows[k, i] ** 2
        if free > most:
            freest, most = i, free
    if most < SMALL:
        return out
    out[freest] = 1.0
    _take_out(out, rows, count)
    return out / sqrt(_dot(out, out))


@njit(cache=True)
def _directions(J):  # type: ignore[no-untyped-def]
    """An orthonormal basis of the rows of `J`, and how many they are."""
    rows, count = J.copy(), 0
    for i in range(J.shape[0]):
        row = rows[count]
        row[:] = J[i]
        length = sqrt(_dot(row, row))
        _take_out(row, rows, count)
        left = sqrt(_dot(row, row))
        if left > SMALL * length:
            row /= left
            count += 1
    return rows, count


@njit(cache=True)
def _take_out(vector, rows, count):  # type: ignore[no-untyped-def]
    """Takes the directions of the first rows out of a vector, in place; twice, for exactness."""
    for _ in range(2):
        for k in range(count):
            along = _dot(rows[k], vector)
            for i in range(vector.size):
                vector[i] -= along * rows[k, i]


@njit(cache=True)
def _dot(a, b):  # type: ignore[no-untyped-def]
    """The scalar product; at this size a library's call costs more than the sum."""
    out = 0.0
    for i in range(a.size):
        out += a[i] * b[i]
    return out


@njit(cache=True)
def slide(qd, along, low, high, G, g):  # type: ignore[no-untyped-def]
    """`qd + z along` with the least |z| that lies within `low` to `high` and keeps `G @ qd >= g`, and whether there is one."""
    least, most = -np.inf, np.inf
    for i in range(qd.size):
        least, most = _narrowed(least, most, along[i], low[i] - qd[i])
        least, most = _narrowed(least, most, -along[i], qd[i] - high[i])
    for k in range(g.size):
        least, most = _narrowed(least, most, _dot(G[k], along), g[k] - _dot(G[k], qd))
    if least > most:
        return qd, False
    return qd + min(max(0.0, least), most) * along, True


@njit(cache=True)
def _narrowed(least, most, slope, needed):  # type: ignore[no-untyped-def]
    """The part of `least` to `most` where slope z >= needed."""
    if slope > 1e-12:
        return max(least, needed / slope), most
    if slope < -1e-12:
        return least, min(most, needed / slope)
    return (least, most) if needed <= 0.0 else (np.inf, -np.inf)
