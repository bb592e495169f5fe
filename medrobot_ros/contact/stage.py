"""The contact stage: raw wrench in, twist out, one answer a sample."""

from typing import Any

import numpy as np

from medrobot_ros.config import ContactSection, ImageServoSection
from medrobot_ros.contact import states
from medrobot_ros.contact.drift import Drift
from medrobot_ros.contact.engagement import FORCE_RANGE_N, Engagement
from medrobot_ros.contact.path_tracking import PathTracking
from medrobot_ros.contact.probe_motion import ProbeMotion
from medrobot_ros.contact.sensing import BEYOND_SENSOR, Sensing
from medrobot_ros.contact.wrench_estimate import Tare, WrenchEstimate
from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.signals import Array, ContactMode, ContactStatus, ProbeState, ProbeTwist, ScanReference, Stamp, TwistCommand, Wrench
from medrobot_ros.stage import NOTHING, EventLog, InOrder, Outputs

WRENCH_TIMEOUT_NS = 50_000_000
STUCK_NS = 30_000_000  # chosen: three samples of a sensor at 100 Hz
LATE_S = 0.003  # chosen: beyond what tells a delay from its neighbours
POSE_TIMEOUT_NS = 50_000_000
STATUS_PERIOD_NS = 100_000_000
TARE_RETRY_NS = 5_000_000_000
TOUCHING = "no tare while touching"


