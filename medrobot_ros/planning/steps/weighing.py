"""What hangs on the sensor: the zero of its wrench, and whether the probe weighs what the cell believes."""

import numpy as np

from medrobot_ros.planning.probe_check import probe_fault
from medrobot_ros.planning.steps.step import DONE, Step
from medrobot_ros.signals import Array


class Tare(Step):
    """Takes the wrench in this pose as zero."""

    timeout_s = 8.0

    def begin(self) -> None:
        self.board.ask_contact("tare")

    def advance(self) -> str:
        contact = self.answer("tare")
        if contact is None:
            return ""
        if contact.reason.startswith(("tare refused", "no tare")):
            return contact.reason
        return DONE if contact.tared else ""


class FirstTare(Tare):
    """The one before the probe is weighed."""

    phase = "check"


class Weigh(Step):
    """In another orientation the compensated wrench must still be zero: mass and centre of mass are as configured."""

    WINDOW_S = 0.3
    phase, timeout_s = "check", 3.0

    def begin(self) -> None:
        self._samples: list[Array] = []

    def advance(self) -> str:
        wrench = self.board.wrench
        if wrench is not None and wrench.stamp_ns >= self._since_ns:
            self._samples.append(wrench.F)
        if self.elapsed_s < self.WINDOW_S or not self._samples:
            return ""
        R_tared, R_tilted = self.board.T_base_home[:3, :3], self.board.poses[-1].T_base_probe[:3, :3]
        return probe_fault(np.mean(self._samples, axis=0), R_tared, R_tilted) or DONE
