"""Colour and spectral Doppler of a vessel whose flow is known."""

from dataclasses import replace

import numpy as np
import pytest
from test_twin_image import LINEAR, SETTINGS, at, flat_body

from medrobot_ros.twin.blood import Pulses, flow_velocity
from medrobot_ros.twin.doppler import GATES, TwinDoppler
from medrobot_ros.twin.vessel import Vessel

DEPTH_M, MIDDLE = 0.05, LINEAR.elements // 2
VESSEL = Vessel("vessel", (0.0, 0.0, DEPTH_M), (1.0, 0.0, 1.0), 0.009, 0.2)  # an aorta's radius; flows away at 45 degrees
PULSES = Pulses(3.5e6, 6000.0, 1.0)


def doppler(vessel: Vessel = VESSEL, pulses: Pulses = PULSES) -> TwinDoppler:
    return TwinDoppler(SETTINGS, pulses, LINEAR, flat_body(), (vessel,), 0)


def on_axis(colour: np.ndarray) -> float:
    """Mean of the estimates about the vessel's middle, two samples deep and twenty lines wide [m/s]."""
    k = round(DEPTH_M / SETTINGS.depth_m * GATES)
    gates_per_line = LINEAR.width_m / (LINEAR.elements - 1) / (SETTINGS.depth_m / GATES)  # along 45 degrees
    shifts = np.rint(np.arange(-10, 10) * gates_per_line).astype(int)
    return float(np.mean([colour[MIDDLE + i, k + s - 1 : k + s + 1] for i, s in zip(range(-10, 10), shifts, strict=True)]))


@pytest.mark.parametrize("speed", [-0.2, 0.05, 0.1, 0.2])
def test_colour_corrected_for_the_angle_is_the_flow(speed):
    vessel = replace(VESSEL, mean_speed_m_per_s=speed)
    along_beam = on_axis(doppler(vessel).colour(at(0.0)))
    flow = flow_velocity(np.array(along_beam), np.array([0.0, 0.0, 1.0]), vessel.axis)
    assert np.sign(along_beam) == -np.sign(speed)
    assert flow == pytest.approx(2.0 * speed, rel=0.1)


def test_colour_lies_in_the_lumen_and_is_fastest_on_the_axis():
    colour = doppler().colour(at(0.0))
    k = np.arange(GATES)[np.isfinite(colour[MIDDLE])]
    depth_m = (k + 0.5) * SETTINGS.depth_m / GATES
    chord_m = 2.0 * VESSEL.radius_m * np.sqrt(2.0)
    assert depth_m.mean() == pytest.approx(DEPTH_M, abs=0.001) and np.ptp(depth_m) == pytest.approx(chord_m, abs=0.002)
    centre, edge = (np.nanmean(-colour[MIDDLE - 2 : MIDDLE + 3, k[s]]) for s in (slice(len(k) // 2 - 2, len(k) // 2 + 2), slice(0, 2)))
    assert centre > 2.0 * edge


def test_beyond_nyquist_the_colour_aliases():
    slow = Pulses(3.5e6, 2000.0, 1.0)
    along_beam = -2.0 * VESSEL.mean_speed_m_per_s / np.sqrt(2.0)  # on the axis, away from the probe
    assert along_beam < -slow.nyquist_m_per_s
    colour = doppler(pulses=slow).colour(at(0.0))
    seen = on_axis(colour)
    assert seen == pytest.approx(along_beam + 2.0 * slow.nyquist_m_per_s, abs=0.1 * abs(along_beam)) and seen > 0.0


def test_the_spectrum_shows_the_fastest_blood_and_the_heartbeat():
    vessel, pulses = replace(VESSEL, pulsatility=1.0), Pulses(3.5e6, 6000.0, 2.0)
    times, velocities, power = doppler(vessel, pulses).spectral(vessel, at(0.0), MIDDLE, DEPTH_M, 1.0)
    shares = np.cumsum(power, axis=0) / power.sum(axis=0)
    away = -velocities[np.argmax(shares > 0.5, axis=0)]
    flow = 2.0 * vessel.mean_speed_m_per_s * (1.0 + 0.5 * np.sin(2.0 * np.pi * pulses.heart_hz * times)) / np.sqrt(2.0)
    assert np.corrcoef(away, flow)[0, 1] > 0.9
    assert away.mean() == pytest.approx(flow.mean(), rel=0.1)
    assert away.max() == pytest.approx(flow.max(), rel=0.2)


def test_flow_across_the_beam_has_no_corrected_velocity():
    beam = np.array([0.0, 0.0, 1.0])
    assert np.isnan(flow_velocity(np.array(0.1), beam, np.array([1.0, 0.0, 0.0])))
    assert flow_velocity(np.array(0.1), beam, np.array([0.0, 0.0, -1.0])) == pytest.approx(0.1)
