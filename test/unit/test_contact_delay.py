"""How late the arm is, felt on line; a wrong answer can only make the regulator slower."""

from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.delay_estimate import LONGEST_S, DelayEstimate
from medrobot_ros.contact.regulator import BeamRegulator
from medrobot_ros.force_bench.beam import Beam, simulate
from medrobot_ros.force_bench.laws import Own
from medrobot_ros.force_bench.response import gain_margin

PULSING = Beam(1200.0, pulse_m=0.001)


def run(beam, told_s=None):
    """The regulator on a beam whose delay it is told to be `told_s`."""
    law = Own(beam)
    if told_s is not None:
        law.regulator = BeamRegulator(ContactSection(), told_s, beam.period_s)
    return law, simulate(beam, law, 8.0)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 500.0, 1000.0])
@pytest.mark.parametrize(("latency_s", "lag_s"), [(0.001, 0.005), (0.005, 0.005), (0.01, 0.01)])
def test_the_delay_is_felt_through_breathing_and_pulse(rate_hz, latency_s, lag_s):
    law, _ = run(replace(PULSING, rate_hz=rate_hz, latency_s=latency_s, lag_s=lag_s))
    assert law.regulator.delay.delay_s == pytest.approx(lag_s + 2.0 * latency_s, abs=0.0015 + 0.25 / rate_hz)


def test_an_arm_that_is_later_than_told_lowers_the_gain_and_keeps_the_margin():
    late = replace(PULSING, latency_s=0.01)
    told, trace = run(late, told_s=0.007)
    knowing, _ = run(late)
    assert told.regulator.control.loop_gain_per_s == pytest.approx(knowing.regulator.control.loop_gain_per_s, rel=0.1)
    assert gain_margin(late, told) > 2.0
    assert np.abs(trace.force_n[-1000:] - 5.0).max() < 0.5


def test_an_arm_that_is_earlier_than_told_raises_no_gain():
    law, _ = run(PULSING, told_s=0.03)
    regulator = BeamRegulator(ContactSection(), 0.03, PULSING.period_s)
    assert law.regulator.delay.delay_s < 0.01 and law.regulator.control.loop_gain_per_s == regulator.control.loop_gain_per_s


ANSWERS = (lambda k, sent: 0.01 * np.sin(0.31 * k), lambda k, sent: -sent, lambda k, sent: 0.0, lambda k, sent: 3.0 * sent)


@pytest.mark.parametrize("answer", ANSWERS, ids=("unrelated", "reversed", "none", "too large"))
def test_whatever_is_measured_the_gain_never_grows(answer):
    regulator = BeamRegulator(ContactSection(), 0.007, 0.002)
    most, v = regulator.control.loop_gain_per_s, 0.0
    for k in range(4000):
        regulator.learn()
        v = regulator.update(5.0, 5.0 + 0.05 * np.sin(0.1 * k), answer(k, v), False)
        assert regulator.control.loop_gain_per_s <= most


def test_speeds_that_have_nothing_to_do_with_each_other_tell_no_delay():
    rng, estimate = np.random.default_rng(0), DelayEstimate(0.002)
    for sent, seen in 0.01 * rng.standard_normal((5000, 2)):
        estimate.update(sent, seen)
        assert estimate.delay_s is None or estimate._weight < 600
    reversed_ = DelayEstimate(0.002)
    for k in range(5000):
        reversed_.update(np.cos(0.1005 * k), -np.cos(0.1005 * k))
    assert reversed_.delay_s is None or reversed_.delay_s <= LONGEST_S
