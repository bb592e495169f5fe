"""Everything that acts along the beam while in contact: force control, what the tissue is like, and how the skin breathes."""

from collections import deque
from math import pi

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.breathing import Breathing
from medrobot_ros.contact.force_control import ForceControl
from medrobot_ros.contact.tissue_estimate import TissueEstimate

PRIOR_N_PER_M = 2000.0  # the stiffest that is expected: too small a gain is safe until the tissue is known
FADE_IN_S = 0.5


class BeamRegulator:
    """Speed along the beam [m/s] from the filtered push [N], one period at a time. `loop_delay_s` leaves the force filter out."""

    def __init__(self, config: ContactSection, loop_delay_s: float, period_s: float) -> None:
        self._filter_s = 1.0 / (2.0 * pi * config.filter_hz)
        self._period_s = period_s
        self.control = ForceControl(config, loop_delay_s + self._filter_s, period_s)
        self.tissue = TissueEstimate(PRIOR_N_PER_M, loop_delay_s, config.filter_hz, period_s)
        self.breathing = Breathing(period_s)
        self.set_delay(loop_delay_s)
        self.reset()

    def set_delay(self, loop_delay_s: float) -> None:
        """A newly measured delay from command to force, the filter left out."""
        self.loop_delay_s = loop_delay_s
        self.control.set_delay(loop_delay_s + self._filter_s)
        self.tissue.set_delay(loop_delay_s)
        self._late_m: deque[float] = deque(maxlen=max(1, round((loop_delay_s + self._filter_s) / self._period_s)))

    def reset(self) -> None:
        """Contact has ended: the skin's motion is unknown again; the tissue's stiffness is kept."""
        self.control.reset()
        self.tissue.rest()
        self.breathing.forget()
        self._late_m.clear()
        self._travel_m = self._speed_m_per_s = self._indented_m = 0.0
        self._force_n: float | None = None
        self._foretold_m_per_s = self._share = 0.0

    def update(self, reference_n: float, force_n: float, seating: bool) -> float:
        """One period; `seating` allows a dither that an image should not see."""
        tissue = self.tissue
        tissue.update(force_n, self._speed_m_per_s)
        self._watch_skin(force_n)
        v = self.control.update(reference_n, force_n, tissue.n_per_m, tissue.viscous_s, self._foretold_m_per_s)
        self._speed_m_per_s = v + tissue.dither(seating)
        return self._speed_m_per_s

    def learn(self) -> None:
        """What is too long for a control period; call about 100 times a second."""
        self.breathing.learn()

    def _watch_skin(self, force_n: float) -> None:
        """The skin lies where the probe was, less the indentation; its speed when the next command acts is fed forward."""
        self._travel_m += self._speed_m_per_s * self._period_s
        felt_m = self._late_m[0] if self._late_m else self._travel_m
        self._late_m.append(self._travel_m)
        if self._force_n is not None:
            self._indented_m += (force_n - self._force_n) / self.tissue.n_per_m
        self._force_n = force_n
        self.breathing.add(felt_m - self._indented_m)
        if self.breathing.motion is None:  # not learned yet, or the patient moved: feedback goes on from here
            self.control.hand_over(self._foretold_m_per_s)
            self._share = self._foretold_m_per_s = 0.0
            return
        self._share = min(1.0, self._share + self._period_s / FADE_IN_S)
        self._foretold_m_per_s = self._share * self.breathing.speed_m_per_s(self.loop_delay_s + self._filter_s)
