"""How near an arm comes to itself and to what stands around it, and which way leads out.

Of every pair that is near, the distance's gradient is a row that differential kinematics keeps: the arm slides along. Whether
it could still stop in time is asked of every step.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit

from medrobot_ros.arms.bodies import distances, extents, least_gap, pair_distance, place, surely_apart
from medrobot_ros.arms.differential_ik import Rows
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import PATIENT, Obstacles
from medrobot_ros.arms.pairs import watched
from medrobot_ros.arms.stopping import StoppingBounds
from medrobot_ros.arms.sweep import SLACK_M, stop_is_free, way_is_free
from medrobot_ros.signals import Array

NEAR_M = 0.10  # beyond the margin: pairs further apart make no row. Chosen: the arm stops from its speeds in contact within it
BRAKING_SHARE = 0.5  # of what the joints can do against an approach; the rest is for several pairs at once. Chosen
RETURN_PER_S, RETURN_M_PER_S = 1.0, 0.02  # how fast a pair that is too near is parted: chosen, slower than an approach


class Near(NamedTuple):
    """What is near at one posture: the rows that it asks to keep, and every pair's gap (K,) [m] beyond its margin, at least."""

    rows: Rows
    gaps: Array


class CollisionModel:
    """One arm among obstacles. `margin_m` [m] is the least distance that is kept; margins (K,) are those of the pairs."""

    def __init__(self, model: ArmModel, obstacles: Obstacles, margin_m: float, period_s: float) -> None:
        self._model, self._margin_m = model, margin_m
        self.bodies = watched(model, obstacles, margin_m)
        self._links = [c.link for c in (*model.capsules, *obstacles.capsules)] + [b.link for b in obstacles.boxes]
        self._stop, self._period_s = StoppingBounds(model, period_s).stop, period_s
        # Compiled or loaded now, not in a tick; for arrays that may be written to, as a tick's are and a model's are not.
        q, still = model.q_home.copy(), np.zeros(model.n)
        near = self.near(q, self.margins)
        self.stop_is_free(near, q, still, still, still, self.margins)
        self.way_is_free(q, q, self.margins)
        self.too_near(q, self.margins)

    @cached_property
    def margins(self) -> Array:
        """Those of free motion: the same for every pair."""
        return np.full(len(self.bodies.pairs), self._margin_m)

    @cached_property
    def margins_in_contact(self) -> Array:
        """As `margins`, but the probe's tip may touch the patient, and its handle come near: soft tissue gives way around it."""
        tip = self._tip()
        pairs = [(i, self._links[j]) for i, j in self.bodies.pairs]
        tips = [(i, other) == (tip, PATIENT) for i, other in pairs]
        handles = [(self._links[i], other) == (self._links[tip], PATIENT) for i, other in pairs]
        return np.select([tips, handles], [-np.inf, 0.0], self.margins)

    def _tip(self) -> int:
        """The capsule that holds the origin of the probe's frame."""
        last = [i for i, c in enumerate(self._model.capsules) if c.segment == self._model.n - 1]
        p = self._model.T_last_probe[:3, 3]
        middles = [0.5 * (self._model.capsules[i].a + self._model.capsules[i].b) for i in last]
        return last[int(np.argmin([np.linalg.norm(p - m) for m in middles]))]

    def distances(self, q: Array) -> Array:
        """Distances (K,) [m] of all watched pairs at `q` (n,), less than 0 where they overlap."""
        out: Array = distances(self.bodies, q)
        return out

    def gap(self, q: Array, margins: Array) -> float:
        """The least distance beyond its margin [m]."""
        return float(least_gap(self.bodies, q, margins))

    def too_near(self, q: Array, margins: Array) -> str:
        """Which two parts are nearest to what they must not be, and how near; '' where all keep their margins with slack."""
        d = self.distances(q)
        worst = int(np.argmin(d - margins))
        if d[worst] - margins[worst] >= SLACK_M:
            return ""
        needed = f"less than {1e3 * (margins[worst] + SLACK_M):.0f} mm"
        how = f"overlap by {-1e3 * d[worst]:.0f} mm" if d[worst] < 0.0 else f"would be {1e3 * d[worst]:.0f} mm apart, {needed}"
        return f"{self.names(worst)} {how}"

    def names(self, pair: int) -> str:
        """The two parts of a pair."""
        i, j = self.bodies.pairs[pair]
        return f"{self._links[i]} and {self._links[j]}"

    def eased(self, q: Array, margins: Array) -> Array:
        """Margins (K,) that let an arm out which at `q` is too near already: no pair may come nearer than it is."""
        return np.minimum(margins, self.distances(q) - SLACK_M)

    def way_is_free(self, q: Array, q_goal: Array, margins: Array) -> bool:
        """Whether the straight way in joint space keeps clear all along."""
        return bool(way_is_free(self.bodies, q, q_goal, margins))

    def near(self, q: Array, margins: Array) -> Near:
        """Where the arm at `q` (n,) stands and what that asks of the next step: to approach no faster than it can brake."""
        G, g, gaps = _near(self.bodies, q, margins, self._stop, self._period_s)
        return Near(Rows(G, g), gaps)

    def stop_is_free(self, near: Near, q: Array, qd: Array, qdd: Array, qd_next: Array, margins: Array) -> bool:
        """Whether the arm can still stop in time, after a step with `qd_next` [rad/s] from its commanded `q`, `qd`, `qdd` (n,).

        `near` is what was found at `q`."""
        return bool(stop_is_free(self.bodies, near.gaps, q, qd, qdd, qd_next, self._stop, self._period_s, margins))


