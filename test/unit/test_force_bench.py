from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.force_bench import report
from medrobot_ros.force_bench.beam import Beam, simulate
from medrobot_ros.force_bench.laws import LAWS, FixedGain, MassDamperSpring, Own
from medrobot_ros.force_bench.maps import maps, measure
from medrobot_ros.force_bench.response import bandwidth_hz, gain_margin, measured_response, ringing_n

STILL = report.STILL


def test_the_beams_tissue_rests_at_the_reference_force():
    trace = simulate(replace(STILL, noise_n=0.0), lambda reference_n, raw_n, moved: 0.0, 0.5)
    assert np.allclose(trace.force_n, 5.0, atol=1e-3)


def test_a_probe_that_stands_feels_the_breathing():
    trace = simulate(Beam(500.0, hardening=0.0, damping_s=0.0, friction=0.0, breathing_m=0.004, noise_n=0.0), lambda r, f, moved: 0.0, 8.0)
    assert np.ptp(trace.force_n) == pytest.approx(2 * 0.004 * 500.0, rel=0.02)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_predicted_gain_margin_is_where_the_loop_rings(law):
    """The loop with its tissue stiffened by the margin is on the verge: it dies out below and grows above."""
    beam = replace(STILL, noise_n=0.0, hardening=0.0, breathing_m=0.0, rate_hz=250.0)
    own = law(beam)
    if law is Own:
        simulate(beam, own, 3.0)
        own.regulator.tissue.update = lambda force_n, v: None  # as it stands
        own.regulator.tissue.dither = lambda seating: 0.0
    margin = gain_margin(beam, own)
    assert margin > 2.0

    def swing(factor):
        stiff = replace(beam, stiffness_n_per_m=2000.0)
        scaled = law(stiff) if law is not Own else own
        scale = factor * margin * beam.stiffness_n_per_m / stiff.stiffness_n_per_m
        kick = simulate(stiff, lambda r, f, moved: scale * scaled(r, f, moved), 3.0, excite=lambda t: 0.01 if t < 0.02 else 0.0)
        return np.abs(np.diff(kick.force_n[-100:])).max()

    assert swing(1.25) > 20.0 * swing(0.8)


def test_the_own_law_is_faster_and_closer_than_both_baselines():
    ideal = replace(STILL, lag_s=0.0)
    own, fixed, spring = (bandwidth_hz(measured_response(ideal, law(ideal))) for law in (Own, FixedGain, MassDamperSpring))
    assert own >= 10.0 and own > fixed > spring
    cells = {c.law: c for c in measure(Beam(2000.0, pulse_m=0.001))}
    assert cells["own"].after_n < 0.6 * cells["fixed gain"].after_n < 0.6 * cells["mass-damper-spring"].after_n


def test_ringing_is_seen_where_there_is_one():
    t = np.arange(0.0, 8.0, 0.002)
    quiet = simulate(Beam(), Own(Beam()), 8.0)
    assert ringing_n(quiet, 4.0)[0] < 0.02
    loud = replace(quiet, force_n=quiet.force_n + 0.2 * np.sin(2 * np.pi * 14.0 * t))
    assert ringing_n(loud, 4.0) == (pytest.approx(0.2, rel=0.1), pytest.approx(14.0, abs=0.3))


@pytest.mark.parametrize("arm", ["fr3"])
def test_the_whole_control_path_agrees_with_one_axis(arm):
    spot = report.spot(arm, 2000.0, 0.001, seconds=12.0)
    one_axis = measure(Beam(2000.0, pulse_m=0.001))[0]
    assert spot["after_n"] < 0.1 and spot["after_n"] == pytest.approx(one_axis.after_n, abs=0.05)
    assert spot["overshoot"] < 0.2 and spot["kept"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["fer", "iiwa14", "med7", "med14", "gen3", "iiwa7"])
@pytest.mark.parametrize(("stiffness", "pulse_m"), report.SPOTS)
def test_every_arm_holds_the_force(arm, stiffness, pulse_m):
    spot = report.spot(arm, stiffness, pulse_m, seconds=20.0)
    assert spot["before_n"] < 0.2 and spot["after_n"] < 0.1
    assert spot["overshoot"] < 0.2 and spot["kept"] > 0.999 and spot["off_normal_deg"] < 2.0


@pytest.mark.slow
def test_no_limit_cycle_anywhere_on_the_maps():
    for place in maps():
        for beam in (b for line in place.beams for b in line):
            own = measure(beam)[0]
            assert own.margin > 2.0 and own.ringing_n < 0.03, beam


def test_the_command_prints_every_part_and_draws(tmp_path, monkeypatch, capsys):
    first = next(maps())
    small = replace(first, rows=first.rows[:1], columns=first.columns[:1], beams=((first.beams[0][0],),))
    monkeypatch.setattr(report, "maps", lambda: iter([small]))
    monkeypatch.setattr(report, "SPOTS", ())
    monkeypatch.setattr(report, "arm_response", lambda arm, filter_hz: np.ones(len(report.TONES_HZ)))
    assert main(["bench", "force", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert all(law.name in printed for law in LAWS) and "margin" in printed and (tmp_path / report.PICTURE).stat().st_size > 10_000
