"""The tissue's wrench on the probe tip from a raw F/T reading: tare, weight, inertia, shift, filter."""

from math import exp, pi

import numpy as np
from numba import njit

from medrobot_ros.geometry.pose import inverse
from medrobot_ros.geometry.wrench import shift_wrench, weight_wrench
from medrobot_ros.signals import Array


def low_pass_share(corner_hz: float, period_s: float) -> float:
    """Share of each new sample in a first-order low-pass."""
    return 1.0 - exp(-2.0 * pi * corner_hz * period_s)


def low_pass_delay_s(corner_hz: float, period_s: float) -> float:
    """By how much that delays what is slow, which is 1 / (2 pi corner_hz) at most, where periods are short."""
    share = low_pass_share(corner_hz, period_s)
    return (1.0 - share) / share * period_s


class WrenchEstimate:
    """`F_tissue_on_probe_in_probe` (6,) [N, Nm] from raw F/T wrenches of the environment on the tool."""

    def __init__(self, T_ft_probe: Array, mass_kg: float, p_ft_com: Array, corner_hz: float, period_s: float) -> None:
        self._shift = np.column_stack([shift_wrench(inverse(T_ft_probe), e) for e in np.eye(6)])  # made once: it is linear
        self._R_ft_probe = T_ft_probe[:3, :3]
        self._mass_kg, self._p_ft_com = mass_kg, p_ft_com
        self._share = low_pass_share(corner_hz, period_s)
        self._offset = np.zeros(6)  # bias and weight in the present orientation
        self._filtered: Array | None = None
        self.bias: Array | None = None
        _filtered(self._offset, self._offset, self._offset, self._shift, self._offset, self._share)  # compiled or loaded now, not in a tick

    def tare(self, F_raw_mean: Array, R_base_probe: Array) -> None:
        """Takes the mean raw wrench of a steady, untouched probe as bias plus weight."""
        self.bias = F_raw_mean - self._weight(R_base_probe)
        self.turn(R_base_probe)
        self._filtered = None

    def turn(self, R_base_probe: Array) -> None:
        """Follows the probe's orientation, which moves its weight about."""
        if self.bias is not None:
            self._offset = self.bias + self._weight(R_base_probe)

    def _weight(self, R_base_probe: Array) -> Array:
        return weight_wrench(R_base_probe @ self._R_ft_probe.T, self._mass_kg, self._p_ft_com)

    def update(self, F_raw: Array, F_accelerating: Array) -> Array:
        """The filtered tissue wrench at the tip in probe axes, from the raw one and what accelerates the probe, (6,) in the F/T frame."""
        last, share = (self._offset, 1.0) if self._filtered is None else (self._filtered, self._share)
        self._filtered = F = _filtered(F_raw, self._offset, F_accelerating, self._shift, last, share)
        return F


@njit(cache=True)  # type: ignore[untyped-decorator]
def _filtered(F_raw, offset, F_accelerating, shift, F_last, share):  # type: ignore[no-untyped-def]
    """One step of the low-pass from `F_last` (6,)."""
    F = (1.0 - share) * F_last
    for i in range(6):
        for k in range(6):
            F[i] += share * shift[i, k] * (F_raw[k] - offset[k] + F_accelerating[k])
    return F


class Tare:
    """Collects raw wrenches in pose, and refuses when they or the probe are not steady."""

    DURATION_S = 0.5
    STEADY_FORCE_N = 1.0  # spread of a noisy sensor at rest is far below, a touch or a motion above
    STEADY_SPEED_M_PER_S = 0.002

    def __init__(self, rate_hz: float) -> None:
        self._needed = max(10, round(self.DURATION_S * rate_hz))
        self._samples: list[Array] = []

    def add(self, F_raw: Array, speed_m_per_s: float) -> str:
        """'' while collecting, 'done', or why it is refused."""
        if speed_m_per_s > self.STEADY_SPEED_M_PER_S:
            self._samples.clear()
            return ""
        self._samples.append(F_raw)
        if len(self._samples) < self._needed:
            return ""
        half = self._needed // 2
        halves = np.mean(self._samples[:half], axis=0), np.mean(self._samples[half:], axis=0)
        drift_n = float(np.linalg.norm(halves[1][:3] - halves[0][:3]))
        spread_n = float(np.std(self._samples, axis=0)[:3].max())
        if max(drift_n, spread_n) > self.STEADY_FORCE_N:
            return f"wrench not steady: spread {spread_n:.2f} N, drift {drift_n:.2f} N"
        return "done"

    def mean(self) -> Array:
        """Mean raw wrench (6,)."""
        out: Array = np.mean(self._samples, axis=0)
        return out
