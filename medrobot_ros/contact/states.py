"""The states of contact, as one table: what leads from which to which, and what has to be felt for it.

    free       no contact wanted; the probe stands, and yields
    approach   moves along the beam until touch
    seat       presses to the reference, standing
    scan       presses to the reference, moving as the mode says
    lost       no force although wanted: searches along the beam
    over_force pushed harder than tissue should, or aside: yields to the push in every direction
    retreat    lifts off along the beam, and yields
"""

from collections.abc import Callable
from dataclasses import dataclass

from medrobot_ros.config import ContactSection
from medrobot_ros.signals import PUSHED_AWAY

FREE, APPROACH, SEAT, SCAN, LOST, OVER_FORCE, RETREAT = STATES = (
    "free", "approach", "seat", "scan", "lost", "over_force", "retreat",
)  # fmt: skip
SCANNING_MODES = ("scan", "fan", "rock", "dwell")  # how the probe moves in state `scan`
MODES = ("off", "tare", "hold", "approach", *SCANNING_MODES, "retreat")
TOUCHING = (SEAT, SCAN, OVER_FORCE)
YIELDING = (FREE, OVER_FORCE, RETREAT)  # the states that go with a push in every direction

# What the planner asks: (state, mode) -> state; a pair that is not listed leaves the state as it is.
BY_MODE: dict[tuple[str, str], str] = {
    (FREE, "approach"): APPROACH,
    (SCAN, "hold"): SEAT,
    **{(SEAT, mode): SCAN for mode in SCANNING_MODES},
    **{(s, "retreat"): RETREAT for s in (APPROACH, SEAT, SCAN, LOST, OVER_FORCE)},
    **{(s, "off"): FREE for s in STATES},
}


@dataclass(slots=True)
class Feel:
    """What the probe feels: push along the beam and across it [N], way along the beam since the state began [m], how far it was pushed
    back from where it has been resting [m], how long there was no contact, and how long the state has lasted [s]."""

    push_n: float
    across_n: float = 0.0
    travel_m: float = 0.0
    pushed_m: float = 0.0
    apart_s: float = 0.0
    lasted_s: float = 0.0


@dataclass(slots=True)
class Limits:
    """The settings that decide, and forces [N]: the one that slows, and the one below which an over-force is over."""

    config: ContactSection
    slow_n: float
    calm_n: float


@dataclass(frozen=True)
class Transition:
    """From `states` to `to` when `when`; earlier rows of the table go first. `reason` is told to the planner."""

    event: str
    states: tuple[str, ...]
    to: str
    when: Callable[[Feel, Limits], bool]
    condition: str
    reason: str = ""


BY_FEEL: tuple[Transition, ...] = (
    Transition(
        "pushed_away", (SEAT, SCAN, OVER_FORCE), RETREAT,
        lambda f, at: f.pushed_m > at.config.yield_m, "pushed back further than contact.yield_m from where it rested", PUSHED_AWAY,
    ),
    Transition(
        "held_away", (OVER_FORCE,), RETREAT,
        lambda f, at: f.lasted_s > at.config.yield_s, "still pushed after contact.yield_s", PUSHED_AWAY,
    ),
    Transition(
        "struck", (APPROACH, LOST), RETREAT,
        lambda f, at: f.across_n > at.config.aside_n, "across above contact.aside_n, with nothing under the probe", PUSHED_AWAY,
    ),
    Transition(
        "pressed", (APPROACH, SEAT, SCAN, LOST), OVER_FORCE,
        lambda f, at: f.push_n > at.slow_n or f.across_n > at.config.aside_n, "push above safety.slow_n, or across above contact.aside_n",
    ),
    Transition(
        "relieved", (OVER_FORCE,), SEAT,
        lambda f, at: at.config.lost_n <= f.push_n < at.calm_n and f.across_n < 0.5 * at.config.aside_n,
        "push back half-way to the reference, and half of contact.aside_n across",
    ),
    Transition("touched", (APPROACH,), SEAT, lambda f, at: f.push_n > at.config.touch_n, "push above contact.touch_n"),
    Transition("found", (LOST,), SEAT, lambda f, at: f.push_n > at.config.touch_n, "push above contact.touch_n"),
    Transition(
        "no_skin", (APPROACH,), RETREAT,
        lambda f, at: f.travel_m > at.config.approach_m, "further than contact.approach_m", "no skin within contact.approach_m",
    ),
    Transition(
        "not_found", (LOST,), RETREAT,
        lambda f, at: f.travel_m > at.config.search_m, "further than contact.search_m", "contact not found again within contact.search_m",
    ),
    Transition("lost_touch", TOUCHING, LOST, lambda f, at: f.apart_s > at.config.lost_s, "push below contact.lost_n for contact.lost_s"),
    Transition("lifted", (RETREAT,), FREE, lambda f, at: f.travel_m < -at.config.retreat_m, "back further than contact.retreat_m"),
)  # fmt: skip


_IN_STATE = {state: tuple(t for t in BY_FEEL if state in t.states) for state in STATES}


def by_mode(state: str, mode: str) -> str:
    """The state after the planner asks for a mode."""
    return BY_MODE.get((state, mode), state)


def by_feel(state: str, feel: Feel, limits: Limits) -> Transition | None:
    """What happens in a state on what is felt; None while nothing does."""
    for transition in _IN_STATE[state]:
        if transition.when(feel, limits):
            return transition
    return None


def as_markdown() -> str:
    """Both tables, for `docs/force_control.md`."""
    rows = "".join(f"| {', '.join(t.states)} | {t.event} | {t.condition} | {t.to} |\n" for t in BY_FEEL)
    asked: dict[tuple[str, str], list[str]] = {}
    for (state, mode), to in BY_MODE.items():
        asked.setdefault((mode, to), []).append(state)
    modes = "".join(f"| {', '.join(states)} | {mode} | {to} |\n" for (mode, to), states in asked.items())
    return f"| in | felt | which is | then |\n|---|---|---|---|\n{rows}\n| in | asked | then |\n|---|---|---|\n{modes}"
