"""How the probe moves, as the arm's encoders tell it with every joint state: what of the felt wrench is the probe's own inertia."""

from math import exp, pi

import numpy as np

from medrobot_ros.geometry.pose import cross, inverse
from medrobot_ros.geometry.wrench import accelerating_wrench
from medrobot_ros.signals import Array

STALE_PERIODS = 3  # without a twist for so long, nothing is known of how the probe moves
STILL_HZ = 5.0  # corner of the speed by which rest is told: the noise of joint speeds is no motion
MOST_M_PER_S2 = 5.0  # chosen: arms near a patient accelerate less; what a twist that is wrong can add to the force is bounded by it


class ProbeMotion:
    """`take` a twist when it arrives, `sample` once a wrench. The acceleration is the difference of two twists: half a period late."""

    def __init__(self, T_ft_probe: Array, mass_kg: float, p_ft_com: Array, period_s: float) -> None:
        self._p_probe_com, self._period_s = (inverse(T_ft_probe) @ np.append(p_ft_com, 1.0))[:3], period_s
        # Linear in the acceleration: a matrix made once takes a quarter of the time.
        self._accelerating = np.column_stack([accelerating_wrench(axis, mass_kg, p_ft_com) for axis in T_ft_probe[:3, :3].T])
        self._stamp_ns: int | None = None
        self._v_com = np.zeros(3)
        self._a_com = np.zeros(3)  # in probe axes
        self._unheard = STALE_PERIODS + 1
        self._share, self._v_slow = 1.0 - exp(-2.0 * pi * STILL_HZ * period_s), np.zeros(3)
        self.speed_m_per_s = 0.0
        self.along_m_per_s: float | None = None  # of the tip, into the patient; None while twists are silent

    def take(self, stamp_ns: int, V_base_probe_in_probe: Array) -> None:
        """The measured twist (6,) of the tip in probe axes."""
        v, w = V_base_probe_in_probe[:3], V_base_probe_in_probe[3:]
        v_com = v + cross(w, self._p_probe_com)
        elapsed_s = 0.0 if self._stamp_ns is None else 1e-9 * (stamp_ns - self._stamp_ns)
        if 0.0 < elapsed_s <= STALE_PERIODS * self._period_s:
            a_com = (v_com - self._v_com) / elapsed_s + cross(w, v_com)
            self._a_com = np.minimum(np.maximum(a_com, -MOST_M_PER_S2), MOST_M_PER_S2)
        else:
            self._a_com = np.zeros(3)
        self._stamp_ns, self._v_com, self._unheard = stamp_ns, v_com, 0
        self._v_slow = self._v_slow + self._share * (v - self._v_slow)
        self.speed_m_per_s, self.along_m_per_s = float(np.sqrt(self._v_slow @ self._v_slow)), float(v[2])

    def sample(self) -> Array:
        """The wrench (6,) that accelerates the probe, in the F/T frame; none where twists are silent."""
        self._unheard += 1
        if self._unheard > STALE_PERIODS:
            self.along_m_per_s = None
            return np.zeros(6)
        F: Array = self._accelerating @ self._a_com
        return F
