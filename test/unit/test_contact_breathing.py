import numpy as np
import pytest

from medrobot_ros.contact.breathing import SAMPLE_HZ, WINDOW_S, Breathing, fit

DT = 0.002


def breath(t, hz=0.25, m=0.005):
    return m * np.sin(2.0 * np.pi * hz * t)


@pytest.mark.parametrize("hz", [0.15, 0.2, 0.25, 0.33, 0.5])
@pytest.mark.parametrize("phase", [0.0, 2.0])
def test_frequency_amplitude_and_phase_are_found_through_noise_and_a_pulse(hz, phase):
    rng = np.random.default_rng(3)
    t = (np.arange(round(WINDOW_S * SAMPLE_HZ)) + 1) / SAMPLE_HZ - WINDOW_S
    y = 0.005 * np.sin(2 * np.pi * hz * t + phase) + 0.0005 * np.sin(2 * np.pi * 1.2 * t) + 0.001 * t
    motion = fit(y + 3e-5 * rng.standard_normal(len(t)))
    assert motion.breaths_hz == pytest.approx(hz, rel=0.03) and motion.pulses_hz == pytest.approx(1.2, rel=0.02)
    assert motion.residual_m < 5e-5
    ahead = 0.1
    speed = 2 * np.pi * (hz * 0.005 * np.cos(2 * np.pi * hz * ahead + phase) + 1.2 * 0.0005 * np.cos(2 * np.pi * 1.2 * ahead))
    assert motion.speed_m_per_s(ahead) == pytest.approx(speed, abs=4e-4)  # the learned drift apart


def heard(position, seconds, breathing=None, begin_s=0.0):
    breathing = breathing or Breathing(DT)
    departed_s = None
    for k in range(round(seconds / DT)):
        t = begin_s + k * DT
        breathing.learn()
        if breathing.add(position(t)) and departed_s is None:
            departed_s = t
    return breathing, departed_s


def test_nothing_is_foretold_before_the_window_is_full_and_all_within_two_breaths():
    breathing, _ = heard(breath, 0.9 * WINDOW_S)
    assert breathing.motion is None and breathing.speed_m_per_s(0.0) == 0.0
    breathing, _ = heard(breath, 8.0)
    for ahead in (0.0, 0.05):
        t = 8.0 - DT + ahead
        assert breathing.speed_m_per_s(ahead) == pytest.approx(0.5 * np.pi * 0.005 * np.cos(0.5 * np.pi * t), abs=1e-4)


def test_a_patient_who_moves_is_noticed_at_once():
    _, departed_s = heard(lambda t: breath(t) + (0.03 * (t - 9.0) if t > 9.0 else 0.0), 10.0)
    assert departed_s is not None and 9.0 < departed_s < 9.15


def test_a_change_of_rhythm_is_noticed_and_learned():
    def position(t):
        return breath(t) if t < 12.0 else breath(t, hz=0.4, m=0.004)

    breathing, _ = heard(position, 12.0 + 2.0 + WINDOW_S + 0.5)
    assert breathing.motion is not None and breathing.motion.breaths_hz == pytest.approx(0.4, rel=0.03)


def test_wandering_that_is_no_breathing_is_not_believed():
    rng = np.random.default_rng(0)
    steps = np.cumsum(rng.standard_normal(6000)) * 1e-4
    breathing, _ = heard(lambda t: float(steps[round(t / DT)]), 10.0)
    assert breathing.motion is None
