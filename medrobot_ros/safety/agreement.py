"""Whether the force sensor and the motors' torques tell of the same force: not so a sensor that drifts or lies, or a push beside it."""

import numpy as np

from medrobot_ros.signals import Array

LASTING_NS = 100_000_000  # longer than what accelerates the arm, which torques feel as well


class Agreement:
    """`gap_n` is the largest difference that may last."""

    def __init__(self, gap_n: float) -> None:
        self._gap_n = gap_n
        self.begin()

    def begin(self) -> None:
        """They agree."""
        self._since_ns: int | None = None
        self._asked_ns = 0

    def broken(self, now_ns: int, F_sensor: Array, F_torque: Array) -> str:
        """Takes both wrenches (6,) at the tip in probe axes; what there is to say where they have differed for long, mostly nothing."""
        gap_n = float(np.linalg.norm(F_sensor[:3] - F_torque[:3]))
        paused, self._asked_ns = now_ns - self._asked_ns > LASTING_NS, now_ns
        if gap_n <= self._gap_n or paused:
            self._since_ns = None
            return ""
        self._since_ns = now_ns if self._since_ns is None else self._since_ns
        if now_ns - self._since_ns < LASTING_NS:
            return ""
        self._since_ns = None
        return f"the force sensor is {gap_n:.1f} N beside what the joints' torques tell"
