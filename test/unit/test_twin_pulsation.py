"""Vessels widen and narrow with the heart in the image, and what lies far from them keeps still."""

from dataclasses import replace

import numpy as np
import pytest
from test_twin_image import LINEAR, SETTINGS, SHAPE, at, block, flat_body, rows

from medrobot_ros.config import CellConfig
from medrobot_ros.twin.anatomy import LOW_M, VOXEL_M, Tissue
from medrobot_ros.twin.pulsation import REACH
from medrobot_ros.twin.ultrasound import SAMPLES, TwinUltrasound, make
from medrobot_ros.twin.vessel import Vessel

DEPTH_M, RADIUS_M, SHARE = 0.05, 0.008, 0.1
WIDE_NS, NARROW_NS = 250_000_000, 750_000_000  # of a beat a second


def vessel(share: float) -> Vessel:
    return Vessel("vessel", (0.0, 0.0, DEPTH_M), (0.1, -1.0, 0.0), RADIUS_M, 0.2, pulse_share=share)


def envelopes(share: float) -> tuple[np.ndarray, np.ndarray]:
    """At the widest and the narrowest moment, of a vessel in liver."""
    x, y, depth = (low + step * np.arange(n) for low, step, n in zip(LOW_M, VOXEL_M, SHAPE, strict=True))
    labels = block(Tissue.LIVER)
    labels[vessel(0.0).contains(np.stack(np.meshgrid(x, y, depth, indexing="ij"), axis=-1))] = Tissue.BLOOD
    settings = replace(SETTINGS, noise_db=-140.0, tgc_db_per_cm_mhz=0.0)
    twin = TwinUltrasound(settings, LINEAR, flat_body(), labels, 0, vessels=(vessel(share),), heart_hz=1.0)
    return twin.envelope(WIDE_NS, at(0.0), 0.0), twin.envelope(NARROW_NS, at(0.0), 0.0)


def dark_area(envelope: np.ndarray) -> float:
    """Samples about the vessel that are far below tissue."""
    about = envelope[:, rows(DEPTH_M - 2.0 * RADIUS_M, DEPTH_M + 2.0 * RADIUS_M)]
    return float((about < 0.1 * np.median(about)).sum())


def test_the_lumen_widens_and_narrows_as_the_vessel_says():
    wide, narrow = (dark_area(e) for e in envelopes(SHARE))
    assert wide / narrow == pytest.approx(((1.0 + SHARE) / (1.0 - SHARE)) ** 2, rel=0.06)


def test_what_lies_beyond_its_reach_keeps_still_and_what_lies_within_moves():
    wide, narrow = envelopes(SHARE)
    beyond = slice(0, round((DEPTH_M - REACH * RADIUS_M - 0.002) / SETTINGS.depth_m * SAMPLES))
    assert np.allclose(wide[:, beyond], narrow[:, beyond], atol=1e-5)  # the noise is the only difference
    beside = rows(DEPTH_M - 1.8 * RADIUS_M, DEPTH_M - 1.4 * RADIUS_M)
    assert not np.allclose(wide[80:112, beside], narrow[80:112, beside], rtol=0.1)


def test_a_vessel_that_does_not_beat_keeps_still():
    wide, narrow = envelopes(0.0)
    assert np.allclose(wide, narrow, atol=1e-4)


def test_the_patients_great_vessels_beat_at_the_hearts_rate():
    config = CellConfig()
    slow = replace(config, twin=replace(config.twin, pulse=replace(config.twin.pulse, frequency_hz=0.55)))
    quarter_ns = round(0.25e9 / config.twin.pulse.frequency_hz)
    fast_source, slow_source = make(config), make(slow)
    T = at(0.003, y=-0.05)
    noise_alone = np.abs(fast_source.echoes(0, T, 0.0).astype(int) - fast_source.echoes(2 * quarter_ns, T, 0.0)).mean()
    beat = np.abs(fast_source.echoes(0, T, 0.0).astype(int) - fast_source.echoes(quarter_ns, T, 0.0)).mean()
    assert beat > noise_alone + 0.1
    assert not np.array_equal(fast_source.echoes(quarter_ns, T, 0.0), slow_source.echoes(quarter_ns, T, 0.0))
    assert np.array_equal(fast_source.view(quarter_ns, T, 0.0).vessels, slow_source.view(2 * quarter_ns, T, 0.0).vessels)
