"""Free motion keeps velocity, acceleration and jerk limits and ends at its goal."""

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.trajectory import FreeMotion
from medrobot_ros.signals import Array

PERIOD_S = 0.002


@pytest.fixture(params=["fr3", "gen3", "iiwa7"])
def model(request: pytest.FixtureRequest) -> ArmModel:
    return load_arm(request.param, "linear")


def run(motion: FreeMotion) -> Array:
    """All positions (N, n) until the end."""
    out = []
    for _ in range(20_000):
        step = motion.step()
        assert step is not None
        out.append(step[0])
        if step[1]:
            return np.array(out)
    raise AssertionError("the motion does not end")


def test_limits_and_goal(model: ArmModel) -> None:
    goal = model.q_home + np.linspace(-0.6, 0.7, model.n)
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, np.zeros(model.n), goal)
    q = np.vstack((model.q_home, run(motion)))
    qd = np.diff(q, axis=0) / PERIOD_S
    qdd, tolerance = np.diff(qd, axis=0) / PERIOD_S, 1.0 + 1e-6
    assert q[-1] == pytest.approx(goal, abs=1e-9)
    assert (np.abs(qd).max(axis=0) <= model.qd_max * tolerance).all()
    assert (np.abs(qdd).max(axis=0) <= model.qdd_max * tolerance + 1e-6).all()
    assert (np.abs(np.diff(qdd, axis=0)).max(axis=0) <= 2.0 * model.qddd_max * PERIOD_S).all()


def test_all_joints_move_in_step(model: ArmModel) -> None:
    goal = model.q_home + np.linspace(-0.3, 0.4, model.n)
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, np.zeros(model.n), goal)
    share = (run(motion) - model.q_home) / (goal - model.q_home)
    assert np.ptp(share, axis=1).max() < 1e-6


def test_brake_ends_at_rest_within_the_deceleration(model: ArmModel) -> None:
    qd = 0.5 * model.qd_max
    motion = FreeMotion(model, PERIOD_S)
    motion.brake(model.q_home, qd)
    q = np.vstack((model.q_home - qd * PERIOD_S, model.q_home, run(motion)))
    v = np.diff(q, axis=0) / PERIOD_S
    assert np.abs(v[-1]).max() < 1e-2
    assert (np.abs(np.diff(v, axis=0)) <= model.qdd_max * PERIOD_S * (1.0 + 1e-6) + 1e-9).all()


def test_the_tip_keeps_its_speed_limit(model: ArmModel) -> None:
    motion = FreeMotion(model, PERIOD_S, tip_speed_m_per_s=0.1)
    motion.start(model.q_home, np.zeros(model.n), model.q_home + np.linspace(-0.4, 0.4, model.n))
    tip = np.array([model.T_base_probe(q)[:3, 3] for q in run(motion)[::10]])
    speed = np.linalg.norm(np.diff(tip, axis=0), axis=1) / (10 * PERIOD_S)
    assert 0.09 < speed.max() <= 0.1


def test_where_two_profiles_meet_a_motion_is_still_found() -> None:
    model = load_arm("iiwa7", "linear")
    meeting_rad = 2.0 * model.qdd_max[3] ** 3 / model.qddd_max[3] ** 2  # full acceleration is just reached and left
    way = np.array([-0.6, -0.3833, -0.1667, meeting_rad, 0.2667, 0.4833, 0.7])
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, np.zeros(model.n), model.q_home + way)
    assert run(motion)[-1] == pytest.approx(model.q_home + way, abs=1e-9)
