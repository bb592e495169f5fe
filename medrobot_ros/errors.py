"""One error tree for set-up mistakes.

    MedrobotError
    ├── ConfigError        an option, key or value that cannot be used
    │   └── UnknownName    a name that is not registered; the message lists the valid ones
    ├── DataError          a file or cloud that is not what it should be
    └── MachineError       the machine lacks something that the run needs

Run-time faults (stale sensor, over-force, no IK solution) are events in `signals`, never exceptions.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class MedrobotError(Exception):
    """Anything that a user can put right; the command line prints its one line and exits with status 1."""


class ConfigError(MedrobotError):
    """An option, key or value that cannot be used."""


class UnknownName(ConfigError):
    """A name that is not registered."""

    def __init__(self, kind: str, name: str, valid: Iterable[str]):
        valid = sorted(valid)
        near = get_close_matches(name, valid, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        super().__init__(f"unknown {kind} '{name}'{hint}; valid: {', '.join(valid)}")


class DataError(MedrobotError):
    """A file or a cloud that is not what it should be."""


class MachineError(MedrobotError):
    """The machine lacks something that the run needs."""
