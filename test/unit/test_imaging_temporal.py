import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.errors import DataError
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence
from medrobot_ros.imaging.temporal import Stretch, estimate_latency, image_motion

ROWS, ROW_MM = 200, 0.4


def depth_mm(t: np.ndarray) -> np.ndarray:
    """How far a hand moves a probe down."""
    return 4.0 * np.sin(2.0 * np.pi * 0.4 * t) + 1.5 * np.sin(2.0 * np.pi * 0.9 * t + 1.0)


COLUMNS = 40
LIT = np.linspace(0.2, 1.8, COLUMNS)  # one side is brighter


def rocked_rad(t: np.ndarray) -> np.ndarray:
    """How far it leans to the side meanwhile, in the image plane."""
    return 0.15 * np.sin(2.0 * np.pi * 0.5 * t + 2.0)


def images(t: np.ndarray, lag_s: float, rocking: bool = False) -> np.ndarray:
    """Stamped `t`, taken `lag_s` earlier, of layers that lie still."""
    lean = rocked_rad(t - lag_s) if rocking else np.zeros(len(t))
    down, across = ROW_MM * np.arange(ROWS)[None, :, None], ROW_MM * np.arange(COLUMNS)
    layer_mm = np.cos(lean)[:, None, None] * down + np.sin(lean)[:, None, None] * across + depth_mm(t - lag_s)[:, None, None]
    layers = 100 + 60 * np.sin(layer_mm / 2.1) + 50 * np.exp(-(((layer_mm - 40.0) / 3.0) ** 2))
    noise = np.random.default_rng(1).normal(0.0, 8.0, layers.shape)
    return np.clip(0.5 * LIT * layers + noise, 0, 255).astype(np.uint8)


def tracker(depth: float, lean_rad: float = 0.0) -> np.ndarray:
    T = np.eye(4)
    T[:2, :2] = [[np.cos(lean_rad), -np.sin(lean_rad)], [np.sin(lean_rad), np.cos(lean_rad)]]
    T[1, 3] = depth
    return T


@pytest.mark.parametrize("lag_s", [-0.08, 0.0, 0.013, 0.047, 0.21])
def test_a_known_lag_is_found_within_five_milliseconds(lag_s):
    t = np.arange(0.0, 8.0, 0.05)
    pose_s = np.arange(0.0, 8.0, 0.01)
    found = estimate_latency([Stretch(t, image_motion(images(t, lag_s)), depth_mm(pose_s))], pose_s)
    assert found.latency_s == pytest.approx(lag_s, abs=0.005) and found.correlation > 0.98


def test_a_lag_is_found_between_the_steps_of_the_search_and_beside_a_drift():
    t, pose_s, lag_s = np.arange(0.0, 8.0, 0.05), np.arange(0.0, 8.0, 0.002), 0.0371
    drift = 6.0 * (t / 8.0) ** 2 - 20.0 * t / 8.0
    found = estimate_latency([Stretch(t, drift - depth_mm(t - lag_s) / ROW_MM, depth_mm(pose_s))], pose_s)
    assert found.latency_s == pytest.approx(lag_s, abs=2e-4) and found.correlation > 0.999


def test_images_that_move_with_the_probe_and_not_against_it_do_not_follow_it():
    t = np.arange(0.0, 8.0, 0.05)
    with pytest.raises(DataError, match="does not follow the probe's"):
        estimate_latency([Stretch(t, depth_mm(t) / ROW_MM, depth_mm(t))], t)


def test_the_command_finds_the_lag_of_a_recorded_sequence_and_counts_what_it_left_out(tmp_path, capsys):
    t = np.arange(0.0, 6.0, 0.05)
    frames = tuple(Frame(float(s), abs(s - 2.0) > 0.01, {"ProbeToTracker": tracker(d, lean), "ReferenceToTracker": np.eye(4)})
                   for s, d, lean in zip(t, depth_mm(t), rocked_rad(t), strict=True))  # fmt: skip
    write_sequence(tmp_path / "s.mha", Sequence(tmp_path, images(t, 0.06, rocking=True), (ROW_MM, ROW_MM), frames))
    (tmp_path / "c.xml").write_text('<PlusConfiguration><Transform From="Image" To="Probe" '
                                    'Matrix="0.4 0 0 0 0 0.4 0 0 0 0 0.4 0 0 0 0 1"/></PlusConfiguration>')  # fmt: skip
    assert main(["latency", str(tmp_path / "s.mha"), "--calibration", str(tmp_path / "c.xml")]) == 0
    found = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert float(found["latency_ms"]) == pytest.approx(60.0, abs=5.0) and float(found["correlation"]) > 0.98
    assert (found["frames"], found["skipped"]) == ("119", "1")
    assert found["skipped 1"] == f"{tmp_path / 's.mha'}: Seq_Frame0040_ImageStatus = INVALID"


def test_where_nothing_is_drawn_nothing_moves():
    assert not image_motion(np.zeros((5, ROWS, COLUMNS), np.uint8)).any()


def test_motion_is_counted_in_rows_downwards():
    t = np.arange(0.0, 2.0, 0.05)
    moved = image_motion(images(t, 0.0))
    assert np.abs(moved + (depth_mm(t) - depth_mm(t[:1])) / ROW_MM).max() < 0.7


def test_motions_that_have_nothing_to_do_with_each_other_say_so():
    t = np.arange(0.0, 8.0, 0.05)
    noise = np.random.default_rng(0).normal(size=len(t))
    with pytest.raises(DataError, match="does not follow the probe's"):
        estimate_latency([Stretch(t, noise, depth_mm(t))], t)
    with pytest.raises(DataError, match=r"10 images over 0\.5 s, 0\.5 s from the ends of the poses: 20 over more than 1 s"):
        estimate_latency([Stretch(t[20:30], noise[20:30], depth_mm(t))], t)
