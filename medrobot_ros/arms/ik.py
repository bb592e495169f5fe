"""Inverse kinematics near where the arm is: never a far branch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medrobot_ros.arms.model import TURN_RAD, ArmModel
from medrobot_ros.geometry.pose import interpolate, rotation_vector
from medrobot_ros.signals import Array

MAX_JUMP_RAD = 1.5  # a flipped elbow or wrist is further than this away, a pose over the same patient nearer
STEP_M, STEP_RAD = 0.04, 0.15
SPREAD_RAD = 0.3  # of the restarts around the seed
RESTARTS = 12
ITERATIONS = 100
TOLERANCE = 1e-12  # of half the squared error: 1.4 um or urad
REACHED_M = REACHED_RAD = 1e-5


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
    off_m, off_rad = _error(T_seed, T_base_probe)
    steps = 1 + int(max(off_m / STEP_M, off_rad / STEP_RAD))
    for k in range(1, steps):
        q = _converged(model, interpolate(T_seed, T_base_probe, k / steps), q)
    return q


def _converged(model: ArmModel, T_base_probe: Array, q_start: Array) -> Array:
    writable = q_start.copy()  # as roboticstoolbox requires
    q: Array = model.ets.ik_LM(
        T_base_probe,
        q0=writable,
        ilimit=ITERATIONS,
        slimit=1,
        tol=TOLERANCE,
        joint_limits=False,
        k=1e-4,
        method="sugihara",
    ).q
    return q


def _checked(model: ArmModel, q: Array, T_base_probe: Array, q_seed: Array) -> IkResult:
    off_m, off_rad = _error(model.T_base_probe(q), T_base_probe)
    if off_m > REACHED_M or off_rad > REACHED_RAD:
        return IkResult(None, _out_of_reach(model, T_base_probe, off_m, off_rad), np.inf)
    q = q - TURN_RAD * np.rint((q - q_seed) / TURN_RAD)  # roboticstoolbox leaves whole turns in
    distance_rad = float(np.max(np.abs(q - q_seed)))
    outside = model.outside(q)
    if outside:
        return IkResult(None, f"the pose needs {outside}", distance_rad)
    if distance_rad > MAX_JUMP_RAD:
        joint = model.joint_names[int(np.argmax(np.abs(q - q_seed)))]
        reason = (
            f"the pose needs another branch: {joint} would turn {distance_rad:.2f} rad, more than {MAX_JUMP_RAD} rad"
        )
        return IkResult(None, reason, distance_rad)
    return IkResult(q, "", distance_rad)


def _error(T: Array, T_goal: Array) -> tuple[float, float]:
    turn = rotation_vector(T[:3, :3].T @ T_goal[:3, :3])
    return float(np.linalg.norm(T_goal[:3, 3] - T[:3, 3])), float(np.linalg.norm(turn))


def _out_of_reach(model: ArmModel, T_base_probe: Array, off_m: float, off_rad: float) -> str:
    x, y, z = T_base_probe[:3, 3]
    missed = f"the nearest found is {1e3 * off_m:.1f} mm and {np.degrees(off_rad):.1f} deg away"
    return f"{model.name} does not reach ({x:.3f}, {y:.3f}, {z:.3f}) m with the probe from here; {missed}"
