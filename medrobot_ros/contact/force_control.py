"""Force along the beam by admittance: the probe's speed follows the force error, and the skin's own speed is learned.

v = g e + u, du/dt = g w e, with g = loop gain / tissue stiffness. The loop gain is kept inside the stability bound
g K < 1.1 / (d + 1.5 dt) of a delay d, whatever is asked.
"""

from medrobot_ros.config import ContactSection

STABILITY = 1.1
GAIN_MARGIN = 2.0
MAX_SKIN_SPEED_M_PER_S = 0.03


class ForceControl:
    """Speed along the beam [m/s], positive into the patient, from the push [N]."""

    def __init__(self, config: ContactSection, delay_s: float, period_s: float) -> None:
        bound_per_s = STABILITY / (delay_s + 1.5 * period_s) / GAIN_MARGIN
        self.loop_gain_per_s = min(config.loop_gain_per_s, bound_per_s)
        self._integral_per_s = min(config.integral_per_s, 0.3 * self.loop_gain_per_s)
        self._limit, self._period_s = config.max_speed_m_per_s, period_s
        self.skin_speed_m_per_s = 0.0

    def reset(self) -> None:
        """Forgets the skin's speed; call when contact ends."""
        self.skin_speed_m_per_s = 0.0

    def update(self, reference_n: float, force_n: float, stiffness_n_per_m: float) -> float:
        """One period."""
        proportional = self.loop_gain_per_s / stiffness_n_per_m * (reference_n - force_n)
        v = proportional + self.skin_speed_m_per_s
        limited = min(max(v, -self._limit), self._limit)
        if v == limited:  # a saturated loop learns nothing about the skin
            learned = self.skin_speed_m_per_s + self._integral_per_s * proportional * self._period_s
            self.skin_speed_m_per_s = min(max(learned, -MAX_SKIN_SPEED_M_PER_S), MAX_SKIN_SPEED_M_PER_S)
        return limited
