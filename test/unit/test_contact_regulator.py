from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.force_control import GAIN_MARGIN, STABILITY, ForceControl
from medrobot_ros.contact.regulator import PRIOR_N_PER_M, BeamRegulator
from medrobot_ros.errors import ConfigError
from medrobot_ros.force_bench.beam import Beam, simulate
from medrobot_ros.force_bench.laws import Own

AT_REST = Beam(breathing_m=0.0, friction=0.0)


def errors(beam, seconds, law=None):
    law = law or Own(beam)
    trace = simulate(beam, law, seconds)
    return law, trace.time_s, trace.force_n - beam.reference_n


def rms(e):
    return float(np.sqrt(np.mean(np.square(e))))


@pytest.mark.parametrize("delay_s", [0.002, 0.01, 0.03, 0.1])
def test_the_gain_keeps_its_margin_at_any_delay(delay_s):
    largest = STABILITY / (delay_s + 1.5 * 0.002) / GAIN_MARGIN
    assert ForceControl(ContactSection(), delay_s, 0.002).loop_gain_per_s == pytest.approx(largest)
    with pytest.raises(ConfigError, match="must be at most"):
        ForceControl(ContactSection(loop_gain_per_s=1.01 * largest), delay_s, 0.002)


@pytest.mark.parametrize("delay_periods", [2, 5, 10])
def test_the_stability_bound_holds_and_is_of_the_right_size(delay_periods):
    """An elastic tissue behind a pure delay rings at 2 sin(pi / (4 m + 2)) a period, m periods late: 1.5 to 2 times the bound."""
    period_s = 0.002
    bound = STABILITY / (delay_periods * period_s + 1.5 * period_s)

    def last_swing(gain):
        forces, z = [4.0] * (delay_periods + 1), 4.0
        for _ in range(4000):
            z += gain * period_s * (5.0 - forces[-1 - delay_periods])
            forces.append(z)
        return abs(forces[-1] - 5.0)

    assert last_swing(bound) < 1e-3 and last_swing(2.1 * bound) > 1.0


@pytest.mark.parametrize(("rate_hz", "above"), [(100.0, 0.5), (250.0, 0.25), (500.0, 0.15), (1000.0, 0.15)])
@pytest.mark.parametrize("stiffness", [300.0, 2000.0])
def test_stiffness_is_felt_while_scanning_through_breathing_and_pulse(stiffness, rate_hz, above):
    """At 100 Hz a period is an eighth of a swing of the dither, and the pulse makes the answer too stiff, to the safe side."""
    law, _, _ = errors(Beam(stiffness, pulse_m=0.001, rate_hz=rate_hz), 6.0)
    assert 0.9 * stiffness < law.regulator.tissue.n_per_m < (1.0 + above) * stiffness


@pytest.mark.parametrize("damping_s", [0.0, 0.02, 0.08])
def test_viscosity_is_felt(damping_s):
    law, _, _ = errors(Beam(1000.0, damping_s=damping_s), 5.0)
    assert law.regulator.tissue.viscous_s == pytest.approx(damping_s, abs=0.025)


@pytest.mark.parametrize(
    ("beam", "before_n", "after_n"),
    [
        (Beam(300.0, 0.0), 0.2, 0.1),
        (Beam(2000.0, 0.6), 0.2, 0.1),
        (Beam(2000.0, rate_hz=1000.0), 0.2, 0.1),
        (Beam(2000.0, rate_hz=250.0), 0.2, 0.1),
        (Beam(2000.0, rate_hz=100.0), 0.25, 0.15),
    ],
    ids=("soft", "hardening", "1000 Hz", "250 Hz", "100 Hz"),
)
def test_breathing_leaves_little_error(beam, before_n, after_n):
    _, t, e = errors(beam, 16.0)
    assert rms(e[(t > 1.5) & (t < 8.0)]) < before_n
    assert rms(e[t >= 8.0]) < after_n


def test_a_pulse_leaves_little_error():
    _, t, e = errors(Beam(2000.0, pulse_m=0.001), 16.0)
    assert rms(e[t >= 8.0]) < 0.25


@pytest.mark.parametrize(("before", "after"), [(300.0, 2000.0), (2000.0, 300.0), (800.0, 1600.0)])
def test_a_step_in_stiffness_is_over_within_a_second(before, after):
    _, t, e = errors(replace(Beam(before), turns_at_s=10.0, then_n_per_m=after), 12.0)
    assert np.abs(e[t > 11.0]).max() < 0.3
    assert np.abs(e[t > 10.0]).max() < 5.0


def test_what_was_learned_beats_what_was_not():
    beam = Beam(2000.0, pulse_m=0.001, noise_n=0.0)
    _, t, e = errors(beam, 14.0)
    unlearned = Own(beam)
    unlearned.regulator.breathing.add = lambda position_m: False
    _, _, without = errors(beam, 14.0, unlearned)
    assert rms(e[t > 8.0]) < 0.5 * rms(without[t > 8.0])


def test_it_falls_back_when_the_patient_moves_without_a_jolt():
    regulator = BeamRegulator(ContactSection(), 0.007, 0.002)
    z, skin, v, speeds, dt = 0.0, 0.0, 0.0, [], 0.002
    for k in range(round(12.0 / dt)):
        t = k * dt
        skin = 0.005 * np.sin(0.5 * np.pi * t) + (0.02 * (t - 10.0) if t > 10.0 else 0.0)
        regulator.learn()
        v = regulator.update(5.0, 5.0 + 800.0 * (z - skin), v, False)
        z += v * dt
        speeds.append(v)
        if t < 9.9 and t > 8.0:
            assert regulator.breathing.motion is not None
        if 10.2 < t < 10.7:
            assert regulator.breathing.motion is None
    assert regulator.breathing.motion.speed_m_per_s(0.0) == pytest.approx(0.02 + 0.0025 * np.pi, rel=0.3), "learned anew, if briefly"
    assert np.abs(np.diff(speeds[4500:])).max() < 0.004


def test_a_lost_contact_forgets_the_skin_and_the_tissue_is_as_stiff_as_any_until_it_is_felt_again():
    law, _, _ = errors(replace(AT_REST, stiffness_n_per_m=600.0), 4.0)
    tissue = law.regulator.tissue
    felt = tissue.n_per_m
    law.regulator.reset()
    assert law.regulator.breathing.motion is None and law.regulator.control.skin_speed_m_per_s == 0.0
    assert tissue.n_per_m == PRIOR_N_PER_M
    for _ in range(200):
        tissue.update(5.0, 0.0)
    assert tissue.n_per_m == pytest.approx(felt, rel=0.02)
