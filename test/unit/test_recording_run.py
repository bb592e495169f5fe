"""A run of known figures, written, read, judged and shown."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pytest
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import DataError, MachineError
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.interfaces import recorded_topics, topic
from medrobot_ros.messages.cdr_writing import to_bytes
from medrobot_ros.recording import writer
from medrobot_ros.recording.figures import loop, path
from medrobot_ros.recording.metrics import FIELDS, clock_offsets_s, summarise
from medrobot_ros.recording.reader import Run
from medrobot_ros.recording.report import key_figures, write_report, write_summary
from medrobot_ros.recording.writer import BagWriter, RecorderStage, new_run
from medrobot_ros.signals import (
    ContactStatus,
    Event,
    HardwareStatus,
    Image,
    ImageGeometry,
    ImageQuality,
    JointState,
    PatientTruth,
    PlannedSkin,
    ProbeState,
    Stamp,
    StopRequest,
    TaskStatus,
    Wrench,
)

UTC = "20260102T030405Z"
DOWN = np.diag([1.0, -1.0, -1.0])
TILT_RAD = 0.05
FORCE_N, REFERENCE_N, MEASURED_N = 6.2, 6.0, 5.9
STEP_NS = 10_000_000
SCAN_FROM, SCAN_TO, STEPS = 100, 300, 400  # 1 s to 3 s of 4 s
SHIFT_M = np.array([0.02, 0.0, 0.0])  # of the patient, before the scan
SPACING_M = (0.0002, 0.0003)
T_PROBE_IMAGE = pose(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), np.array([-0.002, 0.0, 0.0]))


def scanning(k):
    return SCAN_FROM <= k < SCAN_TO


def probe_pose(k):
    """Straight along y at 20 mm/s, tilted about its own y."""
    return pose(DOWN @ rotation_from_vector(np.array([0.0, TILT_RAD, 0.0])), np.array([0.52, 0.0002 * (k - SCAN_FROM), 0.06]))


def truth(k):
    T = probe_pose(k)
    T_patient = pose(np.eye(3), np.array([0.5, 0.0, 0.06]) + (SHIFT_M if k >= SCAN_FROM - 10 else 0.0))
    F = np.array([0.1, 0.0, -FORCE_N if scanning(k) else 0.0, 0.0, 0.0, 0.0])
    return PatientTruth(k * STEP_NS, F, T, pose(DOWN, T[:3, 3]), T_patient, 0.0, 0.0, 0.0)


def signals(wall_clock=False):
    """A scan of 2 s over a line of planned points, of which the last quarter has rejected images."""
    line = np.array([[0.5, 0.001 * y, 0.06] for y in range(0, 40)])
    yield "image/geometry", ImageGeometry(0, "curvilinear", 20, 30, SPACING_M, T_PROBE_IMAGE, 0.006, 0.06)
    yield "scan/markers", PlannedSkin(0, line, np.full(len(line), np.nan))
    yield "scan/force_reference", Wrench(0, "probe", np.array([0.0, 0.0, -REFERENCE_N, 0.0, 0.0, 0.0]))
    for k in range(STEPS):
        t, state = k * STEP_NS, truth(k)
        for name in ("twin/contact_wrench", "twin/probe_pose", "twin/skin_pose", "twin/patient"):
            yield name, state
        yield "joint_states", JointState(t, np.zeros(7), np.zeros(7), np.zeros(7))
        yield "probe/pose", ProbeState(t, state.T_base_probe, np.zeros(6))
        yield "contact/wrench", Wrench(t, "probe", np.array([0.0, 0.0, -MEASURED_N if scanning(k) else 0.0, 0.0, 0.0, 0.0]))
        if k in (0, SCAN_FROM, SCAN_TO):
            mode = "scan" if scanning(k) else "off"
            yield "contact/state", ContactStatus(t, mode, "scan" if scanning(k) else "free")
            yield "task/state", TaskStatus(t, "scanning", {0: "find", SCAN_FROM: "scan"}.get(k, "retreat"), 0.7)
        if k % 5 == 0:
            touched, good = scanning(k), scanning(k) and k < SCAN_TO - 50
            yield "image", Image(t, np.full((20, 30), k % 256, dtype=np.uint8))
            yield "image/quality", ImageQuality(t, float(touched), 0.6, (-0.03, 0.03) if touched else (0.0, 0.0), good)
    yield "events", Event(STEPS * STEP_NS, "contact", "lost_contact", "once", {"count": 3})
    timing = (0.002, 0.0021, 0.003, 0.0001, 2, 0.99) if wall_clock else (None,) * 6
    yield "hardware/state", HardwareStatus(STEPS * STEP_NS, *timing, clamped=4, realtime=True if wall_clock else None)
    yield "task/state", TaskStatus(STEPS * STEP_NS, "concluded", "done", 0.74, 1, None, "rejected", "coverage <70 %>")


def record(out, until=None, wall_clock=False):
    """The folder as it is when the run is closed, and a copy of what the disk held just before: a run that was killed."""
    config = CellConfig()
    folder = new_run(out, UTC, config)
    stage = RecorderStage(folder, config)
    for name, signal in list(signals(wall_clock))[:until]:
        assert not stage.receive(name, signal)
    killed = copytree(folder, out / "killed", dirs_exist_ok=True)
    stage.close()
    return folder, killed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return record(tmp_path_factory.mktemp("runs"), wall_clock=True)[0]


@pytest.fixture(scope="module")
def run(folder):
    return Run(folder)


@pytest.fixture(scope="module")
def summary(run):
    return summarise(run)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_other_readers_read_the_bag(folder):
    with AnyReader([folder / "bag"]) as bag:
        found = {c.topic: c for c in bag.connections}
        messages = [bag.deserialize(d, c.msgtype) for c, _, d in bag.messages(connections=[found["/cell/twin/probe_pose"]])]
    assert set(found) == {f"/cell/{t.name}" for t in recorded_topics()}
    assert [m.header.frame_id for m in messages] == ["base"] * STEPS
    (offered,) = found["/cell/task/state"].ext.offered_qos_profiles
    assert (offered.reliability, offered.durability) == (QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL)


def test_chunks_are_compressed_and_end_every_second(folder):
    with next((folder / "bag").glob("*.mcap")).open("rb") as f:
        chunks = [r for r in StreamReader(f, emit_chunks=True).records if type(r).__name__ == "Chunk"]
    assert {c.compression for c in chunks} == {"zstd"}
    assert all(c.message_end_time - c.message_start_time <= 1_000_000_000 for c in chunks)
    assert len(chunks) >= 4


def test_images_are_recorded_once_and_without_loss(run):
    images = list(run.images())
    assert [i.stamp_ns for i in images] == [k * STEP_NS for k in range(0, STEPS, 5)]
    assert all((i.pixels == i.stamp_ns // STEP_NS % 256).all() and i.pixels.shape == (20, 30) for i in images)


def test_raw_bytes_of_a_node_are_kept_as_they_are(tmp_path):
    bag = BagWriter(tmp_path / "bag", "/ward/cell_a/")
    bag.write_raw("heartbeat", 5, b"\x00\x01\x00\x00abc")
    bag.write_raw("heartbeat", 3, b"\x00\x01\x00\x00de")
    bag.close()
    with AnyReader([tmp_path / "bag"]) as reader:
        found = [(c.topic, t, bytes(d)) for c, t, d in reader.messages()]
    assert found == [("/ward/cell_a/heartbeat", 5, b"\x00\x01\x00\x00abc"), ("/ward/cell_a/heartbeat", 5, b"\x00\x01\x00\x00de")]


def test_a_machines_clock_is_told_from_the_youngest_heartbeat(tmp_path):
    folder = new_run(tmp_path, UTC, CellConfig())
    bag, beat_ns = BagWriter(folder / "bag"), 10_000_000
    for k in range(50):
        transit_ns = 1_000_000 * (1 + k % 7)
        for node, behind_ns in (("contact", 0), ("imaging", 300_000_000), ("imaging:inactive", 300_000_000)):
            stamp = Stamp(10**9 + k * beat_ns - behind_ns, node)
            bag.write_raw("heartbeat", 10**9 + k * beat_ns + transit_ns, to_bytes("heartbeat", stamp, ()))
    bag.close()
    assert clock_offsets_s(Run(folder)) == pytest.approx({"contact": 0.001, "imaging": 0.301})


def test_run_folders_are_named_numbered_and_hold_the_configuration(tmp_path):
    config = CellConfig(seed=9)
    names = [new_run(tmp_path / "runs", UTC, config).name for _ in range(3)]
    assert names == [f"{UTC}-fr3-ultrasound", f"{UTC}-fr3-ultrasound-2", f"{UTC}-fr3-ultrasound-3"]
    stage = RecorderStage(tmp_path / "runs" / names[0], config)
    stage.receive("safety/stop", StopRequest(True))
    stage.close()
    assert Run(tmp_path / "runs" / names[0]).config == config


def test_an_unwritable_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot write to"):
        new_run(tmp_path / "file", UTC, CellConfig())
    with pytest.raises(MachineError, match="cannot write to"):
        RecorderStage(tmp_path / "file", CellConfig())


def test_a_nearly_full_disk_stops_before_motion(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "disk_usage", lambda folder: SimpleNamespace(free=9e8))
    with pytest.raises(MachineError, match="900 MB free, 1000 MB needed"):
        new_run(tmp_path, UTC, CellConfig())
    with pytest.raises(MachineError, match="MB free"):
        BagWriter(tmp_path / "bag")


def test_a_disk_that_fills_up_asks_for_a_stop_once(tmp_path, monkeypatch):
    folder = new_run(tmp_path, UTC, CellConfig())
    stage = RecorderStage(folder, CellConfig())
    for name, signal in list(signals())[:2000]:
        stage.receive(name, signal)
    monkeypatch.setattr(writer, "disk_usage", lambda folder: SimpleNamespace(free=1e6))
    answers = [stage.receive("twin/probe_pose", replace(truth(0), stamp_ns=t)) for t in (10**10, 2 * 10**10)]
    (events, event), stop = answers[0]
    assert (events, event.kind, stop) == ("events", "recording_failed", ("safety/stop", StopRequest(True)))
    assert not answers[1]
    assert not stage.tick(3 * 10**10)
    with pytest.raises(MachineError, match="1 MB free"):
        stage.close()
    assert len(Run(folder).poses("probe/pose")) > 100


def test_a_run_that_was_killed_is_readable_but_for_its_last_second(tmp_path):
    cut = Run(record(tmp_path, until=1800)[1])
    last_ns = list(signals())[1799][1].stamp_ns
    assert not cut.complete
    assert cut.poses("twin/probe_pose").stamps_ns[-1] >= last_ns - 1_000_000_000
    assert summarise(cut)["outcome"] == "unfinished"


def test_a_truncated_bag_is_read_as_far_as_it_goes(tmp_path):
    folder, _ = record(tmp_path)
    bag = next((folder / "bag").glob("*.mcap"))
    whole = bag.read_bytes()
    for length in (*np.linspace(0.35, 0.97, 8) * len(whole), *range(len(whole) - 60, len(whole) - 8, 3)):  # the end magic has 8
        bag.write_bytes(whole[: round(length)])
        cut = Run(folder)
        assert not cut.complete
        assert 100 <= len(cut.poses("twin/probe_pose")) <= STEPS


def test_a_broken_chunk_is_one_clear_line(tmp_path):
    folder, _ = record(tmp_path)
    bag = next((folder / "bag").glob("*.mcap"))
    data = bytearray(bag.read_bytes())
    data[2000:3000] = bytes(1000)
    bag.write_bytes(data)
    with pytest.raises(DataError, match="broken chunk"):
        Run(folder)


def test_wherever_a_bag_is_damaged_it_is_read_as_it_was_or_refused(tmp_path):
    folder, _ = record(tmp_path, until=1200)
    bag = next((folder / "bag").glob("*.mcap"))
    whole, rng = bag.read_bytes(), np.random.default_rng(0)
    good = Run(folder).poses("twin/probe_pose")
    for place in rng.integers(8, len(whole) - 200, 40):
        data = bytearray(whole)
        data[place] ^= 1 << int(rng.integers(8))
        bag.write_bytes(data)
        with suppress(DataError):
            read = Run(folder).poses("twin/probe_pose")
            assert np.array_equal(read.values, good.values[np.searchsorted(good.stamps_ns, read.stamps_ns)])


def test_a_folder_without_a_record_is_one_clear_line(tmp_path):
    with pytest.raises(DataError, match="no recorded run"):
        Run(tmp_path)
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / "bag.mcap").write_bytes(b"no such thing as a bag")
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(DataError, match="not an MCAP file"):
        Run(tmp_path)


# --- judging ----------------------------------------------------------------------------------------------------------


def test_every_figure_is_documented(summary):
    assert set(summary) == set(FIELDS)


def test_force_figures(summary):
    assert summary["force_error_rmse_n"] == pytest.approx(FORCE_N - REFERENCE_N)
    assert summary["force_error_max_n"] == pytest.approx(FORCE_N - REFERENCE_N)
    assert summary["measured_force_error_rmse_n"] == pytest.approx(REFERENCE_N - MEASURED_N)
    assert summary["force_max_n"] == pytest.approx(FORCE_N)
    assert summary["contact_share"] == 1.0


def test_lost_contact_counts_against_the_contact_share(tmp_path):
    folder = new_run(tmp_path, UTC, CellConfig())
    stage = RecorderStage(folder, CellConfig())
    for k, state in ((SCAN_FROM, "scan"), (150, "lost"), (200, "retreat")):
        stage.receive("contact/state", ContactStatus(k * STEP_NS, "scan", state, lost_count=int(state == "lost")))
    for k in range(SCAN_FROM, 250):
        stage.receive("twin/contact_wrench", truth(k if k < 150 else 0) if k < 150 else replace(truth(0), stamp_ns=k * STEP_NS))
    stage.close()
    assert summarise(Run(folder))["contact_share"] == pytest.approx(0.5)


def test_normal_error(summary):
    assert summary["normal_error_mean_deg"] == pytest.approx(np.degrees(TILT_RAD), abs=1e-6)


def test_coverage_follows_the_patient_and_needs_accepted_images(summary):
    """Planned before the patient shifted by 20 mm; accepted images reach 29 mm along the line, the aperture 3.5 mm beyond."""
    reach_m = 0.0002 * (SCAN_TO - 55 - SCAN_FROM) + 0.0035
    assert summary["coverage"] == pytest.approx(np.mean(np.arange(40) * 0.001 <= reach_m))
    assert summary["coverage_reported"] == 0.74


def test_the_path_is_drawn_on_the_patient_wherever_he_has_moved(tmp_path, summary):
    """The plan is shown again after the shift, still of the skin as it lay before; the path runs along the planned line at x = 0.5 m."""
    folder = new_run(tmp_path, UTC, CellConfig())
    stage = RecorderStage(folder, CellConfig())
    (plan,) = (s for name, s in signals() if name == "scan/markers")
    for name, signal in (*signals(), ("scan/markers", replace(plan, stamp_ns=SCAN_TO * STEP_NS))):
        stage.receive(name, signal)
    stage.close()
    run = Run(folder)
    assert summarise(run)["coverage"] == summary["coverage"]
    planned_mm, _, tips_mm = (c.get_offsets() for c in path(run).axes[0].collections)
    np.testing.assert_allclose(planned_mm[:, 0], 500.0)
    np.testing.assert_allclose(tips_mm[:, 0], 500.0)


def test_an_image_without_true_contact_covers_nothing(tmp_path):
    folder = new_run(tmp_path, UTC, CellConfig())
    stage = RecorderStage(folder, CellConfig())
    for name, signal in signals():
        no_force = name == "twin/contact_wrench"
        stage.receive(name, replace(signal, F_tissue_on_probe_in_probe=np.zeros(6)) if no_force else signal)
    stage.close()
    assert summarise(Run(folder))["coverage"] == 0.0


def test_phases_outcome_images_loop_and_events(summary):
    assert summary["phases_s"] == {"find": 1.0, "scan": 2.0, "retreat": 1.0}
    assert (summary["outcome"], summary["reason"], summary["repeats"]) == ("rejected", "coverage <70 %>", 1)
    assert (summary["images"], summary["images_accepted_share"], summary["contact_share_mean"]) == (80, 30 / 40, 1.0)
    assert (summary["loop"]["answered"], summary["loop"]["period_p99_s"], summary["commands_clamped"]) == (0.99, 0.0021, 4)
    assert summary["events"] == {"contact/lost_contact": 3}


def test_a_task_that_went_on_after_a_stop_is_judged_by_its_last_verdict(tmp_path):
    folder = new_run(tmp_path, UTC, CellConfig())
    stage = RecorderStage(folder, CellConfig())
    for second, mode, phase, outcome in (
        (0, "scanning", "scan", ""), (2, "stopped", "scan", "stopped"), (3, "ready", "scan", "stopped"), (5, "scanning", "scan", ""),
        (9, "concluded", "done", "accepted"), (12, "concluded", "done", "accepted"),
    ):  # fmt: skip
        stage.receive("task/state", TaskStatus(second * 10**9, mode, phase, 1.0, outcome=outcome))
    stage.close()
    summary = summarise(Run(folder))
    assert (summary["outcome"], summary["duration_s"], summary["phases_s"]) == ("accepted", 9.0, {"scan": 9.0})


def test_two_simulated_runs_have_identical_summaries(tmp_path):
    texts = []
    for _ in range(2):
        folder, _ = record(tmp_path)
        write_summary(folder, summarise(Run(folder)))
        texts.append((folder / "summary.json").read_bytes())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["loop"]["period_p50_s"] is None


def test_tracked_images_carry_the_pose_of_their_pixels(run):
    tracked = list(run.tracked_images())
    first = tracked[0]
    assert len(tracked) == 30
    assert (first.pixels == SCAN_FROM).all() and first.taken_ns == SCAN_FROM * STEP_NS
    expected = probe_pose(SCAN_FROM) @ T_PROBE_IMAGE @ np.array([7 * SPACING_M[0], 11 * SPACING_M[1], 0.0, 1.0])
    np.testing.assert_allclose(first.T_base_pixel @ np.array([7.0, 11.0, 0.0, 1.0]), expected, atol=1e-12)


def test_poses_are_interpolated(run):
    series = run.poses("twin/probe_pose")
    np.testing.assert_allclose(series.pose_at(150 * STEP_NS + STEP_NS // 4), probe_pose(150.25), atol=1e-12)
    np.testing.assert_array_equal(series.pose_at(-5), series.values[0])


# --- showing ----------------------------------------------------------------------------------------------------------


def page(folder, run, summary, volume=None):
    write_report(folder, run, summary, volume)
    return (folder / "report.html").read_text()


def test_the_report_needs_nothing_else(folder, run, summary):
    volume = SimpleNamespace(voxels=np.ones((4, 5, 6), dtype=np.uint8), spacing_mm=(1.0, 1.0, 2.0))
    html = page(folder, run, summary, volume)
    sources = re.findall(r'(?:src|href)="([^"]{5})', html)
    assert set(sources) == {"data:"}
    assert "url(" not in html
    assert "<script" not in html
    assert len(sources) == 5 + 12  # force, path, normal, loop, volume; sample images


def test_the_loops_histogram_is_of_its_own_stamps_though_the_recorder_takes_them_in_batches(tmp_path):
    folder = new_run(tmp_path, UTC, CellConfig())
    bag, period_ns, batch_ns = BagWriter(folder / "bag"), 2_000_000, 50_000_000
    for t in range(period_ns, 100 * period_ns, period_ns):
        bag.write_raw("joint_states", -(-t // batch_ns) * batch_ns, to_bytes("joint_states", JointState(t, *np.zeros((3, 7))), ()))
    bag.write("hardware/state", 200_000_000, HardwareStatus(200_000_000, 0.002, 0.0021, 0.003, 0.0001, 0, 1.0, realtime=True))
    bag.close()
    bars = [b for b in loop(Run(folder)).axes[0].patches if b.get_height() > 0]
    assert [b.get_height() for b in bars] == [98]
    assert bars[0].get_x() + 0.5 * bars[0].get_width() == pytest.approx(2.0, abs=0.05)


def test_the_report_says_how_it_ended(folder, run, summary):
    html = page(folder, run, summary)
    assert 'class="verdict rejected"' in html
    assert "coverage &lt;70 %&gt;" in html
    assert "research use only" in html and "Simulated: a mock arm" in html
    assert "not met" in html


def test_a_share_that_fails_its_demand_does_not_read_as_if_it_met_it(summary):
    coverage = key_figures({**summary, "coverage": 0.9496}, CellConfig())[0]
    assert (coverage.value, coverage.demand, coverage.good) == ("94.96 %", "≥ 95 %", False)


def test_a_report_of_a_run_that_was_cut_off_is_honest(tmp_path):
    _, folder = record(tmp_path, until=1200)
    run = Run(folder)
    html = page(folder, run, summarise(run))
    assert "was cut off" in html
    assert "before the examination was concluded" in html
    assert "not measured" in html


def test_every_recorded_type_is_known_to_the_writer(tmp_path):
    assert {topic(t.name).type for t in recorded_topics()} <= set(writer.typestore().types)
