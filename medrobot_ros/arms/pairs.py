"""Which pairs of capsules have to be watched: all that may come near, none that always are.

Neighbouring links touch by their build, and so do the ends of short wrists. As MoveIt's setup assistant does, the rest is
found in random postures.
"""

from collections.abc import Iterable
from functools import lru_cache
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
    own, count = _own(model, margin_m), len(model.capsules)
    moving = [i for i, c in enumerate(model.capsules) if c.segment >= 0]
    boxes = count + len(obstacles.capsules)
    cell = _indices(product(moving, range(count, boxes))), _indices(product(moving, range(boxes, boxes + len(obstacles.boxes))))
    return gather(model, obstacles, np.concatenate((own, *cell)))


@lru_cache(maxsize=16)
def _own(model: ArmModel, margin_m: float) -> Indices:
    """The pairs of the arm's own capsules."""
    segment = [c.segment for c in model.capsules]
    pairs = _indices((i, j) for i, j in combinations(range(len(segment)), 2) if abs(segment[i] - segment[j]) > 1)
    every = gather(model, Obstacles(), pairs)
    postures = np.random.default_rng(0).uniform(model.q_lower, model.q_upper, (POSTURES, model.n))
    least, share = _found(every, postures, margin_m)
    return pairs[(share <= ALWAYS_SHARE) & (least <= margin_m + NEVER_M)]


def _indices(pairs: Iterable[tuple[int, ...]]) -> Indices:
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
