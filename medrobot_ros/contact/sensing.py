"""What contact must know of the wrench that it is given."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sensing:
    """`feels_inertia`: the probe hangs from the sensor and no driver takes its inertia off. `why_not` tells why a force reference [N]
    cannot be felt, '' where it can."""

    feels_inertia: bool = True
    why_not: Callable[[float], str] = lambda force_n: ""


BEYOND_SENSOR = Sensing()
