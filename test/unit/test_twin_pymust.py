"""The twin's images of points against those that PyMUST simulates element by element, beamforms and detects on its own."""

from dataclasses import replace

import numpy as np
import pytest
from test_twin_image import LINEAR, SETTINGS, at, block, flat_body

from medrobot_ros.twin.anatomy import MATERIALS, Tissue
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S
from medrobot_ros.twin.ultrasound import SAMPLES, TwinUltrasound

POINTS = np.array([[-0.012, 0.03, 1.0], [0.0, 0.05, 0.5], [0.010, 0.05, 1.0], [0.005, 0.08, 1.0]])  # x, depth, amplitude
MEDIUM = MATERIALS[Tissue.BOWEL]  # whose speed is the assumed one
WINDOW_M = 0.003
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def peaks(envelope: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(x, depth, amplitude) of the brightest pixel about each point; `envelope` (lines, samples)."""
    out = []
    for px, pz, _ in POINTS:
        near = (abs(x[:, None] - px) < WINDOW_M) & (abs(z[None, :] - pz) < WINDOW_M)
        i, k = np.unravel_index(np.argmax(np.where(near, envelope, 0.0)), envelope.shape)
        across, along = summit(envelope[i - 1 : i + 2, k]), summit(envelope[i, k - 1 : k + 2])
        out.append((x[i] + across[0] * (x[1] - x[0]), z[k] + along[0] * (z[1] - z[0]), across[1] * along[1] / envelope[i, k]))
    return np.array(out)


def summit(three: np.ndarray) -> tuple[float, float]:
    """Where a Gaussian through three samples peaks, in samples from the middle, and how high."""
    left, here, right = np.log(three)
    at = 0.5 * (left - right) / (left - 2.0 * here + right)
    return at, float(np.exp(here - 0.25 * (left - right) * at))


def of_the_twin(tissue: Tissue = Tissue.BOWEL) -> np.ndarray:
    points = np.column_stack((POINTS[:, 0], np.zeros(len(POINTS)), POINTS[:, 1], 1000.0 * POINTS[:, 2]))
    settings = replace(SETTINGS, tgc_db_per_cm_mhz=0.0, noise_db=-140.0)
    envelope = TwinUltrasound(settings, LINEAR, flat_body(), block(tissue), 0, points).envelope(0, at(0.0), 0.0)
    return peaks(envelope, LINEAR.elements_m()[:, 0], SETTINGS.depth_m / SAMPLES * np.arange(SAMPLES))


def of_pymust(attenuation_db_per_cm_mhz: float) -> np.ndarray:
    """A plane wave, received with the F-number of 2."""
    pymust = pytest.importorskip("pymust", reason="the independent simulator is not installed: pip install 'medrobot_ros[test-all]'")
    param = pymust.getparam("L11-5v")
    param.fc, param.fs, param.c, param.bandwidth = SETTINGS.frequency_hz, 4 * SETTINGS.frequency_hz, ASSUMED_SPEED_M_PER_S, 60
    param.Nelements, param.pitch = LINEAR.elements, LINEAR.width_m / (LINEAR.elements - 1)
    param.kerf, param.width = 0.1 * param.pitch, 0.9 * param.pitch
    param.height, param.focus = LINEAR.elevation_m, SETTINGS.focus_m
    param.attenuation, param.fnumber, param.t0 = attenuation_db_per_cm_mhz, SETTINGS.f_number, np.zeros(1)
    delays = pymust.txdelay(param, 0.0)
    rf, _ = pymust.simus(POINTS[:, 0], POINTS[:, 1], POINTS[:, 2], delays, param)
    iq = pymust.rf2iq(rf, param)
    x, z = np.linspace(-0.02, 0.02, 161), np.arange(0.025, 0.085, 1e-4)
    grid = np.meshgrid(x, z)
    envelope = abs(pymust.dasmtx(iq, *grid, delays, param) @ iq.flatten(order="F")).reshape(grid[0].shape, order="F")
    return peaks(envelope.T, x, z)


def test_points_lie_where_an_independent_simulator_sees_them():
    ours, theirs = of_the_twin(), of_pymust(MEDIUM.attenuation_db_per_cm_mhz)
    assert np.abs(ours[:, :2] - theirs[:, :2]).max() < 4e-4
    assert np.abs(theirs[:, :2] - POINTS[:, :2]).max() < 4e-4


def test_points_are_as_bright_against_each_other_as_an_independent_simulator_sees_them():
    """Two at one depth; and what attenuation takes from a deep one, against a shallow one, where spreading divides out."""
    ours, theirs, lossless = of_the_twin()[:, 2], of_pymust(MEDIUM.attenuation_db_per_cm_mhz)[:, 2], of_pymust(0.0)[:, 2]
    assert ours[1] / ours[2] == pytest.approx(theirs[1] / theirs[2], rel=0.1)
    ours_db, theirs_db = 20.0 * np.log10(ours[3] / ours[0]), 20.0 * np.log10(theirs[3] / theirs[0] / (lossless[3] / lossless[0]))
    assert ours_db == pytest.approx(theirs_db, rel=0.1)
