"""From what is felt to how the probe moves: the contact state, and what each state does along, across and about the beam."""

from math import hypot

import numpy as np

from medrobot_ros.config import ContactSection, ImageServoSection
from medrobot_ros.contact import states
from medrobot_ros.contact.alignment import Alignment
from medrobot_ros.contact.image_servo import ImageServo
from medrobot_ros.contact.path_tracking import NO_TWIST, STANDING, PathTracking
from medrobot_ros.contact.patterns import ABOUT, Turning
from medrobot_ros.contact.regulator import BeamRegulator
from medrobot_ros.contact.states import Feel, Limits
from medrobot_ros.contact.yielding import RestingPlace, yielding_twist
from medrobot_ros.interfaces import topic
from medrobot_ros.signals import Array, ImageQuality

FORCE_RAMP_N_PER_S = 5.0
RAMP_N = 0.1  # chosen: how far a reference may move in the time constant of the force loop
NEAR_N = 0.6  # of the reference, for seating
RESEAT_S = 0.2
FULL_PACE_N, NO_PACE_N = 1.0, 3.0  # force errors between which the path slows to a stand
POOR_IMAGE_PACE = 0.5  # share of the path's speed while images are not accepted
FORCE_RANGE_N = (1.0, 12.0)
PRESSED_SHARE = 0.8  # of the slow force, that what the image adds may lead to


