import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.errors import DataError, MachineError
from medrobot_ros.imaging.metaimage import TYPES
from medrobot_ros.imaging.sequence import Frame, Sequence, read_sequence, write_sequence
from medrobot_ros.imaging.volume import Volume, check_volume_path, read_volume, write_volume

HEADER = {"NDims": "3", "DimSize": "4 3 2", "ElementSpacing": "1 1 1", "ElementType": "MET_UCHAR", "ElementDataFile": "LOCAL"}
IDENTITY = "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"
PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
FRAMES = {"Seq_Frame0000_ImageStatus": "OK", "Seq_Frame0001_ImageStatus": "OK"}


def file_with(tmp_path: Path, data: bytes = PIXELS.tobytes(), **fields: str | None) -> Path:
    """A file with the header above, changed by `fields`; None leaves one out."""
    last = {"ElementDataFile": fields.pop("ElementDataFile", "LOCAL")}
    merged = {**HEADER, **FRAMES, **fields}
    merged.pop("ElementDataFile")
    path = tmp_path / "x.mha"
    lines = [f"{k} = {v}\n" for k, v in {**merged, **last}.items() if v is not None]
    path.write_bytes("".join(lines).encode() + data)
    return path


@pytest.mark.parametrize("kind", TYPES.values())
def test_a_volume_survives_writing_and_reading(tmp_path, kind):
    voxels = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(kind)
    volume = Volume(voxels, (0.5, 1.0, 2.5), (-1.25, 3.0, 1e-4))
    write_volume(tmp_path / "v.mha", volume)
    back = read_volume(tmp_path / "v.mha")
    assert back.voxels.dtype == voxels.dtype and np.array_equal(back.voxels, voxels)
    assert (back.spacing_mm, back.offset_mm) == (volume.spacing_mm, volume.offset_mm)


def test_a_sequence_survives_writing_and_reading(tmp_path):
    T = np.eye(4)
    T[:3, 3] = (1.5, -2.0, 3.25)
    frames = (Frame(0.5, True, {"ProbeToTracker": T}), Frame(0.75, False, {}))
    write_sequence(tmp_path / "s.mha", Sequence(tmp_path, PIXELS, (0.1, 0.2), frames))
    back = read_sequence(tmp_path / "s.mha")
    assert np.array_equal(back.pixels, PIXELS) and back.spacing_mm == (0.1, 0.2)
    assert [f.time_s for f in back.frames] == [0.5, 0.75] and [f.ok for f in back.frames] == [True, False]
    assert np.array_equal(back.frames[0].transforms["ProbeToTracker"], T) and not back.frames[1].transforms


def test_a_volume_survives_as_nrrd(tmp_path):
    pytest.importorskip("nrrd")
    volume = Volume(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), (0.5, 1.0, 2.5), (-1.25, 3.0, 1e-4))
    write_volume(tmp_path / "v.nrrd", volume)
    back = read_volume(tmp_path / "v.nrrd")
    assert np.array_equal(back.voxels, volume.voxels) and back.voxels.dtype == np.uint8
    assert (back.spacing_mm, back.offset_mm) == (volume.spacing_mm, volume.offset_mm)


def test_a_written_volume_says_how_it_lies_to_whoever_else_reads_it(tmp_path):
    volume = Volume(np.zeros((2, 3, 4), np.uint8), (0.5, 1.0, 2.5), (-1.25, 3.0, 1e-4))
    write_volume(tmp_path / "v.mha", volume)
    head = (tmp_path / "v.mha").read_bytes().split(b"ElementDataFile")[0].decode().splitlines()
    assert {"DimSize = 4 3 2", "ElementSpacing = 0.5 1 2.5", "Offset = -1.25 3 0.0001", "TransformMatrix = 1 0 0 0 1 0 0 0 1"} <= set(head)
    nrrd = pytest.importorskip("nrrd")
    write_volume(tmp_path / "v.nrrd", volume)
    header = nrrd.read_header(str(tmp_path / "v.nrrd"))
    assert header["space"] == "left-posterior-superior" and header["sizes"].tolist() == [4, 3, 2]
    assert np.diag(header["space directions"]).tolist() == [0.5, 1.0, 2.5]


