"""An arm and what stands around it as arrays, and compiled passes over them: where every capsule is, and how far apart."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from medrobot_ros.arms.capsules import Capsule
from medrobot_ros.arms.chain import along
from medrobot_ros.arms.distance import segment_box, segments
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import Obstacles
from medrobot_ros.signals import Array

Indices = NDArray[np.int64]


class Bodies(NamedTuple):
    """n joints, m capsules of which those of the cell come last, l boxes, and K pairs: first the `pairs` of capsules, then the
    `box_pairs` of a capsule and a box."""

    R_before: Array  # (n, 3, 3)
    p_before: Array  # (n, 3)
    axis: Array  # (n, 3)
    segment: Indices  # (m,), -1 where nothing moves
    a: Array  # (m, 3), an end in its segment
    b: Array  # (m, 3), the other
    radius: Array  # (m,)
    pairs: Indices
    box_pairs: Indices
    T_box: Array  # (l, 4, 4)
    half: Array  # (l, 3), of the boxes' edges
    box_low: Array  # (l, 3), the least coordinates of the boxes in base
    box_high: Array  # (l, 3), and the greatest
    reach: Array  # (K, n), one radian of a joint changes a pair's distance by no more than this [m]


def gather(model: ArmModel, obstacles: Obstacles, pairs: Indices, box_pairs: Indices) -> Bodies:
    """The arrays of an arm in its cell with the pairs to watch."""
    capsules = (*model.capsules, *obstacles.capsules)
    p_before = np.array([s.T_before_joint[:3, 3] for s in model.segments])
    T_box = np.array([b.T_base_box for b in obstacles.boxes]).reshape(-1, 4, 4)
    half = 0.5 * np.array([b.size_m for b in obstacles.boxes]).reshape(-1, 3)
    extent = np.einsum("lij,lj->li", np.abs(T_box[:, :3, :3]), half)
    ends = [(capsules[i], capsules[j].segment) for i, j in pairs] + [(capsules[i], -1) for i, _ in box_pairs]
    reach = [_reach(capsules[pairs[k, 1]] if k < len(pairs) and one.segment < other else one, min(one.segment, other), p_before)
             for k, (one, other) in enumerate(ends)]  # fmt: skip
    return Bodies(
        np.array([s.T_before_joint[:3, :3] for s in model.segments]),
        p_before,
        np.array([s.axis for s in model.segments], dtype=float),
        np.array([c.segment for c in capsules]),
        np.array([c.a for c in capsules]),
        np.array([c.b for c in capsules]),
        np.array([c.radius_m for c in capsules]),
        pairs.reshape(-1, 2),
        box_pairs.reshape(-1, 2),
        T_box,
        half,
        T_box[:, :3, 3] - extent,
        T_box[:, :3, 3] + extent,
        np.array(reach).reshape(-1, model.n),
    )


def _reach(outer: Capsule, inner_segment: int, p_before: Array) -> Array:
    """How far (n,) the joints between two segments swing the outer one's capsule, the arm stretched out."""
    links, out = np.linalg.norm(p_before, axis=1), np.zeros(len(p_before))
    end = max(np.linalg.norm(outer.a), np.linalg.norm(outer.b))
    for joint in range(inner_segment + 1, outer.segment + 1):
        out[joint] = links[joint + 1 : outer.segment + 1].sum() + end
    return out


@njit(cache=True)
def place(bodies, q):  # type: ignore[no-untyped-def]
    """Ends (m, 3) of all capsules in base at `q` (n,), and the joints' axes and origins (n, 3)."""
    n, segment, a, b, axis = q.size, bodies.segment, bodies.a, bodies.b, bodies.axis
    R, p = np.eye(3), np.zeros(3)
    z, o = np.empty((n, 3)), np.empty((n, 3))
    at_a, at_b = a.copy(), b.copy()
    for i in range(n):
        along(R, p, bodies.R_before[i], bodies.p_before[i], axis[i], q[i])
        for k in range(3):
            o[i, k] = p[k]
            z[i, k] = R[k, 0] * axis[i, 0] + R[k, 1] * axis[i, 1] + R[k, 2] * axis[i, 2]
        for c in range(segment.size):
            if segment[c] == i:
                for k in range(3):
                    at_a[c, k] = p[k] + R[k, 0] * a[c, 0] + R[k, 1] * a[c, 1] + R[k, 2] * a[c, 2]
                    at_b[c, k] = p[k] + R[k, 0] * b[c, 0] + R[k, 1] * b[c, 1] + R[k, 2] * b[c, 2]
    return at_a, at_b, z, o


@njit(cache=True)
def pair_distance(bodies, at_a, at_b, k, x, y):  # type: ignore[no-untyped-def]
    """Distance [m] of pair `k`, less than 0 where it overlaps; `x` and `y` (3,) become the closest points of the middle lines."""
    if k < len(bodies.pairs):
        i, j = bodies.pairs[k, 0], bodies.pairs[k, 1]
        return segments(at_a[i], at_b[i], at_a[j], at_b[j], x, y) - bodies.radius[i] - bodies.radius[j]
    i, j = bodies.box_pairs[k - len(bodies.pairs), 0], bodies.box_pairs[k - len(bodies.pairs), 1]
    return segment_box(at_a[i], at_b[i], bodies.T_box[j], bodies.half[j], x, y) - bodies.radius[i]


@njit(cache=True)
def distances(bodies, q):  # type: ignore[no-untyped-def]
    """Distances (K,) [m] of all pairs at `q` (n,)."""
    at_a, at_b, _, _ = place(bodies, q)
    x, y = np.empty(3), np.empty(3)
    out = np.empty(len(bodies.pairs) + len(bodies.box_pairs))
    for k in range(out.size):
        out[k] = pair_distance(bodies, at_a, at_b, k, x, y)
    return out


@njit(cache=True)
def extents(bodies, at_a, at_b):  # type: ignore[no-untyped-def]
    """The least and the greatest coordinates (m, 3) of the placed capsules."""
    low, high = np.empty_like(at_a), np.empty_like(at_a)
    for c in range(len(at_a)):
        for k in range(3):
            low[c, k] = min(at_a[c, k], at_b[c, k]) - bodies.radius[c]
            high[c, k] = max(at_a[c, k], at_b[c, k]) + bodies.radius[c]
    return low, high


@njit(cache=True)
def surely_apart(bodies, low, high, k):  # type: ignore[no-untyped-def]
    """A distance [m] that pair `k` has at least, from the extents alone."""
    own = k < len(bodies.pairs)
    if own:
        i, j = bodies.pairs[k, 0], bodies.pairs[k, 1]
    else:
        i, j = bodies.box_pairs[k - len(bodies.pairs), 0], bodies.box_pairs[k - len(bodies.pairs), 1]
    apart = -np.inf
    for axis in range(3):
        j_low, j_high = (low[j, axis], high[j, axis]) if own else (bodies.box_low[j, axis], bodies.box_high[j, axis])
        apart = max(apart, low[i, axis] - j_high, j_low - high[i, axis])
    return apart


@njit(cache=True)
def least_gap(bodies, q, margins):  # type: ignore[no-untyped-def]
    """The least of all pairs' distances beyond their margins (K,) [m]; infinite where there are none."""
    at_a, at_b, _, _ = place(bodies, q)
    low, high = extents(bodies, at_a, at_b)
    x, y = np.empty(3), np.empty(3)
    gap = np.inf
    for k in range(margins.size):
        if margins[k] > -np.inf and surely_apart(bodies, low, high, k) - margins[k] < gap:
            gap = min(gap, pair_distance(bodies, at_a, at_b, k, x, y) - margins[k])
    return gap
