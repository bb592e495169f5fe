"""Joint velocities that give the probe a twist, within the arm's limits.

The unbounded solution leans towards a good posture in what the twist leaves free. Where a bound forbids it, the arm's
freedom is used to follow the twist all the same, and where that is not enough a bounded QP comes nearest. Near a
singularity it slows, by the Jacobian's condition number, unless the motion leaves it.
"""

from typing import NamedTuple

import daqp
import numpy as np
from scipy.linalg.lapack import dsyev

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.null_space import Posture, null_direction, slid
from medrobot_ros.arms.stopping import StoppingBounds
from medrobot_ros.signals import Array

SLOW_CONDITION, HALT_CONDITION = 17.0, 30.0  # as MoveIt Servo's defaults
AVOID_CONDITION = 12.0  # chosen: from here on the arm's freedom is used to lower it
AVOID_RAD_PER_S, AVOID_STEP_RAD = 0.1, 0.005
LOOK_AHEAD_S = 0.05
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
        self._model, self._bounds, self._posture = model, StoppingBounds(model, period_s), Posture(model)
        self._regularisation = REGULARISATION * np.eye(model.n)
        self._no_rows = Rows(np.zeros((0, model.n)), np.zeros(0))
        self.step(model.q_home, np.zeros(model.n), np.zeros(model.n), np.zeros(6))  # compiles now, not in the first tick

    def step(
        self, q: Array, qd: Array, qdd: Array, V_base_probe_in_probe: Array, rows: Rows | None = None
    ) -> tuple[Array, Slowing]:
        """Joint velocity (n,) [rad/s] for the next period, after the commanded `q`, `qd`, `qdd` (n,), for a twist (6,).

        From a state that such steps led to, it keeps position, velocity, acceleration and jerk limits, and can go on
        doing so. It keeps `rows`, too, as well as those let it."""
        J, rows = self._model.jacobian_probe(q), rows or self._no_rows
        qd_ref, slowing = self._reference(q, J, V_base_probe_in_probe)
        low, high = self._bounds.next(q, qd, qdd)
        if _within(qd_ref, low, high, rows):
            return qd_ref, slowing
        V, along = slowing.pace * V_base_probe_in_probe, null_direction(J)
        followed = slid(qd_ref, along, low, high, *rows)
        if followed is not None:
            return followed, slowing
        target = self._nearest(J, V, qd_ref, along, *self._bounds.steady(q), rows)
        return self._solve(J, V, target, *self._bounds.without_overshoot(qd, qdd, target, low, high), rows), slowing

    def _reference(self, q: Array, J: Array, V: Array) -> tuple[Array, Slowing]:
        """The unbounded velocity: the twist by pseudo-inverse, the posture in what it leaves free."""
        squares, U, _ = dsyev(J @ J.T)
        condition = _condition(squares)
        inverse = 1.0 / np.maximum(squares, squares[-1] / HALT_CONDITION**2)
        pace, posture = 1.0, self._posture.velocity(q)
        if condition > AVOID_CONDITION:
            posture = posture + self._away(q, null_direction(J), condition)
        if condition > SLOW_CONDITION:
            towards = J.T @ (U @ (inverse * (V @ U)))
            pace = self._pace(q, towards, condition)
        return posture + J.T @ (U @ (inverse * ((pace * V - J @ posture) @ U))), Slowing(pace, condition)

    def _away(self, q: Array, along: Array, condition: float) -> Array:
        """A motion along the free direction to where the condition is lower, gently from where avoiding begins."""
        step = AVOID_STEP_RAD * along
        gain_per_rad = (self._condition_at(q - step) - self._condition_at(q + step)) / (2.0 * AVOID_STEP_RAD)
        share = min(1.0, condition / AVOID_CONDITION - 1.0)
        return share * max(-1.0, min(1.0, gain_per_rad)) * AVOID_RAD_PER_S * along

    def _pace(self, q: Array, qd: Array, condition: float) -> float:
        """1 where `qd` leads away from the singularity, else less the nearer it is."""
        if self._condition_at(q + qd * LOOK_AHEAD_S) <= condition:
            return 1.0
        return max(0.0, (HALT_CONDITION - condition) / (HALT_CONDITION - SLOW_CONDITION))

    def _condition_at(self, q: Array) -> float:
        J = self._model.jacobian_probe(q)
        return _condition(dsyev(J @ J.T, compute_v=0)[0])

    def _nearest(self, J: Array, V: Array, qd_ref: Array, along: Array, low: Array, high: Array, rows: Rows) -> Array:
        """`qd_ref`, or what follows the twist as well by using the arm's freedom, or else what comes nearest."""
        followed = slid(qd_ref, along, low, high, *rows)
        return self._solve(J, V, qd_ref, low, high, rows) if followed is None else followed

    def _solve(self, J: Array, V: Array, qd_ref: Array, low: Array, high: Array, rows: Rows) -> Array:
        """min |W (J qd - V)|^2 + r |qd - qd_ref|^2 within the bounds and, where they can be kept, the rows."""
        WJ = _WEIGHT[:, None] * J
        H = WJ.T @ WJ + self._regularisation
        f = -(WJ.T @ (_WEIGHT * V)) - REGULARISATION * qd_ref
        least, most = np.concatenate((low, rows.g)), np.concatenate((high, np.full(len(rows.g), np.inf)))
        qd, _, status, _ = daqp.solve(H, f, rows.G, most, least)
        if status <= 0:  # bounds and rows exclude each other: the bounds are the arm's own, the rows give way least
            soft = np.array([HARD] * len(low) + [SOFT] * len(rows.g), dtype=np.int32)
            qd, _, status, _ = daqp.solve(H, f, rows.G, most, least, soft)
        solved: Array = np.minimum(np.maximum(qd if status > 0 else qd_ref, low), high)
        return solved


def _within(qd: Array, low: Array, high: Array, rows: Rows) -> bool:
    return bool((low <= qd).all() and (qd <= high).all() and (rows.G @ qd >= rows.g).all())


def _condition(squares: Array) -> float:
    """Condition number from the squared singular values (6,), in increasing order."""
    return float(np.sqrt(squares[-1] / max(squares[0], 1e-12 * squares[-1])))
