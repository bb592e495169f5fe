from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.config import CellConfig, from_dict
from medrobot_ros.errors import ConfigError, DataError
from medrobot_ros.imaging.playback import Playback, make
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence

START_NS = 7_000_000_000


def sequence(times: list[float | None], ok: list[bool] | None = None) -> Sequence:
    """Frames whose pixels hold their own number, posed at 10 mm a number."""
    frames = []
    for k, t in enumerate(times):
        T = np.eye(4)
        T[0, 3] = 10.0 * k
        frames.append(Frame(t, True if ok is None else ok[k], {"ProbeToTracker": T}))
    pixels = np.stack([np.full((6, 8), k, np.uint8) for k in range(len(times))])
    return Sequence(Path("s.igs.mha"), pixels, (0.5, 0.25), tuple(frames))


def played(playback: Playback, times_s: list[float]) -> list[tuple[int, float] | None]:
    """(frame, stamp [s] since the start) at each time, None where nothing is due."""
    images = [playback.acquire(START_NS + round(1e9 * t), None) for t in times_s]
    return [None if i is None else (int(i.pixels[0, 0]), round(1e-9 * (i.stamp_ns - START_NS), 6)) for i in images]


def test_frames_come_once_at_their_own_times_and_begin_again():
    playback = Playback(sequence([100.0, 100.1, 100.4]))
    shown = played(playback, [0.0, 0.05, 0.12, 0.3, 0.41, 0.55, 0.61, 0.72])
    assert shown == [(0, 0.0), None, (1, 0.1), None, (2, 0.4), None, (0, 0.6), (1, 0.7)]


def test_a_slow_caller_gets_the_newest_frame_with_its_own_time():
    assert played(Playback(sequence([0.0, 0.1, 0.2, 0.3])), [0.0, 0.35]) == [(0, 0.0), (3, 0.3)]


def test_bad_frames_are_left_out_and_told_of_once():
    playback = Playback(sequence([0.0, 0.1, 0.2, None, 0.15, 0.3], [True, False, True, True, True, True]))
    assert played(playback, [0.0, 0.15, 0.25, 0.31]) == [(0, 0.0), None, (2, 0.2), (5, 0.3)]
    assert playback.faults() == (
        "s.igs.mha: Seq_Frame0001_ImageStatus is not OK",
        "s.igs.mha: Seq_Frame0003_Timestamp is missing",
        "s.igs.mha: Seq_Frame0004_Timestamp = 0.15 does not lie after the frame before it",
    )
    assert playback.faults() == ()


def test_what_is_wrong_with_a_frame_of_a_file_is_told_by_its_field(tmp_path):
    good = sequence([0.0, 0.1, 0.2, 0.3])
    file = tmp_path / "s.igs.mha"
    write_sequence(file, replace(good, frames=(*good.frames[:2], replace(good.frames[2], ok=False), good.frames[3])))
    data = file.read_bytes().replace(b"Seq_Frame0001_ImageStatus", b"Seq_Frame0001_FrameSize = 4 4\nSeq_Frame0001_ImageStatus")
    file.write_bytes(data.replace(b"Seq_Frame0003_Timestamp = 0.300000", b"Seq_Frame0003_Timestamp = 0,300000"))
    playback = make(from_dict({"imaging": {"source": "playback", "file": str(file)}}))
    assert playback.faults() == (
        f"{file}: Seq_Frame0001_FrameSize = 4 4 where DimSize holds 8 6",
        f"{file}: Seq_Frame0002_ImageStatus = INVALID",
        f"{file}: Seq_Frame0003_Timestamp = '0,300000' is not a row of numbers",
    )


def test_poses_are_those_of_the_frame_that_is_due():
    playback = Playback(sequence([0.0, 0.1, 0.2]))
    assert playback.pose(START_NS) is None
    playback.acquire(START_NS, None)
    assert np.allclose(playback.pose(START_NS + 150_000_000)[:3, 3], (0.01, 0.0, 0.0))


def test_geometry_comes_from_the_spacing_or_the_calibration():
    g = Playback(sequence([0.0])).geometry()
    assert (g.rows, g.columns) == (6, 8) and np.allclose(g.spacing_m, (0.0005, 0.00025)) and np.isclose(g.aperture_m, 0.004)
    R = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R * (0.1, 0.2, 0.1), (1.0, 2.0, 3.0)
    g = Playback(sequence([0.0]), T).geometry()
    assert np.allclose(g.spacing_m, (0.0001, 0.0002))
    pixel_m = g.T_probe_image @ (7 * g.spacing_m[0], 5 * g.spacing_m[1], 0.0, 1.0)
    assert np.allclose(1e3 * pixel_m[:3], (T @ (7.0, 5.0, 0.0, 1.0))[:3])


def test_a_sequence_without_a_good_frame_says_what_is_wrong_with_the_first():
    with pytest.raises(DataError, match=r"Seq_Frame0000_Timestamp is missing; none of its 2 frames can be played"):
        Playback(sequence([None, 0.1], [True, False]))


def test_a_file_is_needed():
    with pytest.raises(ConfigError, match=r"imaging\.file"):
        make(CellConfig())


def test_real_tracked_ultrasound_plays(test_data):
    plus = test_data / "plus"
    files = {"file": str(plus / "SpinePhantomFreehand.igs.mha"), "calibration": str(plus / "SpinePhantomFreehandReconstruction.xml")}
    playback = make(from_dict({"imaging": {"source": "playback", **files}}))
    g = playback.geometry()
    assert (g.rows, g.columns) == (616, 820) and 0.00007 < g.spacing_m[0] < 0.00009
    images = [playback.acquire(round(1e9 * t), None) for t in np.arange(0.0, 3.0, 0.05)]
    shown = [i for i in images if i is not None]
    stamps = [i.stamp_ns for i in shown]
    assert len(shown) >= 10 and stamps == sorted(set(stamps)) and playback.pose(0) is not None
