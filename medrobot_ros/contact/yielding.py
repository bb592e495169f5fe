"""Giving way to a hand: the probe moves with whatever pushes it, and how far it has been pushed is known."""

from math import exp, hypot

import numpy as np

from medrobot_ros.signals import Array

YIELD_N_S_PER_M = 120.0  # chosen: at the greatest speed that gives way, 0.1 m/s, 12 N above the calm force
MAX_YIELD_M_PER_S = 0.1
REST_S = 2.0  # memory of where the probe rests: longer than half a slow breath


def yielding_twist(F: Array, calm_n: float) -> Array:
    """Twist (6,) in probe axes that goes with the force of a push (6,) as far as it is larger than `calm_n`."""
    V = np.zeros(6)
    size_n = float(np.sqrt(F[:3] @ F[:3]))
    if size_n > calm_n:
        V[:3] = F[:3] * (min((size_n - calm_n) / YIELD_N_S_PER_M, MAX_YIELD_M_PER_S) / size_n)
    return V


class RestingPlace:
    """Where the probe has been resting, and how far a push has moved it from there.

    From the probe's measured poses: what was asked of an arm that brakes or holds has not happened.
    """

    def __init__(self, pose_period_s: float) -> None:
        self._keep = exp(-pose_period_s / REST_S)
        self.begin()

    def begin(self) -> None:
        """Rests where the next pose will be."""
        self._T_last: Array | None = None
        self._travel_m = self._rest_m = self._aside_m = 0.0

    def centre(self) -> None:
        """Forgets how far aside it has been pushed."""
        self._aside_m = 0.0

    def move(self, T_base_probe: Array, yields: bool) -> float:
        """After the next pose (4, 4): how far [m] the probe is back from its resting place, and aside, where it `yields`."""
        if self._T_last is not None:
            step = (T_base_probe[:3, 3] - self._T_last[:3, 3]) @ T_base_probe[:3, :3]  # in probe axes
            self._travel_m += float(step[2])
            self._rest_m = self._travel_m + self._keep * (self._rest_m - self._travel_m)
            self._aside_m += hypot(step[0], step[1]) if yields else 0.0
        self._T_last = T_base_probe
        return hypot(max(0.0, self._rest_m - self._travel_m), self._aside_m)
