"""Inverse kinematics anywhere: found, ranked, or refused with the reason."""

import numpy as np
import pytest

from medrobot_ros.arms import arm_names, ik, ik_search, load_arm
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.geometry.pose import pose
from medrobot_ros.signals import Array

DOWN = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(params=arm_names())
def model(request: pytest.FixtureRequest) -> ArmModel:
    return load_arm(request.param, "linear")


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_reachable_poses_are_found(model: ArmModel, count: int) -> None:
    """From home, which is near none of them: 99.9 % within a micrometre and a microradian, and within the limits."""
    true = np.random.default_rng(5).uniform(model.q_lower, model.q_upper, (count, model.n))
    goals = model.T_base_probe_many(true)
    Q, found = ik_search.find_many(model, goals, model.q_home)
    assert found.mean() >= 0.999
    assert all(max(model.probe_error(q, T)) <= 1e-6 for q, T in zip(Q[found], goals[found], strict=True))
    assert not any(model.outside(q) for q in Q[found])


def test_one_by_one_is_as_many(model: ArmModel) -> None:
    true = np.random.default_rng(8).uniform(model.q_lower, model.q_upper, (20, model.n))
    Q, _ = ik_search.find_many(model, model.T_base_probe_many(true), true + 0.05)
    for q_true, q in zip(true, Q, strict=True):
        assert np.array_equal(ik_search.find(model, model.T_base_probe(q_true), q_true + 0.05).q, q)


def test_a_near_seed_gives_the_near_solution(model: ArmModel) -> None:
    """Seeds within 0.05 rad a joint never lead to another branch, whichever way one asks."""
    rng = np.random.default_rng(3)
    true = rng.uniform(model.q_lower + 0.06, model.q_upper - 0.06, (100, model.n))
    seeds = true + rng.uniform(-0.05, 0.05, true.shape)
    goals = model.T_base_probe_many(true)
    Q, found = ik_search.find_many(model, goals, seeds)
    assert found.all() and np.abs(Q - seeds).max() < 0.2
    near = [ik.solve(model, T, q) for T, q in zip(goals, seeds, strict=True)]
    assert all(r.q is not None and r.distance_rad < 0.2 for r in near)


def test_all_solutions_hold_the_pose_and_are_ranked(model: ArmModel) -> None:
    T = model.T_base_probe(model.q_home)
    found = ik_search.solutions(model, T, model.q_home)
    assert len(found) >= 5
    for k, s in enumerate(found):
        assert max(model.probe_error(s.q, T)) < 1e-6 and model.outside(s.q) == ""
        assert all(np.abs(s.q - other.q).max() > ik_search.SAME_RAD for other in found[:k])
    assert _places(found) == sorted(_places(found))
    elbows = {bool(s.q[3] > 0.0) for s in found}
    assert len(elbows) == (2 if model.q_lower[3] < -1.0 and model.q_upper[3] > 1.0 else 1)


def _places(found: list[ik_search.Solution]) -> list[int]:
    nearest, dexterous = sorted(s.distance_rad for s in found), sorted(-s.manipulability for s in found)
    return [nearest.index(s.distance_rad) + dexterous.index(-s.manipulability) for s in found]


def test_solutions_in_collision_are_left_out_and_clearance_ranks() -> None:
    model = load_arm("gen3", "linear")
    T = model.T_base_probe(model.q_home)
    found = ik_search.solutions(model, T, model.q_home, clearance=elbow_height)
    assert found and all(s.clearance_m == elbow_height(s.q) >= 0.0 for s in found)
    assert len(found) < len(ik_search.solutions(model, T, model.q_home))


def test_a_seed_in_collision_gives_way_to_a_clear_solution() -> None:
    model = load_arm("gen3", "linear")
    T = model.T_base_probe(model.q_home)
    found = ik_search.find(model, T, model.q_home, clearance=lambda q: float(abs(q[3] - model.q_home[3])) - 0.5)
    assert found.q is not None and abs(found.q[3] - model.q_home[3]) >= 0.5


def elbow_height(q: Array) -> float:
    """A stand-in for an obstacle: joint 3 turned to one side is inside it."""
    return float(q[2])


def test_a_pose_out_of_reach_says_how_far(model: ArmModel) -> None:
    found = ik_search.find(model, pose(DOWN, np.array([1.6, 0.0, 0.3])), model.q_home)
    assert found.q is None
    assert "does not reach (1.600, 0.000, 0.300) m" in found.reason
    missed_mm = float(found.reason.split("nearest found is ")[1].split(" mm")[0])
    assert 200.0 < missed_mm < 1600.0


def test_a_pose_behind_a_limit_names_the_joint() -> None:
    model = load_arm("iiwa14", "curvilinear")
    found = ik_search.find(model, pose(DOWN, np.array([0.25, 0.0, 0.02])), model.q_home)
    assert found.q is None
    assert "lbr_A4" in found.reason and "beyond" in found.reason


def test_a_pose_that_only_collisions_forbid_says_so() -> None:
    model = load_arm("fr3", "curvilinear")
    found = ik_search.find(model, model.T_base_probe(model.q_home), model.q_home, clearance=lambda q: -0.012 - abs(q[0]))
    assert found.q is None
    assert "every way to hold that pose is in collision" in found.reason
