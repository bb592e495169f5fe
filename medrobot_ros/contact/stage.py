"""The contact stage: raw wrench in, twist out, one answer a sample."""

from typing import Any

import numpy as np

from medrobot_ros.config import ContactSection, ImageServoSection
from medrobot_ros.contact import states
from medrobot_ros.contact.image_servo import ImageServo
from medrobot_ros.contact.path_tracking import NO_TWIST, PathTracking
from medrobot_ros.contact.regulator import BeamRegulator
from medrobot_ros.contact.wrench_estimate import Tare, WrenchEstimate
from medrobot_ros.signals import Array, ContactMode, ContactStatus, ProbeState, ScanReference, Stamp, TwistCommand, Wrench
from medrobot_ros.stage import NOTHING, EventLog, Outputs

FORCE_RAMP_N_PER_S = 5.0
NEAR_N = 0.6  # of the reference, for seating
RESEAT_S = 0.2
FULL_PACE_N, NO_PACE_N = 1.0, 3.0  # force errors between which the path slows to a stand
FORCE_RANGE_N = (1.0, 12.0)
PRESSED_SHARE = 0.8  # of the slow force, that what the image adds may lead to
WRENCH_TIMEOUT_NS = 50_000_000
STATUS_PERIOD_NS = 100_000_000
TARE_RETRY_NS = 5_000_000_000


