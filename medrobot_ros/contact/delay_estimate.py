"""How late the arm goes where it is sent, told on line by how its measured speed answers the commanded one at the dither's frequency.

Both speeds are turned down from that frequency to rest and smoothed; the angle between them is the delay. It is believed where one
explains the other, which a hand or a patient that moves the arm ends.
"""

from cmath import exp as cexp
from cmath import phase
from math import exp, pi

from medrobot_ros.contact.tissue_estimate import DITHER_HZ

SMOOTH_S, MEMORY_S = 0.25, 3.0
LEAST_COHERENCE = 0.9
LEAST_M_PER_S = 2e-4  # of the command at that frequency: a sixth of what the smallest dither makes
LONGEST_S = 0.06  # half a swing of the dither: a longer delay looks like an advance, and counts as this


class DelayEstimate:
    """`delay_s` from a commanded speed to the measured one; None where it is not known."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._turn = cexp(-2j * pi * DITHER_HZ * period_s)
        self._smooth, self._forget = exp(-period_s / SMOOTH_S), exp(-period_s / MEMORY_S)
        self.restart()

    def restart(self) -> None:
        """Nothing is known."""
        self._angle = 1.0 + 0j
        self._sent, self._seen, self._cross = _Smoothed(self._smooth), _Smoothed(self._smooth), 0j
        self._sent2 = self._seen2 = self._weight = 0.0

    def update(self, commanded_m_per_s: float, measured_m_per_s: float) -> None:
        """One period: what was commanded after the last measurement, and what is measured now as the mean since then."""
        self._angle *= self._turn
        sent, seen = self._sent.update(self._angle * commanded_m_per_s), self._seen.update(self._angle * measured_m_per_s)
        k = self._forget
        self._cross = k * self._cross + seen * sent.conjugate()
        self._sent2 = k * self._sent2 + abs(sent) ** 2
        self._seen2 = k * self._seen2 + abs(seen) ** 2
        self._weight = k * self._weight + 1.0

    @property
    def delay_s(self) -> float | None:
        """From a command to the motion that it makes, as it is measured [s]."""
        if self._weight * (1.0 - self._forget) < 0.5 or self._sent2 < self._weight * (0.5 * LEAST_M_PER_S) ** 2:
            return None
        if abs(self._cross) ** 2 < LEAST_COHERENCE * self._sent2 * self._seen2:
            return None
        late_s = -phase(self._cross) / (2.0 * pi * DITHER_HZ) + 0.5 * self._period_s
        return LONGEST_S if late_s < -self._period_s else min(max(late_s, 0.0), LONGEST_S)


class _Smoothed:
    """A second-order low-pass: breathing is ten times as fast as the dither, and 8 Hz beside it."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._once = self._twice = 0j

    def update(self, x: complex) -> complex:
        self._once = self._keep * self._once + (1.0 - self._keep) * x
        self._twice = self._keep * self._twice + (1.0 - self._keep) * self._once
        return self._twice
