from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.errors import DataError
from medrobot_ros.imaging.agreement import agreement
from medrobot_ros.imaging.calibration import read_calibration
from medrobot_ros.imaging.compounding import Compounder
from medrobot_ros.imaging.masks import Fan, pixel_depths_m
from medrobot_ros.imaging.probe import load_probe, probe_names
from medrobot_ros.imaging.reconstruction import compound, compound_run, reconstruct, reconstruct_file, reconstruct_run
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence
from medrobot_ros.imaging.settings import LATEST, MAXIMUM, MEAN, NEAREST, RUNNING_MEAN, Reconstruction
from medrobot_ros.imaging.volume import Volume, read_volume
from medrobot_ros.signals import TrackedImage

XML = """<PlusConfiguration><CoordinateDefinitions>
<Transform From="Image" To="Probe" Matrix="1 0 0 0  0 1 0 0  0 0 1 0  0 0 0 1"/></CoordinateDefinitions>
<VolumeReconstruction OutputSpacing="1 1 1" Interpolation="LINEAR" CompoundingMode="MEAN" FillHoles="OFF"/></PlusConfiguration>"""
GAUSSIAN_FILLING = '<HoleFilling><HoleFillingElement Type="GAUSSIAN"/></HoleFilling>'
SCALE = np.diag([1e-3, 1e-3, 1e-3, 1.0])


def at(z: float, x: float = 0.0) -> np.ndarray:
    T = np.eye(4)
    T[0, 3], T[2, 3] = x, z
    return T


def sequence_file(path: Path, frames: list[Frame]) -> Path:
    pixels = np.stack([np.full((6, 8), 50 + 10 * k, np.uint8) for k in range(len(frames))])
    write_sequence(path, Sequence(path, pixels, (1.0, 1.0), tuple(frames)))
    return path


def tracked(z: float, ok: bool = True) -> Frame:
    return Frame(z, ok, {"ProbeToTracker": at(z), "ReferenceToTracker": np.eye(4)})


def test_plus_own_volume_is_reproduced(test_data, tmp_path):
    plus = test_data / "plus"
    stats = reconstruct_file(plus / "SpinePhantomFreehand.igs.mha", plus / "SpinePhantomFreehandReconstruction.xml", tmp_path / "v.mha")
    ours, theirs = read_volume(tmp_path / "v.mha"), read_volume(plus / "SpinePhantomFreehandReconstructed.mha")
    assert (stats["frames"], stats["skipped"]) == (21, 0)
    assert np.allclose(ours.offset_mm, theirs.offset_mm, atol=1e-3) and ours.spacing_mm == theirs.spacing_mm
    found = agreement(ours, theirs)
    assert found.correlation > 0.998 and found.filled > 0.995 and found.mean_difference < 1.1


def test_a_linear_field_is_reconstructed_exactly():
    field = (np.add.outer(4 * np.arange(10), 6 * np.arange(12)) + 20).astype(np.uint8)
    frames = [field + np.uint8(3 * k) for k in range(5)]
    volume = reconstruct(frames, [at(float(k)) for k in range(5)], Reconstruction(spacing_mm=(1.0, 1.0, 1.0)))
    assert volume.offset_mm == (0.0, 0.0, 0.0)
    assert np.array_equal(volume.voxels, np.stack(frames))


def test_overlapping_images_are_averaged():
    images = [np.full((6, 8), 40, np.uint8), np.full((6, 8), 80, np.uint8)]
    volume = reconstruct(images, [at(0.0), at(0.0)], Reconstruction(spacing_mm=(1.0, 1.0, 1.0)))
    assert (volume.voxels == 60).all()


@pytest.mark.parametrize(("how", "expected"), [(MEAN, 80), (RUNNING_MEAN, 80), (MAXIMUM, 120), (LATEST, 70)])
def test_what_becomes_of_a_voxel_that_three_images_see(how, expected):
    images = [np.full((6, 8), v, np.uint8) for v in (50, 120, 70)]
    volume = reconstruct(images, [at(0.0)] * 3, Reconstruction((1.0, 1.0, 1.0), compounding=how))
    assert (volume.voxels == expected).all()


