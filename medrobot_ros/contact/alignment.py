"""The probe's face laid flat by the torque it feels: a push that acts beside the beam tells which way the skin leans.

On a face of curvature 1 / r that leans by a on the skin, the contact point lies r a beside the tip and the push makes a torque r a |F|
there. The lean that is asked for (a fan, a tilt towards a side that does not couple) is left as it is.
"""

from math import exp, pi

import numpy as np
from numba import njit

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
        self.update(np.zeros(6), np.zeros(2))  # compiled or loaded now, not in a tick

    def release(self) -> None:
        """As planned again; call when contact begins or ends."""
        self.lean_rad = np.zeros(2)
        self._off_rad = np.zeros(2)

    def update(self, F: Array, asked_rad: Array) -> None:
        """Takes the tissue's wrench (6,) at the tip, and the lean (2,) about x and y that is wanted besides."""
        step = self._config.align_gain_per_s * self._period_s
        _lean(F, asked_rad, self._share, step, self._config.max_align_rad, self._off_rad, self.lean_rad)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _lean(F, asked_rad, share, gain, most_rad, off_rad, lean_rad):  # type: ignore[no-untyped-def]
    """Brings up to date how far the face is felt to be off, `off_rad` (2,), and `lean_rad` (2,)."""
    push_n = -F[2]
    if push_n < LEAST_PUSH_N:
        return
    for axis in range(2):
        felt_rad = min(max(F[3 + axis] / (LEVER_M[axis] * push_n), -MOST_RAD), MOST_RAD)
        off_rad[axis] += share * (felt_rad - off_rad[axis])
        lean_rad[axis] = min(max(lean_rad[axis] + gain * (off_rad[axis] + asked_rad[axis]), -most_rad), most_rad)
