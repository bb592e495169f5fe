import itertools

import pytest

from medrobot_ros.planning.modes import EVENTS, MODES, TABLE, next_mode

MOVING = {"scanning", "retreating"}
BY_A_PERSON = {"start", "pause", "resume", "abort", "reset"}


@pytest.mark.parametrize(("mode", "event"), list(itertools.product(MODES, EVENTS)))
def test_every_mode_and_event_leads_to_a_mode_or_is_refused(mode, event):
    assert next_mode(mode, event) in {*MODES, None}


def test_the_table_names_only_modes_and_events():
    assert {m for m, _ in TABLE} <= set(MODES) and {e for _, e in TABLE} <= set(EVENTS) and set(TABLE.values()) <= set(MODES)


def test_a_safety_stop_ends_every_motion():
    for mode in MODES:
        if mode in MOVING | {"paused", "ready"}:
            assert next_mode(mode, "safety_stop") == "stopped"
        else:
            assert next_mode(mode, "safety_stop") is None


def test_nothing_moves_after_a_stop_without_a_person():
    """Whatever else happens, no path leads from a stop to motion without a reset and then a resume or an abort."""
    reached, frontier = {"stopped"}, ["stopped"]
    while frontier:
        mode = frontier.pop()
        for event in set(EVENTS) - {"resume", "abort", "start"}:
            after = next_mode(mode, event)
            if after is not None and after not in reached:
                reached.add(after)
                frontier.append(after)
    assert reached == {"stopped", "ready"}
    assert next_mode("stopped", "resume") is None and next_mode("stopped", "start") is None


def test_only_a_steady_patient_ends_a_pause_by_itself():
    assert {e for e in set(EVENTS) - BY_A_PERSON if next_mode("paused", e) in MOVING} == {"steady"}


def test_every_mode_can_be_reached_and_every_moving_one_left():
    assert {*TABLE.values(), "idle"} == set(MODES)
    for mode in MOVING:
        assert next_mode(mode, "done") == "concluded"
