"""Inverse kinematics anywhere within the limits: one solution, many poses at once, or all branches of one pose, ranked.

The restarts are the same every time, so that the answer is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.arms.ik import IkResult, distance, out_of_reach, within_turn
from medrobot_ros.arms.levenberg import converge, search, search_many
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

Clearance = Callable[[Array], float]
"""The distance [m] to the nearest obstacle at `q` (n,); negative inside one."""

RESTARTS, MOST_JOINTS = 200, 16
ITERATIONS = 20  # a start that needs more is left for the next one: cheaper on the average
TOLERANCE = 1e-7  # [m] and [rad]
SAME_RAD = 0.1  # solutions whose joints all differ by less are one

_STARTS = np.random.default_rng(0).random((RESTARTS, MOST_JOINTS))


@dataclass(frozen=True)
class Solution:
    """Joints `q` (n,) [rad], how far the furthest of them is from the seed, manipulability sqrt(det J J^T), clearance [m]."""

    q: Array
    distance_rad: float
    manipulability: float
    clearance_m: float


def find(model: ArmModel, T_base_probe: Array, q_seed: Array, clearance: Clearance | None = None) -> IkResult:
    """Joints within limits and clear of obstacles that bring the probe to `T_base_probe` (4, 4), near `q_seed` if it can be.

    Else `q` is None and `reason` tells reach, limit or collision apart, and how much is missing."""
    q = q_seed.astype(float)
    if not search(model.chain_arrays, T_base_probe, q, _STARTS, model.q_lower, model.q_upper, ITERATIONS, TOLERANCE):
        return _unreached(model, T_base_probe, q_seed)
    if clearance is None or clearance(q) >= 0.0:
        return IkResult(q, "", distance(q, q_seed))
    clear = solutions(model, T_base_probe, q_seed, clearance)
    if not clear:
        deepest = max(clearance(s.q) for s in solutions(model, T_base_probe, q_seed))
        return IkResult(None, f"every way to hold that pose is in collision, the best by {-1e3 * deepest:.1f} mm", inf)
    nearest = min(clear, key=lambda s: s.distance_rad)
    return IkResult(nearest.q, "", nearest.distance_rad)


def find_many(model: ArmModel, T_base_probe: Array, q_seed: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Joints (k, n) for poses (k, 4, 4), each from the seeds (n,) or (k, n), and which of them were found (k,)."""
    Q = np.array(np.broadcast_to(q_seed, (len(T_base_probe), model.n)), dtype=float)
    goals = np.ascontiguousarray(T_base_probe, dtype=float)
    return Q, search_many(model.chain_arrays, goals, Q, _STARTS, model.q_lower, model.q_upper, ITERATIONS, TOLERANCE)


def solutions(model: ArmModel, T_base_probe: Array, q_seed: Array, clearance: Clearance | None = None) -> list[Solution]:
    """The ways to hold a pose, sampled over branches and the arm's freedom, the best first; those in collision are left out.

    Each has a place by distance from `q_seed`, one by manipulability and one by clearance; the least sum is best."""
    found: list[Array] = []
    for start in (q_seed, *(model.q_lower + _STARTS[:, : model.n] * (model.q_upper - model.q_lower))):
        q = start.astype(float)
        new = converge(model.chain_arrays, T_base_probe, q, model.q_lower, model.q_upper, ITERATIONS, TOLERANCE)
        if new and all(np.abs(q - other).max() > SAME_RAD for other in found):
            found.append(q)
    rated = [_rated(model, q, q_seed, clearance) for q in found]
    return _ranked([s for s in rated if s.clearance_m >= 0.0])


def _rated(model: ArmModel, q: Array, q_seed: Array, clearance: Clearance | None) -> Solution:
    J = model.jacobian_probe(q)
    manipulability = float(np.sqrt(max(np.linalg.det(J @ J.T), 0.0)))
    return Solution(q, distance(q, q_seed), manipulability, inf if clearance is None else clearance(q))


def _ranked(found: list[Solution]) -> list[Solution]:
    """A place is how many others are better; equals share one."""
    measures = np.array([(s.distance_rad, -s.manipulability, -s.clearance_m) for s in found]).reshape(-1, 3)
    places = (measures[:, None, :] > measures[None, :, :]).sum(axis=(1, 2))
    return [found[k] for k in np.lexsort((measures[:, 0], places))]


def _unreached(model: ArmModel, T_base_probe: Array, q_seed: Array) -> IkResult:
    """Whether a limit is in the way, and which, or the pose is out of reach, and by how much."""
    free, best, best_rad, nearest = np.full(model.n, inf), "", inf, (inf, inf)
    for start in (q_seed, *(pi * (2.0 * _STARTS[:, : model.n] - 1.0))):
        q = start.astype(float)
        if converge(model.chain_arrays, T_base_probe, q, -free, free, ITERATIONS, TOLERANCE):
            q = within_turn(model, q)
            beyond = float(np.maximum(model.q_lower - q, q - model.q_upper).max())
            if beyond < best_rad:
                best, best_rad = f"the pose needs {model.outside(q)}", beyond
        else:
            nearest = min(nearest, model.probe_error(q, T_base_probe))
    return IkResult(None, best or out_of_reach(model, T_base_probe, *nearest), inf)
