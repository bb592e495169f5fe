"""The volume that is shown while the robot scans, in a whole examination."""

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.cell import STAGES, Cell, make_stage, run_examination
from medrobot_ros.config import from_dict
from medrobot_ros.geometry.pose import pose
from medrobot_ros.imaging.live import LIVE, STRIDE, LiveVolume
from medrobot_ros.imaging.reconstruction import compound
from medrobot_ros.imaging.scan_conversion import R_PROBE_IMAGE
from medrobot_ros.recording.reader import Run
from medrobot_ros.recording.writer import RecorderStage, new_run
from medrobot_ros.signals import Image, ImageGeometry, ProbeState

SETTINGS = {
    "hardware": {"rate_hz": 100.0}, "imaging": {"rate_hz": 5.0, "volume_hz": 1.0},
    "scan": {"size_m": [0.03, 0.02], "speed_m_per_s": 0.015, "confirmed": True},
}  # fmt: skip


def at(y_m: float) -> np.ndarray:
    return pose(np.eye(3), np.array([0.0, y_m, 0.0]))


def test_an_image_lies_where_the_probe_was_between_two_poses_and_one_from_before_them_is_left_out():
    geometry = ImageGeometry(0, "flat", 60, 40, (0.001, 0.001), pose(R_PROBE_IMAGE, np.zeros(3)), 0.06, 0.04)
    volume, pixels = LiveVolume(geometry), np.full((60, 40), 90, np.uint8)
    for stamp_ns, y_m in ((1_000, 0.02), (2_000, 0.06)):
        volume.hear(ProbeState(stamp_ns, at(y_m)))
    volume.add(Image(500, pixels))
    volume.advance()
    assert volume.cloud(0) is None
    volume.add(Image(1_250, pixels))
    volume.add(Image(2_500, pixels))
    volume.advance()
    cloud = volume.cloud(0)
    assert np.allclose(cloud.points[:, 1], 0.03) and np.ptp(cloud.points[:, 2]) > 0.05
    volume.hear(ProbeState(3_000, at(0.1)))
    volume.advance()
    assert volume.cloud(0).points[:, 1].max() == pytest.approx(0.08, abs=0.004)


def test_the_volume_grows_with_the_scan_into_that_of_the_record(tmp_path):
    config = from_dict(SETTINGS)
    folder = new_run(tmp_path, "live", config)
    recorder = RecorderStage(folder, config, load_arm(config.arm.name, config.probe.name).joint_names)
    clouds = []

    def listen(topic, signal):
        if topic == "volume":
            clouds.append((cell.task.phase, signal))
        else:
            recorder.receive(topic, signal)
        return ()

    cell = Cell({name: make_stage(name, config) for name in STAGES}, listen)
    for _ in run_examination(cell, 120.0):
        pass
    recorder.close()
    assert cell.task.outcome == "accepted"
    sizes = [len(cloud.points) for phase, cloud in clouds if phase == "scan"]
    assert len(sizes) >= 2 and sizes == sorted(sizes) and sizes[-1] > sizes[0] > 0
    recorded = compound(Run(folder).tracked_images(), LIVE, STRIDE).volume()
    k, j, i = np.nonzero(recorded.voxels)
    at_m = 1e-3 * (np.column_stack((i, j, k)) * recorded.spacing_mm + recorded.offset_mm)
    last = clouds[-1][1]
    assert abs(len(last.points) - len(at_m)) < 0.1 * len(at_m)
    for side in (np.min, np.max):
        assert np.abs(side(last.points, axis=0) - side(at_m, axis=0)).max() < 0.005
