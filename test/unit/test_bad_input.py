"""Bad images and labels by the command line: file, frame and field are named, what is good is used, and counts are told."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.cli.examinations import confirm
from medrobot_ros.config import CellConfig
from medrobot_ros.errors import MedrobotError
from medrobot_ros.imaging.metaimage import write
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence
from medrobot_ros.recording.reader import Run

CALIBRATION = """<PlusConfiguration><Transform From="Image" To="Probe" Matrix="1 0 0 0  0 1 0 0  0 0 1 0  0 0 0 1"/>
<VolumeReconstruction OutputSpacing="1 1 1"/></PlusConfiguration>"""
FRAMES = 9


@pytest.fixture
def bad(tmp_path) -> Path:
    """Of nine frames of 20 x 16: 1 invalid, 2 of another size, 3 without a transform, 4 with one not tracked, 5 with one unreadable."""
    frames = []
    for k in range(FRAMES):
        T = np.eye(4)
        T[2, 3] = k
        transforms = {"ReferenceToTracker": np.eye(4)} if k == 3 else {"ProbeToTracker": T, "ReferenceToTracker": np.eye(4)}
        frames.append(Frame(0.1 * k, k != 1, transforms))
    pixels = np.full((FRAMES, 16, 20), 90, np.uint8)
    file = tmp_path / "s.igs.mha"
    write_sequence(file, Sequence(file, pixels, (1.0, 1.0), tuple(frames)))
    broken = file.read_bytes()
    for was, now in (
        (b"Seq_Frame0002_ImageStatus", b"Seq_Frame0002_FrameSize = 30 16\nSeq_Frame0002_ImageStatus"),
        (b"Seq_Frame0004_ProbeToTrackerTransformStatus = OK", b"Seq_Frame0004_ProbeToTrackerTransformStatus = OUT_OF_VIEW"),
        (b"Seq_Frame0005_ProbeToTrackerTransform = 1 0 0", b"Seq_Frame0005_ProbeToTrackerTransform = 1 x 0"),
    ):
        assert was in broken
        broken = broken.replace(was, now)
    file.write_bytes(broken)
    (tmp_path / "c.xml").write_text(CALIBRATION)
    return file


FAULTS = (
    "Seq_Frame0001_ImageStatus = INVALID", "Seq_Frame0002_FrameSize = 30 16 where DimSize holds 20 16",
    "Seq_Frame0003_ProbeToTrackerTransform is missing", "Seq_Frame0004_ProbeToTrackerTransformStatus = OUT_OF_VIEW",
    "Seq_Frame0005_ProbeToTrackerTransform = '1 x 0 0 0 1 0 0 0 0 1 5 0 0 0 1' is not a row of numbers",
)  # fmt: skip


def test_bad_frames_are_named_and_counted_and_the_others_make_the_volume(bad, capsys):
    out = bad.parent / "v.mha"
    assert main(["reconstruct", str(bad), "--calibration", str(bad.parent / "c.xml"), "--out", str(out)]) == 0
    told = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert (told["frames"], told["skipped"]) == ("4", "5") and out.stat().st_size > 0
    assert tuple(told[f"skipped {n}"] for n in range(1, 6)) == tuple(f"{bad}: {fault}" for fault in FAULTS)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["report", "gone"], "gone: no such file or folder"),
        (["reconstruct", "gone", "--out", "v.mha"], "gone: no such file or folder"),
        (["latency", "gone"], "gone: no such file or folder"),
        (["reconstruct", ".", "--out", "v.mha", "--latency-ms", "nan"], "nan must lie in -1000 to 1000"),
        (["reconstruct", ".", "--out", "v.mha", "--gate-mm", "-1"], "-1 must lie in 0.01 to 100"),
        (["measure", "distance", ".", "--at", "1", "--dynamic-range-db", "nan"], "nan must lie in 1 to 200"),
        (["measure", "distance", ".", "--at", "1", "--dynamic-range-db", "x"], "'x'"),
        (["bench", "force", "--arm", "fr4"], "unknown arm 'fr4'"),
        (["bench", "force", "--out", "file"], "file: File exists"),
        (["simulate", "--hardware", "ros2_control", "--yes"], "take `medrobot scan`, or --hardware mock"),
    ],
)
def test_bad_input_is_one_line_at_once(arguments, why, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert why in told and told.startswith("medrobot: ") and told.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_confirmation_that_ends_without_an_answer_is_none(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True, readline=lambda: ""))
    with pytest.raises(MedrobotError, match="not confirmed; nothing moved"):
        confirm(replace(CellConfig(), hardware=replace(CellConfig().hardware, name="ros2_control")))


def test_an_unsupported_kind_of_pixels_is_named_with_the_file_and_the_valid_ones(tmp_path, capsys):
    file = tmp_path / "f.igs.mha"
    write(file, np.zeros((2, 8, 8), np.float32), {"ElementSpacing": "1 1 1", "Seq_Frame0000_ImageStatus": "OK"})
    (tmp_path / "c.xml").write_text(CALIBRATION)
    for command in (
        ["reconstruct", str(file), "--calibration", str(tmp_path / "c.xml"), "--out", str(tmp_path / "v.mha")],
        ["latency", str(file), "--calibration", str(tmp_path / "c.xml")],
        ["simulate", "--out", str(tmp_path / "runs"), "--set", "imaging.source=playback", "--set", f"imaging.file={file}"],
    ):
        assert main(command) == 1
        assert capsys.readouterr().err == f"medrobot: {file}: ElementType = MET_FLOAT: must be MET_UCHAR\n"


def test_an_examination_with_bad_recorded_frames_plays_the_good_ones_and_records_the_others_as_events(bad, tmp_path):
    """Images of one grey are refused by their quality, so that the examination ends rejected: what counts here is its record."""
    quick = ("scan.size_m=0.03,0.02", "scan.speed_m_per_s=0.03", "scan.max_repeats=0", "hardware.rate_hz=100")
    settings = ("imaging.source=playback", f"imaging.file={bad}", *quick)
    out = tmp_path / "runs"
    status = main(["simulate", "--out", str(out), "--yes", *(a for s in settings for a in ("--set", s))])
    (folder,) = out.iterdir()
    assert status == 2 and json.loads((folder / "summary.json").read_text())["events"]["imaging/bad_frame"] == 2
    run = Run(folder)
    named = [e.detail for e in run.signals("events") if e.kind == "bad_frame"]
    assert named == [f"{bad}: {fault}" for fault in FAULTS[:2]] and len(run.raw("image")[0]) > 20


def test_a_label_without_a_material_is_named_before_anything_starts(tmp_path, capsys):
    labels, materials = tmp_path / "l.mha", tmp_path / "m.yaml"
    head = {"ElementSpacing": "5 5 5", "Offset": "0 0 0", "AnatomicalOrientation": "RAI"}
    write(labels, np.full((6, 6, 6), 7, np.uint8), head)
    materials.write_text("0: bowel\n3: liver\n")
    settings = ("--set", f"imaging.labels={labels}", "--set", f"imaging.materials={materials}")
    assert main(["simulate", "--out", str(tmp_path / "runs"), *settings]) == 1
    assert capsys.readouterr().err == f"medrobot: {labels}: label 7 has no material in {materials}\n"
    assert not (tmp_path / "runs").exists()
