"""How the probe moves while it scans: along the path, fanning, rocking, or not at all."""

from math import cos, pi

import numpy as np

from medrobot_ros.config import ContactSection
from medrobot_ros.signals import Array

ABOUT = {"fan": 0, "rock": 1}  # the probe's axis: x out of the image plane, y within it


class Turning:
    """One sweep about the contact point: to one side, to the other and back; `mode` is 'fan' or 'rock'."""

    def __init__(self, mode: str, config: ContactSection) -> None:
        self._axis = 3 + ABOUT[mode]
        self._angle_rad = config.fan_rad if mode == "fan" else config.rock_rad
        self._duration_s = 2.0 * pi * self._angle_rad / config.sweep_rad_per_s
        self.time_s = 0.0

    @property
    def progress(self) -> float:
        """Share of the sweep that has passed, 0 to 1."""
        return min(1.0, self.time_s / self._duration_s)

    def twist(self, pace: float) -> Array:
        """Twist (6,) about the probe's tip in probe axes; angle(t) = A sin(2 pi t / T), whose greatest speed is the one set."""
        V = np.zeros(6)
        if self.progress < 1.0:
            w = 2.0 * pi / self._duration_s
            V[self._axis] = pace * self._angle_rad * w * cos(w * self.time_s)
        return V
