"""How late the arm goes where it is sent, told on line by how its measured speed answers the commanded one at the dither's frequency.

Both speeds are turned down from that frequency to rest and smoothed; the angle between them is the delay. It is believed where one
explains the other, which a hand or a patient that moves the arm ends.
"""

from cmath import exp as cexp
from cmath import phase
from math import exp, pi

import numpy as np
from numba import njit

from medrobot_ros.contact.tissue_estimate import DITHER_HZ

SMOOTH_S, MEMORY_S = 0.25, 3.0
LEAST_COHERENCE = 0.9
LEAST_M_PER_S = 2e-4  # of the command at that frequency: a sixth of what the smallest dither makes
LONGEST_S = 0.06  # half a swing of the dither: a longer delay looks like an advance, and counts as this


class DelayEstimate:
    """`delay_s` from a commanded speed to the measured one; None where it is not known."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._constants = cexp(-2j * pi * DITHER_HZ * period_s), exp(-period_s / SMOOTH_S), exp(-period_s / MEMORY_S)
        self._turned, self._sums = np.zeros(5, complex), np.zeros(3)  # see `_take`
        self.restart()
        self.update(0.0, 0.0)  # compiled or loaded now, not in a tick
        self.restart()

    def restart(self) -> None:
        """Nothing is known."""
        self._turned[:], self._sums[:] = 0.0, 0.0
        self._turned[0] = 1.0
        self._cross = 0j

    def update(self, commanded_m_per_s: float, measured_m_per_s: float) -> None:
        """One period: what was commanded after the last measurement, and what is measured now as the mean since then."""
        self._cross = _take(commanded_m_per_s, measured_m_per_s, self._cross, *self._constants, self._turned, self._sums)

    @property
    def delay_s(self) -> float | None:
        """From a command to the motion that it makes, as it is measured [s]."""
        sent2, seen2, weight = self._sums.tolist()
        if weight * (1.0 - self._constants[2]) < 0.5 or sent2 < weight * (0.5 * LEAST_M_PER_S) ** 2:
            return None
        if abs(self._cross) ** 2 < LEAST_COHERENCE * sent2 * seen2:
            return None
        late_s = -phase(self._cross) / (2.0 * pi * DITHER_HZ) + 0.5 * self._period_s
        return LONGEST_S if late_s < -self._period_s else min(max(late_s, 0.0), LONGEST_S)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _take(commanded, measured, cross, turn, keep, forget, turned, sums):  # type: ignore[no-untyped-def]
    """One sample: `cross` spectrum anew, the sums of squares (2,) and weight in `sums` (3,), and in `turned` (5,) the angle, and sent and
    seen speed behind two low-passes each: breathing is ten times as fast as the dither, and 8 Hz beside it."""
    turned[0] *= turn
    for k, speed in ((1, commanded), (3, measured)):
        turned[k] = keep * turned[k] + (1.0 - keep) * turned[0] * speed
        turned[k + 1] = keep * turned[k + 1] + (1.0 - keep) * turned[k]
    sent, seen = turned[2], turned[4]
    sums[0] = forget * sums[0] + abs(sent) ** 2
    sums[1] = forget * sums[1] + abs(seen) ** 2
    sums[2] = forget * sums[2] + 1.0
    return forget * cross + seen * sent.conjugate()
