"""How pressed tissue gives way, on made-up images of a body that yields as it is told."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import gaussian_filter, map_coordinates

from medrobot_ros.cli import main
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.imaging.compounding import Compounder
from medrobot_ros.imaging.pressing import PressedView, Resistance, decay, estimate_resistance, skin_curvature_per_m
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.imaging.scan_conversion import ScanLines, image_geometry, pixel_centres
from medrobot_ros.imaging.settings import Reconstruction

PROBE = load_probe("curvilinear")
GEOMETRY = image_geometry(PROBE, ScanLines.of_probe(PROBE, 512, 0.08))
CURVATURE_PER_M = 3.0


def test_the_decay_is_that_of_a_punch_whose_pressure_adds_up_point_forces_on_a_half_space():
    def displacement(z: float, radius: float) -> float:
        """Boussinesq's point force, incompressible, over the punch's pressure; s^2 = radius^2 - r^2 takes its edge away."""
        return quad(lambda s: z * z / (radius**2 - s * s + z * z) ** 1.5 + 1.0 / (radius**2 - s * s + z * z) ** 0.5, 0.0, radius)[0]

    for radius in (0.004, 0.012):
        at_face = displacement(1e-7, radius)
        for z in (0.003, 0.02, 0.07):
            assert decay(np.array(z), radius) == pytest.approx(displacement(z, radius) / at_face, rel=1e-3)


def pressed_in(stiffness: tuple[float, float], viscous_s: float, touch_m: float, noise_n: float = 0.03):
    """Time, travel and push of a probe that presses itself in, with a last swing."""
    t = np.arange(0.0, 1.8, 0.01)
    d = 0.0006 + 0.0024 * (1.0 - np.exp(-t / 0.4)) + 0.0001 * np.sin(9.0 * t)
    a, b = stiffness
    push = (a + b * d) * d + viscous_s * (a + 2.0 * b * d) * np.gradient(d, t)
    return t, touch_m + d, push + noise_n * np.random.default_rng(0).standard_normal(len(t))


@pytest.mark.parametrize(("stiffness", "viscous_s"), [((1400.0, 1e5), 0.02), ((500.0, 0.0), 0.1), ((700.0, 3e5), 0.0)])
def test_where_the_probe_touched_and_how_the_tissue_resists_are_felt(stiffness, viscous_s):
    resistance, touch_m = estimate_resistance(*pressed_in(stiffness, viscous_s, -0.0123))
    assert touch_m == pytest.approx(-0.0123, abs=0.0001)
    truth = Resistance(*stiffness)
    push_n = np.array([1.5, 2.5])
    assert np.abs(resistance.indentation_m(push_n) - truth.indentation_m(push_n)).max() < 0.0001
    d = truth.indentation_m(push_n)
    assert (stiffness[0] + stiffness[1] * d) * d == pytest.approx(push_n) and truth.indentation_m(np.array([-1.0]))[0] == 0.0


def test_a_push_that_hardly_rises_tells_nothing():
    t = np.linspace(0.0, 1.0, 50)
    with pytest.raises(DataError, match="does not rise"):
        estimate_resistance(t, 0.001 * t, 5.0 + 0.1 * t)


def test_the_skins_curvature_is_read_from_the_cloud_in_the_image_plane():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-0.1, 0.1, (2, 4000))
    skin = np.column_stack((x, y, 0.5 * 4.0 * x * x + 0.5 * 1.0 * y * y + 0.001 * rng.standard_normal(4000)))
    T = pose(rotation_from_vector(np.array([0.4, -0.2, 0.3])), np.array([0.5, 0.1, 0.2]))
    assert skin_curvature_per_m(skin @ T[:3, :3].T + T[:3, 3], T) == pytest.approx(4.0, abs=0.2)
    with pytest.raises(DataError, match="holds 0 points about the probe"):
        skin_curvature_per_m(skin + 5.0, T)


def shown(given_way, indentation_m: float) -> np.ndarray:
    """An image of layers and lumps below a skin of `CURVATURE_PER_M`, tissue at depth d giving way by `given_way(d)` of each line."""
    x, z = pixel_centres(GEOMETRY)
    lumps = gaussian_filter(np.random.default_rng(2).standard_normal((500, 700)), (4.0, 8.0))
    by = PressedView(GEOMETRY, CURVATURE_PER_M).line_indentation_m(indentation_m)
    pressed = z[:, None] + indentation_m - 0.5 * CURVATURE_PER_M * x[None, :] ** 2
    rest = pressed.copy()
    for _ in range(30):
        rest = pressed - by * given_way(np.maximum(rest, 0.0))
    at = (rest / GEOMETRY.spacing_m[1] + 60.0, np.broadcast_to(x / GEOMETRY.spacing_m[0] + 350.0, rest.shape))
    grey = 120.0 + 40.0 * map_coordinates(lumps, at, order=1) / lumps.std()
    return np.clip(grey + 10.0 * np.random.default_rng(round(1e9 * indentation_m)).standard_normal(grey.shape), 0, 255).astype(np.uint8)


INDENTATIONS_M = np.array([0.0008, 0.0012, 0.0016, 0.002, 0.0024, 0.0028, 0.003, 0.003])


def seen(given_way):
    return np.array([shown(given_way, d) for d in INDENTATIONS_M]), INDENTATIONS_M, INDENTATIONS_M > 0.0029


@pytest.mark.parametrize("radius_m", [0.008, 0.02])
def test_how_deep_the_tissue_gives_way_is_read_from_the_images(radius_m):
    found, correlation = PressedView(GEOMETRY, CURVATURE_PER_M).estimate_radius(*seen(lambda d: decay(d, radius_m)))
    assert found == pytest.approx(radius_m, rel=0.05) and correlation > 0.8


@pytest.mark.parametrize("depth_m", [0.025, 0.04, 0.06])
def test_a_tissue_that_gives_way_by_another_law_is_put_back_within_a_tenth_of_the_indentation(depth_m):
    view = PressedView(GEOMETRY, CURVATURE_PER_M)
    radius_m, _ = view.estimate_radius(*seen(lambda d: np.exp(-d / depth_m)))
    d = np.linspace(0.015, 0.07, 12)
    assert np.abs(decay(d, radius_m) - np.exp(-d / depth_m)).max() < 0.1


def test_images_that_have_nothing_in_common_say_so():
    noise = np.random.default_rng(0).integers(0, 255, (8, GEOMETRY.rows, GEOMETRY.columns)).astype(np.uint8)
    view = PressedView(GEOMETRY, CURVATURE_PER_M)
    with pytest.raises(DataError, match="not alike"):
        view.estimate_radius(noise, INDENTATIONS_M, INDENTATIONS_M > 0.0029)
    with pytest.raises(DataError, match="2 images of the probe pressing itself in, 5 are needed"):
        view.estimate_radius(noise[-4:], INDENTATIONS_M[-4:], INDENTATIONS_M[-4:] > 0.0029)


def test_pixels_are_put_back_where_their_tissue_rests():
    view, row_m, middle = PressedView(GEOMETRY, 0.0), GEOMETRY.spacing_m[1], GEOMETRY.columns // 2
    rows, top_m = view.rest_rows(0.003, 0.012)[:, middle], GEOMETRY.T_probe_image[2, 3]
    face = round(-top_m / row_m)
    assert face - rows[face] == pytest.approx(0.003 / row_m, abs=0.1)  # at the face all of it
    rest_m = row_m * rows + top_m + 0.003
    down_m = row_m * (np.arange(len(rows)) - rows)
    assert down_m[face:] == pytest.approx(0.003 * decay(rest_m[face:], 0.012), abs=1e-5)
    assert np.array_equal(view.rest_rows(0.0, 0.012)[:, middle], np.arange(GEOMETRY.rows))


def test_a_pixel_is_compounded_into_the_row_that_its_content_belongs_in():
    pixels = np.zeros((12, 8), np.uint8)
    pixels[6] = 200
    rows = np.broadcast_to(np.arange(12, dtype=np.float32)[:, None] - 2.5, pixels.shape).copy()
    compounder = Compounder(Reconstruction((1.0, 0.5, 1.0), threshold=1))
    compounder.add(pixels, np.eye(4), rows=rows)
    volume = compounder.volume()
    y_mm = volume.offset_mm[1] + 0.5 * np.flatnonzero(volume.voxels[0, :, 3])
    assert y_mm.tolist() == [3.5]


def test_a_sequence_has_no_forces_to_undo_a_pressing_by(tmp_path, capsys):
    (tmp_path / "s.mha").touch()
    assert main(["reconstruct", str(tmp_path / "s.mha"), "--out", str(tmp_path / "v.mha"), "--pressing", "undo"]) == 1
    assert "--breathing and --pressing need a run" in capsys.readouterr().err
