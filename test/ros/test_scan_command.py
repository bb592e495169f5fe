"""`medrobot scan` as its users run it: processes over DDS, a real-time examination, a run folder, an exit status."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import child_of
from operating import PROCESSES

SHORT = ("--set", "scan.size_m=0.04,0.03", "--set", "scan.speed_m_per_s=0.02")


@pytest.fixture
def scan():
    """Starts the command; what still runs when the test ends is ended, its cell with it."""
    started = []

    def start(out, *options):
        line = [sys.executable, "-m", "medrobot_ros.cli", "scan", "--out", str(out), "--yes", *SHORT, *options]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            finished(process, 60)
        process.stdout.close()


def finished(process, seconds=150):
    """Everything the command printed, once it has ended."""
    try:
        return process.communicate(timeout=seconds)[0]
    finally:
        if process.poll() is None:
            process.kill()


def run_folder(out):
    (folder,) = out.iterdir()
    return folder


def wait_for_phase(process, phase):
    """Reads the progress lines up to a phase."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if f" {phase} " in line:
            return
    pytest.fail(f"ended before the phase '{phase}':\n{''.join(lines)}")


@pytest.mark.slow  # a loaded machine may rightly end it with a safety stop
@pytest.mark.parametrize("arm", ["fr3", "gen3", "iiwa7"])
def test_an_examination_on_each_makers_arm(scan, tmp_path, arm):
    process = scan(tmp_path, "--arm", arm)
    text = finished(process)
    assert process.returncode == 0, text
    folder = run_folder(tmp_path)
    for name in ("bag/metadata.yaml", "config.yaml", "summary.json", "volume.mha", "report.html", "log.txt"):
        assert (folder / name).stat().st_size > 0, name
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] == "accepted" and summary["coverage"] >= 0.95
    assert 0.0 < summary["force_max_n"] < 15.0
    assert summary["images"] > 20
    assert "Traceback" not in (folder / "log.txt").read_text()


def test_ctrl_c_retreats_closes_the_record_and_exits_130(scan, tmp_path):
    process = scan(tmp_path)
    wait_for_phase(process, "home")  # the first: on a loaded machine the supervisor may rightly stop a later one
    process.send_signal(signal.SIGINT)
    text = finished(process)
    assert process.returncode == 130, text
    folder = run_folder(tmp_path)
    assert (folder / "bag" / "metadata.yaml").exists()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] in ("aborted", "stopped")  # stopped where a loaded machine made a node silent before
    assert summary["complete"]


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_the_record_is_readable(scan, tmp_path):
    from medrobot_ros.recording.reader import Run

    process = scan(tmp_path)
    wait_for_phase(process, "scan")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    finished(process)
    assert process.returncode == 130
    assert len(Run(run_folder(tmp_path)).raw("joint_states")[0]) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["control", "imaging"])
def test_a_process_that_dies_is_a_safety_stop(scan, tmp_path, victim):
    process = scan(tmp_path)
    wait_for_phase(process, "scan")
    os.kill(child_of(process.pid, victim), signal.SIGKILL)
    text = finished(process)
    assert process.returncode == 3, text
    summary = json.loads((run_folder(tmp_path) / "summary.json").read_text())
    assert any(node in summary["reason"] for node in PROCESSES[victim])
    assert summary["force_max_n"] < 25.0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--arm", "fr4"), "valid: fer, fr3, gen3, iiwa14, iiwa7, med14, med7"),
        (("--task", "mri"), "valid: ultrasound"),
        (("--probe", "round"), "valid: curvilinear, linear"),
        (("--hardware", "real"), "valid: mock"),
        (("--set", "contact.forc_n=3"), "contact.force_n"),
        (("--set", "contact.force_n=30"), "1 to 12 N"),
        (("--body", "/nonexistent.obj"), "nonexistent.obj"),
        (("--seed", "x"), "--seed"),
        (("--out", "/proc/none"), "/proc/none"),
    ],
)
def test_bad_input_is_one_line_and_status_1(tmp_path, options, says):
    process = subprocess.run(
        [sys.executable, "-m", "medrobot_ros.cli", "scan", "--out", str(tmp_path), *options], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert says in process.stderr and process.stderr.count("\n") == 1 and "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
