"""How fast each joint may go next, so that it can always still stop in time.

A joint's commands are a discrete triple integrator: each period its acceleration changes by at most jerk times period, its
velocity by acceleration times period, its position by velocity times period. Braking as hard as that allows gives the
least position and velocity at every later instant; so a next step is admissible exactly if braking like that from there
on keeps the velocity limit at every position, and the position limit. From an admissible state the braking step itself is
admissible: there is always a way on.
"""

from math import sqrt

import numpy as np
from numba import njit

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

MOST_STEPS = 5000  # of a stop; one that takes longer is none
HALVINGS = 24  # of the interval in which the greatest admissible acceleration lies


class StoppingBounds:
    """Bounds on the joint velocities (n,) [rad/s] of steps of `period_s` [s]."""

    def __init__(self, model: ArmModel, period_s: float) -> None:
        near = model.near_stops
        acceleration = np.minimum(model.qdd_max, model.brake_rad_per_s2)
        common = (model.qd_max, near.offset_rad_per_s, near.slope_rad_per_s2, acceleration, model.stream_jerk_rad_per_s3 * period_s)
        ends = (model.q_upper, near.upper_rad), (-model.q_lower, -near.lower_rad)
        self.limits = np.array([np.column_stack((*end, *common)) for end in ends])  # (2, n, 7), upwards and downwards
        self.stop = np.stack((acceleration, model.stream_jerk_rad_per_s3 * period_s))  # (2, n), deceleration and how it may change
        self.period_s = period_s

    def steady(self, q: Array) -> tuple[Array, Array]:
        """Least and greatest velocities from which the joints at `q` (n,) can brake with their acceleration alone."""
        return _steady(q, self.limits, self.period_s)  # type: ignore[no-any-return]

    def next(self, q: Array, qd: Array, qdd: Array) -> tuple[Array, Array]:
        """Least and greatest admissible velocities after the commanded state `q`, `qd`, `qdd` (n,)."""
        return next_bounds(q, qd, qdd, self.limits, self.period_s)  # type: ignore[no-any-return]

    def braked(self, q: Array, qd: Array, qdd: Array) -> Array:
        """The next velocities (n,) of the hardest stop without overshoot, at a joint's limit of one that keeps it."""
        low, high = self.next(q, qd, qdd)
        velocity: Array = braked(qd, qdd, self.stop, self.period_s)
        return np.minimum(np.maximum(velocity, low), high)

    def without_overshoot(self, qd: Array, qdd: Array, target: Array, low: Array, high: Array) -> tuple[Array, Array]:
        """The part of `low` to `high` from which `target` (n,) is reached with the acceleration taken back in time."""
        return _without_overshoot(qd, qdd, target, low, high, self.stop[1], self.period_s)  # type: ignore[no-any-return]


STOP, ZERO, FASTEST, OFFSET, SLOPE, ACCELERATION, JERK_STEP = range(7)


@njit(cache=True)
def _allowed(q, v, limits):  # type: ignore[no-untyped-def]
    """Whether an upward velocity is within its limits at `q`."""
    if v <= 0.0:
        return True
    too_near = (v + limits[OFFSET]) ** 2 > limits[SLOPE] * (limits[ZERO] - q)
    return not (q > limits[STOP] or v > limits[FASTEST] or too_near)


@njit(cache=True)
def _surely_stops(q, v, a, limits, period):  # type: ignore[no-untyped-def]
    """A quick, sufficient test: the peak velocity and a distance that braking cannot exceed."""
    most, jerk = limits[ACCELERATION], limits[JERK_STEP] / period
    rising = max(a, 0.0)
    peak = v + rising * rising / (2.0 * jerk)
    if peak <= 0.0:
        return True
    return _allowed(q + peak * ((rising + most) / jerk + period) + peak * peak / (2.0 * most), peak, limits)


@njit(cache=True)
def _stops(q, v, a, limits, period):  # type: ignore[no-untyped-def]
    """Whether the hardest braking from here keeps every limit."""
    if _surely_stops(q, v, a, limits, period):
        return True
    while _allowed(q, v, limits):
        if v <= 0.0 and a <= 0.0:
            return True
        a = max(a - limits[JERK_STEP], -limits[ACCELERATION])
        v += a * period
        q += v * period
    return False


@njit(cache=True)
def _stops_after(q, v, a_next, limits, period):  # type: ignore[no-untyped-def]
    v_next = v + a_next * period
    return _stops(q + v_next * period, v_next, a_next, limits, period)


