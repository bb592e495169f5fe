"""How far the sensor has drifted since its tare, seen where the probe rests in free space."""

import numpy as np

from medrobot_ros.contact.wrench_estimate import Tare
from medrobot_ros.signals import Array

REPORTED_N = 0.3  # chosen: a sixteenth of the usual force, six times the noise of a good sensor


class Drift:
    """`watch` a sample at a time; a drift that has grown by `REPORTED_N` is told once. A tare begins anew."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self.begin()

    def begin(self) -> None:
        """From now on the wrench is zero in free space."""
        self._told_n = 0.0
        self._at_rest: Tare | None = None

    def watch(self, F: Array, speed_m_per_s: float, free: bool) -> str:
        """What there is to tell of the compensated wrench (6,), mostly nothing."""
        if not free:
            self._at_rest = None
            return ""
        self._at_rest = self._at_rest or Tare(self._rate_hz)
        verdict = self._at_rest.add(F, speed_m_per_s)
        if not verdict:
            return ""
        drift_n, self._at_rest = float(np.linalg.norm(self._at_rest.mean()[:3])), None
        if verdict != "done" or drift_n < self._told_n + REPORTED_N:
            return ""
        self._told_n = drift_n
        return f"{drift_n:.2f} N in free space since the tare"
