"""Joint servos as a controller sees them: commands arrive late, positions follow with a lag, silence brings a hold."""

from collections import deque
from math import exp

import numpy as np

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.config import HardwareSection
from medrobot_ros.safety.braking import braked
from medrobot_ros.signals import Array, JointCommand
from medrobot_ros.stage import EventLog

SPEED_SLACK = 1.05  # a command stream's rounding is no offence


class Servo:
    """First-order position servos with latency, limits and a watchdog."""

    def __init__(self, arm: ArmModel, config: HardwareSection, q: Array, events: EventLog, rng: np.random.Generator) -> None:
        self._arm, self._config, self._events, self._rng = arm, config, events, rng
        self._period_s = 1.0 / config.rate_hz
        self._underway: deque[tuple[int, Array]] = deque()
        self._commanded_ns: int | None = None
        self._v_set = np.zeros(arm.n)
        self._last_target = q.copy()
        self._saturated = np.zeros(arm.n)  # sign of the torque of joints at their torque limit, 0 elsewhere
        self.q, self.q_set = q.copy(), q.copy()
        self.clamped = self.refused = 0

    def command(self, now_ns: int, command: JointCommand) -> None:
        """Takes a command that arrived at `now_ns`; one that is not finite or of another length is refused."""
        if command.q.shape != (self._arm.n,):
            self._refuse(now_ns, "wrong_length_command", f"{command.q.size} values for {self._arm.n} joints")
        elif not np.isfinite(command.q).all():
            self._refuse(now_ns, "non_finite_command", "")
        else:
            delay_s = max(0.0, self._config.latency_s + self._config.jitter_s * self._rng.standard_normal())
            self._underway.append((now_ns + round(1e9 * delay_s), command.q))
            self._commanded_ns = now_ns

    def _refuse(self, now_ns: int, kind: str, detail: str) -> None:
        self.refused += 1
        self._events.add(now_ns, kind, detail)

    def waiting(self, now_ns: int) -> bool:
        """Whether a command has come through by `now_ns` that the setpoint does not follow yet."""
        return bool(self._underway) and self._underway[0][0] <= now_ns

    def plan(self, now_ns: int, permitted: bool) -> None:
        """Once a period: the next setpoint from what has arrived, or braking where commands or the permit are missing."""
        silent = self._commanded_ns is None or now_ns - self._commanded_ns > self._config.command_timeout_s * 1e9
        if silent or not permitted:
            if self._v_set.any():
                self._events.add(now_ns, "braked", "commands silent" if silent else "no permit")
            self._underway.clear()
            self._v_set = braked(self._v_set, self._arm.brake_rad_per_s2, self._period_s)
            self.q_set = self._last_target = self.q_set + self._v_set * self._period_s
            return
        target = None
        while self._underway and self._underway[0][0] <= now_ns:
            target = self._underway.popleft()[1]
        if target is not None:
            self._follow(now_ns, target)
        else:  # a late command is bridged at the speed of the last ones
            self.q_set = _clipped(self.q_set + self._v_set * self._period_s, self._arm.q_lower, self._arm.q_upper)

    def _follow(self, now_ns: int, target: Array) -> None:
        within = _clipped(target, self._arm.q_lower, self._arm.q_upper)
        fastest = SPEED_SLACK * self._arm.qd_max
        step = _clipped(within - self.q_set, -fastest * self._period_s, fastest * self._period_s)
        self.q_set = self.q_set + step
        if np.abs(self.q_set - target).max() > 1e-9:
            self.clamped += 1
            self._events.add(now_ns, "clamped_command", "beyond a position or speed limit")
        self._v_set = _clipped((within - self._last_target) / self._period_s, -fastest, fastest)
        self._last_target = within

    def saturate(self, tau: Array) -> None:
        """Takes the motor torques (n,) [Nm]: a joint at its limit cannot move further against its load."""
        self._saturated = np.where(np.abs(tau) > self._arm.tau_max, np.sign(tau), 0.0)

    def advance(self, step_s: float) -> None:
        """Moves the joints towards their setpoints."""
        lag = self._config.servo_lag_s
        share = 1.0 if lag == 0.0 else 1.0 - exp(-step_s / lag)
        step = share * (self.q_set - self.q)
        self.q = self.q + np.where(step * self._saturated > 0.0, 0.0, step)

    @property
    def qd(self) -> Array:
        """Joint velocity [rad/s] (n,)."""
        lag = self._config.servo_lag_s
        return self._v_set if lag == 0.0 else (self.q_set - self.q) / lag


def _clipped(x: Array, low: Array, high: Array) -> Array:
    """As `np.clip`, without its argument checks."""
    out: Array = np.minimum(np.maximum(x, low), high)
    return out