def test_the_latest_image_is_interpolated_by_itself():
    field = np.tile(10 * np.arange(8, dtype=np.uint8), (6, 1))
    settings = Reconstruction((1.0, 1.0, 1.0), compounding=LATEST)
    volume = reconstruct([np.full((6, 8), 200, np.uint8), field], [at(0.0), at(0.0, 0.5)], settings)
    assert volume.voxels[0, 3, 1:8].tolist() == [5, 15, 25, 35, 45, 55, 65]


def test_a_running_mean_is_rounded_after_each_pixel_and_an_exact_one_is_not():
    images = [np.full((6, 8), v, np.uint8) for v in (*(100,) * 9, 104, 104)]
    exact, running = (
        reconstruct(images, [at(0.0)] * 11, Reconstruction((1.0, 1.0, 1.0), compounding=how)).voxels for how in (MEAN, RUNNING_MEAN)
    )
    assert (exact == 101).all() and (running == 100).all()


@pytest.mark.parametrize("how", [MEAN, MAXIMUM, LATEST])
def test_adding_images_one_by_one_makes_the_volume_of_all(how):
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 255, (12, 16)).astype(np.uint8) for _ in range(6)]
    poses = [at(1.5 * k, 0.7 * k) for k in range(6)]
    settings = Reconstruction((1.0, 1.0, 1.0), compounding=how)
    growing = Compounder(settings)
    for image, T in zip(frames, poses, strict=True):
        growing.add(image, T)
        assert growing.volume().voxels.any()
    found = agreement(growing.volume(), reconstruct(frames, poses, settings))
    assert found.correlation == pytest.approx(1.0) and found.filled == 1.0


def test_only_the_fan_the_depths_and_bright_pixels_count(tmp_path):
    image = np.full((40, 40), 90, np.uint8)
    image[30, :] = 3
    fan = Fan((20.0, -10.0), (-0.5, 0.5), (10.0, 45.0))
    mask = fan.mask((40, 40))
    volume = reconstruct([image], [at(0.0)], Reconstruction((1.0, 1.0, 1.0), threshold=10), mask)
    rows, columns = np.indices((40, 40))
    radius, angle = np.hypot(columns - 20, rows + 10), np.arctan2(columns - 20, rows + 10)
    expected = (radius <= 45) & (radius >= 10) & (np.abs(angle) <= 0.5) & (rows != 30)
    assert 0.3 < expected.mean() < 0.7 and np.array_equal(volume.voxels[0] > 0, expected)


def test_nearest_neighbour_does_not_blend():
    image = np.tile(np.array([0, 200], np.uint8), (6, 4))
    settings = [Reconstruction((1.0, 1.0, 1.0), None, how) for how in ("LINEAR", NEAREST)]
    linear, nearest = (reconstruct([image, image], [at(0.0), at(0.0, 8.3)], s) for s in settings)
    assert set(np.unique(nearest.voxels)) <= {0, 200} and len(np.unique(linear.voxels)) > 2


def test_the_nearest_voxel_takes_a_pixel():
    field = np.tile(10 * np.arange(1, 9, dtype=np.uint8), (6, 1))
    settings = Reconstruction((1.0, 1.0, 1.0), None, NEAREST, compounding=LATEST)
    for shift, first in ((0.4, 0), (0.6, 1)):
        volume = reconstruct([np.full((6, 10), 5, np.uint8), field], [at(0.0), at(0.0, shift)], settings)
        assert volume.voxels[0, 3, first : first + 8].tolist() == field[3].tolist()


def test_a_stride_leaves_rows_and_columns_out():
    image = np.full((9, 9), 200, np.uint8)
    image[::2, ::2] = 10
    volume = compound([TrackedImage(0, image, at(0.0) @ SCALE)], Reconstruction((2.0, 2.0, 2.0), compounding=MAXIMUM), 2).volume()
    assert (volume.voxels == 10).all() and volume.voxels.shape == (1, 5, 5)


