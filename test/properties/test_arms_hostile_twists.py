"""Whatever twists come, the arm never comes nearer than the margin, and every bound of its own holds as well."""

from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.arms import arm_names, load_arm
from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.differential_ik import DifferentialIk
from medrobot_ros.arms.obstacles import read_obstacles
from medrobot_ros.config import CellConfig
from medrobot_ros.description import robot_description

PERIOD_S, MARGIN_M = 0.002, 0.01
TWIST_STEPS, TWISTS_BEFORE_HOME = 200, 50
HOSTILE = np.array([0.3, 0.3, 0.3, 1.0, 1.0, 1.0])  # [m/s, rad/s], a standard deviation


def hostile(arm: str, twists: int) -> tuple[float, int]:
    """The least gap beyond the margin over all steps [m], and how many steps came within the last centimetre of it."""
    model, config = load_arm(arm, "curvilinear"), CellConfig()
    urdf = robot_description(replace(config, arm=replace(config.arm, name=arm)))
    cell, ik = CollisionModel(model, read_obstacles(urdf, model), MARGIN_M, PERIOD_S), DifferentialIk(model, PERIOD_S)
    rng, least, close = np.random.default_rng(1), np.inf, 0
    for k in range(twists):
        if k % TWISTS_BEFORE_HOME == 0:
            q, qd, qdd = model.q_home.copy(), np.zeros(model.n), np.zeros(model.n)
        V = HOSTILE * rng.normal(size=6)
        for _ in range(TWIST_STEPS):
            near = cell.near(q, cell.margins)
            qd_next, _ = ik.step(q, qd, qdd, V, near.rows)
            if not cell.stop_is_free(near, q, qd, qdd, qd_next, cell.margins):
                qd_next = ik.braked(q, qd, qdd)
            qdd = (qd_next - qd) / PERIOD_S
            q, qd = q + qd_next * PERIOD_S, qd_next
            gap = cell.gap(q, cell.margins)
            least, close = min(least, gap), close + (gap < 0.01)
            assert (np.abs(qd) <= model.qd_max + 1e-9).all()
            assert (q >= model.q_lower - 1e-9).all() and (q <= model.q_upper + 1e-9).all()
    return least, close


def test_a_hundred_hostile_twists() -> None:
    least, close = hostile("fr3", 100)
    assert least >= 0.0
    assert close > 1000  # it was tried


@pytest.mark.slow
@pytest.mark.parametrize("arm", arm_names())
def test_a_thousand_hostile_twists(arm: str) -> None:
    least, close = hostile(arm, 1000)
    assert least >= 0.0
    assert close > 200
