"""Which pairs of capsules have to be watched: all that may come near, none that always are.

Neighbouring links touch by their build, and so do the ends of short wrists. As MoveIt's setup assistant does, the rest is
found in random postures.
"""

from itertools import combinations, product

import numpy as np
from numba import njit

from medrobot_ros.arms.bodies import Bodies, Indices, distances, gather
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import Obstacles
from medrobot_ros.signals import Array

POSTURES = 3000
ALWAYS_SHARE = 0.5  # of the postures, in which a pair is nearer than the margin: chosen
NEVER_M = 0.05  # a pair that stays this much further than the margin in all of them: chosen


def watched(model: ArmModel, obstacles: Obstacles, margin_m: float) -> Bodies:
    """The arm in its cell with the pairs that matter."""
    segment = [c.segment for c in model.capsules]
    moving = [i for i, s in enumerate(segment) if s >= 0]
    own = [(i, j) for i, j in combinations(range(len(segment)), 2) if abs(segment[i] - segment[j]) > 1]
    every = gather(model, Obstacles(), np.array(own, dtype=np.int64), np.zeros((0, 2), dtype=np.int64))
    postures = np.random.default_rng(0).uniform(model.q_lower, model.q_upper, (POSTURES, model.n))
    least, share = _found(every, postures, margin_m)
    own_watched = every.pairs[(share <= ALWAYS_SHARE) & (least <= margin_m + NEVER_M)]
    cell = _indices(product(moving, range(len(segment), len(segment) + len(obstacles.capsules))))
    return gather(model, obstacles, np.concatenate((own_watched, cell)), _indices(product(moving, range(len(obstacles.boxes)))))


def _indices(pairs: "product[tuple[int, ...]]") -> Indices:
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


@njit(cache=True)
def _found(bodies: Bodies, postures: Array, margin_m: float):  # type: ignore[no-untyped-def]
    """Of each pair the least distance, and the share of the postures in which it is nearer than the margin."""
    least, near = np.full(len(bodies.pairs), np.inf), np.zeros(len(bodies.pairs))
    for q in postures:
        d = distances(bodies, q)
        least = np.minimum(least, d)
        near += d < margin_m
    return least, near / len(postures)