class ContactStage:
    """Stage `contact`. Answers every `wrench` with a `probe/twist_command` while its mode is not 'off'."""

    name = "contact"
    rate_hz = 100.0

    def __init__(
        self, config: ContactSection, slow_n: float, wrench_rate_hz: float, loop_delay_s: float,
        T_ft_probe: Array, mass_kg: float, p_ft_com: Array, image_servo: ImageServoSection | None = None,
        sensing: Sensing = BEYOND_SENSOR,
    ) -> None:
        self._config, self._rate_hz, self._sensing = config, wrench_rate_hz, sensing
        self._wrench = WrenchEstimate(T_ft_probe, mass_kg, p_ft_com, config.filter_hz, 1.0 / wrench_rate_hz)
        self._motion = ProbeMotion(T_ft_probe, mass_kg if sensing.feels_inertia else 0.0, p_ft_com, 1.0 / wrench_rate_hz)
        self.engagement = Engagement(config, slow_n, loop_delay_s, 1.0 / wrench_rate_hz, image_servo)
        self._events = EventLog(self.name)
        self._decimation = max(1, round(wrench_rate_hz / 100.0))
        self._tare: Tare | None = None
        self._tared = False
        self._drift = Drift(wrench_rate_hz)
        self._probe: ProbeState | None = None
        self._samples = 0
        self._last_wrench_ns = self._status_ns = self._heard_ns = self._pose_heard_ns = -(10**18)
        self._tare_since_ns = self.now_ns = 0
        self._F_raw, self._changed_ns = np.zeros(6), 0
        self._late, self._order = False, InOrder()

    # --- what arrives -------------------------------------------------------------------------------------------------

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Answers a wrench; stores the rest."""
        if topic == "wrench":
            return self._on_wrench(signal)
        if topic == "probe/pose":
            self._on_pose(signal)
        elif topic == "probe/twist":
            self._on_twist(signal)
        elif topic == "contact/mode":
            self._on_mode(signal)
        elif topic == "scan/reference":
            self._on_reference(signal)
        elif topic == "scan/force_reference":
            self._on_force_reference(signal)
        elif topic == "image/quality":
            self.engagement.hear(signal)
        elif topic == "safety/state" and signal.state == "retreat":
            self.engagement.enter(states.by_mode(self.engagement.state, "retreat"), "safety")
        return NOTHING

    def _on_pose(self, probe: ProbeState) -> None:
        self._probe, self._pose_heard_ns = probe, self.now_ns
        self._wrench.turn(probe.T_base_probe[:3, :3])
        self.engagement.look(probe.T_base_probe)

    def _on_twist(self, twist: ProbeTwist) -> None:
        if all_finite(twist.V_base_probe_in_probe):
            self._motion.take(twist.stamp_ns, twist.V_base_probe_in_probe)
        else:
            self._events.add(self.now_ns, "non_finite_twist")

    def _on_mode(self, mode: ContactMode) -> None:
        refused = self._why_not(mode.mode)
        if refused:
            self._events.add(mode.stamp_ns, *refused)
            self.engagement.reason = refused[1]
            return
        self._tare = None
        self.engagement.ask(mode.mode)
        if mode.mode == "tare":
            self._begin_tare()

    def _why_not(self, mode: str) -> tuple[str, str] | None:
        """Kind and reason of an event where a mode is refused."""
        if mode not in states.MODES:
            return "unknown_mode", f"'{mode}'; valid: {', '.join(states.MODES)}"
        if mode == "approach" and not (self._tared and self.engagement.path):
            return "refused_mode", "approach needs a tare and a path"
        if mode == "approach" and (refused := self._why_not_press(self.engagement.target_n)):
            return "refused_mode", refused
        if mode == "tare" and self.engagement.state != states.FREE:
            return "refused_mode", TOUCHING
        return None

    def _begin_tare(self) -> None:
        self._tare, self._tared, self.engagement.reason = Tare(self._rate_hz), False, ""
        self._tare_since_ns = self._last_wrench_ns

    def _on_reference(self, reference: ScanReference) -> None:
        self.engagement.path = PathTracking(reference, self._config.track_gain_per_s, self._config.tilt_gain_per_s)
        self.engagement.changed = True

    def _on_force_reference(self, wrench: Wrench) -> None:
        force_n = -float(wrench.F[2])
        refused = self._why_not_press(force_n)
        if refused:
            self._events.add(wrench.stamp_ns, "refused_force", refused)
        else:
            self.engagement.target_n = force_n

    def _why_not_press(self, force_n: float) -> str:
        """Why a reference is refused, '' where it is not."""
        low, high = FORCE_RANGE_N
        if not low <= force_n <= high:
            return f"{force_n:g} N is not in {low:g} to {high:g} N"
        return self._sensing.why_not(force_n)

    # --- one wrench sample --------------------------------------------------------------------------------------------

    def _on_wrench(self, wrench: Wrench) -> Outputs:
        if not all_finite(wrench.F):
            self._events.add(self.now_ns, "non_finite_wrench")
            return NOTHING
        if self._order.late_ns(wrench.stamp_ns):
            self._events.add(wrench.stamp_ns, "stale_wrench")
            return NOTHING
        if wrench.stamp_ns == self._last_wrench_ns:  # said twice: time has not passed
            return NOTHING
        F_before = self._F_raw
        if not self._lives(wrench.F):
            self._events.add(wrench.stamp_ns, "stuck_wrench", "the force sensor repeats itself")
            return NOTHING
        self._last_wrench_ns, self._heard_ns = wrench.stamp_ns, self.now_ns
        self._samples += 1
        if self._tare is not None:
            self._advance_tare(wrench)
        if self._wrench.bias is None:
            F = None
        else:
            F = self._wrench.update(F_before if self._waits(wrench.stamp_ns) else wrench.F, self._motion.sample())
            self.engagement.feel(F, self._motion.along_m_per_s)
            self._watch_drift(F, wrench.stamp_ns)
        out: list[tuple[str, Any]] = []
        if self.engagement.mode != "off" and self._probe is not None:
            out.append(("probe/twist_command", TwistCommand(wrench.stamp_ns, self.engagement.step())))
        if F is not None and self._samples % self._decimation == 0:
            out.append(("contact/wrench", Wrench(wrench.stamp_ns, "probe", F)))
        return out

    def _waits(self, stamp_ns: int) -> bool:
        """Whether a wrench waits for the twist of its sample, and the one before it is taken: in the air a jolt and the inertia in it must
        meet, or they are felt as a touch. On the skin no wrench is kept waiting."""
        return self.engagement.state not in states.TOUCHING and self._motion.is_behind(stamp_ns)

    def _lives(self, F_raw: Array) -> bool:
        """Whether the sensor measures: one that repeats itself to the last bit for long does not.

        Slow sensors repeat for a few samples, and a simulated one without noise does in free space, where nothing depends on it.
        """
        if self.engagement.state == states.FREE or F_raw[0] != self._F_raw[0] or (F_raw != self._F_raw).any():
            self._F_raw, self._changed_ns = F_raw, self.now_ns
        return self.now_ns - self._changed_ns <= STUCK_NS

    def _advance_tare(self, wrench: Wrench) -> None:
        assert self._tare is not None
        if self._probe is None:
            return
        verdict = self._tare.add(wrench.F, self._motion.speed_m_per_s)
        if verdict == "done":
            self._wrench.tare(self._tare.mean(), self._probe.T_base_probe[:3, :3])
            self._tare, self._tared, self.engagement.changed = None, True, True
            self._drift.begin()
        elif verdict or wrench.stamp_ns - self._tare_since_ns > TARE_RETRY_NS:
            self.engagement.reason = f"tare refused: {verdict or 'the probe did not come to rest'}"
            self._events.add(wrench.stamp_ns, "refused_tare", self.engagement.reason)
            self._tare, self.engagement.changed = None, True

    def _watch_drift(self, F: Array, stamp_ns: int) -> None:
        drift = self._drift.watch(F, self._motion.speed_m_per_s, self._tared and self.engagement.state == states.FREE)
        if drift:
            self._events.add(stamp_ns, "force_drift", drift)

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, stamp_ns: int) -> Outputs:
        """Heartbeat while wrenches arrive; status on change and at 10 Hz."""
        self.now_ns = stamp_ns
        self._learn(stamp_ns)
        if stamp_ns - self._pose_heard_ns > POSE_TIMEOUT_NS:
            self._miss_pose(stamp_ns)
        out: list[tuple[str, Any]] = self._events.drain(stamp_ns)  # type: ignore[assignment]
        if stamp_ns - self._heard_ns <= WRENCH_TIMEOUT_NS:
            out.append(("heartbeat", Stamp(stamp_ns, self.name)))
        if self.engagement.changed or stamp_ns - self._status_ns >= STATUS_PERIOD_NS:
            self.engagement.changed, self._status_ns = False, stamp_ns
            out.append(("contact/state", self.status(stamp_ns)))
        return out

    def _learn(self, stamp_ns: int) -> None:
        """Takes the arm's delay as it is measured; that it is longer than the settings say is told once."""
        regulator = self.engagement.regulator
        regulator.learn()
        late, self._late = self._late, regulator.lateness_s > LATE_S
        if self._late and not late:
            longer = f"{1e3 * regulator.lateness_s:.0f} ms longer than hardware.latency_s and servo_lag_s say: the gain is lowered"
            self._events.add(stamp_ns, "late_arm", longer)

    def _miss_pose(self, stamp_ns: int) -> None:
        """Where the probe is can no longer be told: it only presses."""
        if self.engagement.sighted and self.engagement.mode != "off":
            self._events.add(stamp_ns, "silent_pose", "no probe/pose: the probe presses where it is")
        self.engagement.sighted = False

    def status(self, stamp_ns: int) -> ContactStatus:
        """What contact is doing now."""
        e = self.engagement
        return ContactStatus(
            stamp_ns, e.mode, e.state, e.force_n, e.regulator.tissue.n_per_m, e.lost_count, self._tared,
            e.path.reference.reference_id if e.path else "", e.progress, e.reason,
            e.servo.tilt_rad, e.servo.rock_rad, e.wanted_n - e.target_n, e.regulator.delay.delay_s,
        )  # fmt: skip

    def call(self, service: str) -> tuple[bool, str]:
        """`contact/tare`: the wrench in this pose becomes zero."""
        if self.engagement.state != states.FREE:
            return False, TOUCHING
        if self._probe is None:
            return False, "no probe pose yet"
        self._begin_tare()
        return True, "taring; the result is in contact/state"
