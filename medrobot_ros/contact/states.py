"""The states of contact, as one table: what leads from which to which.

    free       no contact wanted; the probe stands
    approach   moves along the beam until touch
    seat       presses to the reference, standing
    scan       presses to the reference, moving along the path
    lost       no force although wanted: searches along the beam
    over_force above the slow force: yields, standing
    retreat    lifts off along the beam
"""

FREE, APPROACH, SEAT, SCAN, LOST, OVER_FORCE, RETREAT = STATES = (
    "free", "approach", "seat", "scan", "lost", "over_force", "retreat",
)
MODES = ("off", "tare", "hold", "approach", "scan", "retreat")

TOUCHED, FAILED, LOST_TOUCH, FOUND, PRESSED, RELIEVED, LIFTED = EVENTS = (
    "touched", "failed", "lost_touch", "found", "pressed", "relieved", "lifted",
)

# What the planner asks: (state, mode) -> state; a pair that is not listed leaves the state as it is.
BY_MODE: dict[tuple[str, str], str] = {
    (FREE, "approach"): APPROACH,
    (SEAT, "scan"): SCAN,
    (SCAN, "hold"): SEAT,
    **{(s, "retreat"): RETREAT for s in (APPROACH, SEAT, SCAN, LOST, OVER_FORCE)},
    **{(s, "off"): FREE for s in STATES},
}

# What the probe feels: (state, event) -> state; likewise.
BY_EVENT: dict[tuple[str, str], str] = {
    (APPROACH, TOUCHED): SEAT,
    (APPROACH, FAILED): RETREAT,
    (SEAT, LOST_TOUCH): LOST,
    (SCAN, LOST_TOUCH): LOST,
    (LOST, FOUND): SEAT,
    (LOST, FAILED): RETREAT,
    **{(s, PRESSED): OVER_FORCE for s in (APPROACH, SEAT, SCAN, LOST)},
    (OVER_FORCE, RELIEVED): SEAT,
    (OVER_FORCE, LOST_TOUCH): LOST,
    (RETREAT, LIFTED): FREE,
}


def by_mode(state: str, mode: str) -> str:
    """The state after the planner asks for a mode."""
    return BY_MODE.get((state, mode), state)


def by_event(state: str, event: str) -> str:
    """The state after the probe feels something."""
    return BY_EVENT.get((state, event), state)
