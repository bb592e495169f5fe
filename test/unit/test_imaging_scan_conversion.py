import numpy as np
import pytest

from medrobot_ros.config import ImagingSection
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.imaging.probe import load_probe, probe_names
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.imaging.sequence import read_sequence


def test_real_scan_lines_convert_as_plus_converts_them(test_data):
    lines = read_sequence(test_data / "plus" / "UltrasonixCurvilinearBrightnessData.igs.mha").pixels
    reference = read_sequence(test_data / "plus" / "UltrasonixCurvilinearScanConvertedData.igs.mha").pixels
    scan = ScanLines(96, 3640, 0.072, np.radians(150.0), 0.010)
    convert = ScanConverter(scan, 0.15e-3 * (np.arange(820) - 410 + 0.5), 0.15e-3 * (np.arange(616) - 87))
    for frame, expected in zip(lines, reference, strict=True):
        assert np.abs(convert(frame).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("probe", probe_names())
def test_samples_lie_where_fractional_says(probe):
    scan = ScanLines.of_probe(load_probe(probe), 512, 0.12)
    faces, directions = scan.faces_and_directions()
    for i in (0, 40, scan.lines - 1):
        for k in (0, 300, 511):
            x, z = faces[i] + directions[i] * k * scan.depth_m / scan.samples
            assert np.allclose(scan.fractional(x, z), (i, k), atol=1e-9)


@pytest.mark.parametrize("probe", probe_names())
def test_lines_are_as_far_apart_as_their_spacing_says(probe):
    scan = ScanLines.of_probe(load_probe(probe), 512, 0.12)
    faces, directions = scan.faces_and_directions()
    for depth_m in (0.0, 0.03, 0.12):
        apart_m = np.linalg.norm(np.diff(faces + depth_m * directions, axis=0), axis=1)
        assert apart_m == pytest.approx(float(scan.spacing_m(np.array(depth_m))), rel=1e-4)


@pytest.mark.parametrize("depth_m", [0.03, 0.12, 0.25])
@pytest.mark.parametrize("probe", probe_names())
def test_an_image_holds_all_scan_lines_in_few_pixels(probe, depth_m):
    probe = load_probe(probe)
    scan = ScanLines.of_probe(probe, 512, depth_m)
    geometry = image_geometry(probe, scan)
    pixels, most = geometry.rows * geometry.columns, ImagingSection().most_pixels
    assert 0.5 * most < pixels <= 1.01 * most
    finer = image_geometry(probe, scan, 4 * most)
    assert pixels < finer.rows * finer.columns <= 4.04 * most
    x, z = pixel_centres(geometry)
    faces, directions = scan.faces_and_directions()
    ends = np.concatenate((faces, faces + depth_m * directions))
    spacing = geometry.spacing_m[0]
    assert x[0] - spacing <= ends[:, 0].min() and ends[:, 0].max() <= x[-1] + spacing
    assert z[0] <= ends[:, 1].min() + 1e-12 and ends[:, 1].max() <= z[-1] + spacing


@pytest.mark.parametrize("probe", probe_names())
def test_a_bright_sample_shows_at_its_own_place(probe):
    probe = load_probe(probe)
    scan = ScanLines.of_probe(probe, 512, 0.12)
    geometry = image_geometry(probe, scan)
    echoes = np.zeros((scan.lines, scan.samples), np.uint8)
    i, k = 3 * scan.lines // 4, 300
    echoes[i - 1 : i + 2, k - 1 : k + 2] = 255
    image = ScanConverter(scan, *pixel_centres(geometry))(echoes)
    row, column = np.array(np.nonzero(image > 200)).mean(axis=1)
    faces, directions = scan.faces_and_directions()
    x, z = faces[i] + directions[i] * k * scan.depth_m / scan.samples
    seen = geometry.T_probe_image @ (column * geometry.spacing_m[0], row * geometry.spacing_m[1], 0.0, 1.0)
    assert np.allclose(seen[:3], (x, 0.0, z), atol=geometry.spacing_m[0])
    assert np.allclose(inverse(geometry.T_probe_image) @ geometry.T_probe_image, np.eye(4))
    assert np.isclose(np.linalg.det(geometry.T_probe_image[:3, :3]), 1.0)
