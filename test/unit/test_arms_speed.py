"""The bound on every point's speed holds on the surface of every capsule, and is no wild guess."""

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.bodies import place
from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.obstacles import Obstacles
from medrobot_ros.arms.speed import SpeedLimits

NEAR_M_PER_S, FREE_M_PER_S = 0.1, 0.4
EVERYWHERE, NOWHERE = np.array([[-9.0] * 3, [9.0] * 3]), np.array([[8.0] * 3, [9.0] * 3])


@pytest.mark.parametrize("arm", ["fr3", "gen3", "iiwa7"])
def test_it_bounds_the_ends_that_are_seen_to_move(arm: str) -> None:
    model = load_arm(arm, "linear")
    bodies, rng = CollisionModel(model, Obstacles(), 0.01, 0.002).bodies, np.random.default_rng(0)
    limits, step_s = SpeedLimits(bodies, EVERYWHERE, NEAR_M_PER_S, FREE_M_PER_S), 1e-6
    for _ in range(50):
        q, qd = rng.uniform(model.q_lower, model.q_upper), rng.normal(size=model.n)
        before, after = (np.stack(place(bodies, p)[:2]) for p in (q, q + qd * step_s))
        fastest = np.linalg.norm(after - before, axis=2).max() / step_s
        bound = limits.share(q, qd) * NEAR_M_PER_S
        assert fastest * (1.0 - 1e-4) <= bound <= fastest + np.abs(qd).sum() * bodies.radius.max()


def test_the_limit_is_that_of_the_place() -> None:
    model = load_arm("fr3", "linear")
    bodies, qd = CollisionModel(model, Obstacles(), 0.01, 0.002).bodies, 0.1 * np.ones(7)
    near, free = (SpeedLimits(bodies, zone, NEAR_M_PER_S, FREE_M_PER_S).share(model.q_home, qd) for zone in (EVERYWHERE, NOWHERE))
    assert near == pytest.approx(free * FREE_M_PER_S / NEAR_M_PER_S)


def test_what_is_about_to_enter_the_zone_counts_as_inside() -> None:
    model = load_arm("fr3", "linear")
    bodies, qd = CollisionModel(model, Obstacles(), 0.01, 0.002).bodies, 0.1 * np.ones(7)
    tip = model.T_base_probe(model.q_home)[:3, 3]
    below = SpeedLimits(bodies, np.array([tip - 0.3, tip - [-0.3, -0.3, 0.05]]), NEAR_M_PER_S, FREE_M_PER_S)
    assert below.share(model.q_home, qd, ahead_s=2.0) > below.share(model.q_home, qd)
