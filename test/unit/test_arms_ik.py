"""Inverse kinematics: near branches only, with reasons."""

import numpy as np
import pytest

from medrobot_ros.arms import ik, load_arm
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.geometry.pose import pose, rotation_from_vector

DOWN = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(params=["fr3", "gen3", "med14"])
def model(request: pytest.FixtureRequest) -> ArmModel:
    return load_arm(request.param, "curvilinear")


def test_finds_where_the_arm_already_is(model: ArmModel) -> None:
    found = ik.solve(model, model.T_base_probe(model.q_home), model.q_home)
    assert found.q == pytest.approx(model.q_home, abs=1e-9)
    assert found.distance_rad < 1e-9


def test_stays_near_the_seed(model: ArmModel) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        q = model.q_home + rng.uniform(-0.2, 0.2, model.n)
        found = ik.solve(model, model.T_base_probe(q), model.q_home)
        assert found.q is not None
        assert model.T_base_probe(found.q) == pytest.approx(model.T_base_probe(q), abs=1e-6)
        assert found.distance_rad <= 0.6


def test_out_of_reach_says_how_far(model: ArmModel) -> None:
    found = ik.solve(model, pose(DOWN, np.array([1.6, 0.0, 0.3])), model.q_home)
    assert found.q is None
    assert "does not reach (1.600, 0.000, 0.300) m" in found.reason


def test_a_far_branch_is_refused(model: ArmModel) -> None:
    turned = model.T_base_probe(model.q_home) @ pose(rotation_from_vector(np.array([0.0, 0.0, 3.0])), np.zeros(3))
    found = ik.solve(model, turned, model.q_home)
    assert found.q is None
    assert "another branch" in found.reason or "beyond" in found.reason


def test_a_solution_beyond_a_limit_names_the_joint() -> None:
    model = load_arm("iiwa14", "curvilinear")
    found = ik.solve(model, pose(DOWN, np.array([0.3, 0.0, 0.1])), model.q_home)
    assert found.q is None
    assert "lbr_A4" in found.reason and "beyond" in found.reason


def test_wrapping_joints_are_found_on_the_turn_of_the_seed() -> None:
    model = load_arm("gen3", "curvilinear")
    turned = model.q_home.copy()
    turned[6] = 3.3
    found = ik.solve(model, model.T_base_probe(turned), turned - 0.01)
    assert found.q is not None
    assert found.q[6] == pytest.approx(3.3, abs=0.1)
