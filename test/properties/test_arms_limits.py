"""Whatever twists come, differential kinematics keeps position, velocity and acceleration limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.differential_ik import DifferentialIk

PERIOD_S = 0.004
TOLERANCE = 1e-9


@pytest.mark.parametrize("arm", ["fr3", "gen3", "iiwa14"])
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.01, 3.0))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_limits_hold_under_random_twists(arm: str, seed: int, size: float) -> None:
    model, rng = load_arm(arm, "linear"), np.random.default_rng(seed)
    solver = DifferentialIk(model, PERIOD_S)
    q, qd = rng.uniform(model.q_lower + 0.02, model.q_upper - 0.02), np.zeros(model.n)
    change = np.minimum(model.qdd_max, model.brake_rad_per_s2) * PERIOD_S
    for k in range(150):
        if k % 50 == 0:
            V = size * rng.normal(size=6)
        qd_next, _ = solver.step(q, qd, V)
        assert (np.abs(qd_next - qd) <= change + TOLERANCE).all()
        assert (np.abs(qd_next) <= model.qd_max + TOLERANCE).all()
        q, qd = q + qd_next * PERIOD_S, qd_next
        assert (q >= model.q_lower - TOLERANCE).all() and (q <= model.q_upper + TOLERANCE).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_full_speed_at_a_stop_is_always_braked_in_time(seed: int) -> None:
    model, rng = load_arm("fr3", "linear"), np.random.default_rng(seed)
    solver = DifferentialIk(model, PERIOD_S)
    q = rng.uniform(model.q_lower, model.q_upper)
    qd = solver.bounds(q, model.qd_max)[1]
    qd = np.minimum(qd, solver._brakeable(model.q_upper - q))
    for _ in range(1000):
        q = q + qd * PERIOD_S
        qd = solver.bounds(q, qd)[1]
        assert (q <= model.q_upper + TOLERANCE).all()
