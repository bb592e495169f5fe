from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.calibration import Reconstruction, read_calibration
from medrobot_ros.imaging.reconstruction import compound, compound_run, correlation_where_filled, reconstruct, reconstruct_file
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence
from medrobot_ros.imaging.volume import Volume, read_volume

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
    assert correlation_where_filled(ours, theirs) > 0.99
    shared = ours.voxels[:104, :106, :147] > 0
    assert (shared == (theirs.voxels > 0)).mean() > 0.98


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


def test_nearest_neighbour_does_not_blend():
    image = np.tile(np.array([0, 200], np.uint8), (6, 4))
    settings = [Reconstruction((1.0, 1.0, 1.0), None, how) for how in ("LINEAR", "NEAREST_NEIGHBOR")]
    linear, nearest = (reconstruct([image, image], [at(0.0), at(0.0, 8.3)], s) for s in settings)
    assert set(np.unique(nearest.voxels)) <= {0, 200} and len(np.unique(linear.voxels)) > 2


def test_only_the_clip_rectangle_counts():
    image = np.zeros((6, 8), np.uint8)
    image[2:5, 3:6] = 90
    volume = reconstruct([image], [at(0.0)], Reconstruction((1.0, 1.0, 1.0), clip=(3, 2, 3, 3)))
    assert volume.offset_mm == (3.0, 2.0, 0.0) and (volume.voxels == 90).all()


@pytest.mark.parametrize(("stick", "filled"), [(0, False), (3, False), (4, True), (9, True)])
def test_holes_are_filled_up_to_the_stick_length(stick, filled):
    frames = [np.full((6, 8), v, np.uint8) for v in (40, 80)]
    volume = reconstruct(frames, [at(0.0), at(4.0)], Reconstruction((1.0, 1.0, 1.0), stick=stick))
    expected = [40, 50, 60, 70, 80] if filled else [40, 0, 0, 0, 80]
    assert volume.voxels[:, 3, 4].tolist() == expected


def test_a_robots_images_make_a_volume_that_grows_with_them():
    image = np.full((20, 30), 100, np.uint8)
    image[:, :5] = 0  # outside the fan
    poses = [at(0.002 * k, 0.01 * k) @ SCALE for k in range(6)]
    volume = compound(((image, T) for T in poses), 1.0)
    assert volume is not None
    k, j, i = np.nonzero(volume.voxels)
    assert (volume.voxels[k, j, i] == 100).all()
    x = np.asarray(volume.offset_mm)[0] + i
    assert x.min() == 5 and x.max() == 79
    assert not volume.voxels[np.asarray(volume.voxels.shape)[0] - 1, 0, 0]


def test_a_run_without_images_has_no_volume(tmp_path):
    assert compound_run(iter(()), tmp_path / "v.mha") is None
    assert not (tmp_path / "v.mha").exists()
    volume = compound_run([(np.full((20, 30), 9, np.uint8), at(0.0) @ SCALE)], tmp_path / "v.mha")
    assert volume is not None and np.array_equal(read_volume(tmp_path / "v.mha").voxels, volume.voxels)


def test_correlation_knows_the_same_and_the_different():
    rng = np.random.default_rng(0)
    a = Volume(rng.integers(1, 255, (8, 9, 10)).astype(np.uint8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    shifted = Volume(a.voxels[2:, 1:, 3:], a.spacing_mm, (3.0, 1.0, 2.0))
    inverted = Volume(255 - a.voxels, a.spacing_mm, a.offset_mm)
    far = Volume(a.voxels, a.spacing_mm, (100.0, 0.0, 0.0))
    assert correlation_where_filled(a, shifted) == pytest.approx(1.0)
    assert correlation_where_filled(a, inverted) == pytest.approx(-1.0, abs=1e-6)
    assert np.isnan(correlation_where_filled(a, far))


def test_bad_frames_are_skipped_and_counted(tmp_path):
    (tmp_path / "c.xml").write_text(XML)
    untracked = Frame(2.0, True, {"ReferenceToTracker": np.eye(4)})
    file = sequence_file(tmp_path / "s.mha", [tracked(0.0), tracked(1.0, ok=False), untracked, tracked(3.0)])
    stats = reconstruct_file(file, tmp_path / "c.xml", tmp_path / "v.mha")
    assert (stats["frames"], stats["skipped"], stats["size"]) == (2, 2, [8, 6, 4])
    assert read_volume(tmp_path / "v.mha").voxels[:, 3, 3].tolist() == [50, 0, 0, 80]


def test_a_sequence_without_poses_says_so(tmp_path):
    (tmp_path / "c.xml").write_text(XML)
    file = sequence_file(tmp_path / "s.mha", [Frame(0.0, True, {}), Frame(1.0, True, {})])
    with pytest.raises(DataError, match=r"s\.mha: no Seq_FrameNNNN_ProbeToTrackerTransform"):
        reconstruct_file(file, tmp_path / "c.xml", tmp_path / "v.mha")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<PlusConfiguration>", "<Plus", "not XML"),
        ("<PlusConfiguration>", '<!DOCTYPE a [<!ENTITY b "c">]><PlusConfiguration>', "document type"),
        ('From="Image"', 'From="Stylus"', 'no <Transform From="Image"'),
        ("1 0 0 0  0 1", "1 0 x 0  0 1", "Matrix of <Transform> must be 16 finite numbers"),
        ("1 0 0 0  0 1", "0 0 0 0  0 1", "not an invertible"),
        ('"1 1 1"', '"1 1 0"', "OutputSpacing must be above zero"),
        ("LINEAR", "CUBIC", "Interpolation = CUBIC"),
        ("MEAN", "LATEST", "CompoundingMode = LATEST"),
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
    assert setup.reconstruction == Reconstruction((0.5, 0.5, 0.5), (0, 0, 820, 616), "LINEAR", 9)
    assert setup.T_probe_pixel[0, 3] == 15.3978
