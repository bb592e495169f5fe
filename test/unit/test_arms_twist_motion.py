"""From twist to joint velocity: the quick way where nothing binds is the same as the long one."""

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.obstacles import read_obstacles
from medrobot_ros.arms.speed import SpeedLimits
from medrobot_ros.arms.twist_motion import TwistMotion
from medrobot_ros.config import CellConfig, from_dict
from medrobot_ros.description import robot_description

PERIOD_S = 0.002


@pytest.mark.parametrize("name", ["fr3", "gen3", "iiwa14"])
def test_both_ways_agree(name: str) -> None:
    config = from_dict({"arm": {"name": name}}, "")
    model, safety = load_arm(name, config.probe.name), CellConfig().safety
    cell = CollisionModel(model, read_obstacles(robot_description(config), model), safety.clearance_m, PERIOD_S)
    zone = np.array([safety.patient_zone_low_m, safety.patient_zone_high_m])
    motion = TwistMotion(model, PERIOD_S, cell, SpeedLimits(cell.bodies, zone, safety.patient_speed_m_per_s, safety.free_speed_m_per_s))
    rng, quick = np.random.default_rng(0), 0
    q, qd, qdd, V = model.q_home.copy(), np.zeros(model.n), np.zeros(model.n), np.zeros(6)
    for k in range(1500):
        if k % 100 == 0:
            aim = rng.normal(size=6) * np.repeat((0.05, 0.2), 3) * rng.uniform(0.0, 2.0)
        V = V + 0.02 * (aim - V)
        qd_next, followed = motion._step_where_nothing_binds(q, qd, qdd, V)
        qd_long, faults = motion._step_within_bounds(q, qd, qdd, V)
        if followed:
            quick += 1
            assert not faults
            assert qd_next == pytest.approx(qd_long, abs=1e-9)
        q, qd, qdd = q + qd_long * PERIOD_S, qd_long, (qd_long - qd) / PERIOD_S
    assert 500 < quick < 1500  # both ways were gone
