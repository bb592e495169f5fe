"""Free motion keeps velocity, acceleration and jerk limits and ends at its goal."""

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.bodies import place
from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import Obstacles
from medrobot_ros.arms.speed import SpeedLimits
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
    motion.start(model.q_home, [goal])
    q = np.vstack((model.q_home, run(motion)))
    qd = np.diff(q, axis=0) / PERIOD_S
    qdd, tolerance = np.diff(qd, axis=0) / PERIOD_S, 1.0 + 1e-6
    assert q[-1] == pytest.approx(goal, abs=1e-9)
    assert (np.abs(qd).max(axis=0) <= model.qd_max * tolerance).all()
    assert (np.abs(qdd).max(axis=0) <= model.qdd_max * tolerance + 1e-6).all()
    assert (np.abs(np.diff(qdd, axis=0)).max(axis=0) <= 2.0 * model.qddd_max * PERIOD_S).all()


@pytest.mark.parametrize("short_rad", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("towards", [1.0, -1.0])
def test_near_its_stops_the_fr3_goes_as_slowly_as_its_maker_says(towards: float, short_rad: float) -> None:
    """libfranka's limits, by hand."""
    model, near = load_arm("fr3", "linear"), load_arm("fr3", "linear").near_stops
    goal = (model.q_upper if towards > 0.0 else model.q_lower) - towards * short_rad
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, [goal])
    q = np.vstack((model.q_home, run(motion)))
    qd = np.diff(q, axis=0) / PERIOD_S
    high = np.sqrt(near.slope_rad_per_s2 * (near.upper_rad - q[1:])) - near.offset_rad_per_s
    low = near.offset_rad_per_s - np.sqrt(near.slope_rad_per_s2 * (q[1:] - near.lower_rad))
    assert (qd <= high + 1e-6).all() and (qd >= low - 1e-6).all()
    assert q[-1] == pytest.approx(goal, abs=1e-9)
    assert len(q) * PERIOD_S < 20.0


def test_all_joints_move_in_step(model: ArmModel) -> None:
    goal = model.q_home + np.linspace(-0.3, 0.4, model.n)
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, [goal])
    share = (run(motion) - model.q_home) / (goal - model.q_home)
    assert np.ptp(share, axis=1).max() < 1e-6


def test_brake_ends_at_rest_on_the_way_within_the_deceleration(model: ArmModel) -> None:
    way, motion, q = np.linspace(-0.6, 0.7, model.n), FreeMotion(model, PERIOD_S), [model.q_home]
    motion.start(model.q_home, [model.q_home + way])
    for _ in range(150):
        step = motion.step()
        assert step is not None
        q.append(step[0])
    motion.brake()
    q = np.vstack((q, run(motion)))
    v = np.diff(q, axis=0) / PERIOD_S
    assert np.abs(v[149]).max() > 0.05 and np.abs(v[-1]).max() < 1e-2
    assert (np.abs(np.diff(v, axis=0)) <= model.qdd_max * PERIOD_S * (1.0 + 1e-6) + 1e-9).all()
    share = (q - model.q_home) / way
    assert np.ptp(share, axis=1).max() < 1e-6 and share.max() < 0.95


def test_it_rests_at_every_corner_and_keeps_to_the_straight_ways_between(model: ArmModel) -> None:
    one, other = model.q_home + np.linspace(-0.2, 0.3, model.n), model.q_home + np.linspace(0.3, 0.1, model.n)
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, [one, other])
    q = np.vstack((model.q_home, run(motion)))
    k = int(np.argmin(np.abs(q - one).max(axis=1)))
    assert q[k] == pytest.approx(one, abs=1e-9) and q[-1] == pytest.approx(other, abs=1e-9)
    for begin, end, part in ((model.q_home, one, q[: k + 1]), (one, other, q[k:])):
        assert np.ptp((part - begin) / (end - begin), axis=1).max() < 1e-6
    acceleration = np.diff(q, n=2, axis=0) / PERIOD_S**2
    assert (np.abs(acceleration).max(axis=0) <= model.qdd_max * (1.0 + 1e-6) + 1e-6).all()
    assert (np.abs(np.diff(acceleration, axis=0)).max(axis=0) <= 2.0 * model.qddd_max * PERIOD_S).all()


@pytest.mark.parametrize("near_m_per_s", [0.05, 0.1])
def test_every_point_of_the_arm_keeps_its_speed_limit(model: ArmModel, near_m_per_s: float) -> None:
    bodies = CollisionModel(model, Obstacles(), 0.01, PERIOD_S).bodies
    zone = np.array([[0.2, -0.4, -0.3], [0.9, 0.4, 0.4]])
    motion = FreeMotion(model, PERIOD_S, SpeedLimits(bodies, zone, near_m_per_s, 0.4))
    motion.start(model.q_home, [model.q_home + np.linspace(-0.6, 0.6, model.n)])
    q = run(motion)[::10]
    ends = np.array([np.vstack(place(bodies, p)[:2]) for p in q])
    speed = np.linalg.norm(np.diff(ends, axis=0), axis=2) / (10 * PERIOD_S)
    inside = ((ends > zone[0]) & (ends < zone[1])).all(axis=2)[1:]
    assert speed[inside].max() <= near_m_per_s and speed.max() <= 0.4
    assert speed[inside].max() > 0.4 * near_m_per_s or speed.max() > 0.3


def test_where_two_profiles_meet_a_motion_is_still_found() -> None:
    model = load_arm("iiwa7", "linear")
    meeting_rad = 2.0 * model.qdd_max[3] ** 3 / model.qddd_max[3] ** 2  # full acceleration is just reached and left
    way = np.array([-0.6, -0.3833, -0.1667, meeting_rad, 0.2667, 0.4833, 0.7])
    motion = FreeMotion(model, PERIOD_S)
    motion.start(model.q_home, [model.q_home + way])
    assert run(motion)[-1] == pytest.approx(model.q_home + way, abs=1e-9)
