"""Tissue stiffness from a small dither along the beam while the probe seats.

Force control moves the probe against the skin's own motion, so that whatever it does by itself tells nothing of stiffness.
A dither at a frequency where the skin is quiet does: K = |F| / |z| of the two at that frequency, Hann-weighted.
"""

from cmath import exp
from collections import deque
from math import cos, pi

DITHER_HZ = 5.0
DITHER_M = 1.5e-4
WINDOW_PERIODS = 4
LOW_N_PER_M, HIGH_N_PER_M = 150.0, 4000.0


class StiffnessEstimate:
    """Call `dither` and `update` once a period while seated; `n_per_m` changes when a window is full."""

    def __init__(self, prior_n_per_m: float, delay_s: float, period_s: float) -> None:
        self.n_per_m = prior_n_per_m
        self._period_s = period_s
        self._window = round(WINDOW_PERIODS / (DITHER_HZ * period_s))
        self._late: deque[float] = deque(maxlen=max(1, round(delay_s / period_s)))
        self.restart()

    def restart(self) -> None:
        """Begins a new window."""
        self._k = 0
        self._depth_m = 0.0
        self._z = self._f = 0j
        self._late.clear()

    def dither(self) -> float:
        """Speed to add along the beam [m/s]."""
        w = 2.0 * pi * DITHER_HZ
        return DITHER_M * w * cos(w * self._k * self._period_s)

    def update(self, force_n: float, travel_m: float) -> None:
        """One sample: filtered push [N] and all commanded travel along the beam since the last [m], dither included."""
        self._depth_m += travel_m
        felt_m = self._late[0] if self._late else self._depth_m  # force answers travel one loop delay later
        self._late.append(self._depth_m)
        weight = (0.5 - 0.5 * cos(2.0 * pi * self._k / self._window)) * exp(-2j * pi * DITHER_HZ * self._k * self._period_s)
        self._z += weight * felt_m
        self._f += weight * force_n
        self._k += 1
        if self._k == self._window:
            if abs(self._z) > 0.0:
                self.n_per_m = min(max(abs(self._f) / abs(self._z), LOW_N_PER_M), HIGH_N_PER_M)
            self.restart()
