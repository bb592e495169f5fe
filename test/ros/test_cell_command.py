"""`medrobot cell` as its users run it: it comes up, stays, and ends clean; the scenarios of the launch tests, without launch."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import child_of, children, gone
from operating import PROCESSES, SHORT, Operating

from medrobot_ros.arms import arm_names
from medrobot_ros.interfaces import NODES


@contextmanager
def cell(out, *options):
    """The command as a process; what still runs in the end is ended, its cell with it."""
    pairs = [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
    line = [sys.executable, "-m", "medrobot_ros.cli", "cell", "--out", str(out), "--yes", *pairs, *options]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        yield process
    finally:
        ended(process)


def ended(process, interrupted=False):
    """Ctrl-C where it still runs and has not had one; what it printed."""
    if process.poll() is None and not interrupted:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=60)[0] if not process.stdout.closed else ""
    finally:
        process.kill()


def test_it_comes_up_stays_and_keeps_others_out_of_its_namespace(tmp_path):
    with cell(tmp_path / "a", "--namespace", "left", "--no-record") as process, Operating("left") as operating:
        operating.wait_ready()
        maps = [Path(f"/proc/{p}/maps").read_text() for p in children(process.pid)]
        assert not [m for m in maps if "/dev/shm/fastrtps" in m], "shared memory: network.environment says why not"
        with cell(tmp_path / "b", "--namespace", "left", "--no-record") as second:
            said = second.communicate(timeout=120)[0]
        assert second.returncode == 1 and "another cell runs in namespace /left" in said and "Traceback" not in said
        operating.wait_ready()
        line = [sys.executable, "-m", "medrobot_ros.cli", "doctor"]
        seen = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout
        assert all(f"left/{node} on left/fr3: " in seen for node in NODES if node != "recorder"), seen
        text = ended(process)
    assert process.returncode == 0, text
    assert "namespace /left" in text and "not recording" in text
    assert not (tmp_path / "a").exists()


def test_an_interrupt_while_it_comes_up_ends_clean(tmp_path):
    with cell(tmp_path, "--no-record") as process, Operating() as operating:
        imaging = operating.wait_for_process(process.pid, "imaging")
        os.kill(imaging, signal.SIGSTOP)  # the cell is not up before it is
        operating.wait_for_node("contact")
        process.send_signal(signal.SIGINT)
        os.kill(imaging, signal.SIGCONT)
        text = ended(process, interrupted=True)
    assert process.returncode == 0 and text == "", text


@pytest.mark.parametrize("module", ["rclpy.node", "medrobot_ros.nodes.recorder"])
def test_an_interrupt_before_its_processes_run_ends_clean_and_leaves_none(tmp_path, module):
    line = [sys.executable, "-X", "importtime", "-m", "medrobot_ros.cli", "cell", "--out", str(tmp_path)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        next(imported for imported in process.stderr if imported.split("|")[-1].strip() == module)
        process.send_signal(signal.SIGINT)
        said, rest = process.communicate(timeout=60)  # whose pipes its processes would hold open
    finally:
        process.kill()
    assert process.returncode == 0 and said == "" and "Traceback" not in rest


def test_a_command_that_is_killed_leaves_no_process_and_an_arm_that_was_stopped(tmp_path):
    with cell(tmp_path, "--no-record") as process, Operating() as operating:
        operating.wait_ready()
        orphans = children(process.pid)
        process.kill()
        operating.wait_stopped_by(["silent"])  # those first that a retreat does not need
        operating.wait(lambda: all(map(gone, orphans)), "ended: the cell's processes")


@pytest.mark.slow
@pytest.mark.parametrize("arm", arm_names())
def test_every_arm_examines(tmp_path, arm):
    with cell(tmp_path, "--arm", arm) as process, Operating() as operating:
        operating.wait_ready()
        operating.examine()
        text = ended(process)
    assert process.returncode == 0, text


@pytest.mark.slow
@pytest.mark.parametrize("victim", PROCESSES)
def test_a_killed_process_ends_the_cell_safely_in_contact(tmp_path, victim):
    with cell(tmp_path) as process, Operating() as operating:
        operating.wait_ready()
        operating.begin("scan")
        os.kill(child_of(process.pid, victim), signal.SIGKILL)
        operating.wait_stopped(PROCESSES[victim])
        text = process.communicate(timeout=60)[0]
    assert process.returncode == 1 and f"{', '.join(PROCESSES[victim])} ended" in text


@pytest.mark.parametrize(
    ("environment", "says"),
    [({"ROS_DOMAIN_ID": "233"}, "0 to 101"), ({"ROS_DOMAIN_ID": "x"}, "ROS_DOMAIN_ID = x")],
)
def test_a_domain_that_cannot_be_is_one_line_and_starts_nothing(tmp_path, environment, says):
    line = [sys.executable, "-m", "medrobot_ros.cli", "cell", "--no-record", "--out", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment})
    assert done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1
