"""Faults in a whole cell, in one process."""

import numpy as np
import pytest

from medrobot_ros.cell import Cell, run_examination, simulated_stages
from medrobot_ros.config import CellConfig
from medrobot_ros.signals import Stamp, inactive


@pytest.fixture
def scanning():
    """A cell half a second into a scan, and what it says from there on."""
    heard = []
    cell = Cell(simulated_stages(CellConfig()), lambda topic, signal: heard.append((topic, signal)) or ())
    for _ in run_examination(cell, 60.0):
        if "contact/state" in cell.latest and cell.latest["contact/state"].state == "scan":
            break
    run(cell, 0.5)
    assert cell.latest["contact/state"].state == "scan"
    heard.clear()
    return cell, heard


def run(cell, seconds):
    until_ns = cell.now_ns + seconds * 1e9
    while cell.now_ns < until_ns:
        cell.advance()


def states(heard, topic):
    """The states on a topic, in order, without repeats."""
    out = []
    for name, signal in heard:
        if name == topic and (not out or out[-1] != signal.state):
            out.append(signal.state)
    return out


@pytest.mark.parametrize("silent", ["imaging", "planner"])
def test_a_node_off_the_control_path_falls_silent_and_the_probe_leaves_the_skin_before_the_stop(scanning, silent):
    cell, heard = scanning
    cell.stages[silent].tick = lambda stamp_ns: ()
    run(cell, 4.0)
    assert states(heard, "safety/state")[-2:] == ["retreat", "stopped"]
    assert states(heard, "contact/state")[-2:] == ["retreat", "free"]
    stopped = next(k for k, (name, s) in enumerate(heard) if name == "safety/state" and s.state == "stopped")
    forces = [np.linalg.norm(s.F_tissue_on_probe_in_probe) for name, s in heard[stopped:] if name == "twin/contact_wrench"]
    assert forces and max(forces) == 0.0


def test_a_control_node_that_is_not_active_stops_the_arm_at_once(scanning):
    cell, heard = scanning
    cell.stages["contact"].tick = lambda stamp_ns: ()
    cell.publish([("heartbeat", Stamp(cell.now_ns, inactive("contact")))])
    run(cell, 0.5)
    assert states(heard, "safety/state")[-1] == "stopped"
    qd = [s.qd for name, s in heard if name == "joint_states"]
    assert np.abs(qd[-1]).max() < 1e-4
