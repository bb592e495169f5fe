import numpy as np
import pytest

from medrobot_ros.contact.breathing import BRIEF_WINDOWS_S, SAMPLE_HZ, WINDOW_S, Breathing, fit

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


def test_nothing_is_foretold_before_the_first_window_is_full():
    breathing, _ = heard(breath, BRIEF_WINDOWS_S[-1] - 0.1)
    assert breathing.motion is None and breathing.speed_m_per_s(0.0) == 0.0


@pytest.mark.parametrize(("seconds", "within"), [(1.2, 5e-3), (2.8, 2.5e-3), (4.0, 1e-3), (8.0, 4e-4)])
def test_from_the_first_window_on_the_skins_speed_is_foretold(seconds, within):
    def position(t):
        return breath(t) + 0.001 * np.sin(2.0 * np.pi * 1.1 * t)

    breathing, _ = heard(position, seconds)
    for ahead in (0.0, 0.05):
        t = seconds - DT + ahead
        speed = 0.5 * np.pi * 0.005 * np.cos(0.5 * np.pi * t) + 2.2e-3 * np.pi * np.cos(2.2 * np.pi * t)
        assert breathing.speed_m_per_s(ahead) == pytest.approx(speed, abs=within), "of 15 mm/s at most"


@pytest.mark.parametrize("pulses_hz", [0.8, 1.1, 1.6])
@pytest.mark.parametrize("phase", [0.0, 1.5, 3.0, 4.5])
@pytest.mark.parametrize(("seconds", "share"), [(0.75, 0.6), (1.0, 0.4), (1.5, 0.35), (2.0, 0.35)])
def test_the_first_windows_foretell_most_of_the_speed_through_noise(seconds, share, pulses_hz, phase):
    rng = np.random.default_rng(1)
    w, u = 0.5 * np.pi, 2.0 * np.pi * pulses_hz
    left2, whole2 = 0.0, 0.0
    for end_s in np.arange(1.5, 2.5, 0.1):
        t = np.arange(round(seconds * SAMPLE_HZ)) / SAMPLE_HZ + end_s - seconds
        y = 0.005 * np.sin(w * t + phase) + 0.001 * np.sin(u * t) + 2e-5 * rng.standard_normal(len(t))
        ahead = t[-1] + 0.1
        speed = 0.005 * w * np.cos(w * ahead + phase) + 0.001 * u * np.cos(u * ahead)
        left2 += (fit(y - y.mean()).speed_m_per_s(0.1) - speed) ** 2
        whole2 += speed**2
    assert left2 < share**2 * whole2


def test_what_a_short_window_foretells_badly_is_believed_no_longer_and_what_was_heard_is_kept():
    """The skin drifts off: what is heard goes on to count, nothing begins anew."""

    def position(t):
        return breath(t) if t < 3.0 else breath(t) + 0.02 * (t - 3.0)

    believed, departed_s = heard(position, 2.95)
    assert believed.motion is not None
    doubted = False
    for k in range(30):
        believed, departed_s = heard(position, 0.01, believed, begin_s=2.95 + 0.01 * k)
        doubted |= believed.motion is None
        assert departed_s is None
    assert doubted
    believed, _ = heard(position, WINDOW_S, believed, begin_s=3.25)
    assert believed.motion is not None


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