def test_a_volumes_place_may_be_called_position(tmp_path):
    assert read_volume(file_with(tmp_path, Position="1.5 -2 3")).offset_mm == (1.5, -2.0, 3.0)
    assert read_volume(file_with(tmp_path, Position="1.5 -2 3", Offset="4 5 6")).offset_mm == (4.0, 5.0, 6.0)


@pytest.mark.parametrize("matrix", ["-1 0 0 0 -1 0 0 0 1", "0 1 0 1 0 0 0 0 1", "0.8 0.6 0 -0.6 0.8 0 0 0 1"])
def test_a_volume_that_is_turned_is_refused_and_not_read_as_if_it_were_not(tmp_path, matrix):
    with pytest.raises(DataError, match=rf"x\.mha: TransformMatrix = {matrix}: a volume must lie along the axes, 1 0 0 0 1 0 0 0 1"):
        read_volume(file_with(tmp_path, TransformMatrix=matrix))


@pytest.mark.parametrize(
    ("header", "says"),
    [({"space": "right-anterior-superior"}, "space = right-anterior-superior: must be left-posterior-superior"),
     ({"space directions": np.diag([-1.0, -1.0, 1.0])}, "along the axes"), ({"space directions": np.eye(3)[::-1]}, "along the axes")],
)  # fmt: skip
def test_an_nrrd_of_other_axes_is_refused(tmp_path, header, says):
    nrrd = pytest.importorskip("nrrd")
    own = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": np.zeros(3)}
    nrrd.write(str(tmp_path / "v.nrrd"), PIXELS, {**own, **header}, index_order="C")
    with pytest.raises(DataError, match=rf"v\.nrrd: .*{says}"):
        read_volume(tmp_path / "v.nrrd")


@pytest.mark.parametrize("content", [b"", b"NRRD0004\ntype: uchar\n", b"just text"])
def test_a_broken_nrrd_is_one_line(tmp_path, content):
    pytest.importorskip("nrrd")
    (tmp_path / "v.nrrd").write_bytes(content)
    with pytest.raises(DataError, match=r"v\.nrrd") as e:
        read_volume(tmp_path / "v.nrrd")
    assert "\n" not in str(e.value)


def test_another_suffix_names_the_valid_ones(tmp_path):
    with pytest.raises(DataError, match=r"v\.nii: a volume's file must end in \.mha or \.nrrd"):
        write_volume(tmp_path / "v.nii", Volume(PIXELS, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))


def test_nrrd_without_its_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nrrd", None)
    with pytest.raises(MachineError, match=r"medrobot_ros\[nrrd\]"):
        check_volume_path(tmp_path / "v.nrrd")


def test_big_endian_elements_are_read(tmp_path):
    data = np.arange(24, dtype=">i2").tobytes()
    volume = read_volume(file_with(tmp_path, data, ElementType="MET_SHORT", BinaryDataByteOrderMSB="True"))
    assert np.array_equal(volume.voxels.ravel(), np.arange(24))


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [("MFA", PIXELS), ("UFA", PIXELS[:, :, ::-1]), ("MNA", PIXELS[:, ::-1]),
     ("UNA", PIXELS[:, ::-1, ::-1]), ("FM", PIXELS), ("NU", PIXELS[:, ::-1, ::-1])],
)
def test_images_come_marked_side_left_and_near_side_up(tmp_path, orientation, expected):
    assert np.array_equal(read_sequence(file_with(tmp_path, UltrasoundImageOrientation=orientation)).pixels, expected)


def test_transforms_whose_status_is_not_ok_are_left_out(tmp_path):
    T = "1 0 0 7 0 1 0 0 0 0 1 0 0 0 0 1"
    fields = {"Seq_Frame0000_ATransform": T, "Seq_Frame0001_ATransform": T, "Seq_Frame0001_ATransformStatus": "INVALID"}
    first, second = read_sequence(file_with(tmp_path, **fields)).frames
    assert first.transforms["A"][0, 3] == 7.0 and "A" not in second.transforms


