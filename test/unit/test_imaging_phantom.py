"""A robot scans a breathing phantom: what it holds lies, and is as wide, in the volume as it was made."""

import numpy as np
import pytest
from measured import Measured
from phantom import BEADS_MM, SPHERES_MM, STONE_MM, VESSEL_MM, Phantom, config, scanned


def scan(folder, seed: int, amplitude_m: float, **how) -> Measured:
    c = config(seed, amplitude_m)
    phantom = Phantom(c)
    return Measured(scanned(folder, c, phantom), phantom, **how)


def bead_errors_mm(measured: Measured) -> np.ndarray:
    return np.linalg.norm([measured.bead_error_mm(at) for at in BEADS_MM], axis=1)


def assert_true_to_the_phantom(measured: Measured) -> None:
    spheres = np.linalg.norm([measured.sphere_error_mm(at) for at in SPHERES_MM], axis=1)
    assert bead_errors_mm(measured).max() < 0.5 and spheres.max() < 0.3
    assert measured.vessel_mm().mean(axis=0) == pytest.approx(VESSEL_MM, rel=0.05)
    assert measured.stone_mm() == pytest.approx(STONE_MM, rel=0.05)


def test_places_and_diameters_are_true_once_the_breathing_is_taken_out(tmp_path):
    measured = scan(tmp_path, 3, 0.006)
    assert measured.figures["breathing_amplitude_mm"] == pytest.approx(6.0, abs=0.05)
    assert_true_to_the_phantom(measured)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "amplitude_m"), [(4, 0.006), (5, 0.010), (6, 0.003)])
def test_the_same_for_other_breaths_and_speckle(tmp_path, seed, amplitude_m):
    assert_true_to_the_phantom(scan(tmp_path, seed, amplitude_m))


@pytest.mark.slow
def test_with_the_breathing_left_in_beads_are_smeared(tmp_path):
    assert np.median(bead_errors_mm(scan(tmp_path, 3, 0.006, breathing="none"))) > 1.5
