"""What a user's own arm may leave to the cell: dynamic limits, and a posture to begin from."""

from collections.abc import Iterator
from dataclasses import replace
from math import pi

import numpy as np

from medrobot_ros.arms.description import ArmDescription
from medrobot_ros.arms.ik import solve
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.twist_following import SLOW_CONDITION
from medrobot_ros.arms.urdf import Segment
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.signals import Array

SPEED_UP_S, BRAKE = 1.0, 2.0  # chosen: full speed within 1 s, brakes twice as strong
JERK_S, STREAM_JERK_S = 0.1, 0.004  # chosen: full acceleration within these, in planned motions and in streams of twists
CHOSEN = "chosen: from the URDF's velocity limits"
T_BASE_HOME = pose(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.0, 0.35]))  # the probe points down, its image across the patient
DOWN_COSINE = 0.995  # 5.7 deg; chosen
CLEAR_M = 0.05  # how high over the base plane every joint but the first must be
STARTS = 60


def completed(description: ArmDescription, segments: tuple[Segment, ...]) -> ArmDescription:
    """The description with dynamic limits for the joints where its file gives none."""
    velocity = np.array([s.velocity_rad_per_s for s in segments])
    chosen = {
        "acceleration_rad_per_s2": velocity / SPEED_UP_S,
        "jerk_rad_per_s3": velocity / SPEED_UP_S / JERK_S,
        "stream_jerk_rad_per_s3": velocity / SPEED_UP_S / STREAM_JERK_S,
        "braking_rad_per_s2": BRAKE * velocity / SPEED_UP_S,
    }
    missing = {name: value for name, value in chosen.items() if not getattr(description, name).size}
    sources = {**description.sources, **{name.split("_rad")[0]: CHOSEN for name in missing}}
    return replace(description, **missing, sources=sources)  # type: ignore[arg-type]


def check_home(model: ArmModel, q_home: Array | None) -> None:
    """The posture of the file lies within limits with the probe down. Raises: ConfigError that offers one which does."""
    if q_home is None:
        raise ConfigError(f"arm '{model.name}': home_rad is missing; {_suggestion(model)}")
    outside = model.outside(q_home)
    if outside:
        raise ConfigError(f"arm '{model.name}': home_rad: {outside}; {_suggestion(model)}")
    if model.T_base_probe(q_home)[2, 2] > -DOWN_COSINE:
        raise ConfigError(f"arm '{model.name}': the probe does not point down at home_rad; {_suggestion(model)}")


def _suggestion(model: ArmModel) -> str:
    """A line to copy, or what may be wrong with the arm."""
    postures = list(_postures(model))
    x, y, z = T_BASE_HOME[:3, 3]
    if not postures:
        return f"no good one reaches ({x:g}, {y:g}, {z:g}) m with the probe down: is the arm too short, or tool_yaw_rad to be turned?"
    best = min(postures, key=lambda q: (round(_cost(model, q), 1), float(np.abs(q).max())))
    return f"this one holds the probe down at ({x:g}, {y:g}, {z:g}) m: home_rad: {[round(v, 4) for v in best.tolist()]}"


def _postures(model: ArmModel) -> Iterator[Array]:
    """Solutions from random starts, the same every time, within limits, away from singularities and clear of the base plane."""
    low, high = np.maximum(model.q_lower, -pi), np.minimum(model.q_upper, pi)
    for q_start in np.random.default_rng(0).uniform(low, high, (STARTS, model.n)):
        q = solve(model, T_BASE_HOME, q_start).q
        if q is not None and _joint_heights_m(model, q)[1:].min() > CLEAR_M and _condition(model, q) < SLOW_CONDITION:
            yield q


def _cost(model: ArmModel, q: Array) -> float:
    """Least for an arm that is far from singularities and stops, with its joints high above the patient."""
    margin_rad = float(np.minimum(q - model.q_lower, model.q_upper - q).min())
    return _condition(model, q) / min(1.0, max(margin_rad, 1e-3)) / float(_joint_heights_m(model, q).mean())


def _condition(model: ArmModel, q: Array) -> float:
    return float(np.linalg.cond(model.jacobian_probe(q)))


def _joint_heights_m(model: ArmModel, q: Array) -> Array:
    """How high over the base plane each joint is (n,)."""
    T, heights = np.eye(4), np.empty(model.n)
    for k, (segment, angle) in enumerate(zip(model.segments, q, strict=True)):
        T = T @ segment.T_before_joint
        heights[k] = T[2, 3]
        T = T @ pose(rotation_from_vector(angle * segment.axis), np.zeros(3))
    return heights