def test_a_fans_angles_count_from_straight_down_to_the_right():
    inside = Fan((20.0, 0.0), (0.2, 0.8), (5.0, 30.0)).mask((40, 40))
    rows, columns = np.nonzero(inside)
    assert inside.any() and (columns > 20).all()
    assert np.arctan2(columns - 20.0, rows).min() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("probe", probe_names())
def test_a_pixels_depth_counts_from_the_face_along_its_line(probe):
    scan = ScanLines.of_probe(load_probe(probe), 256, 0.08)
    geometry = image_geometry(load_probe(probe), scan)
    x, z = pixel_centres(geometry)
    line, sample = scan.fractional(x[None, :], z[:, None])
    drawn = (line >= 0) & (line <= scan.lines - 1) & (sample >= 0) & (sample <= scan.samples - 1)
    assert np.allclose(pixel_depths_m(geometry)[drawn], (sample * scan.depth_m / scan.samples)[drawn], atol=1e-9)


def test_a_sequences_depths_count_from_its_fans_near_edge(tmp_path):
    fan = 'FanAnglesDeg="-60 60" FanOriginPixel="4 -10" FanRadiusStartPixel="10" FanRadiusStopPixel="90" Interp'
    (tmp_path / "c.xml").write_text(XML.replace("Interp", fan))
    file = sequence_file(tmp_path / "s.mha", [tracked(0.0)])
    reconstruct_file(file, tmp_path / "c.xml", tmp_path / "v.mha", {"depth_mm": (1.5, 3.5)})
    column = read_volume(tmp_path / "v.mha").voxels[0, :, 4]
    assert column.tolist() == [0, 0, 50, 50, 0, 0]


def test_only_the_clip_rectangle_counts():
    image = np.zeros((6, 8), np.uint8)
    image[2:5, 3:6] = 90
    volume = reconstruct([image], [at(0.0)], Reconstruction((1.0, 1.0, 1.0), clip=(3, 2, 3, 3)))
    assert volume.offset_mm == (3.0, 2.0, 0.0) and (volume.voxels == 90).all()


@pytest.mark.parametrize(("stick", "filled"), [(0, False), (4, False), (5, True), (9, True)])
def test_holes_are_filled_up_to_the_stick_length(stick, filled):
    frames = [np.full((6, 8), v, np.uint8) for v in (40, 80)]
    volume = reconstruct(frames, [at(0.0), at(4.0)], Reconstruction((1.0, 1.0, 1.0), stick=stick))
    expected = [40, 50, 60, 70, 80] if filled else [40, 0, 0, 0, 80]
    assert volume.voxels[:, 3, 4].tolist() == expected


def test_a_robots_images_make_a_volume_that_grows_with_them():
    image = np.full((20, 30), 100, np.uint8)
    image[:, :5] = 0  # outside the fan
    poses = [at(0.002 * k, 0.01 * k) @ SCALE for k in range(6)]
    volume = compound((TrackedImage(0, image, T) for T in poses), Reconstruction((1.0, 1.0, 1.0), threshold=1)).volume()
    k, j, i = np.nonzero(volume.voxels)
    assert (volume.voxels[k, j, i] == 100).all()
    x = np.asarray(volume.offset_mm)[0] + i
    assert x.min() == 5 and x.max() == 79
    assert not volume.voxels[np.asarray(volume.voxels.shape)[0] - 1, 0, 0]


def test_a_run_without_images_has_no_volume(tmp_path):
    assert compound_run(iter(()), tmp_path / "v.mha") is None
    assert not (tmp_path / "v.mha").exists()
    volume = compound_run([TrackedImage(0, np.full((20, 30), 9, np.uint8), at(0.0) @ SCALE)], tmp_path / "v.mha")
    assert volume is not None and np.array_equal(read_volume(tmp_path / "v.mha").voxels, volume.voxels)


