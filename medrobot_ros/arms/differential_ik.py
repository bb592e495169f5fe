"""Joint velocities that give the probe a twist, within the arm's limits.

One bounded QP a step: follow the twist, stay near a reference that also leans towards the home posture, and keep to
position, velocity and acceleration limits. Near a singularity it slows, by the Jacobian's condition number, unless the
motion leaves it.
"""

from typing import NamedTuple

import daqp
import numpy as np
from scipy.linalg.lapack import dsyev

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

SLOW_CONDITION, HALT_CONDITION = 17.0, 30.0  # as MoveIt Servo's defaults
LOOK_AHEAD_S = 0.05
LENGTH_M = 0.1  # where limits bind, an error of 1 rad/s weighs as one of this many m/s
REGULARISATION = 1e-6
POSTURE_GAIN_PER_S = 0.5
POSTURE_MAX_RAD_PER_S = 0.1

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
        self._model, self._period_s = model, period_s
        self._deceleration = np.minimum(model.qdd_max, model.brake_rad_per_s2)
        self._change = self._deceleration * period_s
        self._regularisation = REGULARISATION * np.eye(model.n)
        self._no_rows = Rows(np.zeros((0, model.n)), np.zeros(0))

    def step(self, q: Array, qd_prev: Array, V_base_probe_in_probe: Array, rows: Rows | None = None) -> tuple[Array, Slowing]:
        """Joint velocity (n,) [rad/s] for the next period from the commanded `q`, `qd_prev` (n,) and a twist (6,).

        It keeps `rows`, too, as well as the arm's own bounds let it."""
        J = self._model.jacobian_probe(q)
        qd_ref, slowing = self._reference(q, J, V_base_probe_in_probe)
        low, high = self.bounds(q, qd_prev)
        return self._solve(J, slowing.pace * V_base_probe_in_probe, qd_ref, low, high, rows or self._no_rows), slowing

    def bounds(self, q: Array, qd_prev: Array) -> tuple[Array, Array]:
        """Least and greatest velocity (n,) from which every joint can still brake before its stop."""
        model = self._model
        low = np.maximum(-model.qd_max, -self._brakeable(q - model.q_lower))
        high = np.minimum(model.qd_max, self._brakeable(model.q_upper - q))
        slowest, fastest = qd_prev - self._change, qd_prev + self._change
        return np.minimum(np.maximum(low, slowest), fastest), np.minimum(np.maximum(high, slowest), fastest)

    def _brakeable(self, distance: Array) -> Array:
        """The speed that, kept for one period and then braked, uses up the distance [rad]."""
        a, T = self._deceleration, self._period_s
        return a * (np.sqrt(T * T + 2.0 * np.maximum(distance, 0.0) / a) - T)

    def _reference(self, q: Array, J: Array, V: Array) -> tuple[Array, Slowing]:
        """The unbounded velocity: the twist by pseudo-inverse, the home posture in what it leaves free."""
        squares, U, _ = dsyev(J @ J.T)
        condition = _condition(squares)
        inverse = 1.0 / np.maximum(squares, squares[-1] / HALT_CONDITION**2)
        pace = 1.0
        if condition > SLOW_CONDITION:
            towards = J.T @ (U @ (inverse * (V @ U)))
            pace = self._pace(q, towards, condition)
        posture = _limited(POSTURE_GAIN_PER_S * (self._model.q_home - q), POSTURE_MAX_RAD_PER_S)
        return posture + J.T @ (U @ (inverse * ((pace * V - J @ posture) @ U))), Slowing(pace, condition)

    def _pace(self, q: Array, qd: Array, condition: float) -> float:
        """1 where `qd` leads away from the singularity, else less the nearer it is."""
        ahead = self._model.jacobian_probe(q + qd * LOOK_AHEAD_S)
        if _condition(dsyev(ahead @ ahead.T, compute_v=0)[0]) <= condition:
            return 1.0
        return max(0.0, (HALT_CONDITION - condition) / (HALT_CONDITION - SLOW_CONDITION))

    def _solve(self, J: Array, V: Array, qd_ref: Array, low: Array, high: Array, rows: Rows) -> Array:
        """min |W (J qd - V)|^2 + r |qd - qd_ref|^2 within the bounds and, where they can be kept, the rows."""
        if (low <= qd_ref).all() and (qd_ref <= high).all() and (rows.G @ qd_ref >= rows.g).all():
            return qd_ref
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


def _limited(v: Array, largest: float) -> Array:
    return np.minimum(np.maximum(v, -largest), largest)


def _condition(squares: Array) -> float:
    """Condition number from the squared singular values (6,), in increasing order."""
    return float(np.sqrt(squares[-1] / max(squares[0], 1e-12 * squares[-1])))
