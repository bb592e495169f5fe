"""The files of deploy/ name what this package has."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAUNCHES = ("Containerfile", "medrobot-cell@.service")


@pytest.mark.parametrize("name", LAUNCHES)
def test_what_is_launched_exists_with_those_arguments(name):
    text = (ROOT / "deploy" / name).read_text()
    (launched,) = set(re.findall(r"ros2 launch medrobot_ros (\S+)", text))
    arguments = set(re.findall(r"\b([a-z_]+):=", text))
    launch_file = (ROOT / "launch" / launched).read_text()
    assert arguments and all(f'"{argument}"' in launch_file for argument in arguments)


@pytest.mark.parametrize("name", ["medrobot-cell@.service", "discovery-server.service"])
def test_units_are_whole(name):
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read_string((ROOT / "deploy" / name).read_text())
    assert set(unit) >= {"Unit", "Service", "Install"} and unit["Service"]["ExecStart"]


def test_a_cell_that_ended_is_not_started_again_by_itself():
    assert "Restart=no" in (ROOT / "deploy" / "medrobot-cell@.service").read_text()


@pytest.mark.parametrize(("name", "line"), [("Containerfile", "STOPSIGNAL SIGINT"), ("medrobot-cell@.service", "KillSignal=SIGINT")])
def test_a_cell_is_stopped_as_by_an_interrupt_so_that_the_arm_retreats(name, line):
    assert line in (ROOT / "deploy" / name).read_text().splitlines()


def test_the_guide_names_every_file():
    guide = (ROOT / "docs" / "deployment.md").read_text()
    assert all(f"deploy/{file.name}" in guide for file in (ROOT / "deploy").iterdir())


def test_priorities_fit_the_limits():
    from medrobot_ros.config import CellConfig
    from medrobot_ros.description import cell_nodes, realtime_priority
    from medrobot_ros.nodes.realtime import NICENESS

    highest = max(realtime_priority(n) or 0 for n in cell_nodes(CellConfig()))
    for file in ("realtime.conf", "medrobot-cell@.service"):
        (granted,) = re.findall(r"(?:- rtprio |LimitRTPRIO=)(\d+)", (ROOT / "deploy" / file).read_text())
        assert int(granted) >= highest
        (nice,) = re.findall(r"(?:- nice |LimitNICE=)(-\d+)", (ROOT / "deploy" / file).read_text())
        assert int(nice) <= NICENESS
