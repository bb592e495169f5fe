from itertools import product
from pathlib import Path

import pytest

from medrobot_ros.config import ContactSection
from medrobot_ros.contact import states
from medrobot_ros.contact.states import (
    APPROACH,
    BY_FEEL,
    FREE,
    LOST,
    OVER_FORCE,
    RETREAT,
    SCAN,
    SEAT,
    STATES,
    Feel,
    Limits,
    by_feel,
    by_mode,
)  # fmt: skip
from medrobot_ros.signals import PUSHED_AWAY

CONFIG = ContactSection()
LIMITS = Limits(CONFIG, 15.0, 10.0)
FELT = {
    "pushed_away": Feel(5.0, pushed_m=1.01 * CONFIG.yield_m),
    "held_away": Feel(11.0, lasted_s=1.01 * CONFIG.yield_s),
    "struck": Feel(0.0, across_n=1.01 * CONFIG.aside_n),
    "pressed": Feel(15.01),
    "relieved": Feel(9.9),
    "touched": Feel(1.01 * CONFIG.touch_n),
    "found": Feel(1.01 * CONFIG.touch_n),
    "no_skin": Feel(0.0, travel_m=1.01 * CONFIG.approach_m),
    "not_found": Feel(0.0, travel_m=1.01 * CONFIG.search_m),
    "lost_touch": Feel(0.0, apart_s=1.01 * CONFIG.lost_s),
    "lifted": Feel(0.0, travel_m=-1.01 * CONFIG.retreat_m),
}
NOT_QUITE = {
    "pushed_away": Feel(5.0, pushed_m=0.99 * CONFIG.yield_m),
    "held_away": Feel(11.0, lasted_s=0.99 * CONFIG.yield_s),
    "struck": Feel(0.0, across_n=0.99 * CONFIG.aside_n),
    "pressed": Feel(14.99, across_n=0.99 * CONFIG.aside_n),
    "relieved": Feel(10.01),
    "touched": Feel(0.99 * CONFIG.touch_n),
    "found": Feel(0.99 * CONFIG.touch_n),
    "no_skin": Feel(0.0, travel_m=0.99 * CONFIG.approach_m),
    "not_found": Feel(0.0, travel_m=0.99 * CONFIG.search_m),
    "lost_touch": Feel(0.0, apart_s=0.99 * CONFIG.lost_s),
    "lifted": Feel(0.0, travel_m=-0.99 * CONFIG.retreat_m),
}
ROWS = {t.event: t for t in BY_FEEL}


def test_every_event_is_in_the_table_once():
    assert set(FELT) == set(NOT_QUITE) == set(ROWS) and len(ROWS) == len(BY_FEEL)
    assert all(t.to in STATES and set(t.states) <= set(STATES) and t.condition for t in BY_FEEL)


@pytest.mark.parametrize(("state", "event"), list(product(STATES, FELT)))
def test_a_state_answers_its_own_events_alone(state, event):
    row = ROWS[event]
    happens = by_feel(state, FELT[event], LIMITS)
    if state in row.states:
        assert happens is not None and happens.to == row.to and happens.reason == row.reason
    else:
        assert happens is None or happens.event != event
    quite = by_feel(state, NOT_QUITE[event], LIMITS)
    assert quite is None or quite.event != event


@pytest.mark.parametrize(("state", "mode"), list(product(STATES, states.MODES)))
def test_every_state_and_mode_lead_to_a_state(state, mode):
    to = by_mode(state, mode)
    assert to in STATES
    if mode == "off":
        assert to == FREE
    elif state == RETREAT:  # a retreat is not taken back
        assert to == RETREAT
    elif mode == "retreat":
        assert to == (FREE if state == FREE else RETREAT)
    elif mode == "tare":
        assert to == state


@pytest.mark.parametrize("state", [SEAT, SCAN, APPROACH, LOST])
def test_a_hard_press_yields_in_every_state_that_presses(state):
    assert by_feel(state, Feel(16.0), LIMITS).to == OVER_FORCE


@pytest.mark.parametrize("state", [SEAT, SCAN, OVER_FORCE])
def test_a_push_away_outranks_everything_and_asks_for_a_person(state):
    happens = by_feel(state, Feel(20.0, 20.0, 0.0, 0.1, 1.0, 9.0), LIMITS)
    assert happens.to == RETREAT and happens.reason == PUSHED_AWAY


def test_nothing_felt_moves_a_free_probe():
    assert all(by_feel(FREE, felt, LIMITS) is None for felt in FELT.values())


def test_calm_contact_stays():
    assert by_feel(SEAT, Feel(5.0), LIMITS) is None and by_feel(SCAN, Feel(5.0), LIMITS) is None


def test_the_page_shows_the_tables():
    assert states.as_markdown() in (Path(__file__).parents[2] / "docs" / "force_control.md").read_text()
