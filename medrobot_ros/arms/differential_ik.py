"""Joint velocities that give the probe a twist, within the arm's limits.

What follows the twist unbounded is kept where it can be. Where a bound forbids it, the arm's freedom is used to follow the
twist all the same, and where that is not enough a bounded QP comes nearest.
"""

from typing import NamedTuple

import daqp
import numpy as np
from numba import njit

from medrobot_ros.arms.chain import tip_jacobian
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.null_space import slide
from medrobot_ros.arms.stopping import StoppingBounds
from medrobot_ros.arms.twist_following import follow
from medrobot_ros.signals import Array

LENGTH_M = 0.1  # where limits bind, an error of 1 rad/s weighs as one of this many m/s
REGULARISATION = 1e-6
HARD, SOFT = 0, 8  # daqp's names for constraints

_WEIGHT = np.array([1.0, 1.0, 1.0, LENGTH_M, LENGTH_M, LENGTH_M])


class Slowing(NamedTuple):
    """How a step was slowed: `pace` is the share of the twist that was aimed at, `condition` the Jacobian's."""

    pace: float
    condition: float


class Rows(NamedTuple):
    """Further inequalities `G @ qd >= g` that a step must keep, (m, n) and (m,): a distance that must not shrink, say."""

    G: Array
    g: Array


class DifferentialIk:
    """Steps of `period_s` [s] for one arm. Holds no state."""

    def __init__(self, model: ArmModel, period_s: float) -> None:
        self.chain, self.posture = model.chain_arrays, np.stack((model.q_home, model.q_lower, model.q_upper))
        self.bounds = StoppingBounds(model, period_s)
        self._no_rows = Rows(np.zeros((0, model.n)), np.zeros(0))
        home, rest = model.q_home.copy(), np.zeros(model.n)  # a copy may be written to, as a tick's arrays: numba compiles for that
        for V in (np.zeros(6), np.ones(6)):  # both ways now, not in the first ticks
            self.step(home, rest, rest, V)

    def step(
        self, q: Array, qd: Array, qdd: Array, V_base_probe_in_probe: Array, rows: Rows | None = None
    ) -> tuple[Array, Slowing]:
        """Joint velocity (n,) [rad/s] for the next period, after the commanded `q`, `qd`, `qdd` (n,), for a twist (6,).

        From a state that such steps led to, it keeps position, velocity, acceleration and jerk limits, and can go on
        doing so. It keeps `rows`, too, as well as those let it."""
        V, (G, g) = V_base_probe_in_probe, rows or self._no_rows
        J, _ = tip_jacobian(q, *self.chain)
        qd_ref, along, pace, condition = follow(q, V, J, self.chain, self.posture)
        low, high = self.bounds.next(q, qd, qdd)
        followed, found = slide(qd_ref, along, low, high, G, g)
        if not found:
            target, found = slide(qd_ref, along, *self.bounds.steady(q), G, g)
            if not found:
                target = nearest(J, pace * V, qd_ref, *self.bounds.steady(q), G, g)
            low, high = self.bounds.without_overshoot(qd, qdd, target, low, high)
            followed = nearest(J, pace * V, target, low, high, G, g)
        return followed, Slowing(pace, condition)

    def braked(self, q: Array, qd: Array, qdd: Array) -> Array:
        """Joint velocity (n,) of the next step of the hardest stop."""
        return self.bounds.braked(q, qd, qdd)


def nearest(J: Array, V: Array, qd_ref: Array, low: Array, high: Array, G: Array, g: Array) -> Array:
    """min |W (J qd - V)|^2 + r |qd - qd_ref|^2 within the bounds and, where they can be kept, the rows."""
    H, f, least, most = _terms(J, V, qd_ref, low, high, g)
    qd, _, status, _ = daqp.solve(H, f, G, most, least)
    if status <= 0:  # bounds and rows exclude each other: the bounds are the arm's own, the rows give way least
        soft = np.array([HARD] * len(low) + [SOFT] * len(g), dtype=np.int32)
        qd, _, status, _ = daqp.solve(H, f, G, most, least, soft)
    solved: Array = np.minimum(np.maximum(qd if status > 0 else qd_ref, low), high)
    return solved


@njit(cache=True)
def _terms(J, V, qd_ref, low, high, g):  # type: ignore[no-untyped-def]
    WJ = np.ascontiguousarray(J.T) * _WEIGHT  # (n, 6)
    H = WJ @ WJ.T + REGULARISATION * np.eye(low.size)
    f = -(WJ @ (_WEIGHT * V)) - REGULARISATION * qd_ref
    return H, f, np.concatenate((low, g)), np.concatenate((high, np.full(g.size, np.inf)))
