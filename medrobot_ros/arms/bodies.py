"""An arm and what stands around it as arrays, and compiled passes over them: where every capsule is, and how far apart."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from medrobot_ros.arms.capsules import Capsule
from medrobot_ros.arms.chain import along, joint_rows
from medrobot_ros.arms.distance import segment_box, segments
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import Obstacles
from medrobot_ros.signals import Array

Indices = NDArray[np.int64]


class Bodies(NamedTuple):
    """n joints, m capsules of which those of the cell come last, l boxes, and K pairs of a capsule and another or a box, which are
    numbered behind the capsules."""

    joints: Array  # (n, 5, 3), see `joint_rows`
    segment: Indices  # (m,), -1 where nothing moves
    ends: Array  # (2, m, 3), the capsules' ends in their segments
    radius: Array  # (m,)
    pairs: Indices  # (K, 2)
    T_box: Array  # (l, 4, 4)
    half: Array  # (l, 3), of the boxes' edges
    reach: Array  # (K, n), one radian of a joint changes a pair's distance by no more than this [m]
    furthest: float  # the greatest of them


def gather(model: ArmModel, obstacles: Obstacles, pairs: Indices) -> Bodies:
    """The arrays of an arm in its cell with the pairs to watch."""
    capsules = (*model.capsules, *obstacles.capsules)
    p_before = np.array([s.T_before_joint[:3, 3] for s in model.segments])
    T_box = np.array([b.T_base_box for b in obstacles.boxes]).reshape(-1, 4, 4)
    half = 0.5 * np.array([b.size_m for b in obstacles.boxes]).reshape(-1, 3)
    reach = np.array([_reach(capsules[i], capsules[j] if j < len(capsules) else None, p_before) for i, j in pairs]).reshape(-1, model.n)
    return Bodies(
        joint_rows(model.segments),
        np.array([c.segment for c in capsules]),
        np.array([[c.a for c in capsules], [c.b for c in capsules]]),
        np.array([c.radius_m for c in capsules]),
        pairs,
        T_box,
        half,
        reach,
        float(reach.max(initial=0.0)),
    )


def _reach(one: Capsule, other: Capsule | None, p_before: Array) -> Array:
    """How far (n,) the joints between two segments, the base's where there is no other, swing the outer one's capsule, the arm stretched
    out."""
    inner_segment, outer = -1, one
    if other is not None:
        inner_segment, outer = min(one.segment, other.segment), other if one.segment < other.segment else one
    links, out = np.linalg.norm(p_before, axis=1), np.zeros(len(p_before))
    end = max(np.linalg.norm(outer.a), np.linalg.norm(outer.b))
    for joint in range(inner_segment + 1, outer.segment + 1):
        out[joint] = links[joint + 1 : outer.segment + 1].sum() + end
    return out


@njit(cache=True)
def place(bodies, q):  # type: ignore[no-untyped-def]
    """Ends (m, 3) of all capsules in base at `q` (n,), the joints' axes and origins (n, 3), and the last link's frame (R, p)."""
    n, segment, a, b = q.size, bodies.segment, bodies.ends[0], bodies.ends[1]
    R, p, z, o = np.eye(3), np.zeros(3), np.empty((n, 3)), np.empty((n, 3))
    at_a, at_b = a.copy(), b.copy()
    for i in range(n):
        along(R, p, bodies.joints[i], q[i], z[i], o[i])
        for c in range(segment.size):
            if segment[c] == i:
                for k in range(3):
                    at_a[c, k] = p[k] + R[k, 0] * a[c, 0] + R[k, 1] * a[c, 1] + R[k, 2] * a[c, 2]
                    at_b[c, k] = p[k] + R[k, 0] * b[c, 0] + R[k, 1] * b[c, 1] + R[k, 2] * b[c, 2]
    return at_a, at_b, z, o, R, p


@njit(cache=True)
def pair_distance(bodies, at_a, at_b, k, x, y):  # type: ignore[no-untyped-def]
    """Distance [m] of pair `k`, less than 0 where it overlaps; `x` and `y` (3,) become the closest points of the middle lines."""
    i, j = bodies.pairs[k, 0], bodies.pairs[k, 1]
    if j < bodies.radius.size:
        return segments(at_a[i], at_b[i], at_a[j], at_b[j], x, y) - bodies.radius[i] - bodies.radius[j]
    box = j - bodies.radius.size
    return segment_box(at_a[i], at_b[i], bodies.T_box[box], bodies.half[box], x, y) - bodies.radius[i]


@njit(cache=True)
def distances(bodies, q):  # type: ignore[no-untyped-def]
    """Distances (K,) [m] of all pairs at `q` (n,)."""
    at_a, at_b = place(bodies, q)[:2]
    x, y = np.empty(3), np.empty(3)
    out = np.empty(len(bodies.pairs))
    for k in range(out.size):
        out[k] = pair_distance(bodies, at_a, at_b, k, x, y)
    return out


@njit(cache=True)
def extents(bodies, at_a, at_b):  # type: ignore[no-untyped-def]
    """The least and the greatest coordinates (m + l, 3) of the placed capsules and of the boxes."""
    m, T_box, half = len(at_a), bodies.T_box, bodies.half
    low, high = np.empty((m + len(half), 3)), np.empty((m + len(half), 3))
    for c in range(m):
        for k in range(3):
            low[c, k] = min(at_a[c, k], at_b[c, k]) - bodies.radius[c]
            high[c, k] = max(at_a[c, k], at_b[c, k]) + bodies.radius[c]
    for b in range(len(half)):
        for k in range(3):
            extent = abs(T_box[b, k, 0]) * half[b, 0] + abs(T_box[b, k, 1]) * half[b, 1] + abs(T_box[b, k, 2]) * half[b, 2]
            low[m + b, k], high[m + b, k] = T_box[b, k, 3] - extent, T_box[b, k, 3] + extent
    return low, high


@njit(cache=True)
def surely_apart(bodies, low, high, k):  # type: ignore[no-untyped-def]
    """A distance [m] that pair `k` has at least, from the extents alone."""
    i, j = bodies.pairs[k, 0], bodies.pairs[k, 1]
    apart = -np.inf
    for axis in range(3):
        apart = max(apart, low[i, axis] - high[j, axis], low[j, axis] - high[i, axis])
    return apart


@njit(cache=True)
def least_gap(bodies, q, margins):  # type: ignore[no-untyped-def]
    """The least of all pairs' distances beyond their margins (K,) [m]; infinite where there are none."""
    at_a, at_b = place(bodies, q)[:2]
    low, high = extents(bodies, at_a, at_b)
    x, y = np.empty(3), np.empty(3)
    gap = np.inf
    for k in range(margins.size):
        if margins[k] > -np.inf and surely_apart(bodies, low, high, k) - margins[k] < gap:
            gap = min(gap, pair_distance(bodies, at_a, at_b, k, x, y) - margins[k])
    return gap
