"""Inverse kinematics near where the arm is: never a far branch. `ik_search` looks everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medrobot_ros.arms.levenberg import converge
from medrobot_ros.arms.model import TURN_RAD, ArmModel
from medrobot_ros.geometry.pose import interpolate, pose_error
from medrobot_ros.signals import Array

MAX_JUMP_RAD = 1.5  # a flipped elbow or wrist is further than this away, a pose over the same patient nearer
STEP_M, STEP_RAD = 0.04, 0.15
SPREAD_RAD = 0.3  # of the restarts around the seed
RESTARTS = 12
ITERATIONS = 100
TOLERANCE = 1e-9  # [m] and [rad] at which it ends
REACHED_M = REACHED_RAD = 1e-6


@dataclass(frozen=True)
class IkResult:
    """`q` (n,) [rad], or None and `reason`. `distance_rad` is how far the furthest joint was found from the seed."""

    q: Array | None
    reason: str
    distance_rad: float


def solve(model: ArmModel, T_base_probe: Array, q_seed: Array) -> IkResult:
    """Joints near `q_seed` (n,) that bring the probe to `T_base_probe` (4, 4), on the same branch and within limits."""
    closest = IkResult(None, "", np.inf)
    for q_start in _starts(model, T_base_probe, q_seed):
        found = _checked(model, _converged(model, T_base_probe, q_start), T_base_probe, q_seed)
        if found.q is not None:
            return found
        if not closest.reason or found.distance_rad < closest.distance_rad:
            closest = found
    return closest


def _starts(model: ArmModel, T_base_probe: Array, q_seed: Array) -> Iterator[Array]:
    """Where a straight way of the probe leads, then the same few places around the seed every time."""
    yield _straight(model, T_base_probe, q_seed)
    around = q_seed + np.random.default_rng(0).uniform(-SPREAD_RAD, SPREAD_RAD, (RESTARTS, model.n))
    yield from np.clip(around, model.q_lower, model.q_upper)


def _straight(model: ArmModel, T_base_probe: Array, q_seed: Array) -> Array:
    """Follows the probe in small steps, on each of which the solver has nowhere far to go."""
    T_seed, q = model.T_base_probe(q_seed), q_seed
    off_m, off_rad = pose_error(T_seed, T_base_probe)
    steps = 1 + int(max(off_m / STEP_M, off_rad / STEP_RAD))
    for k in range(1, steps):
        q = _converged(model, interpolate(T_seed, T_base_probe, k / steps), q)
    return q


def _converged(model: ArmModel, T_base_probe: Array, q_start: Array) -> Array:
    q, free = q_start.astype(float), np.full(model.n, np.inf)
    converge(model.chain_arrays, T_base_probe, q, -free, free, ITERATIONS, TOLERANCE)
    return q


def _checked(model: ArmModel, q: Array, T_base_probe: Array, q_seed: Array) -> IkResult:
    off_m, off_rad = model.probe_error(q, T_base_probe)
    if off_m > REACHED_M or off_rad > REACHED_RAD:
        return IkResult(None, f"{out_of_reach(model, T_base_probe, off_m, off_rad)} from here", np.inf)
    q = q - TURN_RAD * np.rint((q - q_seed) / TURN_RAD)
    distance_rad, outside = distance(q, q_seed), model.outside(q)
    if outside:
        return IkResult(None, f"the pose needs {outside}", distance_rad)
    if distance_rad > MAX_JUMP_RAD:
        joint = model.joint_names[int(np.argmax(np.abs(q - q_seed)))]
        reason = f"the pose needs another branch: {joint} would turn {distance_rad:.2f} rad, more than {MAX_JUMP_RAD} rad"
        return IkResult(None, reason, distance_rad)
    return IkResult(q, "", distance_rad)


def distance(q: Array, q_seed: Array) -> float:
    """How far [rad] the furthest joint is from the seed's."""
    return float(np.abs(q - q_seed).max())


def within_turn(model: ArmModel, q: Array) -> Array:
    """`q` (n,) with every joint on the turn nearest the middle of its range."""
    middle = 0.5 * (model.q_lower + model.q_upper)
    return q - TURN_RAD * np.rint((q - middle) / TURN_RAD)


def out_of_reach(model: ArmModel, T_base_probe: Array, off_m: float, off_rad: float) -> str:
    """That the nearest that was found is so far from the goal."""
    x, y, z = T_base_probe[:3, 3]
    missed = f"the nearest found is {1e3 * off_m:.1f} mm and {np.degrees(off_rad):.1f} deg away"
    return f"{model.name} does not reach ({x:.3f}, {y:.3f}, {z:.3f}) m with the probe: {missed}"
