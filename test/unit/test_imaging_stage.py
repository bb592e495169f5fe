from dataclasses import replace
from io import BytesIO
from itertools import repeat
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Picture

from medrobot_ros.config import CellConfig, QualitySection
from medrobot_ros.imaging.preview import SCALE_PX, annotated, depth_ticks, to_png
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.scan_conversion import ScanLines, image_geometry, pixel_centres
from medrobot_ros.imaging.stage import HEARTBEAT_HZ, ImagingStage, make_imaging
from medrobot_ros.signals import Image, ImageGeometry, PatientTruth, ProbeState, TaskStatus
from medrobot_ros.stage import Stage

GEOMETRY = ImageGeometry(0, "flat", 60, 40, (0.001, 0.001), np.eye(4), 0.06, 0.04)


class Scripted:
    """Gives the images of a list, one a call."""

    left_out: tuple[str, ...] = ()

    def __init__(self, images: list[Image | None]) -> None:
        self.images, self.truths = images, []

    def geometry(self) -> ImageGeometry:
        return GEOMETRY

    def acquire(self, stamp_ns: int, truth: PatientTruth | None) -> Image | None:
        self.truths.append(truth)
        return self.images.pop(0) if self.images else None

    def faults(self) -> tuple[str, ...]:
        faults, self.left_out = self.left_out, ()
        return faults


def image(stamp_ns: int, shape: tuple[int, int] = (60, 40)) -> Image:
    return Image(stamp_ns, np.full(shape, 90, np.uint8))


def stage(images: list[Image | None], rate_hz: float = 20.0) -> ImagingStage:
    return ImagingStage(Scripted(images), QualityMeter(GEOMETRY, QualitySection(), 60.0), rate_hz)


def topics(outputs) -> list[str]:
    return [t for t, _ in outputs]


def test_each_image_comes_with_a_verdict_of_its_own_stamp():
    it = stage([image(5), None, image(9)])
    first, second, third = (list(it.tick(k)) for k in (10, 20, 30))
    assert topics(first) == ["heartbeat", "image/geometry", "image", "image/quality"]
    assert topics(second) == ["heartbeat"] and topics(third) == ["heartbeat", "image", "image/quality"]
    assert dict(first)["image"].stamp_ns == dict(first)["image/quality"].stamp_ns == 5
    assert dict(first)["image/geometry"].stamp_ns == dict(first)["heartbeat"].stamp_ns == 10
    assert isinstance(it, Stage)


@pytest.mark.parametrize(("image_rate_hz", "tick_hz"), [(20.0, 20.0), (10.0, 10.0), (4.0, 12.0), (1.0, 10.0)])
def test_the_heart_beats_however_seldom_images_come(image_rate_hz, tick_hz):
    it = stage([image(k + 1) for k in range(100)], image_rate_hz)
    assert it.rate_hz == tick_hz >= HEARTBEAT_HZ
    outputs = [topics(it.tick(k)) for k in range(round(2 * tick_hz))]
    assert all("heartbeat" in o for o in outputs)
    assert sum("image" in o for o in outputs) == 2 * image_rate_hz


def test_images_out_of_order_or_of_another_size_are_counted_and_dropped():
    it = stage([image(50), image(40), image(60, (40, 60)), image(70)])
    outputs = [list(it.tick(k)) for k in range(4)]
    assert [("image" in topics(o)) for o in outputs] == [True, False, False, True]
    events = [s for o in outputs for t, s in o if t == "events"]
    assert [e.kind for e in events] == ["out_of_order", "bad_image"] and "(40, 60)" in events[1].detail


def test_each_frame_that_the_source_leaves_out_is_an_event_with_their_count():
    it = stage([])
    it._source.left_out = tuple(f"s.igs.mha: Seq_Frame{k:04d}_ImageStatus = INVALID" for k in range(7))
    assert "events" not in topics(it.tick(0))  # nobody records yet
    it.receive("task/state", TaskStatus(0, "scanning", "find"))
    events = [[s for t, s in it.tick(k) if t == "events"] for k in range(1, 4)]
    assert [len(e) for e in events] == [5, 2, 0]
    assert [(e.kind, e.detail, e.values["count"]) for e in events[1]] == [
        ("bad_frame", f"s.igs.mha: Seq_Frame{k:04d}_ImageStatus = INVALID", k + 1) for k in (5, 6)
    ]