class Engagement:
    """One `step` a wrench sample: compensated wrench in, twist out. `reason` says why the state is what it is."""

    def __init__(
        self, config: ContactSection, slow_n: float, loop_delay_s: float, period_s: float, image_servo: ImageServoSection | None
    ) -> None:
        self._config, self._slow_n, self._dt = config, slow_n, period_s
        self.regulator = BeamRegulator(config, loop_delay_s, period_s)
        self.servo = ImageServo(image_servo or ImageServoSection())
        self.alignment = Alignment(config, period_s)
        self._rest = RestingPlace(1.0 / topic("probe/pose").rate_hz)
        self.sighted = False  # whether the probe's pose is known; without it nothing moves across or about the beam
        self.mode, self.state, self.reason = "off", states.FREE, ""
        self.path: PathTracking | None = None
        self._turning: Turning | None = None
        self.target_n = config.force_n
        self._limits = Limits(config, slow_n, slow_n)
        self.lost_count, self.changed = 0, True
        self.force_n: float | None = None
        self._moved_m_per_s: float | None = None
        self._asked_m_per_s = 0.0
        self._reference_n = 0.0
        self._feel = Feel(0.0)
        self._F = np.zeros(6)
        self._tangential = self.servo.follow(PathTracking(STANDING, 1.0, 1.0), np.eye(4), 1.0)  # none; compiled now, not in a tick
        self._near_s = 0.0
        self._was_seated = False
        self._image_pace = 1.0

    # --- what is asked ------------------------------------------------------------------------------------------------

    def ask(self, mode: str) -> None:
        """Takes a mode; a scan begins by itself once seated."""
        self.mode, self.reason, self.changed = mode, "", True
        self._turning = Turning(mode, self._config) if mode in ABOUT else None
        if mode not in states.SCANNING_MODES:
            self.enter(states.by_mode(self.state, mode), "")

    def hear(self, quality: ImageQuality) -> None:
        """The verdict on an image taken while scanning."""
        if self.state == states.SCAN:
            self.servo.hear(quality)
            self._image_pace = 1.0 if quality.accepted else POOR_IMAGE_PACE

    def look(self, T_base_probe: Array) -> None:
        """The probe's pose: where to go across and about the beam."""
        self.sighted = True
        self._feel.pushed_m = self._rest.move(T_base_probe, self.state in states.YIELDING)
        along_path = self.state in (states.APPROACH, states.SEAT, states.SCAN) and self._turning is None
        if self.path is None or not along_path:
            self._tangential = NO_TWIST
        else:
            self._tangential = self.servo.follow(self.path, T_base_probe, self._pace(), self.alignment.lean_rad)

    @property
    def progress(self) -> float:
        """Share of the path, or of the fan or rocking, that has passed."""
        moving = self._turning or self.path
        return moving.progress if moving is not None else 0.0

    @property
    def wanted_n(self) -> float:
        """The reference with what the image adds, which never takes it above the range of references or near the slow force."""
        return max(self.target_n, min(self.target_n + self.servo.press_n, FORCE_RANGE_N[1], PRESSED_SHARE * self._slow_n))

    # --- one sample ---------------------------------------------------------------------------------------------------

    def feel(self, F: Array, moved_m_per_s: float | None) -> None:
        """Lets the tissue's wrench (6,) at the tip move the state; the speed along the beam [m/s] is the measured one, None if untold."""
        self._F, self.force_n, self._moved_m_per_s = F, -float(F[2]), moved_m_per_s
        apart = self.state in states.TOUCHING and self.force_n < self._config.lost_n
        felt = self._feel
        felt.push_n, felt.across_n = self.force_n, hypot(F[0], F[1])
        felt.apart_s = felt.apart_s + self._dt if apart else 0.0
        felt.lasted_s += self._dt
        felt.travel_m += self._dt * (self._asked_m_per_s if moved_m_per_s is None else moved_m_per_s)
        self._limits.calm_n = 0.5 * (self.target_n + self._slow_n)
        happens = states.by_feel(self.state, felt, self._limits)
        if happens is not None:
            self.lost_count += happens.to == states.LOST
            self.enter(happens.to, happens.reason)
        if self.state in (states.SEAT, states.SCAN) and self._turning is None:
            self.alignment.update(F, self.servo.asked_rad)
        self._judge_seat(self.force_n)

    def _judge_seat(self, force_n: float) -> None:
        if self.state != states.SEAT:
            return
        near = abs(force_n - self.target_n) < NEAR_N and self._reference_n == self.target_n
        self._near_s = self._near_s + self._dt if near else 0.0
        if self._near_s >= (RESEAT_S if self._was_seated else self._config.seat_s):
            if self.mode in states.SCANNING_MODES:
                self._was_seated = True
                self.enter(states.by_mode(self.state, self.mode), "")
            elif not self._was_seated:
                self._was_seated, self.reason, self.changed = True, "seated", True

    def enter(self, state: str, reason: str) -> None:
        """Changes the state and what it starts from."""
        if state == self.state:
            return
        if self.state == states.APPROACH or state == states.FREE:
            self._was_seated = False
        if state in (states.APPROACH, states.LOST, states.RETREAT, states.OVER_FORCE):
            self.regulator.reset()
        if state == states.SEAT and self.state != states.SCAN:
            self._reference_n = min(max(self._feel.push_n, self._config.touch_n), self.target_n)
        if state in (states.APPROACH, states.LOST, states.RETREAT) or self.state in (states.APPROACH, states.LOST):
            self._rest.begin()
        if state in (states.APPROACH, states.FREE):
            self.alignment.release()
        self._feel = Feel(self._feel.push_n)
        self._rest.centre()
        self._near_s = 0.0
        self._image_pace = 1.0
        self.servo.release()
        if reason or state != states.FREE:  # why it lifted off is told until something else is asked
            self.reason = reason
        self.state, self.changed = state, True

    def step(self) -> Array:
        """Twist (6,) in probe axes until the next sample."""
        if self.state in states.YIELDING:
            V = NO_TWIST.copy() if self.mode == "tare" else yielding_twist(self._F, self.target_n)
            if self.state == states.RETREAT:
                V[2] = min(V[2], -self._config.retreat_speed_m_per_s)
        else:
            V = self._across()
            V[2] = self._along()
        self._asked_m_per_s = float(V[2])
        return V

    def _across(self) -> Array:
        """What the mode moves across and about the beam."""
        if not self.sighted:
            return NO_TWIST.copy()
        if self.state == states.SCAN and self._turning is not None:
            V = self._turning.twist(self._pace())
            self._turning.time_s += self._pace() * self._dt
            return V
        if self.state == states.SCAN and self.path is not None:
            self.path.time_s += self._pace() * self._dt
        return self._tangential.copy()

    def _pace(self) -> float:
        """How fast path time passes: full near the reference force, none far from it or in a dwell, less while images are poor."""
        if self.state != states.SCAN or self.force_n is None or self.mode == "dwell":
            return 0.0
        error_n = abs(self.force_n - self._reference_n)
        return self._image_pace * min(1.0, max(0.0, (NO_PACE_N - error_n) / (NO_PACE_N - FULL_PACE_N)))

    def _along(self) -> float:
        """Speed along the beam [m/s]."""
        if self.state == states.LOST and self._was_seated:
            return self._config.search_speed_m_per_s
        if self.state in (states.APPROACH, states.LOST):  # the latter after a touch that was none
            return self._config.approach_speed_m_per_s
        if self.force_n is None:
            return 0.0
        step = min(FORCE_RAMP_N_PER_S, RAMP_N * self.regulator.control.loop_gain_per_s) * self._dt
        self._reference_n += min(max(self.wanted_n - self._reference_n, -step), step)
        return self.regulator.update(self._reference_n, self.force_n, self._moved_m_per_s, self._seating())

    def _seating(self) -> bool:
        """Whether nothing is imaged yet: the time to feel how stiff the tissue is."""
        return self.state == states.SEAT and not self._was_seated
