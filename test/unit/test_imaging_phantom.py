"""A robot scans a breathing phantom: what it holds lies, and is as wide, in the volume as it was made."""

import numpy as np
import pytest
from measured import Measured
from phantom import BEADS_MM, SPHERES_MM, STONE_MM, VESSEL_MM, Phantom, config, scanned


def scan(folder, seed: int, amplitude_m: float, force_n: float = 5.0, stiffness_n_per_m: float = 2000.0, **how) -> Measured:
    c = config(seed, amplitude_m, force_n, stiffness_n_per_m)
    phantom = Phantom(c)
    return Measured(scanned(folder, c, phantom), phantom, **how)


def bead_errors_mm(measured: Measured) -> np.ndarray:
    return np.linalg.norm([measured.bead_error_mm(at) for at in BEADS_MM], axis=1)


def assert_true_to_the_phantom(measured: Measured) -> None:
    spheres = np.linalg.norm([measured.sphere_error_mm(at) for at in SPHERES_MM], axis=1)
    assert bead_errors_mm(measured).max() < 0.5 and spheres.max() < 0.5
    assert measured.vessel_mm().mean(axis=0) == pytest.approx(VESSEL_MM, rel=0.05)
    assert measured.stone_mm() == pytest.approx(STONE_MM, rel=0.05)


def test_places_and_diameters_are_true_once_breathing_and_pressing_are_undone(tmp_path):
    measured = scan(tmp_path, 3, 0.006)
    assert measured.figures["breathing_amplitude_mm"] == pytest.approx(6.0, abs=0.05)
    assert measured.figures["indentation_mm"] == pytest.approx(2.95, abs=0.1)
    assert_true_to_the_phantom(measured)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "amplitude_m", "stiffness_n_per_m"),
    [(4, 0.006, 2000.0), (5, 0.010, 2000.0), (6, 0.003, 2000.0), (7, 0.006, 900.0), (9, 0.008, 1400.0)],
)
def test_the_same_for_other_breaths_speckle_and_tissue(tmp_path, seed, amplitude_m, stiffness_n_per_m):
    assert_true_to_the_phantom(scan(tmp_path, seed, amplitude_m, stiffness_n_per_m=stiffness_n_per_m))


@pytest.mark.slow
@pytest.mark.parametrize("pressing", ["leave", "undo"])
def test_the_same_at_a_light_push(tmp_path, pressing):
    assert_true_to_the_phantom(scan(tmp_path, 3, 0.006, 1.0, pressing=pressing))


@pytest.mark.slow
def test_with_the_pressing_left_in_everything_lies_too_deep(tmp_path):
    measured = scan(tmp_path, 3, 0.006, pressing="leave")
    assert np.mean([measured.bead_error_mm(at)[2] for at in BEADS_MM]) < -0.8


@pytest.mark.slow
def test_with_the_breathing_left_in_beads_are_smeared(tmp_path):
    assert np.median(bead_errors_mm(scan(tmp_path, 3, 0.006, breathing="none"))) > 1.5