class ContactStage:
    """Stage `contact`. Answers every `wrench` with a `probe/twist_command` while its mode is not 'off'."""

    name = "contact"
    rate_hz = 100.0

    def __init__(
        self, config: ContactSection, slow_n: float, wrench_rate_hz: float, loop_delay_s: float,
        T_ft_probe: Array, mass_kg: float, p_ft_com: Array, image_servo: ImageServoSection | None = None,
    ) -> None:
        self._config, self._slow_n, self._dt, self._rate_hz = config, slow_n, 1.0 / wrench_rate_hz, wrench_rate_hz
        self._wrench = WrenchEstimate(T_ft_probe, mass_kg, p_ft_com, config.filter_hz, self._dt)
        self.regulator = BeamRegulator(config, loop_delay_s, self._dt)
        self._servo = ImageServo(image_servo or ImageServoSection())
        self._events = EventLog(self.name)
        self._decimation = max(1, round(wrench_rate_hz / 100.0))
        self._mode, self._state, self._reason = "off", states.FREE, ""
        self._tare: Tare | None = None
        self._tared = False
        self._path: PathTracking | None = None
        self._probe: ProbeState | None = None
        self._speed_m_per_s = 0.0
        self._tangential = NO_TWIST
        self._target_n = config.force_n
        self._reference_n = 0.0
        self._force_n: float | None = None
        self._travel_m = self._v_z = 0.0
        self._near_s = self._lost_s = 0.0
        self._was_seated = False
        self._lost_count = self._samples = 0
        self._last_wrench_ns = self._status_ns = -(10**18)
        self.now_ns = 0
        self._heard_ns = -(10**18)
        self._tare_since_ns = 0
        self._changed = True

    # --- what arrives -------------------------------------------------------------------------------------------------

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Answers a wrench; stores the rest."""
        if topic == "wrench":
            return self._on_wrench(signal)
        if topic == "probe/pose":
            self._on_pose(signal)
        elif topic == "probe/twist":
            self._speed_m_per_s = float(np.linalg.norm(signal.V_base_probe_in_probe[:3]))
        elif topic == "contact/mode":
            self._on_mode(signal)
        elif topic == "scan/reference":
            self._on_reference(signal)
        elif topic == "scan/force_reference":
            self._on_force_reference(signal)
        elif topic == "image/quality" and self._state == states.SCAN:
            self._servo.hear(signal)
        elif topic == "safety/state" and signal.state == "retreat":
            self._enter(states.by_mode(self._state, "retreat"), "safety")
        return NOTHING

    def _on_pose(self, probe: ProbeState) -> None:
        self._probe = probe
        self._wrench.turn(probe.T_base_probe[:3, :3])
        if self._path is not None and self._state in (states.APPROACH, states.SEAT, states.SCAN):
            self._tangential = self._servo.follow(self._path, probe.T_base_probe, self._pace())
        else:
            self._tangential = NO_TWIST

    def _on_mode(self, mode: ContactMode) -> None:
        if mode.mode not in states.MODES:
            self._events.add(mode.stamp_ns, "unknown_mode", f"'{mode.mode}'; valid: {', '.join(states.MODES)}")
            return
        if mode.mode == "approach" and not (self._tared and self._path):
            self._events.add(mode.stamp_ns, "refused_mode", "approach needs a tare and a path")
            return
        self._mode, self._changed = mode.mode, True
        self._tare = None
        if mode.mode == "tare":
            self._begin_tare()
        elif mode.mode != "scan":  # a scan begins by itself once seated
            self._enter(states.by_mode(self._state, mode.mode), "")

    def _begin_tare(self) -> None:
        if self._state != states.FREE:
            self._events.add(self._last_wrench_ns, "refused_mode", "no tare while touching")
            self._reason = "no tare while touching"
            return
        self._tare, self._tared, self._reason = Tare(self._rate_hz), False, ""
        self._tare_since_ns = self._last_wrench_ns

    def _on_reference(self, reference: ScanReference) -> None:
        self._path = PathTracking(reference, self._config.track_gain_per_s, self._config.tilt_gain_per_s)
        self._changed = True

    def _on_force_reference(self, wrench: Wrench) -> None:
        force_n = -float(wrench.F[2])
        if FORCE_RANGE_N[0] <= force_n <= FORCE_RANGE_N[1]:
            self._target_n = force_n
        else:
            self._events.add(wrench.stamp_ns, "refused_force", f"{force_n:g} N is not in 1 to 12 N")

    # --- one wrench sample --------------------------------------------------------------------------------------------

    def _on_wrench(self, wrench: Wrench) -> Outputs:
        if not np.isfinite(wrench.F).all():
            self._events.add(self.now_ns, "non_finite_wrench")
            return NOTHING
        if wrench.stamp_ns < self._last_wrench_ns:
            self._events.add(wrench.stamp_ns, "stale_wrench")
            return NOTHING
        self._last_wrench_ns, self._heard_ns = wrench.stamp_ns, self.now_ns
        self._samples += 1
        if self._tare is not None:
            self._advance_tare(wrench)
        if self._wrench.bias is None:
            F = None
        else:
            F = self._wrench.update(wrench.F)
            self._force_n = -float(F[2])
            self._feel(self._force_n)
        out: list[tuple[str, Any]] = []
        if self._mode != "off" and self._probe is not None:
            out.append(("probe/twist_command", TwistCommand(wrench.stamp_ns, self._twist())))
        if F is not None and self._samples % self._decimation == 0:
            out.append(("contact/wrench", Wrench(wrench.stamp_ns, "probe", F)))
        return out

    def _advance_tare(self, wrench: Wrench) -> None:
        assert self._tare is not None
        if self._probe is None:
            return
        verdict = self._tare.add(wrench.F, self._speed_m_per_s)
        if verdict == "done":
            self._wrench.tare(self._tare.mean(), self._probe.T_base_probe[:3, :3])
            self._tare, self._tared, self._changed = None, True, True
        elif verdict or wrench.stamp_ns - self._tare_since_ns > TARE_RETRY_NS:
            self._reason = f"tare refused: {verdict or 'the probe did not come to rest'}"
            self._events.add(wrench.stamp_ns, "refused_tare", self._reason)
            self._tare, self._changed = None, True

    def _feel(self, force_n: float) -> None:
        """Lets the force move the state."""
        touching = self._state in (states.SEAT, states.SCAN, states.OVER_FORCE)
        if self._state in (states.APPROACH, states.LOST) and force_n > self._config.touch_n:
            self._on_event(states.TOUCHED if self._state == states.APPROACH else states.FOUND)
        elif self._state == states.APPROACH and self._travel_m > self._config.approach_m:
            self._on_event(states.FAILED, f"no skin within {1e3 * self._config.approach_m:.0f} mm")
        elif self._state == states.LOST and self._travel_m > self._config.search_m:
            self._on_event(states.FAILED, f"contact not found again within {1e3 * self._config.search_m:.0f} mm")
        elif self._state == states.RETREAT and self._travel_m < -self._config.retreat_m:
            self._on_event(states.LIFTED)
        elif self._state == states.OVER_FORCE and force_n < 0.5 * (self._target_n + self._slow_n):
            self._on_event(states.RELIEVED)
        elif force_n > self._slow_n:
            self._on_event(states.PRESSED)
        self._lost_s = self._lost_s + self._dt if touching and force_n < self._config.lost_n else 0.0
        if self._lost_s > self._config.lost_s:
            self._lost_count += 1
            self._on_event(states.LOST_TOUCH)
        self._judge_seat(force_n)

    def _judge_seat(self, force_n: float) -> None:
        if self._state != states.SEAT:
            return
        near = abs(force_n - self._target_n) < NEAR_N and self._reference_n == self._target_n
        self._near_s = self._near_s + self._dt if near else 0.0
        if self._near_s >= (RESEAT_S if self._was_seated else self._config.seat_s):
            if self._mode == "scan":
                self._enter(states.by_mode(self._state, "scan"), "")
            elif not self._was_seated:
                self._was_seated, self._reason, self._changed = True, "seated", True

    def _on_event(self, event: str, reason: str = "") -> None:
        self._enter(states.by_event(self._state, event), reason)

    def _enter(self, state: str, reason: str) -> None:
        """Changes the state and what it starts from."""
        if state == self._state:
            return
        if self._state == states.APPROACH or state == states.FREE:
            self._was_seated = False
        if state in (states.APPROACH, states.LOST, states.RETREAT):
            self._travel_m = 0.0
            self.regulator.reset()
        if state in (states.APPROACH, states.LOST):
            self._reference_n = self._config.touch_n
        self._near_s = self._lost_s = 0.0
        self._servo.release()
        self._state, self._reason, self._changed = state, reason, True

    # --- what to do ---------------------------------------------------------------------------------------------------

    def _pace(self) -> float:
        """How fast path time passes: full near the reference force, none far from it."""
        if self._state != states.SCAN or self._force_n is None:
            return 0.0
        error_n = abs(self._force_n - self._reference_n)
        return min(1.0, max(0.0, (NO_PACE_N - error_n) / (NO_PACE_N - FULL_PACE_N)))

    def _twist(self) -> Array:
        self._v_z = self._speed_along_beam()
        self._travel_m += self._v_z * self._dt
        if self._state == states.SCAN and self._path is not None:
            self._path.time_s += self._pace() * self._dt
        V = self._tangential.copy()
        V[2] = self._v_z
        return V

    def _speed_along_beam(self) -> float:
        if self._state in (states.APPROACH, states.LOST):
            return self._config.approach_speed_m_per_s
        if self._state == states.RETREAT:
            return -self._config.retreat_speed_m_per_s
        if self._state == states.FREE or self._force_n is None:
            return 0.0
        step = FORCE_RAMP_N_PER_S * self._dt
        self._reference_n += min(max(self._wanted_n() - self._reference_n, -step), step)
        return self.regulator.update(self._reference_n, self._force_n, self._seating())

    def _wanted_n(self) -> float:
        """The reference with what the image adds, which never takes it above the range of references or near the slow force."""
        return max(self._target_n, min(self._target_n + self._servo.press_n, FORCE_RANGE_N[1], PRESSED_SHARE * self._slow_n))

    def _seating(self) -> bool:
        """Whether the probe rests at the reference force: the time to feel how stiff the tissue is."""
        return self._state == states.SEAT and self._reference_n == self._target_n and not self._was_seated

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, stamp_ns: int) -> Outputs:
        """Heartbeat while wrenches arrive; status on change and at 10 Hz."""
        self.now_ns = stamp_ns
        self.regulator.learn()
        out: list[tuple[str, Any]] = self._events.drain(stamp_ns)  # type: ignore[assignment]
        if stamp_ns - self._heard_ns <= WRENCH_TIMEOUT_NS:
            out.append(("heartbeat", Stamp(stamp_ns, self.name)))
        if self._changed or stamp_ns - self._status_ns >= STATUS_PERIOD_NS:
            self._changed, self._status_ns = False, stamp_ns
            out.append(("contact/state", self.status(stamp_ns)))
        return out

    def status(self, stamp_ns: int) -> ContactStatus:
        """What contact is doing now."""
        return ContactStatus(
            stamp_ns, self._mode, self._state, self._force_n, self.regulator.tissue.n_per_m, self._lost_count, self._tared,
            self._path.reference.reference_id if self._path else "", self._path.progress if self._path else 0.0, self._reason,
            self._servo.tilt_rad, self._servo.rock_rad, self._wanted_n() - self._target_n,
        )

    def call(self, service: str) -> tuple[bool, str]:
        """`contact/tare`: the wrench in this pose becomes zero."""
        if self._state != states.FREE:
            return False, "no tare while touching"
        if self._probe is None:
            return False, "no probe pose yet"
        self._begin_tare()
        return True, "taring; the result is in contact/state"
