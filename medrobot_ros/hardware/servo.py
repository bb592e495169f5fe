"""Joint servos as a controller sees them: commands arrive late, positions follow with a lag, silence brings a hold."""

from collections import deque
from math import exp, sqrt

import numba
import numpy as np

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.config import HardwareSection
from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.hardware.streaming import SLACK
from medrobot_ros.safety.braking import braked
from medrobot_ros.signals import Array, JointCommand
from medrobot_ros.stage import EventLog


class Servo:
    """First-order position servos with latency, limits and a watchdog."""

    def __init__(self, arm: ArmModel, config: HardwareSection, q: Array, events: EventLog, rng: np.random.Generator) -> None:
        self._arm, self._config, self._events, self._rng = arm, config, events, rng
        self._period_s = 1.0 / config.rate_hz
        self._limits = np.stack((arm.q_lower, arm.q_upper, SLACK * arm.qd_max, SLACK * arm.brake_rad_per_s2))
        self._underway: deque[tuple[int, Array]] = deque()
        self._commanded_ns: int | None = None
        self._v_set = np.zeros(arm.n)
        self._last_target = q.copy()
        self._saturated = np.zeros(arm.n)  # sign of the torque of joints at their torque limit, 0 elsewhere
        self.q, self.q_set = q.copy(), q.copy()
        self._unbridged = self.q_set  # before the last bridging
        self.clamped = self.refused = 0
        self._follow(0, self.q, 1)  # compiles or loads the kernels, which must not wait for a tick
        self.saturate(np.zeros(arm.n))
        self.advance(0.0, self.q_set[None])

    def command(self, now_ns: int, command: JointCommand) -> None:
        """Takes a command that arrived at `now_ns`; one that is not finite or of another length is refused."""
        if command.q.shape != (self._arm.n,):
            self._refuse(now_ns, "wrong_length_command", f"{command.q.size} values for {self._arm.n} joints")
        elif not all_finite(command.q):
            self._refuse(now_ns, "non_finite_command", "")
        else:
            delay_s = max(0.0, self._config.latency_s + self._config.jitter_s * self._rng.standard_normal())
            self._underway.append((now_ns + round(1e9 * delay_s), np.array(command.q)))
            self._commanded_ns = now_ns

    def _refuse(self, now_ns: int, kind: str, detail: str) -> None:
        self.refused += 1
        self._events.add(now_ns, kind, detail)

    def waiting(self, now_ns: int) -> bool:
        """Whether a command has come through by `now_ns` that the setpoint does not follow yet."""
        return bool(self._underway) and self._underway[0][0] <= now_ns

    def plan(self, now_ns: int, permitted: bool, again: bool = False) -> None:
        """Once a period, and `again` when a command comes within it: the next setpoint from what has arrived, or braking where commands
        or the permit are missing."""
        silent = self._commanded_ns is None or now_ns - self._commanded_ns > self._config.command_timeout_s * 1e9
        if silent or not permitted:
            if self._v_set.any():
                self._events.add(now_ns, "braked", "commands silent" if silent else "no permit")
            self._underway.clear()
            self._v_set = braked(self._v_set, self._arm.brake_rad_per_s2, self._period_s)
            self.q_set = self.q_set + self._v_set * self._period_s
            self._last_target = self.q_set.copy()
            return
        target, count = None, 0
        while self._underway and self._underway[0][0] <= now_ns:
            target, count = self._underway.popleft()[1], count + 1
        if target is not None:
            if again:
                self.q_set = self._unbridged
            self._follow(now_ns, target, count)
            self._unbridged = self.q_set
        else:  # a late command is bridged at the speed of the last ones
            self._unbridged = self.q_set
            self.q_set = _clipped(self.q_set + self._v_set * self._period_s, self._arm.q_lower, self._arm.q_upper)

    def _follow(self, now_ns: int, target: Array, count: int) -> None:
        if _step(target, count, self.q_set, self._v_set, self._last_target, self._limits, self._period_s):
            self.clamped += 1
            self._events.add(now_ns, "clamped_command", "beyond a position, speed or acceleration limit")

    def saturate(self, tau: Array) -> int:
        """Takes the motor torques (n,) [Nm]: a joint at its limit cannot move further against its load. The first of them, from 1."""
        return int(_saturate(tau, self._arm.tau_max, self._saturated))

    def advance(self, step_s: float, q_set: Array) -> Array:
        """Moves the joints towards the setpoints (k, n) of as many steps of `step_s` [s]: where they are (k, n) after each."""
        lag = self._config.servo_lag_s
        Q: Array = _lagged(self.q, q_set, 1.0 if lag == 0.0 else 1.0 - exp(-step_s / lag), self._saturated)
        self.q = Q[-1]
        return Q


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _step(target, count, q_set, v_set, last_target, limits, period_s):  # type: ignore[no-untyped-def]
    """Moves setpoint and its speed one period on to `target` (n,), the last of `count` commands, in place; whether a limit bore on it.

    The setpoint goes along with the stream. What it is behind or ahead of it, where commands were late, it makes up for no faster than
    an arm can brake, as its own interpolation would: a setpoint that jumped would let the probe's inertia push.
    """
    q_lower, q_upper, qd_max, qdd_max, clamped = limits[0], limits[1], limits[2], limits[3], False
    for i in range(target.size):
        within, change = min(max(target[i], q_lower[i]), q_upper[i]), qdd_max[i] * period_s
        stream = min(max((within - last_target[i]) / (count * period_s), -qd_max[i]), qd_max[i])
        behind = within - q_set[i] - stream * period_s
        most = max(change, sqrt(qdd_max[i] * abs(behind)))
        v = stream + min(max(behind / period_s, -most), most)
        v = min(max(v, max(v_set[i] - change, -qd_max[i])), min(v_set[i] + change, qd_max[i]))
        q = min(max(q_set[i] + v * period_s, q_lower[i]), q_upper[i])
        clamped |= within != target[i] or abs(q - within) > qd_max[i] * period_s  # less is what late commands leave
        v_set[i] = (q - q_set[i]) / period_s
        q_set[i], last_target[i] = q, within
    return clamped


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _saturate(tau, tau_max, saturated):  # type: ignore[no-untyped-def]
    """Fills `saturated` (n,) with the sign of the torques at their limits; the first such joint, from 1, or 0."""
    first = 0
    for i in range(tau.size - 1, -1, -1):
        saturated[i] = np.sign(tau[i]) if abs(tau[i]) > tau_max[i] else 0.0
        first = i + 1 if saturated[i] != 0.0 else first
    return first


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _lagged(q, q_set, share, saturated):  # type: ignore[no-untyped-def]
    """Joints (k, n), from `q` (n,) a share of the way to each setpoint (k, n), but not against a saturated motor's load."""
    out = np.empty(q_set.shape)
    for k in range(len(q_set)):
        for i in range(q.size):
            at = out[k - 1, i] if k > 0 else q[i]
            step = share * (q_set[k, i] - at)
            out[k, i] = at + (step if step * saturated[i] <= 0.0 else 0.0)
    return out


def _clipped(x: Array, low: Array, high: Array) -> Array:
    """As `np.clip`, without its argument checks."""
    out: Array = np.minimum(np.maximum(x, low), high)
    return out
