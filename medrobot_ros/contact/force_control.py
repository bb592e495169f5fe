"""Force along the beam by admittance: the probe's speed follows the force error, and the skin's own speed is learned.

v = g e + u + s, du/dt = g w e, with g = loop gain / tissue stiffness, and s the skin's foretold speed. The loop is stable while
g K < 1.1 / (d + 1.5 dt), with the delay d of the whole loop, its filters included; the gain stays a factor `GAIN_MARGIN` below that.
The lead of viscous tissue (F = K (z + T dz/dt)) would raise the gain at high frequency: a lag of the same T takes it out first.
"""

from math import exp

from medrobot_ros.config import ContactSection
from medrobot_ros.errors import ConfigError

STABILITY = 1.1
GAIN_MARGIN = 2.0
INTEGRAL_SHARE = 0.2  # of the loop gain: rate at which the skin's speed is learned; 0.25 alone is critically damped
MAX_SKIN_SPEED_M_PER_S = 0.03


def largest_gain_per_s(delay_s: float, period_s: float) -> float:
    """The loop gain that leaves `GAIN_MARGIN` to instability."""
    return STABILITY / (delay_s + 1.5 * period_s) / GAIN_MARGIN


class ForceControl:
    """Speed along the beam [m/s], positive into the patient, from the push [N].

    Raises: ConfigError for a loop gain beyond the margin; a setting of 0 takes the largest.
    """

    def __init__(self, config: ContactSection, delay_s: float, period_s: float) -> None:
        largest = largest_gain_per_s(delay_s, period_s)
        if config.loop_gain_per_s > largest:
            raise ConfigError(
                f"contact.loop_gain_per_s = {config.loop_gain_per_s:g} 1/s: must be at most {largest:.1f} 1/s for a loop delay of "
                f"{1e3 * delay_s:.1f} ms, to keep a gain margin of {GAIN_MARGIN:g}; 0 takes that"
            )
        self._config, self._period_s = config, period_s
        self.set_delay(delay_s)
        self.reset()

    def set_delay(self, delay_s: float) -> None:
        """The loop's delay as measured: the gain follows it."""
        self.delay_s = delay_s
        largest = largest_gain_per_s(delay_s, self._period_s)
        self.loop_gain_per_s = min(self._config.loop_gain_per_s or largest, largest)

    def reset(self) -> None:
        """Forgets the skin's speed; call when contact ends."""
        self.skin_speed_m_per_s = 0.0
        self._error_n = 0.0

    def hand_over(self, speed_m_per_s: float) -> None:
        """Takes over a speed that was foretold until now."""
        self.skin_speed_m_per_s = _limited(self.skin_speed_m_per_s + speed_m_per_s, MAX_SKIN_SPEED_M_PER_S)

    def update(
        self,
        reference_n: float,
        force_n: float,
        n_per_m: float,
        viscous_s: float = 0.0,
        foretold_m_per_s: float = 0.0,
        seating: bool = False,
    ) -> float:
        """One period. `seating`: a touch that has not borne the probe yet may have been a jolt in the air, and is pressed no faster
        than it was approached."""
        proportional = self.loop_gain_per_s / n_per_m * self._without_lead(reference_n - force_n, viscous_s)
        v = proportional + self.skin_speed_m_per_s + foretold_m_per_s
        fastest = self._config.max_speed_m_per_s
        deeper = min(fastest, self._config.approach_speed_m_per_s) if seating else fastest
        limited = min(max(v, -fastest), deeper)
        if v == limited:  # a saturated loop learns nothing about the skin
            self.hand_over(INTEGRAL_SHARE * self.loop_gain_per_s * proportional * self._period_s)
        return limited

    def _without_lead(self, error_n: float, viscous_s: float) -> float:
        """The error behind a lag of `viscous_s`."""
        if viscous_s <= 0.0:
            self._error_n = error_n
        else:
            self._error_n += (1.0 - exp(-self._period_s / viscous_s)) * (error_n - self._error_n)
        return self._error_n


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