@pytest.mark.parametrize(
    ("data", "fields", "says"),
    [
        (PIXELS.tobytes()[:-1], {}, "truncated: 23 bytes of pixels where DimSize needs 24"),
        (PIXELS.tobytes() + b"0", {}, "longer than its header says"),
        (zlib.compress(PIXELS.tobytes())[:-3], {"CompressedData": "True"}, "truncated"),
        (zlib.compress(PIXELS.tobytes()), {"CompressedData": "True", "CompressedDataSize": "999"}, "of 999 bytes"),
        (b"no zlib stream", {"CompressedData": "True"}, "compressed pixels are broken"),
        (zlib.compress(bytes(1000)), {"CompressedData": "True"}, "longer than its header says"),
        (PIXELS.tobytes(), {"DimSize": None}, "DimSize is missing"),
        (PIXELS.tobytes(), {"DimSize": "4 3"}, "DimSize must be 3 finite numbers"),
        (PIXELS.tobytes(), {"DimSize": "4 3 -2"}, "whole numbers above zero"),
        (PIXELS.tobytes(), {"DimSize": "999999 999999 999999"}, "larger than"),
        (PIXELS.tobytes(), {"NDims": "2"}, "NDims = 2: 3 are needed"),
        (PIXELS.tobytes(), {"ElementType": "MET_SHORT"}, "ElementType = MET_SHORT: must be MET_UCHAR"),
        (PIXELS.tobytes(), {"ElementNumberOfChannels": "3"}, "ElementNumberOfChannels = 3"),
        (PIXELS.tobytes(), {"CompressedData": "maybe"}, "must be True or False"),
        (PIXELS.tobytes(), {"ElementDataFile": "other.raw"}, "ElementDataFile = other.raw"),
        (PIXELS.tobytes(), {"Seq_Frame0002_ImageStatus": "OK"}, "Seq_Frame0002 has no image"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(tmp_path, data, fields, says):
    path = file_with(tmp_path, data, **fields)
    with pytest.raises(DataError) as e:
        read_sequence(path)
    assert says in str(e.value) and str(path) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"Seq_Frame0001_ImageStatus": None}, "Seq_Frame0001 has no fields"),
        ({"Seq_Frame0001_ImageStatus": "INVALID"}, "Seq_Frame0001_ImageStatus = INVALID"),
        ({"Seq_Frame0001_FrameSize": "8 3 1"}, "Seq_Frame0001_FrameSize = 8 3 1 where DimSize holds 4 3"),
        ({"Seq_Frame0001_ATransform": "1 2 3"}, "Seq_Frame0001_ATransform must be 16 finite numbers, not '1 2 3'"),
        ({"Seq_Frame0001_ATransform": "1 " * 15 + "nan"}, "Seq_Frame0001_ATransform must be 16 finite"),
        ({"Seq_Frame0001_ATransform": "1 " * 16}, "Seq_Frame0001_ATransform does not end in 0 0 0 1"),
        ({"Seq_Frame0001_ATransform": IDENTITY, "Seq_Frame0001_ATransformStatus": "INVALID"}, "Seq_Frame0001_ATransformStatus = INVALID"),
        ({"Seq_Frame0001_Timestamp": "noon"}, "Seq_Frame0001_Timestamp = 'noon' is not a row of numbers"),
    ],
)
def test_what_is_wrong_with_one_frame_is_named_and_the_others_are_read(tmp_path, fields, says):
    good = {"Seq_Frame0000_ATransform": IDENTITY, "Seq_Frame0000_Timestamp": "1.5"}
    first, second = read_sequence(file_with(tmp_path, **good, **fields)).frames
    assert first.ok and first.time_s == 1.5 and "A" in first.transforms and not first.problems
    assert second.problems[0].startswith(says) and "A" not in second.transforms and second.time_s is None


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00", b"just text\n", b"NDims = 3\nDimSize"])
def test_what_is_no_metaimage_says_so(tmp_path, content):
    (tmp_path / "x.mha").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.mha"):
        read_volume(tmp_path / "x.mha")


def test_a_missing_file_and_an_unwritable_one_say_so(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_volume(tmp_path / "none.mha")
    with pytest.raises(DataError, match="cannot be written"):
        write_volume(tmp_path / "no" / "v.mha", Volume(PIXELS, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