@njit(cache=True)
def _near(bodies, q, margins, stop, period_s):  # type: ignore[no-untyped-def]
    at_a, at_b, z, o, _, _ = place(bodies, q)
    low, high = extents(bodies, at_a, at_b)
    return rows_near(bodies, at_a, at_b, z, o, low, high, margins, stop[0], period_s)


@njit(cache=True)
def rows_near(bodies, at_a, at_b, z, o, low, high, margins, deceleration, period_s):  # type: ignore[no-untyped-def]
    """Rows (k, n) and (k,) that the near pairs ask to keep, and all pairs' gaps (K,), of placed capsules with their extents."""
    x, y = np.empty(3), np.empty(3)
    G, g, count = np.empty((margins.size, len(z))), np.empty(margins.size), 0
    gaps = np.empty(margins.size)
    for k in range(margins.size):
        gaps[k] = surely_apart(bodies, low, high, k) - margins[k]
        if gaps[k] > NEAR_M:
            continue
        distance = pair_distance(bodies, at_a, at_b, k, x, y)
        gaps[k] = distance - margins[k]
        if gaps[k] < NEAR_M and _gradient(bodies, k, distance, x, y, z, o, G[count]):
            gap = gaps[k] - 2.0 * SLACK_M  # so that sliding along keeps the slack
            braking = 0.0
            for joint in range(len(z)):
                braking += BRAKING_SHARE * abs(G[count, joint]) * deceleration[joint]
            g[count] = -_brakeable(gap, braking, period_s) if gap > 0.0 else min(-gap * RETURN_PER_S, RETURN_M_PER_S)
            count += 1
    return G[:count], g[:count], gaps


@njit(cache=True)
def _brakeable(gap, braking, period_s):  # type: ignore[no-untyped-def]
    """The speed that, kept for one period and then braked, uses up the gap."""
    return braking * (np.sqrt(period_s * period_s + 2.0 * gap / braking) - period_s)


@njit(cache=True)
def _gradient(bodies, k, distance, x, y, z, o, out):  # type: ignore[no-untyped-def]
    """Writes the gradient (n,) [m/rad] of a pair's distance; False where it has none, the joints do not bear on it or the lines cross."""
    i, j = bodies.pairs[k, 0], bodies.pairs[k, 1]
    one, other, outwards = bodies.segment[i], -1, 1.0
    if j < bodies.radius.size:
        other = bodies.segment[j]
    elif distance + bodies.radius[i] < 0.0:
        outwards = -1.0  # from inside the box out to its face
    n = (outwards * (x[0] - y[0]), outwards * (x[1] - y[1]), outwards * (x[2] - y[2]))
    length = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
    if length == 0.0:
        return False
    n = (n[0] / length, n[1] / length, n[2] / length)
    size = 0.0
    for joint in range(out.size):
        out[joint] = 0.0
        if joint <= one:
            out[joint] += _along_normal(n, z[joint], o[joint], x)
        if joint <= other:
            out[joint] -= _along_normal(n, z[joint], o[joint], y)
        size += abs(out[joint])
    return size > 0.0


@njit(cache=True)
def _along_normal(n, z, o, x):  # type: ignore[no-untyped-def]
    """The speed of a point along `n` for one radian a second about the axis `z` through `o`."""
    a, b, c = x[0] - o[0], x[1] - o[1], x[2] - o[2]
    return n[0] * (z[1] * c - z[2] * b) + n[1] * (z[2] * a - z[0] * c) + n[2] * (z[0] * b - z[1] * a)