def test_accepted_images_become_a_volume_while_they_come():
    least = ("min_contact_share", "min_visibility", "min_target_visibility", "min_confidence", "min_penetration_m")
    anything = QualitySection(**dict.fromkeys(least, 0.0), max_shadow_share=1.0, max_blur=1.0)
    every_s = 0.05
    images = [image(round(1e9 * (k * every_s - 0.013))) for k in range(1, 61)]
    it = ImagingStage(Scripted(images), QualityMeter(GEOMETRY, anything, 60.0), 20.0, volume_hz=1.0)
    clouds = {}
    for k in range(1, 61):
        now_ns, T = round(1e9 * k * every_s), np.eye(4)
        T[2, 3] = 0.01 * k * every_s  # 10 mm/s across the image plane
        it.receive("probe/pose", ProbeState(now_ns, T))
        if k == 20:
            it.receive("task/state", TaskStatus(now_ns, "scanning", "scan"))
        if k == 50:
            it.receive("task/state", TaskStatus(now_ns, "concluded", "", outcome="accepted"))
        clouds |= {tick: s for tick, (t, s) in zip(repeat(k), it.tick(now_ns), strict=False) if t == "volume"}
    assert list(clouds) == [21, 41] and it.sampled == ("probe/pose",)
    assert np.ptp(clouds[21].points[:, 2]) < 0.005 and np.ptp(clouds[41].points[:, 2]) == pytest.approx(0.0105, abs=0.003)
    assert len(clouds[41].points) > len(clouds[21].points) and (clouds[41].grey == 90).all()
    assert clouds[41].points[:, 0].max() == pytest.approx(0.039, abs=0.004)  # pixels reach from 0 to 39 mm across
    it.receive("task/state", TaskStatus(3, "scanning", "scan"))
    assert it._volume.cloud(4) is None


def test_the_source_is_given_the_latest_truth():
    it = stage([])
    it.tick(0)
    truth = SimpleNamespace(stamp_ns=3, finite=True)
    it.receive("twin/patient", truth)
    it.receive("twin/patient", SimpleNamespace(stamp_ns=4, finite=False))
    it.tick(1)
    assert it._source.truths == [None, truth]
    assert it.call("task/start")[0] is False


def test_the_configured_stage_follows_its_settings():
    config = CellConfig()
    assert make_imaging(config).rate_hz == config.imaging.rate_hz
    assert make_imaging(config, 30.0).rate_hz == 30.0


def test_an_annotated_image_keeps_its_pixels_and_shows_depth_and_orientation():
    scan = ScanLines.of_probe(load_probe("curvilinear"), 512, 0.12)
    geometry = image_geometry(load_probe("curvilinear"), scan)
    shown = annotated(np.zeros((geometry.rows, geometry.columns), np.uint8), geometry)
    assert shown.shape == (geometry.rows, geometry.columns + SCALE_PX)
    ticks = depth_ticks(geometry)
    assert [k for _, k in ticks] == list(range(12))
    _, z = pixel_centres(geometry)
    assert [z[row] for row, _ in ticks] == pytest.approx([0.01 * k for _, k in ticks], abs=0.5 * geometry.spacing_m[1])
    scale, image = shown[:, geometry.columns :], shown[:, : geometry.columns]
    assert set(np.flatnonzero(scale[:, 1])) == {row for row, _ in ticks}
    assert image[1:10, 1:10].mean() > 100 and not image[12:].any() and not image[:, 12:].any()
    mirrored = replace(geometry, T_probe_image=geometry.T_probe_image @ np.diag([-1.0, 1.0, -1.0, 1.0]))
    other = annotated(np.zeros((geometry.rows, geometry.columns), np.uint8), mirrored)
    assert other[:12, geometry.columns - 12 : geometry.columns].any() and not other[:12, :12].any()


def test_a_preview_holds_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 255, (12, 9)).astype(np.uint8)
    with Picture.open(BytesIO(to_png(Image(0, pixels)))) as picture:
        assert np.array_equal(np.asarray(picture), pixels)