def test_the_commands_options_take_the_place_of_the_files_settings(tmp_path, capsys):
    (tmp_path / "c.xml").write_text(XML.replace('Interp', 'FanAnglesDeg="-60 60" FanOriginPixel="4 0" FanRadiusStopPixel="90" Interp'))
    file = sequence_file(tmp_path / "s.mha", [tracked(0.0), tracked(0.0), tracked(0.0)])
    command = ["reconstruct", str(file), "--calibration", str(tmp_path / "c.xml"), "--out", str(tmp_path / "v.nrrd")]
    assert main([*command, "--spacing", "1", "1", "2", "--compounding", "maximum", "--interpolation", "nearest-neighbor",
                 "--stick", "3", "--depth-mm", "1.5", "3.5", "--clip", "1", "0", "6", "6", "--threshold", "60"]) == 0  # fmt: skip
    assert "size: [6, 6, 1]" in capsys.readouterr().out
    voxels = read_volume(tmp_path / "v.nrrd").voxels
    assert set(np.unique(voxels)) == {0, 70} and voxels[0, :, 3].tolist() == [0, 0, 70, 70, 0, 0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--compounding", "median"], "compounding = MEDIAN: must be one of MEAN, RUNNING_MEAN, MAXIMUM, LATEST"),
        (["--interpolation", "cubic"], "interpolation = CUBIC"),
        (["--spacing", "1", "0", "1"], "must be above zero"),
        (["--depth-mm", "5", "2"], "the depths"),
        (["--stick", "-1"], "must be 0 or above"),
        (["--threshold", "256"], "the threshold 256 must be 0 to 255"),
        (["--threshold", "255"], "s.mha: nothing is left to compound"),
        (["--depth-mm", "900", "950"], "s.mha: nothing is left to compound"),
        (["--out", "v.nii"], "v.nii: a volume's file must end in .mha or .nrrd"),
        (["--latency-ms", "20"], "--latency-ms needs a run"),
    ],
)
def test_an_option_that_means_nothing_is_one_line(tmp_path, capsys, options, says):
    (tmp_path / "c.xml").write_text(XML)
    file = sequence_file(tmp_path / "s.mha", [tracked(0.0)])
    assert main(["reconstruct", str(file), "--calibration", str(tmp_path / "c.xml"), "--out", str(tmp_path / "v.mha"), *options]) == 1
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (tmp_path / "v.mha").exists()


def test_a_runs_volume_is_cut_by_depth_along_the_beam(tmp_path):
    scan = ScanLines.of_probe(load_probe("curvilinear"), 256, 0.08)
    geometry = image_geometry(load_probe("curvilinear"), scan)
    image = ScanConverter(scan, *pixel_centres(geometry))(np.full((scan.lines, scan.samples), 77, np.uint8))
    column_m, row_m = geometry.spacing_m
    T = geometry.T_probe_image @ np.diag([column_m, row_m, 1.0, 1.0])
    changes = {"depth_mm": (20.0, 50.0), "spacing_mm": (0.5, 0.5, 0.5)}
    stats = reconstruct_run([TrackedImage(0, image, T)], geometry, tmp_path / "v.mha", changes)
    volume = read_volume(tmp_path / "v.mha")
    k, j, i = np.nonzero(volume.voxels)
    p_mm = np.column_stack((i, j, k)) * 0.5 + volume.offset_mm
    radius_mm = 1e3 * geometry.face_radius_m
    depth_mm = np.hypot(p_mm[:, 0], p_mm[:, 2] + radius_mm) - radius_mm
    assert depth_mm.min() == pytest.approx(20.0, abs=0.8) and depth_mm.max() == pytest.approx(50.0, abs=0.8) and stats["frames"] == 1
    with pytest.raises(DataError, match="no accepted image"):
        reconstruct_run([], geometry, tmp_path / "v.mha")


