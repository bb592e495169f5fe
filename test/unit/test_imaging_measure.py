"""Measurements on drawn shapes whose size is known to a fraction of a pixel."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.measure import area_m2, biplane_discs_m3, diameter, discs_m3, distance_m, ellipsoid_m3

SPACING_M = (0.0003, 0.0004)


def vessel(diameter_px: float, centre: tuple[float, float] = (40.3, 30.7), grain: float = 0.0) -> np.ndarray:
    """A round lumen of grey 10 in tissue of grey 150, each pixel the mean of what it covers."""
    fine = (np.arange(10) + 0.5) / 10 - 0.5
    x = (np.arange(80)[:, None] + fine).ravel() - centre[0]
    y = (np.arange(64)[:, None] + fine).ravel() - centre[1]
    inside = np.hypot(x[None], y[:, None]) < 0.5 * diameter_px
    image = np.where(inside, 10.0, 150.0).reshape(64, 10, 80, 10).mean(axis=(1, 3))
    return image + grain * np.random.default_rng(0).standard_normal(image.shape)


def test_a_distance_counts_each_axis_in_its_own_spacing():
    assert distance_m((10, 20), (40, 60), SPACING_M) == pytest.approx(np.hypot(30 * 0.0003, 40 * 0.0004))
    assert distance_m((0, 0, 0), (1, 2, 2), (0.001, 0.001, 0.001)) == pytest.approx(0.003)


def test_the_area_of_a_polygon_is_exact_wherever_it_lies_and_however_it_turns():
    triangle = np.array([(1e4, 1e4), (1e4 + 30.0, 1e4), (1e4, 1e4 + 40.0)])
    exact = 0.5 * 30 * 40 * 0.0003 * 0.0004
    assert area_m2(triangle, SPACING_M) == pytest.approx(exact, rel=1e-12)
    assert area_m2(triangle[::-1], SPACING_M) == pytest.approx(exact, rel=1e-12)


def test_the_area_of_a_drawn_ellipse():
    t = np.linspace(0.0, 2.0 * np.pi, 720, endpoint=False)
    outline = np.column_stack((50.0 + 20.0 * np.cos(t), 40.0 + 10.0 * np.sin(t)))
    assert area_m2(outline, SPACING_M) == pytest.approx(np.pi * 20 * 0.0003 * 10 * 0.0004, rel=1e-4)


def test_a_sphere_has_the_volume_of_a_sphere_by_every_method():
    radius, discs = 0.02, 200
    thickness = 2.0 * radius / discs
    middle = (np.arange(discs) + 0.5) * thickness - radius
    across = 2.0 * np.sqrt(radius**2 - middle**2)
    exact = 4.0 / 3.0 * np.pi * radius**3
    assert ellipsoid_m3(0.04, 0.04, 0.04) == pytest.approx(exact)
    assert discs_m3(0.25 * np.pi * across**2, thickness) == pytest.approx(exact, rel=1e-4)
    assert biplane_discs_m3(across, across, thickness) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("diameter_px", [8.0, 12.35, 21.7, 30.2])
@pytest.mark.parametrize("turn", [0.0, 0.4, np.pi / 4, np.pi / 2])
def test_a_vessels_diameter_is_found_within_a_tenth_of_a_pixel(diameter_px, turn):
    centre, reach = np.array([40.3, 30.7]), 26.0 * np.array([np.cos(turn), np.sin(turn)])
    found = diameter(vessel(diameter_px), centre - reach, centre + reach, (0.0003, 0.0003))
    assert found.diameter_m == pytest.approx(diameter_px * 0.0003, abs=0.1 * 0.0003)
    assert np.linalg.norm(found.walls.mean(axis=0) - centre) < 0.1


def test_a_grainy_vessel_is_found_within_a_pixel():
    found = diameter(vessel(21.7, grain=12.0), (14.0, 30.7), (66.0, 30.7), (0.0003, 0.0003))
    assert found.diameter_m == pytest.approx(21.7 * 0.0003, abs=0.0003)


@pytest.mark.parametrize("range_db", [50.0, 60.0])
def test_under_log_compression_edges_lie_at_half_the_amplitude(range_db):
    """A beam smears amplitudes; half way in grey levels is then far inside the lumen."""
    amplitude = gaussian_filter(np.where(vessel(21.7) > 80.0, 0.1, 1e-4), 1.5)
    image = np.clip(255.0 * (1.0 + 20.0 * np.log10(amplitude) / range_db), 0.0, 255.0)
    ends = (14.0, 30.7), (66.0, 30.7)
    assert diameter(image, *ends, SPACING_M, range_db).diameter_m == pytest.approx(21.7 * 0.0003, abs=0.4 * 0.0003)
    assert diameter(image, *ends, SPACING_M).diameter_m < 19.7 * 0.0003


def test_a_vessel_in_a_volume_has_its_diameter_in_the_volumes_spacing():
    volume = np.repeat(vessel(16.4)[None], 5, axis=0)
    across = diameter(volume, (15, 30.7, 2), (65, 30.7, 2), (0.0005, 0.0004, 0.001))
    down = diameter(volume, (40.3, 5, 2), (40.3, 57, 2), (0.0005, 0.0004, 0.001))
    assert across.diameter_m == pytest.approx(16.4 * 0.0005, abs=5e-5)
    assert down.diameter_m == pytest.approx(16.4 * 0.0004, abs=4e-5)


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        (lambda: area_m2([(0, 0), (1, 1)], SPACING_M), "three points"),
        (lambda: area_m2([(0, 0), (1, 1), (np.nan, 2)], SPACING_M), "finite"),
        (lambda: distance_m((0, 0), (1, 1), (0.001, 0.0)), "above zero"),
        (lambda: distance_m((0, 0), (1, 1, 1), SPACING_M), "one length"),
        (lambda: ellipsoid_m3(0.01, 0.0, 0.01), "above zero"),
        (lambda: discs_m3([1e-4, -1e-4], 0.001), "none negative"),
        (lambda: biplane_discs_m3([0.01], [0.01, 0.02], 0.001), "must pair"),
        (lambda: diameter(vessel(10.0), (-1, 30), (60, 30), SPACING_M), "leaves the 80 x 64"),
        (lambda: diameter(np.full((64, 80), 90), (5, 30), (60, 30), SPACING_M), "no dark lumen"),
    ],
)
def test_what_cannot_be_measured_is_one_line(measure, says):
    with pytest.raises(DataError, match=says) as e:
        measure()
    assert "\n" not in str(e.value)
