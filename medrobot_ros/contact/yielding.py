"""Giving way to a hand: the probe moves with whatever pushes it, and how far it has been pushed is known."""

from math import exp

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
    """Where along the beam the probe has been resting."""

    def __init__(self, period_s: float) -> None:
        self._keep = exp(-period_s / REST_S)
        self.begin()

    def begin(self) -> None:
        """Rests here from now on."""
        self._travel_m = self._rest_m = 0.0

    def move(self, step_m: float) -> float:
        """After a step along the beam [m]: how far back from its resting place the probe is [m]."""
        self._travel_m += step_m
        self._rest_m = self._travel_m + self._keep * (self._rest_m - self._travel_m)
        return max(0.0, self._rest_m - self._travel_m)