def test_agreement_knows_the_same_and_the_different():
    rng = np.random.default_rng(0)
    a = Volume(rng.integers(1, 255, (8, 9, 10)).astype(np.uint8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    shifted = Volume(a.voxels[2:, 1:, 3:], a.spacing_mm, (3.0, 1.0, 2.0))
    inverted = Volume(255 - a.voxels, a.spacing_mm, a.offset_mm)
    far = Volume(a.voxels, a.spacing_mm, (100.0, 0.0, 0.0))
    assert agreement(a, shifted).correlation == pytest.approx(1.0) and agreement(a, shifted).mean_difference == 0.0
    assert agreement(a, inverted).correlation == pytest.approx(-1.0, abs=1e-6)
    assert np.isnan(agreement(a, far).correlation)


def test_bad_frames_are_skipped_and_counted(tmp_path):
    (tmp_path / "c.xml").write_text(XML)
    untracked = Frame(2.0, True, {"ReferenceToTracker": np.eye(4)})
    file = sequence_file(tmp_path / "s.mha", [tracked(0.0), tracked(1.0, ok=False), untracked, tracked(3.0)])
    stats = reconstruct_file(file, tmp_path / "c.xml", tmp_path / "v.mha")
    assert (stats["frames"], stats["skipped"], stats["size"]) == (2, 2, [8, 6, 4])
    assert stats["skipped 1"] == f"{file}: Seq_Frame0001_ImageStatus = INVALID"
    assert stats["skipped 2"] == f"{file}: Seq_Frame0002_ProbeToTrackerTransform is missing"
    assert read_volume(tmp_path / "v.mha").voxels[:, 3, 3].tolist() == [50, 0, 0, 80]


def test_a_sequence_without_poses_says_so(tmp_path):
    (tmp_path / "c.xml").write_text(XML)
    file = sequence_file(tmp_path / "s.mha", [Frame(0.0, True, {}), Frame(1.0, True, {})])
    with pytest.raises(DataError, match=r"s\.mha: none of its 2 images has a pose; Seq_Frame0000_ProbeToTrackerTransform is missing"):
        reconstruct_file(file, tmp_path / "c.xml", tmp_path / "v.mha")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<PlusConfiguration>", "<Plus", "not XML"),
        ("<PlusConfiguration>", '<!DOCTYPE a [<!ENTITY b "c">]><PlusConfiguration>', "document type"),
        ('From="Image"', 'From="Stylus"', 'no <Transform From="Image"'),
        ("1 0 0 0  0 1", "1 0 x 0  0 1", "Matrix of <Transform> must be 16 finite numbers"),
        ("1 0 0 0  0 1", "0 0 0 0  0 1", "not an invertible"),
        ('"1 1 1"', '"1 1 0"', "must be above zero"),
        ("LINEAR", "CUBIC", "Interpolation of <VolumeReconstruction> is CUBIC"),
        ("MEAN", "MEDIAN", "CompoundingMode of <VolumeReconstruction> is MEDIAN: must be one of MEAN, MAXIMUM, LATEST"),
        ('FillHoles="OFF"/>', f'FillHoles="ON">{GAUSSIAN_FILLING}</VolumeReconstruction>', "STICK"),
        ("FillHoles=", 'ClipRectangleOrigin="0 0" ClipRectangleSize="80 6" FillHoles=', "larger than the images"),
        ("FillHoles=", 'ClipRectangleOrigin="-1 0" ClipRectangleSize="4 4" FillHoles=', "clip rectangle"),
    ],
)
def test_a_broken_calibration_is_one_line_that_names_it(tmp_path, old, new, says):
    assert old in XML
    (tmp_path / "c.xml").write_text(XML.replace(old, new))
    file = sequence_file(tmp_path / "s.mha", [tracked(0.0)])
    with pytest.raises(DataError) as e:
        reconstruct_file(file, tmp_path / "c.xml", tmp_path / "v.mha")
    assert says in str(e.value) and "c.xml" in str(e.value) and "\n" not in str(e.value)


def test_real_settings_are_read(test_data):
    setup = read_calibration(test_data / "plus" / "SpinePhantomFreehandReconstruction.xml")
    assert setup.reconstruction == Reconstruction((0.5, 0.5, 0.5), (0, 0, 820, 616), "LINEAR", 9, RUNNING_MEAN)
    assert setup.T_probe_pixel[0, 3] == 15.3978
