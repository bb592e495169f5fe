import numpy as np
import pytest

from medrobot_ros.config import CellConfig, ContactSection
from medrobot_ros.contact.alignment import LEAST_PUSH_N, LEVER_M, Alignment
from medrobot_ros.force_bench import full

DT = 0.002
NOTHING_ASKED = np.zeros(2)


def pressed(off_rad, push_n=5.0):
    """The wrench on a curved face that leans by `off_rad` (2,)."""
    return np.concatenate(([0.0, 0.0, -push_n], -np.asarray(off_rad) * np.array(LEVER_M) * push_n, [0.0]))


def settle(alignment, off_rad, asked=NOTHING_ASKED, seconds=6.0, push_n=5.0):
    for _ in range(round(seconds / DT)):
        alignment.update(pressed(off_rad + alignment.lean_rad + asked, push_n), asked)
    return alignment.lean_rad


def test_a_lean_is_turned_flat_about_both_axes():
    off = np.array([0.04, -0.06])
    assert np.allclose(settle(Alignment(ContactSection(), DT), off), -off, atol=2e-3)


def test_a_lean_that_is_asked_for_is_left():
    asked = np.array([0.1, -0.05])
    assert np.allclose(settle(Alignment(ContactSection(), DT), np.zeros(2), asked), 0.0, atol=1e-3)


def test_it_is_bounded_and_can_be_switched_off():
    config = ContactSection(max_align_rad=0.1)
    assert np.allclose(settle(Alignment(config, DT), np.array([0.5, -0.5]), seconds=10.0), [-0.1, 0.1])
    assert not settle(Alignment(ContactSection(align_gain_per_s=0.0), DT), np.array([0.1, 0.1])).any()


def test_a_light_touch_says_nothing():
    assert not settle(Alignment(ContactSection(), DT), np.array([0.1, 0.1]), push_n=0.99 * LEAST_PUSH_N).any()


@pytest.mark.parametrize("tilt_deg", [-8.0, 8.0])
def test_a_plan_that_is_off_by_degrees_ends_flat_on_moving_skin(tilt_deg):
    config = CellConfig(contact=ContactSection(max_align_rad=0.2))
    record = full.run(config, 7.0, tilt_rad=np.radians(tilt_deg))
    settled = record.scanning & (record.time_s > 5.0)
    assert np.degrees(record.off_rad[settled].mean()) < 0.5
    assert np.degrees(record.off_rad[record.time_s < 0.2].mean()) > 6.0


def test_a_sensor_that_drifts_across_turns_it_no_further_than_the_bound():
    config = CellConfig()
    stages = full.build(config, 0.02)
    estimate = stages["contact"]._wrench
    update = estimate.update
    estimate.update = lambda F, accelerating: update(F + np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.0]), accelerating)
    record = full.record(stages, 5.0)
    off_rad = record.off_rad[record.time_s > 4.0].mean()
    assert 0.5 * config.contact.max_align_rad < off_rad < config.contact.max_align_rad + np.radians(0.5)
