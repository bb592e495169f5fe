"""How the probe moves, as the arm's encoders tell it with every joint state: what of the felt wrench is the probe's own inertia."""

from math import exp, pi, sqrt

import numpy as np
from numba import njit

from medrobot_ros.geometry.pose import inverse
from medrobot_ros.geometry.wrench import accelerating_wrench
from medrobot_ros.signals import Array

STALE_PERIODS = 3  # without a twist for so long, nothing is known of how the probe moves
STILL_HZ = 5.0  # corner of the speed by which rest is told: the noise of joint speeds is no motion
MOST_M_PER_S2 = 5.0  # chosen: arms near a patient accelerate less; what a twist that is wrong can add to the force is bounded by it


class ProbeMotion:
    """`take` a twist when it arrives, `sample` once a wrench. The acceleration is the difference of two twists: half a period late."""

    def __init__(self, T_ft_probe: Array, mass_kg: float, p_ft_com: Array, period_s: float) -> None:
        self._p_probe_com, self._period_s = (inverse(T_ft_probe) @ np.append(p_ft_com, 1.0))[:3].copy(), period_s
        self._accelerating = np.column_stack([accelerating_wrench(axis, mass_kg, p_ft_com) for axis in T_ft_probe[:3, :3].T])  # is linear
        self._stamp_ns: int | None = None
        self._v_com, self._F = np.zeros(3), np.zeros(6)  # in probe axes, and what accelerates it
        self._unheard = STALE_PERIODS + 1
        self._share, self._v_slow = 1.0 - exp(-2.0 * pi * STILL_HZ * period_s), np.zeros(3)
        self.speed_m_per_s = 0.0
        self.along_m_per_s: float | None = None  # of the tip, into the patient; None while twists are silent
        _move(np.zeros(6), self._p_probe_com, self._accelerating, 0.0, self._share, self._v_com, self._v_slow, self._F)  # compiled now

    def take(self, stamp_ns: int, V_base_probe_in_probe: Array) -> None:
        """The measured twist (6,) of the tip in probe axes."""
        elapsed_s = 0.0 if self._stamp_ns is None else 1e-9 * (stamp_ns - self._stamp_ns)
        elapsed_s = elapsed_s if elapsed_s <= STALE_PERIODS * self._period_s else 0.0
        self.speed_m_per_s, self.along_m_per_s = _move(
            V_base_probe_in_probe, self._p_probe_com, self._accelerating, elapsed_s, self._share, self._v_com, self._v_slow, self._F
        )
        self._stamp_ns, self._unheard = stamp_ns, 0

    def is_behind(self, stamp_ns: int) -> bool:
        """Whether the newest twist is of an earlier sample than a wrench of this stamp, as where it has further to come."""
        behind = 0.0 if self._stamp_ns is None else 1e-9 * (stamp_ns - self._stamp_ns) / self._period_s
        return 0.5 < behind <= STALE_PERIODS

    def sample(self) -> Array:
        """The wrench (6,) that accelerates the probe, in the F/T frame; none where twists are silent."""
        self._unheard += 1
        if self._unheard > STALE_PERIODS:
            self.along_m_per_s = None
            return np.zeros(6)
        return self._F


@njit(cache=True)  # type: ignore[untyped-decorator]
def _move(V, p_com, accelerating, elapsed_s, share, v_com, v_slow, F):  # type: ignore[no-untyped-def]
    """Brings up to date the velocity `v_com` (3,) of the centre of mass at `p_com` (3,), in probe axes that turn, the wrench `F` (6,) that
    accelerates it (none where no time has passed), and the tip's smoothed velocity `v_slow` (3,): its size, and the speed along the beam.
    """
    v, w, v_last = V[:3], V[3:], v_com.copy()
    F[:] = 0.0
    square = 0.0
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        v_com[i] = v[i] + w[j] * p_com[k] - w[k] * p_com[j]
        v_slow[i] += share * (v[i] - v_slow[i])
        square += v_slow[i] * v_slow[i]
    if elapsed_s > 0.0:
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            a = (v_com[i] - v_last[i]) / elapsed_s + w[j] * v_com[k] - w[k] * v_com[j]
            F += accelerating[:, i] * min(max(a, -MOST_M_PER_S2), MOST_M_PER_S2)
    return sqrt(square), V[2]
