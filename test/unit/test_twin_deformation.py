"""The image yields and breathes by the same amounts as the force says."""

import numpy as np
import pytest
from test_twin_patient import BODY, probe_at

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.twin.chart import INDENTATION_DECAY_M, Chart
from medrobot_ros.twin.patient import Face, Patient, skin_of

CONFIG = CellConfig()
PROBE = load_probe("curvilinear")
SCAN = ScanLines.of_probe(PROBE, 512, CONFIG.imaging.depth_m)


def seen_and_felt(depth_m: float, x: float, y: float, tilt_rad: float, time_s: float):
    """What the chart makes of a probe that presses, and the truth of the patient who feels it, somewhere in a breath."""
    patient = Patient(CONFIG.twin, CONFIG.body, BODY, Face(PROBE.face_radius_m, 0.5 * PROBE.aperture_m), seed=3)
    truth = patient.advance((1,), time_s, 0.0, probe_at(x, y, depth_m, (0.0, tilt_rad, 0.0))[None]).truth(0)
    chart = Chart(SCAN, PROBE.elements_m(), skin_of(BODY))
    where = inverse(truth.T_base_patient) @ truth.T_base_probe, truth.breathing_offset_m
    return chart.at(*where), chart.element_depths_m(*where), truth


@pytest.mark.parametrize("tilt_rad", [-0.25, 0.0, 0.2])
@pytest.mark.parametrize(("x", "y", "time_s"), [(0.0, 0.0, 0.0), (0.05, 0.03, 1.3), (-0.06, -0.05, 2.9)])
@pytest.mark.parametrize("depth_m", [0.008, 0.014])
def test_the_image_is_pressed_as_deep_as_the_tissue_that_pushes_back(depth_m, x, y, time_s, tilt_rad):
    _, element_depth_m, truth = seen_and_felt(depth_m, x, y, tilt_rad, time_s)
    assert truth.indentation_m > 0.002 and truth.F_tissue_on_probe_in_probe[2] < 0.0
    assert element_depth_m.max() == pytest.approx(truth.indentation_m, abs=5e-4)


def test_tissue_at_the_face_is_skin_and_deep_tissue_stays_where_it_was():
    knots, element_depth_m, truth = seen_and_felt(0.012, 0.0, 0.0, 0.0, 0.0)
    middle = knots[len(knots) // 2, :, 0, 2]
    below_m = np.linspace(0.0, SCAN.depth_m, len(middle) - 1) + truth.indentation_m
    assert middle[0] == pytest.approx(0.0, abs=3e-4)
    moved_m = below_m - middle[:-1]
    assert moved_m == pytest.approx(truth.indentation_m * np.exp(-middle[:-1] / INDENTATION_DECAY_M), abs=6e-4)
    assert np.all(np.diff(moved_m) < 1e-5) and element_depth_m.max() > 0.0


def test_without_contact_the_force_is_zero_and_no_element_touches():
    _, element_depth_m, truth = seen_and_felt(-0.008, 0.0, 0.0, 0.0, 0.0)
    assert truth.indentation_m == 0.0 and not truth.F_tissue_on_probe_in_probe.any() and element_depth_m.max() < 0.0
