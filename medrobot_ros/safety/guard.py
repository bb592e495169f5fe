"""The last clamp before a command leaves. It trusts no controller: own limits, own state, own idea of where the arm is."""

from math import sqrt
from typing import Any, Protocol

import numba
import numpy as np

from medrobot_ros.config import SafetySection
from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.safety.agreement import Agreement
from medrobot_ros.safety.braking import braked
from medrobot_ros.safety.following import Following
from medrobot_ros.safety.permit import RELIEVED_SHARE, PermitGate
from medrobot_ros.signals import Array, Wrench
from medrobot_ros.stage import EventLog

FORCE_TIMEOUT_NS = 50_000_000
RATE_SLACK_RAD_PER_S = 1e-6  # rounding is no offence
RELIEF_M_PER_S, RELIEF_M = 0.03, 0.03  # chosen: faster than a deep breath, and as far as one
LEAST = 1e-9  # rad/s
DAMPING_M2 = 1e-4  # of the joint motion that lifts off: none near a singularity


class GuardedArm(Protocol):
    """What the guard needs to know of an arm."""

    q_lower: Array
    q_upper: Array
    brake_rad_per_s2: Array

    def probe_and_limits_at(self, q: Array) -> tuple[Array, Array, Array]: ...


class Guard:
    """Clamps joint commands one by one. `clamp` returns what may be sent; why it differs is in `events` and `reason`."""

    def __init__(self, arm: GuardedArm, config: SafetySection, period_s: float, events: EventLog, lag_s: float = 0.0) -> None:
        """`lag_s` [s] is how long the arm is known to lag behind its commands."""
        self._arm, self._config, self._period_s, self._events = arm, config, period_s, events
        self._gate = PermitGate(config.permit_timeout_s)
        workspace = config.workspace_low_m, config.workspace_high_m
        self._spaces = np.array([workspace, (config.patient_zone_low_m, config.patient_zone_high_m)])
        self._following = Following(len(arm.q_lower), config.following_s + lag_s, config.following_rad, period_s)
        self._agreement = Agreement(config.force_gap_n)
        self._why_stop = ""
        self._retreating = False
        self._relief_m = RELIEF_M  # that is left of it after this stop
        self._span = np.stack((arm.q_lower, arm.q_upper))
        self._q: Array | None = None
        self._qd = np.zeros_like(arm.q_lower)
        self._F, self._force_n, self._force_ns = np.zeros(6), 0.0, -FORCE_TIMEOUT_NS
        self.reason = ""
        still = np.zeros_like(arm.q_lower)  # compiled now, not in a tick
        T_base_tip, J, limits = arm.probe_and_limits_at(still)
        _stepped(still, still, still, limits, arm.brake_rad_per_s2, period_s, T_base_tip, J, self._spaces)
        _tip_motion(T_base_tip, J, still, self._spaces)
        _within_range(still, still, self._span, period_s)

    def receive(self, now_ns: int, topic: str, signal: Any) -> None:
        """Takes what bears on the permission to move; `now_ns` is the arrival on the guard's own clock."""
        if topic == "safety/permit":
            self._gate.receive(now_ns, signal)
        elif topic == "safety/stop" and signal.stop:
            self._gate.revoke()
        elif topic == "safety/state":
            self._retreating = signal.state == "retreat"
        elif topic == "contact/wrench" and isinstance(signal, Wrench):
            self._F, self._force_n, self._force_ns = signal.F, float(np.linalg.norm(signal.F[:3])), now_ns

    def permitted(self, now_ns: int) -> bool:
        """Whether the supervisor lets the arm move."""
        return self._gate.granted(now_ns)

    def clamp(self, now_ns: int, q: Array, q_measured: Array) -> Array:
        """The joint positions (n,) [rad] that may be sent instead of `q`; the first answer ever is `q_measured`."""
        granted = self._gate.granted(now_ns)
        if self._q is None or not (granted or self._qd.any()):
            self._q = q_measured.copy()  # while nothing may move, the arm is where it says
            self._following.restart(self._q)
        qd = self._velocity(now_ns, q, granted)
        self._q, self._qd = _within_range(self._q, qd, self._span, self._period_s)
        if why := self._following.departed(self._q, q_measured):
            self._distrust(now_ns, "arm_not_following", f"the arm does not follow its commands: {why}")
        return self._q

    def feel(self, now_ns: int, F_tip: Array) -> None:
        """Takes the wrench (6,) on the probe tip that the motors' torques tell of, which a force sensor that works agrees with."""
        if self._retreating or now_ns - self._force_ns > FORCE_TIMEOUT_NS:
            self._agreement.begin()  # on the way off the skin, which ends in a stop, it does not stop where it presses
        elif why := self._agreement.broken(now_ns, self._F, F_tip):
            self._distrust(now_ns, "force_disagrees", why)

    def _distrust(self, now_ns: int, kind: str, why: str) -> None:
        self._events.add(now_ns, kind, why)
        self._gate.revoke()
        self._why_stop = why

    def distrusts(self) -> str:
        """Why the arm has to stop, since this was last asked; '' where it has not."""
        why, self._why_stop = self._why_stop, ""
        return why

    def _velocity(self, now_ns: int, q: Array, granted: bool) -> Array:
        assert self._q is not None
        if q.shape != self._q.shape or not all_finite(q):
            return self._brake(now_ns, "non_finite_command")
        if not granted:
            return self._relief(now_ns) if self._gate.relieves(now_ns) else self._brake(now_ns, "no_permit")
        self._relief_m = RELIEF_M
        T_base_tip, J, limits = self._arm.probe_and_limits_at(self._q)
        force_n = self._felt_n(now_ns)
        if force_n > self._config.slow_n and J[2] @ (q - self._q) > 0.0:
            return self._lift(now_ns, "over_force")
        rates = self._q, self._qd, limits, self._arm.brake_rad_per_s2, self._period_s
        qd, clamped, motion = _stepped(q, *rates, T_base_tip, J, self._spaces)
        return self._cartesian(now_ns, qd, motion, force_n, "clamped_joint_rate" if clamped else "")

    def _relief(self, now_ns: int) -> Array:
        """Lifts a stopped arm off a patient who presses against it, whatever is asked; it does so on what the guard itself feels."""
        assert self._q is not None
        if self._relief_m <= 0.0 or self._felt_n(now_ns) <= RELIEVED_SHARE * self._config.slow_n:
            return self._brake(now_ns, "no_permit")
        self._relief_m -= RELIEF_M_PER_S * self._period_s
        return self._lift(now_ns, "relief")

    def _lift(self, now_ns: int, reason: str) -> Array:
        """Off along the beam, or what leads there from how it moves now."""
        assert self._q is not None
        T_base_tip, J, (low, high) = self._arm.probe_and_limits_at(self._q)
        lift = J.T @ np.linalg.solve(J @ J.T + DAMPING_M2 * np.eye(6), np.array([0.0, 0.0, -RELIEF_M_PER_S, 0.0, 0.0, 0.0]))
        lift /= max(1.0, float(np.max(lift / np.where(lift > 0.0, np.maximum(high, LEAST), np.minimum(low, -LEAST)))))
        change = lift - self._qd
        share = float(np.max(np.abs(change) / self._arm.brake_rad_per_s2)) / self._period_s
        qd = self._qd + change / max(1.0, share)  # in proportion: one joint ahead of the others could press
        if _tip_motion(T_base_tip, J, qd, self._spaces)[0]:
            return self._brake(now_ns, "outside_workspace")
        self._report(now_ns, reason)
        return qd

    def _felt_n(self, now_ns: int) -> float:
        return self._force_n if now_ns - self._force_ns <= FORCE_TIMEOUT_NS else 0.0

    def _cartesian(self, now_ns: int, qd: Array, motion: tuple[bool, bool, float, float], force_n: float, reason: str) -> Array:
        """Slows near the patient, keeps inside the workspace, and lifts off what would press deeper above the slow force.

        The speed into the tissue falls to nothing on the way to that force: what moves with the arm is gone before it presses hard.
        `motion` is the tip's at `qd`, `reason` what was clamped already."""
        leaving, near, along_beam, speed = motion
        if force_n > self._config.slow_n and along_beam > 0.0:
            return self._lift(now_ns, "over_force")
        if leaving:
            return self._brake(now_ns, "outside_workspace")
        limit = self._config.patient_speed_m_per_s if near else self._config.free_speed_m_per_s
        if speed > limit:
            reason, qd, along_beam = "clamped_tip_speed", qd * (limit / speed), along_beam * (limit / speed)
        deeper = limit * max(0.0, 1.0 - force_n / self._config.slow_n)
        if along_beam > deeper:
            reason, qd = "clamped_press_speed", qd * (deeper / along_beam)
        self._report(now_ns, reason)
        return qd

    def _brake(self, now_ns: int, reason: str) -> Array:
        self._report(now_ns, reason)
        return braked(self._qd, self._arm.brake_rad_per_s2, self._period_s)

    def _report(self, now_ns: int, reason: str) -> None:
        if reason and reason != self.reason:
            self._events.add(now_ns, reason)
        self.reason = reason


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _stepped(q, q_last, qd_last, limits, qdd_max, period_s, T_base_tip, J, spaces):  # type: ignore[no-untyped-def]
    """What may be kept of a step within the joints' rates, whether one of them bore on it, and how the tip then moves."""
    qd, clamped = _within_rates(q, q_last, qd_last, limits[0], limits[1], qdd_max, period_s)
    return qd, clamped, _tip_motion(T_base_tip, J, qd, spaces)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _tip_motion(T_base_tip, J, qd, spaces):  # type: ignore[no-untyped-def]
    """Whether the tip leaves the workspace, whether it is inside the zone, its speed along the beam and altogether [m/s].

    `J` (6, n) in tip axes; `spaces` (2, 2, 3) are the workspace and the zone, of each the lower and the upper corner in base.
    """
    workspace, zone = spaces[0], spaces[1]
    v = np.zeros(3)
    for i in range(3):
        for k in range(qd.size):
            v[i] += J[i, k] * qd[k]
    leaving, inside = False, True
    for i in range(3):
        tip = T_base_tip[i, 3]
        ahead = T_base_tip[i, 0] * v[0] + T_base_tip[i, 1] * v[1] + T_base_tip[i, 2] * v[2]
        leaving |= (tip < workspace[0, i] and ahead < 0.0) or (tip > workspace[1, i] and ahead > 0.0)
        inside &= zone[0, i] < tip < zone[1, i]
    return leaving, inside, v[2], sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _within_rates(q, q_last, qd_last, qd_low, qd_high, qdd_max, period_s):  # type: ignore[no-untyped-def]
    """The velocity (n,) from `q_last` to `q` within speed and acceleration limits, and whether one of them bore on it."""
    qd, clamped = np.empty(q.size), False
    for i in range(q.size):
        asked, change = (q[i] - q_last[i]) / period_s, qdd_max[i] * period_s
        qd[i] = min(max(asked, max(qd_last[i] - change, qd_low[i])), min(qd_last[i] + change, qd_high[i]))
        clamped |= abs(qd[i] - asked) > RATE_SLACK_RAD_PER_S
    return qd, clamped


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _within_range(q, qd, span, period_s):  # type: ignore[no-untyped-def]
    """Positions (n,) one period after `q` at `qd`, within the limits, and the velocities that lead there.

    A joint that is beyond a limit already is let back, but not thrown back."""
    q_next, qd_next = np.empty(q.size), np.empty(q.size)
    for i in range(q.size):
        qd_next[i] = min(max(qd[i], min((span[0, i] - q[i]) / period_s, 0.0)), max((span[1, i] - q[i]) / period_s, 0.0))
        q_next[i] = q[i] + qd_next[i] * period_s
    return q_next, qd_next
