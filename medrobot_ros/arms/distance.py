"""Closest points between segments, and between a segment and a box, in closed form: a control tick asks for some hundred."""

from math import sqrt

import numpy as np
from numba import njit

PARALLEL = 1e-14  # of the squared sine between two segments


@njit(cache=True)
def segments(a, b, c, d, on_ab, on_cd):  # type: ignore[no-untyped-def]
    """Distance [m] between segments a-b and c-d (3,); writes the closest points. Ericson, Real-Time Collision Detection, 5.1.9."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = d[0] - c[0], d[1] - c[1], d[2] - c[2]
    rx, ry, rz = a[0] - c[0], a[1] - c[1], a[2] - c[2]
    uu, vv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz
    uv = ux * vx + uy * vy + uz * vz
    ur, vr = ux * rx + uy * ry + uz * rz, vx * rx + vy * ry + vz * rz
    s, t = 0.0, 0.0
    if uu > 0.0:
        across = uu * vv - uv * uv
        if across > PARALLEL * uu * vv:
            s = _unit((uv * vr - ur * vv) / across)
        if vv > 0.0:
            t = _unit((uv * s + vr) / vv)
        s = _unit((uv * t - ur) / uu)
    elif vv > 0.0:
        t = _unit(vr / vv)
    on_ab[0], on_ab[1], on_ab[2] = a[0] + s * ux, a[1] + s * uy, a[2] + s * uz
    on_cd[0], on_cd[1], on_cd[2] = c[0] + t * vx, c[1] + t * vy, c[2] + t * vz
    x, y, z = on_ab[0] - on_cd[0], on_ab[1] - on_cd[1], on_ab[2] - on_cd[2]
    return sqrt(x * x + y * y + z * z)


@njit(cache=True)
def _unit(share):  # type: ignore[no-untyped-def]
    return min(1.0, max(0.0, share))


@njit(cache=True)
def segment_box(a, b, T, half, on_ab, on_box):  # type: ignore[no-untyped-def]
    """Distance [m] of segment a-b from the box of half sizes `half` (3,) at `T` (4, 4), less than 0 where its nearest point is inside.

    The squared distance along the segment is convex with a slope that is linear between the segment's crossings of
    the faces' planes, so its zero lies between two of them.
    """
    p, u, shares = np.empty(3), np.empty(3), np.empty(8)
    shares[0], shares[1], count = 0.0, 1.0, 2
    for i in range(3):
        p[i], u[i] = 0.0, 0.0
        for k in range(3):
            p[i] += T[k, i] * (a[k] - T[k, 3])
            u[i] += T[k, i] * (b[k] - a[k])
        if u[i] != 0.0:
            for face in (-half[i], half[i]):
                share = (face - p[i]) / u[i]
                if 0.0 < share < 1.0:
                    shares[count] = share
                    count += 1
    low, slope_low, high, slope_high = 0.0, _slope(p, u, half, 0.0), 1.0, _slope(p, u, half, 1.0)
    share = 0.0
    if slope_high <= 0.0 and slope_low < 0.0:
        share = 1.0
    elif slope_low < 0.0:
        for k in range(2, count):
            slope = _slope(p, u, half, shares[k])
            if slope < 0.0 and shares[k] > low:
                low, slope_low = shares[k], slope
            elif slope >= 0.0 and shares[k] < high:
                high, slope_high = shares[k], slope
        share = low + (high - low) * slope_low / (slope_low - slope_high)
    return _point_box(p, u, share, T, half, on_ab, on_box)


@njit(cache=True)
def _slope(p, u, half, share):  # type: ignore[no-untyped-def]
    """Half the slope of the squared distance from the box at `share` of the way."""
    slope = 0.0
    for i in range(3):
        x = p[i] + share * u[i]
        slope += u[i] * (x - min(half[i], max(-half[i], x)))
    return slope


@njit(cache=True)
def _point_box(p, u, share, T, half, on_ab, on_box):  # type: ignore[no-untyped-def]
    """Distance of a point from a box by its nearest face, and both points in base."""
    squared, depth, face = 0.0, np.inf, 0
    x, nearest = np.empty(3), np.empty(3)
    for i in range(3):
        x[i] = p[i] + share * u[i]
        nearest[i] = min(half[i], max(-half[i], x[i]))
        squared += (x[i] - nearest[i]) ** 2
        if half[i] - abs(x[i]) < depth:
            depth, face = half[i] - abs(x[i]), i
    if squared == 0.0:
        nearest[face] = half[face] if x[face] > 0.0 else -half[face]
    for k in range(3):
        on_ab[k], on_box[k] = T[k, 3], T[k, 3]
        for i in range(3):
            on_ab[k] += T[k, i] * x[i]
            on_box[k] += T[k, i] * nearest[i]
    return sqrt(squared) if squared > 0.0 else -depth
