"""Whether a whole motion keeps clear, not samples of it: by conservative advancement.

A joint's turn changes the distance of a pair by no more than its reach. So a pair with a gap need not be looked at again before
the joints could have used that up, and most pairs need not at all.
"""

import numpy as np
from numba import njit

from medrobot_ros.arms.bodies import extents, pair_distance, place, surely_apart
from medrobot_ros.arms.stopping import MOST_STEPS, braked, stopping_turn

SLACK_M = 0.002  # nearer the margin than this counts as on it, so that a way has finitely many steps
EARLY = 0.5  # pairs that have used up this share of their gaps are looked at together with one that has used up all


@njit(cache=True)
def way_is_free(bodies, q, q_goal, margins):  # type: ignore[no-untyped-def]
    """Whether the straight way from `q` to `q_goal` (n,) keeps the margins (K,) [m], with `SLACK_M` where it is looked at."""
    furthest = _turned(bodies, np.abs(q_goal - q))
    seen, due = np.zeros(margins.size), np.zeros(margins.size)
    due[margins == -np.inf] = np.inf
    x, y = np.empty(3), np.empty(3)
    while True:
        share = min(1.0, due.min())
        at_a, at_b = place(bodies, q + share * (q_goal - q))[:2]
        low, high = extents(bodies, at_a, at_b)
        for k in range(margins.size):
            if due[k] <= 1.0 and share >= seen[k] + EARLY * (due[k] - seen[k]):
                gap = surely_apart(bodies, low, high, k) - margins[k]
                if gap < (1.0 - share) * furthest[k] or gap < SLACK_M:
                    gap = pair_distance(bodies, at_a, at_b, k, x, y) - margins[k]
                if not gap >= SLACK_M:  # nor where it is not finite
                    return False
                seen[k] = share
                due[k] = np.inf if gap >= (1.0 - share) * furthest[k] else min(1.0, share + gap / furthest[k])
        if due.min() > 1.0:
            return True


@njit(cache=True)
def stop_is_free(bodies, gaps, q, qd, qdd, qd_next, stop, period, margins):  # type: ignore[no-untyped-def]
    """Whether after a step with `qd_next` from `q`, `qd`, `qdd` (n,) the hardest stop keeps the margins (K,) [m] with slack.

    `gaps` (K,) are those at `q`. A pair that has no slack left comes no nearer."""
    qdd = (qd_next - qd) / period
    q, qd = q + qd_next * period, qd_next
    near = _within(bodies, gaps, stopping_turn(qd, qdd, stop, period))
    if near.size == 0:
        return True
    left, least = np.zeros(near.size), np.minimum(gaps[near], SLACK_M)
    x, y = np.empty(3), np.empty(3)
    for _ in range(MOST_STEPS):
        resting = np.sum(np.abs(qd)) == 0.0
        if resting or left.min() <= 0.0:
            at_a, at_b = place(bodies, q)[:2]
            for k in range(near.size):
                if resting or left[k] <= 0.0:
                    gap = pair_distance(bodies, at_a, at_b, near[k], x, y) - margins[near[k]]
                    if gap < least[k]:
                        return False
                    left[k] = max(gap, SLACK_M)
        if resting:
            return True
        qd_braked = braked(qd, qdd, stop, period)
        qd, qdd = qd_braked, (qd_braked - qd) / period
        q = q + qd * period
        for k in range(near.size):
            for joint in range(q.size):
                left[k] -= abs(qd[joint]) * period * bodies.reach[near[k], joint]
    return False


@njit(cache=True)
def _turned(bodies, turn):  # type: ignore[no-untyped-def]
    """What joints that turn by `turn` (n,) [rad] may take from each pair's distance (K,) [m]."""
    out = np.zeros(len(bodies.reach))
    for k in range(out.size):
        for joint in range(turn.size):
            out[k] += turn[joint] * bodies.reach[k, joint]
    return out


@njit(cache=True)
def _within(bodies, gaps, turn):  # type: ignore[no-untyped-def]
    """The pairs whose slack such a turn may use up. Where the greatest reach of all leaves each its slack, none is looked at alone."""
    if gaps.size == 0 or gaps.min() - SLACK_M >= turn.sum() * bodies.furthest:
        return np.empty(0, np.int64)
    return np.nonzero(gaps - SLACK_M < _turned(bodies, turn))[0]
