"""A cell under the real launch system, for `launch_test`: `arm:=`, `examine:=true`, or `victim:=` (a process to kill, in `phase:=`)."""

import atexit
import os
import shutil
import signal
import unittest
from pathlib import Path
from tempfile import mkdtemp

import launch_testing
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, SetEnvironmentVariable
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from operating import PROCESSES, SHORT_FILE, Operating

from medrobot_ros.resources import share

ARGUMENTS = {"arm": "fr3", "victim": "", "phase": "", "examine": "false"}
OUT = mkdtemp()
atexit.register(shutil.rmtree, OUT)


def generate_test_description():
    """The cell as its users launch it; the tests begin at once and wait for what they need."""
    short = Path(OUT) / "short.yaml"
    short.write_text(SHORT_FILE)
    cell = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share("launch/cell.launch.py"))),
        launch_arguments={"arm": LaunchConfiguration("arm"), "out": OUT, "config": str(short)}.items(),
    )
    arguments = [DeclareLaunchArgument(name, default_value=value) for name, value in ARGUMENTS.items()]
    domain = SetEnvironmentVariable("ROS_DOMAIN_ID", os.environ["ROS_DOMAIN_ID"])
    return LaunchDescription([*arguments, domain, cell, launch_testing.actions.ReadyToTest()])


class TestCell(unittest.TestCase):
    def test_it_comes_up_and_does_what_is_asked(self, proc_info, test_args):
        with Operating() as operating:
            operating.wait_ready()
            if test_args.get("examine") == "true":
                operating.examine()
            if victim := test_args.get("victim"):
                operating.begin(test_args.get("phase", ARGUMENTS["phase"]))
                os.kill(_pid(proc_info, victim), signal.SIGKILL)
                operating.wait_stopped(PROCESSES[victim])


@launch_testing.post_shutdown_test()
class TestAfterwards(unittest.TestCase):
    def test_every_process_but_the_killed_one_ended_clean(self, proc_info, test_args):
        for process in PROCESSES:
            expected = [-signal.SIGKILL] if test_args.get("victim") == process else [0]
            launch_testing.asserts.assertExitCodes(proc_info, expected, process=_process(proc_info, process))

    def test_the_record_is_whole(self, test_args):
        if test_args.get("victim") != "recorder":
            (run,) = (p for p in Path(OUT).iterdir() if p.is_dir())
            assert (run / "bag" / "metadata.yaml").stat().st_size > 0


def _process(proc_info, executable):
    """The name that launch gives a process, such as `imaging-3`."""
    (name,) = (n for n in proc_info.process_names() if n.rsplit("-", 1)[0] == executable)
    return name


def _pid(proc_info, executable):
    return proc_info[_process(proc_info, executable)].pid
