"""The laws that are measured side by side: raw push in, speed out, at the same period and with the same knowledge of the delay."""

from math import exp, pi

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.regulator import BeamRegulator
from medrobot_ros.force_bench.beam import Beam

SEATING_S = 1.5  # the first of a run, before the scan


class LowPass:
    """First-order, of a number; the first passes as it is."""

    def __init__(self, corner_hz: float, period_s: float) -> None:
        self._share = 1.0 - exp(-2.0 * pi * corner_hz * period_s)
        self._value: float | None = None

    def __call__(self, x: float) -> float:
        self._value = x if self._value is None else self._value + self._share * (x - self._value)
        return self._value


class Own:
    """The cell's own regulator behind its force filter."""

    def __init__(self, beam: Beam, config: ContactSection | None = None) -> None:
        config = config or ContactSection()
        self.regulator = BeamRegulator(config, beam.loop_delay_s, beam.period_s)
        self._filter = LowPass(config.filter_hz, beam.period_s)
        self._seating = round(SEATING_S * beam.rate_hz)

    def __call__(self, reference_n: float, raw_n: float) -> float:
        self._seating -= 1
        self.regulator.learn()
        return self.regulator.update(reference_n, self._filter(raw_n), seating=self._seating > 0)
