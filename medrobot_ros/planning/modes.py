"""The mode machine: a plain table. Safety lives here and in the supervisor, never in the task tree.

    idle        waits for a start
    scanning    the task tree runs
    paused      the probe is off the skin; waits for a person, or for the patient to lie still after a shift
    retreating  leaves the skin on the way to a conclusion
    stopped     a safety stop: nothing moves; only a reset and then a person's resume or abort lead on
    ready       after a reset: as paused, waits for a person
    concluded   the examination has an outcome; a start begins another
"""

IDLE, SCANNING, PAUSED, RETREATING, STOPPED, READY, CONCLUDED = MODES = (
    "idle", "scanning", "paused", "retreating", "stopped", "ready", "concluded",
)  # fmt: skip
START, PAUSE, RESUME, ABORT, SAFETY_STOP, RESET, SHIFT, STEADY, DONE = EVENTS = (
    "start", "pause", "resume", "abort", "safety_stop", "reset", "shift", "steady", "done",
)  # fmt: skip

TABLE: dict[tuple[str, str], str] = {
    (IDLE, START): SCANNING,
    (CONCLUDED, START): SCANNING,
    (SCANNING, PAUSE): PAUSED,
    (PAUSED, PAUSE): PAUSED,  # a person holds what a shift has paused
    (SCANNING, SHIFT): PAUSED,
    (SCANNING, ABORT): RETREATING,
    (SCANNING, DONE): CONCLUDED,
    (PAUSED, RESUME): SCANNING,
    (PAUSED, STEADY): SCANNING,
    (PAUSED, ABORT): RETREATING,
    (RETREATING, DONE): CONCLUDED,
    **{(m, SAFETY_STOP): STOPPED for m in (SCANNING, PAUSED, RETREATING, READY)},
    (STOPPED, RESET): READY,
    (READY, RESUME): SCANNING,
    (READY, ABORT): RETREATING,
    (STOPPED, ABORT): CONCLUDED,
}


def next_mode(mode: str, event: str) -> str | None:
    """The mode that an event leads to; None where it is refused."""
    return TABLE.get((mode, event))
