"""The laws that are measured side by side: raw push in, speed out, at the same period and with the same knowledge of the delay."""

from math import pi
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.force_control import INTEGRAL_SHARE, ForceControl
from medrobot_ros.contact.regulator import PRIOR_N_PER_M, BeamRegulator
from medrobot_ros.contact.wrench_estimate import low_pass_delay_s, low_pass_share
from medrobot_ros.force_bench.beam import Beam
from medrobot_ros.signals import Array

MASS_S = 0.01  # mass over damping of the mass-damper-spring law, chosen

Response = NDArray[np.complex128]

SEATING_S = 1.5  # the first of a run, before the scan


class Law(Protocol):
    """A force law."""

    name: str

    def __call__(self, reference_n: float, raw_n: float, moved_m_per_s: float) -> float:
        """Speed into the patient [m/s] from the reference, the raw push [N] and the measured speed [m/s]; once a period."""
        ...

    def response(self, hz: Array) -> Response:
        """Speed over force error [m/s/N] at frequencies (n,), as the law stands now."""
        ...


class LowPass:
    """First-order, of a number; the first passes as it is."""

    def __init__(self, corner_hz: float, period_s: float) -> None:
        self._share = low_pass_share(corner_hz, period_s)
        self._period_s, self._value = period_s, None  # type: float, float | None

    def response(self, hz: Array) -> Response:
        """Out over in at frequencies (n,)."""
        z = np.exp(-2j * pi * hz * self._period_s)
        passed: Response = self._share / (1.0 - (1.0 - self._share) * z)
        return passed

    def __call__(self, x: float) -> float:
        self._value = x if self._value is None else self._value + self._share * (x - self._value)
        return self._value


class Own:
    """The cell's own regulator behind its force filter."""

    name = "own"

    def __init__(self, beam: Beam, config: ContactSection | None = None) -> None:
        config = config or ContactSection()
        self.regulator = BeamRegulator(config, beam.loop_delay_s, beam.period_s)
        self._filter = LowPass(config.filter_hz, beam.period_s)
        self._seating = round(SEATING_S * beam.rate_hz)

    def __call__(self, reference_n: float, raw_n: float, moved_m_per_s: float) -> float:
        self._seating -= 1
        self.regulator.learn()
        return self.regulator.update(reference_n, self._filter(raw_n), moved_m_per_s, seating=self._seating > 0)

    def response(self, hz: Array) -> Response:
        """See `Law`."""
        control, tissue = self.regulator.control, self.regulator.tissue
        elastic = 1.0 / (1.0 + 2j * pi * hz * tissue.viscous_s)
        return _integrating(control.loop_gain_per_s, tissue.n_per_m, hz) * elastic * self._filter.response(hz)


class FixedGain:
    """The same without estimates: a gain that is safe on the stiffest tissue expected, nothing foretold."""

    name = "fixed gain"

    def __init__(self, beam: Beam) -> None:
        config = ContactSection()
        self._filter = LowPass(config.filter_hz, beam.period_s)
        delay_s = beam.loop_delay_s + 0.5 * beam.period_s + low_pass_delay_s(config.filter_hz, beam.period_s)
        self._control = ForceControl(config, delay_s, beam.period_s)

    def __call__(self, reference_n: float, raw_n: float, moved_m_per_s: float) -> float:
        """See `Law`."""
        return self._control.update(reference_n, self._filter(raw_n), PRIOR_N_PER_M)

    def response(self, hz: Array) -> Response:
        """See `Law`."""
        return _integrating(self._control.loop_gain_per_s, PRIOR_N_PER_M, hz) * self._filter.response(hz)


class MassDamperSpring:
    """What ros2_controllers' admittance_controller documents: M a + D v + S x = F, integrated once a period (v += a dt).

    It knows no force reference, so the error stands for F, and no stiffness S may hold the probe back: S = 0. Its damping is set for the
    same gain on the stiffest tissue as `FixedGain`, and it is given this project's force filter, which is faster than its default.
    """

    name = "mass-damper-spring"

    def __init__(self, beam: Beam) -> None:
        config = ContactSection()
        self._filter, self._period_s = LowPass(config.filter_hz, beam.period_s), beam.period_s
        delay_s = beam.loop_delay_s + 0.5 * beam.period_s + MASS_S + low_pass_delay_s(config.filter_hz, beam.period_s)
        control = ForceControl(config, delay_s, beam.period_s)
        self._damping = PRIOR_N_PER_M / control.loop_gain_per_s
        self._mass_kg = MASS_S * self._damping
        self._v = 0.0

    def __call__(self, reference_n: float, raw_n: float, moved_m_per_s: float) -> float:
        """See `Law`."""
        self._v += (reference_n - self._filter(raw_n) - self._damping * self._v) / self._mass_kg * self._period_s
        return self._v

    def response(self, hz: Array) -> Response:
        """See `Law`."""
        z = np.exp(-2j * pi * hz * self._period_s)
        moved: Response = (self._period_s / self._mass_kg) / (1.0 - (1.0 - self._damping / self._mass_kg * self._period_s) * z)
        return moved * self._filter.response(hz)


LAWS = (Own, FixedGain, MassDamperSpring)


def _integrating(gain_per_s: float, n_per_m: float, hz: Array) -> Response:
    rate = 2j * pi * hz
    return np.asarray(gain_per_s / n_per_m * (1.0 + INTEGRAL_SHARE * gain_per_s / rate), dtype=complex)
