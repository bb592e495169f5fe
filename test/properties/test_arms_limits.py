"""Whatever twists come, differential kinematics keeps position, velocity, acceleration and jerk limits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from medrobot_ros.arms import arm_names, load_arm
from medrobot_ros.arms.differential_ik import DifferentialIk
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.stopping import StoppingBounds
from medrobot_ros.signals import Array

TOLERANCE = 1e-9
JERK_TOLERANCE = 1e-6  # relative: the third difference of a position magnifies its rounding


class Bounded:
    """A commanded state that checks every limit of every step that it is given."""

    def __init__(self, model: ArmModel, period_s: float, q: Array) -> None:
        self.model, self.period_s = model, period_s
        self.q, self.qd, self.qdd = q, np.zeros(model.n), np.zeros(model.n)

    def move(self, qd: Array) -> None:
        model = self.model
        qdd = (qd - self.qd) / self.period_s
        jerk = np.abs(qdd - self.qdd) / self.period_s
        self.q, self.qd, self.qdd = self.q + qd * self.period_s, qd, qdd
        assert (jerk <= model.stream_jerk_rad_per_s3 * (1.0 + JERK_TOLERANCE)).all()
        assert (np.abs(qdd) <= model.qdd_max * (1.0 + JERK_TOLERANCE)).all()
        assert (np.abs(qd) <= model.qd_max + TOLERANCE).all()
        assert (self.q >= model.q_lower - TOLERANCE).all() and (self.q <= model.q_upper + TOLERANCE).all()
        low, high = velocity_limits(model, self.q)
        assert (qd >= low - TOLERANCE).all() and (qd <= high + TOLERANCE).all()


def velocity_limits(model: ArmModel, q: Array) -> tuple[Array, Array]:
    """As the FR3's maker writes them; infinitely steep for arms whose maker gives none."""
    near = model.near_stops
    if np.isinf(near.slope_rad_per_s2).any():
        return -model.qd_max, model.qd_max
    high = -near.offset_rad_per_s + np.sqrt(np.maximum(near.slope_rad_per_s2 * (near.upper_rad - q), 0.0))
    low = near.offset_rad_per_s - np.sqrt(np.maximum(near.slope_rad_per_s2 * (q - near.lower_rad), 0.0))
    return np.maximum(-model.qd_max, np.minimum(0.0, low)), np.minimum(model.qd_max, np.maximum(0.0, high))


def sluggish(model: ArmModel) -> ArmModel:
    """The same arm with a jerk limit that binds for many periods."""
    return replace(model, stream_jerk_rad_per_s3=model.qddd_max)


@pytest.mark.parametrize("name", arm_names())
@pytest.mark.parametrize("jerk", ["stream", "sluggish"])
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.01, 3.0), period_s=st.sampled_from([0.001, 0.002, 0.01]))
@settings(max_examples=3, deadline=None, derandomize=True)
def test_limits_hold_under_random_twists(name: str, jerk: str, seed: int, size: float, period_s: float) -> None:
    model, rng = load_arm(name, "linear"), np.random.default_rng(seed)
    model = sluggish(model) if jerk == "sluggish" else model
    state = Bounded(model, period_s, rng.uniform(model.q_lower + 0.02, model.q_upper - 0.02))
    solver = DifferentialIk(model, period_s)
    for k in range(300):
        if k % 60 == 0:
            V = size * rng.normal(size=6)
        state.move(solver.step(state.q, state.qd, state.qdd, V)[0])


@pytest.mark.parametrize("name", ["fr3", "gen3", "iiwa7"])
@pytest.mark.parametrize("jerk", ["stream", "sluggish"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None, derandomize=True)
def test_every_stop_is_reached_at_full_speed_and_never_passed(name: str, jerk: str, seed: int) -> None:
    """Each joint runs to a stop as fast as its bounds let it, now and then with a change of mind."""
    model, rng = load_arm(name, "linear"), np.random.default_rng(seed)
    model = sluggish(model) if jerk == "sluggish" else model
    state = Bounded(model, 0.002, rng.uniform(model.q_lower, model.q_upper))
    bounds, upwards = StoppingBounds(model, 0.002), rng.random(model.n) < 0.5
    reached = np.zeros(model.n, dtype=bool)
    for k in range(6000):
        if k % 500 == 0 and k < 2000:
            upwards ^= rng.random(model.n) < 0.3
        low, high = bounds.next(state.q, state.qd, state.qdd)
        state.move(np.where(upwards, high, low))
        way = np.where(upwards, model.q_upper - state.q, state.q - model.q_lower)
        reached |= way < 0.03
    assert reached[model.qd_max * 6.0 > model.q_upper - model.q_lower].all()


@pytest.mark.parametrize("name", ["fr3", "gen3", "med14"])
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.01, 0.5))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_twist_that_the_bounds_allow_is_followed(name: str, seed: int, size: float) -> None:
    """Feasible is what a linear programme finds within the bounds of the state."""
    model, rng = load_arm(name, "linear"), np.random.default_rng(seed)
    solver, bounds = DifferentialIk(model, 0.002), StoppingBounds(model, 0.002)
    q, qd, qdd = rng.uniform(model.q_lower + 0.1, model.q_upper - 0.1), np.zeros(model.n), np.zeros(model.n)
    for _ in range(60):
        V = model.jacobian_probe(q) @ qd + 0.002 * size * rng.normal(size=6)
        qd_next, slowing = solver.step(q, qd, qdd, V)
        low, high = bounds.next(q, qd, qdd)
        J = model.jacobian_probe(q)
        feasible = linprog(np.zeros(model.n), A_eq=J, b_eq=V, bounds=np.column_stack((low, high))).status == 0
        if feasible and slowing.pace == 1.0 and slowing.condition < 17.0:
            assert J @ qd_next == pytest.approx(V, abs=1e-6)
        q, qd, qdd = q + 0.002 * qd_next, qd_next, (qd_next - qd) / 0.002


def test_the_fr3_slows_before_its_stop_as_its_maker_publishes() -> None:
    """The figures of libfranka's computeUpperLimitsJointVelocity at 0.1 rad before the end of each curve, by hand."""
    model = load_arm("fr3", "linear")
    published = np.array([0.7954, 0.5190, 0.6367, 0.5944, 1.4939, 0.6988, 1.4939])
    assert velocity_limits(model, model.near_stops.upper_rad - 0.1)[1] == pytest.approx(published, abs=1e-4)


def test_a_jerk_limited_arm_takes_up_a_twist_without_overshoot() -> None:
    model = sluggish(load_arm("fr3", "linear"))
    solver, state = DifferentialIk(model, 0.002), Bounded(model, 0.002, model.q_home)
    V, along = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0]), []
    for _ in range(300):
        state.move(solver.step(state.q, state.qd, state.qdd, V)[0])
        along.append((model.jacobian_probe(state.q) @ state.qd)[0])
    assert max(along) < 0.105
    assert along[-1] == pytest.approx(0.1, abs=1e-3)
