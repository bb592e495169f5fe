"""Why the supervisor stops or retreats: every reason there is, as what the operator reads. `docs/safety.md` tells of each."""

from enum import Enum


class Reason(str, Enum):
    """A template; `filled` puts the values in."""

    STOP_REQUESTED = "stop requested"
    BEGAN_ANEW = "the supervisor began anew while the task was {mode}"
    STOOD = "the supervisor itself stood for {late_s:.1f} s"
    NOT_ACTIVE = "{node} is not active"
    SILENT = "{source} silent for more than {limit_ms:.0f} ms"
    NO_FORCE = "no contact force for more than {limit_ms:.0f} ms"
    NOT_FINITE = "joint state is not finite"
    POSITION_LIMIT = "joint {joint} beyond its position limit"
    SPEED_LIMIT = "joint {joint} beyond its speed limit"
    HIGH_FORCE = "contact force {force_n:.1f} N above {limit_n:g} N"
    PULL = "skin cannot pull: {pull_n:.1f} N along the beam; is the force sensor's sign right?"
    NOT_LIFTED = "the probe has not lifted off in {limit_s:.1f} s"
    RETREATED = "retreated"

    def filled(self, **values: object) -> str:
        """The reason as it is told."""
        return self.value.format(**values)
