"""The probe's face laid flat by the torque it feels: a push that acts beside the beam tells which way the skin leans.

On a face of curvature 1 / r that leans by a on the skin, the contact point lies r a beside the tip and the push makes a torque r a |F|
there. The lean that is asked for (a fan, a tilt towards a side that does not couple) is left as it is.
"""

from math import exp, pi

import numpy as np

from medrobot_ros.config import ContactSection
from medrobot_ros.signals import Array

LEVER_M = (0.02, 0.05)  # radius of a curvilinear face across the image (a turn about x) and along it (about y)
MOST_RAD = 0.2  # on a face flatter than that a torque says little more than which way
FILTER_HZ = 2.0  # of the torque: the noise of 2 mNm at 500 Hz reads as 0.05 deg
LEAST_PUSH_N = 2.0  # below it a torque says little


class Alignment:
    """`lean_rad` (2,) about the probe's x and y, to be added to the planned orientation; one `update` a period while pressing."""

    def __init__(self, config: ContactSection, period_s: float) -> None:
        self._config, self._period_s = config, period_s
        self._share = 1.0 - exp(-2.0 * pi * FILTER_HZ * period_s)
        self.release()

    def release(self) -> None:
        """As planned again; call when contact begins or ends."""
        self.lean_rad = np.zeros(2)
        self._off_rad = [0.0, 0.0]

    def update(self, F: Array, asked_rad: Array) -> None:
        """Takes the tissue's wrench (6,) at the tip, and the lean (2,) about x and y that is wanted besides."""
        push_n = -float(F[2])
        if push_n < LEAST_PUSH_N:
            return
        for axis, lever_m in enumerate(LEVER_M):
            felt_rad = _limited(float(F[3 + axis]) / (lever_m * push_n), MOST_RAD)
            self._off_rad[axis] += self._share * (felt_rad - self._off_rad[axis])
            step = self._config.align_gain_per_s * self._period_s * (self._off_rad[axis] + float(asked_rad[axis]))
            self.lean_rad[axis] = _limited(float(self.lean_rad[axis]) + step, self._config.max_align_rad)


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
