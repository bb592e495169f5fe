"""Everything that acts along the beam while in contact: force control, what the tissue is like, and how the skin breathes."""

from collections import deque

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.breathing import Breathing
from medrobot_ros.contact.delay_estimate import DelayEstimate
from medrobot_ros.contact.force_control import ForceControl
from medrobot_ros.contact.tissue_estimate import TissueEstimate
from medrobot_ros.contact.wrench_estimate import low_pass_delay_s

PRIOR_N_PER_M = 2000.0  # the stiffest that is expected: too small a gain is safe until the tissue is known
KNOWN_S = 0.6  # chosen: from a touch until the stiffness is known by which the probe sinks in
FADE_IN_S = 0.25


class BeamRegulator:
    """Speed along the beam [m/s] from the filtered push [N], one period at a time.

    `arm_delay_s` is the least that the arm is taken to need from a command until its motion is measured; force, the mean of a period,
    comes half a period later, and its filter later still. A longer delay that is measured counts instead: it can only lower the gain.
    """

    def __init__(self, config: ContactSection, arm_delay_s: float, period_s: float) -> None:
        self._filter_s = low_pass_delay_s(config.filter_hz, period_s)
        self._period_s, self._least_s = period_s, arm_delay_s
        self.control = ForceControl(config, self._whole_delay_s(arm_delay_s), period_s)
        self.tissue = TissueEstimate(PRIOR_N_PER_M, config.filter_hz, period_s)
        self.breathing = Breathing(period_s)
        self.delay, self.lateness_s = DelayEstimate(period_s), 0.0  # how much later than told the arm is
        self._late_m: deque[float] = deque(maxlen=max(1, round((self._filter_s + 0.5 * period_s) / period_s)))
        self.reset()

    def _whole_delay_s(self, arm_delay_s: float) -> float:
        """From a command until the filtered force tells of it."""
        return arm_delay_s + 0.5 * self._period_s + self._filter_s

    def reset(self) -> None:
        """Contact has ended: the skin's motion is unknown again; the arm's delay is kept, and the stiffness until it is felt."""
        self.control.reset()
        self.tissue.rest()
        self.breathing.forget()
        self._late_m.clear()
        self._travel_m = self._speed_m_per_s = self._indented_m = 0.0
        self._force_n: float | None = None
        self._felt_s = 0.0
        self._foretold_m_per_s = self._share = 0.0

    def update(self, reference_n: float, force_n: float, moved_m_per_s: float | None, seating: bool) -> float:
        """One period; its mean speed [m/s] is the measured one, None if untold. `seating`, before anything is imaged, allows a dither that
        an image should not see, and keeps to the speed of an approach."""
        tissue = self.tissue
        if moved_m_per_s is None:
            moved_m_per_s = self._speed_m_per_s
        else:
            tissue.update(force_n, moved_m_per_s)
            self.delay.update(self._speed_m_per_s, moved_m_per_s)
        self._watch_skin(force_n, moved_m_per_s)
        v = self.control.update(reference_n, force_n, tissue.n_per_m, tissue.viscous_s, self._foretold_m_per_s, seating)
        self._speed_m_per_s = v + tissue.dither(seating)
        return self._speed_m_per_s

    def learn(self) -> None:
        """What is too long for a control period; call about 100 times a second."""
        self.breathing.learn()
        measured_s = self.delay.delay_s
        if measured_s is not None:
            self.lateness_s = max(0.0, measured_s - self._least_s)
            self.control.set_delay(self._whole_delay_s(self._least_s + self.lateness_s))

    def _watch_skin(self, force_n: float, moved_m_per_s: float) -> None:
        """The skin lies where the probe was, less the indentation; its speed when the next command acts is fed forward."""
        self._travel_m += moved_m_per_s * self._period_s
        felt_m = self._late_m[0] if self._late_m else self._travel_m
        self._late_m.append(self._travel_m)
        if self._force_n is not None:
            self._indented_m += (force_n - self._force_n) / self.tissue.n_per_m
        self._force_n = force_n
        self._felt_s += self._period_s
        if self._felt_s > KNOWN_S:
            self.breathing.add(felt_m - self._indented_m)
        if self.breathing.motion is None:  # not learned yet, or the patient moved: feedback goes on from here
            self.control.hand_over(self._foretold_m_per_s)
            self._share = self._foretold_m_per_s = 0.0
            return
        self._share = min(1.0, self._share + self._period_s / FADE_IN_S)
        self._foretold_m_per_s = self._share * self.breathing.speed_m_per_s(self.control.delay_s)
