from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.config import CellConfig, from_dict
from medrobot_ros.errors import ConfigError, DataError
from medrobot_ros.imaging.playback import Playback, make
from medrobot_ros.imaging.sequence import Frame, Sequence

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


def test_bad_frames_are_left_out():
    assert played(Playback(sequence([0.0, 0.1, 0.2], [True, False, True])), [0.0, 0.15, 0.25]) == [(0, 0.0), None, (2, 0.2)]


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


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: sequence([0.0, None]), "Seq_Frame0001_Timestamp is missing"),
        (lambda: sequence([0.0, 0.2, 0.1]), "Seq_Frame0002_Timestamp"),
        (lambda: sequence([0.0], [False]), "no frame with ImageStatus OK"),
    ],
)
def test_what_cannot_be_played_says_so(made, says):
    with pytest.raises(DataError, match=says):
        Playback(made())


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
