"""Every fault of the table in a cell in one process: while scanning in each run, in every phase with the slow tests."""

from dataclasses import replace

import pytest
from fault_outcome import FORCE_LIMIT_N, row
from faults import EACH_TOPIC, FAULTS, PHASES
from faulty_cell import FaultyCell, inject

from medrobot_ros.config import CellConfig

HELD_N = 40.0  # of an arm that stands on stiff tissue, with nobody left who feels the force
TOUCH_LIMIT_N = 20.0  # by which a force sensor that lies about the sign must have been found out
ACT_S = {True: 0.07, False: 0.53}  # silence, and the supervisor's own tick: 50 ms and 500 ms, and 20 ms
RETREAT_S = 3.0
STAND_S = 0.25  # from a fault to standstill where nothing retreats: 50 ms, and the arm's deceleration from scanning speed
ENGAGED = {"compensated wrench lost"}  # is missed where contact is on its way to the skin, on it, or on its way off
SLOWER = {"wrench lost", "wrench nan", "wrench inf"}  # contact's own 50 ms come first; kinematics brakes after 6 ms without a twist


@pytest.fixture(scope="module")
def cells():
    made = {}

    def at(phase):
        if phase not in made:
            made[phase] = FaultyCell(CellConfig()).to_phase(phase)
        return made[phase]

    return at


CASES = [
    pytest.param(phase, fault, id=f"{fault.name}, {phase}", marks=[] if phase == "scan" and fault in FAULTS else pytest.mark.slow)
    for phase in PHASES for fault in (*FAULTS, *EACH_TOPIC)
]  # fmt: skip


@pytest.mark.parametrize(("phase", "fault"), CASES)
def test_a_fault_does_no_harm_and_ends_as_the_table_says(cells, phase, fault):
    o = inject(cells(phase), fault)
    said = row(fault.name, phase, o)
    assert o.force_max_n < FORCE_LIMIT_N, said
    assert o.finite, said
    assert o.recovered, said
    if fault.reaction == "any":
        assert not o.states or o.latched, said
        return
    if fault.reaction == "goes on":
        assert not o.states, said
        return
    if fault.reaction == "stands":
        assert o.still_s is not None and (phase != "scan" or o.still_s < STAND_S), said
        return
    assert o.states[-1] == "stopped" and o.latched, said
    if phase == "move" and fault.name in ENGAGED:
        return
    assert o.acted_s <= ACT_S[fault.on_control_path] + (0.05 if fault.name in SLOWER else 0.0), said
    limit_s = STAND_S if fault.reaction == "stop" else ACT_S[False] + RETREAT_S
    assert o.still_s is not None and (phase != "scan" or o.still_s < limit_s), said


STIFF = replace(CellConfig(), twin=replace(CellConfig().twin, tissue=replace(CellConfig().twin.tissue, stiffness_n_per_m=2000.0)))


@pytest.mark.parametrize(
    ("name", "limit_n"), [("a person asks for a stop", TOUCH_LIMIT_N), pytest.param("contact killed", HELD_N, marks=pytest.mark.slow)]
)
def test_an_arm_that_stopped_at_the_end_of_a_breath_out_on_stiff_tissue(name, limit_n):
    """It holds its place while the patient breathes in, 10 mm, and lifts off where the force is known that this makes."""
    cell = FaultyCell(STIFF).to_phase("scan")
    while cell.hardware().last_period()[-1].breathing_offset_m > -0.98 * STIFF.twin.breathing.amplitude_m:
        cell.advance()
    o = inject(cell, named(name), seconds=4.0)
    assert STIFF.safety.slow_n - 1.0 < o.force_max_n < limit_n and o.latched and o.recovered, row(name, "scan", o)
    assert ("kinematics/relief" in o.events) == (limit_n == TOUCH_LIMIT_N)


def named(name):
    return next(f for f in FAULTS if f.name == name)


def test_a_force_sensor_that_repeats_itself_on_the_skin_is_a_stop(cells):
    o = inject(cells("scan"), named("F/T stuck"))
    assert o.states == ["stopped"] and "contact/stuck_wrench" in o.events, row("F/T stuck", "scan", o)
    assert o.acted_s <= ACT_S[True] + 0.05 and o.still_s < STAND_S, "30 ms until it is called stuck come first"


@pytest.mark.parametrize(
    ("phase", "name"),
    [("approach", "F/T changes with the wrong sign"), ("scan", "F/T changes with the wrong sign"), ("scan", "F/T sign flipped")],
)
def test_a_force_sensor_of_the_wrong_sign_is_found_out(cells, phase, name):
    o = inject(cells(phase), named(name), seconds=5.0)
    assert {"kinematics/force_disagrees", "safety/safety_retreat"} & {*o.events}, row(name, phase, o)  # by the torques, or by a pull
    assert o.states[-1] == "stopped" and o.latched, row(name, phase, o)
    assert o.force_max_n < TOUCH_LIMIT_N, row(name, phase, o)


@pytest.mark.parametrize(("name", "seconds"), [("F/T drifts by 4 N/s along the beam", 4.0), ("F/T drifts by 0.5 N/s", 25.0)])
def test_a_force_sensor_that_drifts_is_found_out_by_the_joints_torques(cells, name, seconds):
    o = inject(cells("scan"), named(name), seconds)
    lifted = "planner/pushed_away" in o.events and o.still_s is not None  # it felt a push aside first
    assert lifted or ("kinematics/force_disagrees" in o.events and o.states[-1] == "stopped"), row(name, "scan", o)
    assert o.force_max_n < FORCE_LIMIT_N and o.recovered, row(name, "scan", o)


@pytest.mark.parametrize("phase", ["scan", pytest.param("move", marks=pytest.mark.slow)])
def test_an_arm_that_stands_whatever_it_is_sent_is_a_stop(cells, phase):
    fault = named("arm stands for 3 s, whatever it is sent")
    o = inject(cells(phase), fault)
    assert "kinematics/arm_not_following" in o.events and o.states[-1] == "stopped" and o.latched, row(fault.name, phase, o)