@njit(cache=True)
def _greatest_acceleration(q, v, a, limits, period):  # type: ignore[no-untyped-def]
    """The greatest admissible next acceleration upwards; that of the hardest braking where none is."""
    most, change = limits[ACCELERATION], limits[JERK_STEP]
    low, high = _clipped(a - change, most), _clipped(a + change, most)
    if _stops_after(q, v, high, limits, period):
        return high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _stops_after(q, v, middle, limits, period):
            low = middle
        else:
            high = middle
    return low


@njit(cache=True)
def _clipped(a, most):  # type: ignore[no-untyped-def]
    return min(max(a, -most), most)


@njit(cache=True)
def next_bounds(q, qd, qdd, limits, period):  # type: ignore[no-untyped-def]
    """As `StoppingBounds.next`."""
    low, high = np.empty(q.size), np.empty(q.size)
    for i in range(q.size):
        high[i] = qd[i] + period * _greatest_acceleration(q[i], qd[i], qdd[i], limits[0, i], period)
        low[i] = qd[i] - period * _greatest_acceleration(-q[i], -qd[i], -qdd[i], limits[1, i], period)
        low[i] = min(low[i], high[i])
    return low, high


@njit(cache=True)
def _steady(q, limits, period):  # type: ignore[no-untyped-def]
    low, high = np.empty(q.size), np.empty(q.size)
    for i in range(q.size):
        low[i], high[i] = -_steady_upwards(-q[i], limits[1, i], period), _steady_upwards(q[i], limits[0, i], period)
    return low, high


@njit(cache=True)
def _steady_upwards(q, limits, period):  # type: ignore[no-untyped-def]
    a, way = limits[ACCELERATION], max(limits[STOP] - q, 0.0)
    brakeable = a * (sqrt(period * period + 2.0 * way / a) - period)
    near = sqrt(max(limits[SLOPE] * (limits[ZERO] - q), 0.0)) - limits[OFFSET] if limits[SLOPE] < np.inf else brakeable
    return max(0.0, min(limits[FASTEST], brakeable, near))


@njit(cache=True)
def _without_overshoot(qd, qdd, target, low, high, jerk_step, period):  # type: ignore[no-untyped-def]
    least, most = np.empty(qd.size), np.empty(qd.size)
    for i in range(qd.size):
        step = jerk_step[i] * period
        above = qd[i] + step * _quanta(max(target[i] - qd[i], 0.0) / step)
        below = qd[i] - step * _quanta(max(qd[i] - target[i], 0.0) / step)
        most[i] = max(min(high[i], above), low[i])
        least[i] = min(max(low[i], below), most[i])
    return least, most


@njit(cache=True)
def _quanta(gap):  # type: ignore[no-untyped-def]
    """The most acceleration, in steps of the jerk, with which a gap in velocity closes without overshoot."""
    return gap if gap <= 0.5 else sqrt(2.0 * gap) - 0.5


@njit(cache=True)
def braked(qd, qdd, stop, period):  # type: ignore[no-untyped-def]
    """One step of the hardest stop from `qd`, `qdd` (n,): velocities (n,) that end at rest without overshoot."""
    out = np.empty(qd.size)
    for i in range(qd.size):
        out[i] = _braked_joint(qd[i], qdd[i], stop[0, i], stop[1, i], period)
    return out


@njit(cache=True)
def stopping_turn(qd, qdd, stop, period):  # type: ignore[no-untyped-def]
    """How far (n,) [rad] each joint still turns in the hardest stop from `qd`, `qdd` (n,), a step with `qd` included."""
    turn = np.empty(qd.size)
    for i in range(qd.size):
        v, a = qd[i], qdd[i]
        turn[i], steps = abs(v) * period, 0
        while (v != 0.0 or a != 0.0) and steps < MOST_STEPS:
            v_next = _braked_joint(v, a, stop[0, i], stop[1, i], period)
            v, a, steps = v_next, (v_next - v) / period, steps + 1
            turn[i] += abs(v) * period
    return turn


@njit(cache=True)
def _braked_joint(qd, qdd, deceleration, jerk_step, period):  # type: ignore[no-untyped-def]
    sign = 1.0 if qd >= 0.0 else -1.0
    v, a, step = sign * qd, sign * qdd, jerk_step * period
    hardest = v + period * _clipped(a - jerk_step, deceleration)
    softest = v + period * _clipped(a + jerk_step, deceleration)
    return sign * min(max(hardest, v - step * _quanta(v / step), 0.0), max(softest, hardest))
