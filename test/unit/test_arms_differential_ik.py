"""Differential kinematics: exact where free, optimal where bounded, slow near singularities."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from medrobot_ros.arms import differential_ik, load_arm, null_space, stopping, twist_following
from medrobot_ros.arms.differential_ik import _WEIGHT, REGULARISATION, DifferentialIk, Rows, nearest
from medrobot_ros.arms.null_space import null_direction
from medrobot_ros.arms.stopping import StoppingBounds
from medrobot_ros.signals import Array

PERIOD_S = 0.002
REST = (np.zeros(7), np.zeros(7))  # velocity and acceleration


def test_a_small_twist_is_met_exactly() -> None:
    model = load_arm("iiwa7", "linear")
    V = 1e-4 * np.array([1.0, -2.0, 1.5, 3.0, -1.0, 2.0])
    qd, slowing = DifferentialIk(model, PERIOD_S).step(model.q_home, *REST, V)
    assert model.jacobian_probe(model.q_home) @ qd == pytest.approx(V, abs=1e-12)
    assert slowing.pace == 1.0


def test_the_posture_moves_the_joints_but_not_the_probe() -> None:
    model = load_arm("fr3", "linear")
    solver, (qd, qdd), still = DifferentialIk(model, PERIOD_S), REST, np.zeros(6)
    J = model.jacobian_probe(model.q_home)
    q = model.q_home + 0.3 * np.linalg.svd(J)[2][-1]
    T, away = model.T_base_probe(q), np.linalg.norm(q - model.q_home)
    for _ in range(1000):
        qd_next, _ = solver.step(q, qd, qdd, still)
        q, qd, qdd = q + qd_next * PERIOD_S, qd_next, (qd_next - qd) / PERIOD_S
    assert np.linalg.norm(q - model.q_home) < 0.5 * away
    assert model.T_base_probe(q) == pytest.approx(T, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
def test_the_bounded_solution_agrees_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = load_arm("med14", "linear")
    J, V, qd_ref = rng.normal(size=(6, model.n)), rng.normal(size=6), rng.normal(size=model.n)
    low, high = -rng.uniform(0.01, 0.5, model.n), rng.uniform(0.01, 0.5, model.n)
    ours = nearest(J, V, qd_ref, low, high, np.zeros((0, model.n)), np.zeros(0))
    root = np.sqrt(REGULARISATION)
    A = np.vstack((_WEIGHT[:, None] * J, root * np.eye(model.n)))
    theirs = lsq_linear(
        A, np.concatenate((_WEIGHT * V, root * qd_ref)), (low, high), method="bvls", tol=1e-14, max_iter=500
    ).x
    assert ours == pytest.approx(theirs, abs=1e-7)


def test_a_row_is_kept_and_the_rest_of_the_twist_followed() -> None:
    """The tip may not go down any further: it slides along."""
    model = load_arm("fr3", "linear")
    J, V = model.jacobian_probe(model.q_home), 1e-3 * np.array([1.0, 0.5, 2.0, 0.0, 0.0, 0.0])
    up = Rows(-J[2:3], np.zeros(1))
    qd, _ = DifferentialIk(model, PERIOD_S).step(model.q_home, *REST, V, up)
    assert J @ qd == pytest.approx(V * [1.0, 1.0, 0.0, 1.0, 1.0, 1.0], abs=2e-6)


def test_rows_that_the_bounds_exclude_are_met_as_far_as_these_let() -> None:
    model = load_arm("fr3", "linear")
    solver = DifferentialIk(model, PERIOD_S)
    most = StoppingBounds(model, PERIOD_S).next(model.q_home, *REST)[1]
    qd, _ = solver.step(model.q_home, *REST, np.zeros(6), Rows(np.eye(model.n)[:1], np.array([1.0])))
    assert qd[0] == pytest.approx(most[0], rel=1e-6)


@pytest.mark.parametrize(
    ("q", "verdict"),
    [
        ((0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785), "go"),
        ((0.0, 0.334, 0.0, -1.177, 0.0, 1.510, 0.785), "slow"),
        ((-0.0001, 0.569, 0.0005, -0.7782, 0.0, 1.3453, 0.7845), "halt"),
    ],
)
def test_published_poses_get_their_published_verdict(q: tuple[float, ...], verdict: str) -> None:
    model = load_arm("fer", "curvilinear")
    pace = min(slowing_of(np.array(q), sign * np.array([0.0, 0.0, 0.1, 0.0, 0.0, 0.0])) for sign in (1.0, -1.0))
    assert verdict == ("go" if pace == 1.0 else "slow" if pace > 0.0 else "halt")
    assert model.n == 7


def test_leaving_a_singularity_is_never_slowed() -> None:
    q = np.array((-0.0001, 0.569, 0.0005, -0.7782, 0.0, 1.3453, 0.7845))
    paces = sorted(slowing_of(q, sign * np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])) for sign in (1.0, -1.0))
    assert paces == [0.0, 1.0]


def slowing_of(q: Array, V: Array) -> float:
    model = load_arm("fer", "curvilinear")
    return DifferentialIk(model, PERIOD_S).step(q, *REST, V)[1].pace


def test_the_arms_freedom_leads_away_from_a_singularity() -> None:
    """Nothing is asked of the probe, and the condition number falls."""
    model = load_arm("fer", "curvilinear")
    solver, (qd, qdd) = DifferentialIk(model, PERIOD_S), REST
    q = np.array((0.0, 0.334, 0.4, -1.177, 0.0, 1.510, 0.785))
    T, before = model.T_base_probe(q), solver.step(q, qd, qdd, np.zeros(6))[1].condition
    for _ in range(1500):
        qd_next, slowing = solver.step(q, qd, qdd, np.zeros(6))
        q, qd, qdd = q + qd_next * PERIOD_S, qd_next, (qd_next - qd) / PERIOD_S
    assert slowing.condition < before - 0.2
    assert model.T_base_probe(q) == pytest.approx(T, abs=5e-4)


def test_the_arms_freedom_leads_a_joint_away_from_its_stop() -> None:
    model = load_arm("iiwa7", "curvilinear")
    solver, (qd, qdd) = DifferentialIk(model, PERIOD_S), REST
    q = model.q_home.copy()
    q[0] = model.q_upper[0] - 0.02
    for _ in range(1000):
        qd_next, _ = solver.step(q, qd, qdd, np.zeros(6))
        q, qd, qdd = q + qd_next * PERIOD_S, qd_next, (qd_next - qd) / PERIOD_S
    assert q[0] < model.q_upper[0] - 0.06


@pytest.mark.parametrize("name", ["fr3", "gen3", "iiwa14"])
def test_the_null_direction_moves_no_probe(name: str) -> None:
    model, rng = load_arm(name, "linear"), np.random.default_rng(1)
    for q in rng.uniform(model.q_lower, model.q_upper, (50, model.n)):
        along = null_direction(model.jacobian_probe(q))
        assert np.linalg.norm(along) == pytest.approx(1.0)
        assert model.jacobian_probe(q) @ along == pytest.approx(np.zeros(6), abs=1e-12)


def test_an_arm_without_freedom_has_no_null_direction() -> None:
    assert null_direction(np.random.default_rng(0).normal(size=(6, 6))) == pytest.approx(np.zeros(6))


def test_nothing_is_compiled_in_a_tick() -> None:
    """Whichever way a step goes, its functions were made for arrays like a tick's when the solver was."""
    model = load_arm("fr3", "linear")
    solver = DifferentialIk(model, PERIOD_S)
    parts = twist_following.follow, null_space.slide, stopping.next_bounds, differential_ik._terms
    made = [len(part.signatures) for part in parts]
    for V in (np.zeros(6), np.full(6, 1e-4), np.full(6, 0.5)):
        solver.step(model.q_home + 0.01, np.zeros(7), np.zeros(7), V)
    assert [len(part.signatures) for part in parts] == made
