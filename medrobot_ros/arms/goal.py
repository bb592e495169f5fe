"""From a motion goal to joint positions, or the reason why not."""

import numpy as np

from medrobot_ros.arms import ik
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array, MotionGoal

RIGID = 1e-6  # how far a rotation's columns may be from orthonormal


def resolve(model: ArmModel, goal: MotionGoal, q_now: Array) -> tuple[Array | None, str]:
    """Joint positions (n,) [rad] near `q_now` that fulfil the goal, or None and what is wrong with it."""
    if (goal.q is None) == (goal.T_base_probe is None):
        return None, "a goal must hold either joint positions or a probe pose"
    if goal.q is not None:
        return _joints(model, goal.q, q_now)
    assert goal.T_base_probe is not None
    return _pose(model, goal.T_base_probe, q_now)


def _joints(model: ArmModel, q: Array, q_now: Array) -> tuple[Array | None, str]:
    if q.shape != (model.n,):
        return None, f"{q.size} joint positions for {model.n} joints"
    if not np.isfinite(q).all():
        return None, "joint positions that are not finite"
    turned = model.nearest_turn(q, q_now)
    q = q if model.outside(turned) else turned
    outside = model.outside(q)
    return (None, outside) if outside else (q, "")


def _pose(model: ArmModel, T: Array, q_now: Array) -> tuple[Array | None, str]:
    if T.shape != (4, 4) or not np.isfinite(T).all():
        return None, "a pose that is not finite"
    R = T[:3, :3]
    if np.abs(R.T @ R - np.eye(3)).max() > RIGID or np.linalg.det(R) < 0.0:
        return None, "a pose whose rotation is not one"
    found = ik.solve(model, T, q_now)
    return found.q, found.reason
