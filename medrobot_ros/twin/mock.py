"""The mock hardware: an arm's servos, its F/T sensor, and the patient under the probe. It speaks the real topics."""

from collections import deque
from math import ceil
from typing import Any

import numpy as np
from numba import njit

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.small import times
from medrobot_ros.config import CellConfig, HardwareSection
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.geometry.triples import back, cross, forth, plus, put
from medrobot_ros.geometry.wrench import shift_wrench, weight_wrench
from medrobot_ros.hardware.servo import Servo
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.safety.permit import PermitGate
from medrobot_ros.signals import Array, HardwareStatus, JointState, PatientTruth, Stamp, Wrench
from medrobot_ros.stage import EventLog, Outputs
from medrobot_ros.twin.body import load_body
from medrobot_ros.twin.patient import Face, Patient, Pressed

TRUTH = ("twin/contact_wrench", "twin/probe_pose", "twin/skin_pose", "twin/patient")
STEP_S = 0.001
LATE_NS = round(0.25e9 * STEP_S)  # by which a latency of whole steps may be exceeded: its jitter does not make it another step
LONGEST_S = 0.04  # of the latency and its jitter
SLOW_RATE_HZ = 100.0  # of what is published beside the control loop
STATE_PERIOD_NS = 1_000_000_000
TORQUE_PER_FORCE_M = 0.02  # a F/T sensor's torque bias over its force bias


def make(config: CellConfig, arm: ArmModel) -> "MockHardware":
    """The backend's factory."""
    return MockHardware(config, arm)


class MockHardware:
    """Stage `hardware` at the control rate."""

    name = "hardware"

    def __init__(self, config: CellConfig, arm: ArmModel) -> None:
        self.rate_hz = config.hardware.rate_hz
        self._arm, self._config = arm, config.hardware
        self._rng = np.random.default_rng([config.seed, 2])
        self._events = EventLog(self.name)
        self._servo = Servo(arm, config.hardware, arm.q_home, self._events, self._rng)
        self._gate = PermitGate(config.safety.permit_timeout_s)
        probe = load_probe(config.probe.name)
        face = Face(probe.face_radius_m, 0.5 * probe.aperture_m)
        self._patient = Patient(config.twin, config.body, load_body(config.body.mesh), face, config.seed)
        self._sensors = _Sensors(config.hardware, arm, self._draw_bias())
        self._steps = max(1, round(1.0 / (self.rate_hz * STEP_S)))
        self._past: deque[tuple[Array, Pressed]] = deque(maxlen=2 + ceil(LONGEST_S * self.rate_hz))
        self._q_set = np.empty((self._steps, arm.n))
        self.now_ns = 0
        self._start_ns: int | None = None
        self._physics_ns = 0
        self._state_ns = -STATE_PERIOD_NS
        self._ticks = 0
        self._decimation = max(1, round(self.rate_hz / SLOW_RATE_HZ))

    def _draw_bias(self) -> Array:
        v = self._rng.standard_normal(6)
        force, torque = v[:3] / np.linalg.norm(v[:3]), v[3:] / np.linalg.norm(v[3:])
        return self._config.force_bias_n * np.concatenate((force, TORQUE_PER_FORCE_M * torque))

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Commands, permits and stops."""
        if topic == "forward_position_controller/commands":
            self._servo.command(self.now_ns, signal)
        elif topic == "safety/permit":
            self._gate.receive(self.now_ns, signal)
        elif topic == "safety/stop" and signal.stop:
            self._gate.revoke()
        return ()

    def tick(self, stamp_ns: int) -> Outputs:
        """One control period of arm and patient, then what their sensors say of a latency ago."""
        self._advance(stamp_ns)
        state, wrench, (pressed, k) = self._sensed(stamp_ns)
        self._limit_torque(stamp_ns, state.tau)
        self._ticks += 1
        out: list[tuple[str, Any]] = [("joint_states", state), ("wrench", wrench)]
        if self._ticks % self._decimation == 0:
            truth = pressed.truth(k)
            out += [(name, truth) for name in TRUTH] + self._events.drain(stamp_ns)
        if self._ticks % (2 * self._decimation) == 0:
            out.append(("heartbeat", Stamp(stamp_ns, self.name)))
        if stamp_ns - self._state_ns >= STATE_PERIOD_NS:
            self._state_ns = stamp_ns
            out.append(("hardware/state", HardwareStatus(stamp_ns, clamped=self._servo.clamped, refused=self._servo.refused)))
        return out

    def _advance(self, stamp_ns: int) -> None:
        if self._start_ns is None:
            self._start_ns = self._physics_ns = stamp_ns
        behind_ns = stamp_ns - self._physics_ns
        step_ns = max(1, round(behind_ns / self._steps))
        stamps_ns = [self._physics_ns + (k + 1) * step_ns if behind_ns else stamp_ns for k in range(self._steps)]
        for k, now_ns in enumerate(stamps_ns):
            due_ns = now_ns + LATE_NS
            if k == 0 or self._servo.waiting(due_ns):
                self._servo.plan(due_ns, self._gate.opens(now_ns), again=k > 0)
            self._q_set[k] = self._servo.q_set
        step_s, first_s = 1e-9 * step_ns if behind_ns else 0.0, 1e-9 * (stamps_ns[0] - self._start_ns)
        Q = self._servo.advance(step_s, self._q_set)
        self._past.append((Q, self._patient.advance(stamps_ns, first_s, step_s, self._arm.T_base_probe_many(Q))))
        self._physics_ns = self.now_ns = stamp_ns

    def _sensed(self, stamp_ns: int) -> tuple[JointState, Wrench, tuple[Pressed, int]]:
        """What the sensors said one latency ago, and the step that they saw."""
        delay_s = max(0.0, self._config.latency_s + self._config.jitter_s * self._rng.standard_normal())
        newest_ns = stamp_ns - round(1e9 * delay_s) + LATE_NS
        at, k = len(self._past) - 1, self._steps - 1
        while self._past[at][1].stamp_ns[k] > newest_ns and (at, k) != (0, 0):
            at, k = (at, k - 1) if k > 0 else (at - 1, self._steps - 1)
        drawn = self._rng.standard_normal(self._arm.n + 6)
        state, wrench = self._sensors.read(self._past[max(at - 1, 0)], self._past[at], k, drawn)
        return state, wrench, (self._past[at][1], k)

    def last_period(self) -> list[PatientTruth]:
        """Truth at the steps of the last control period, for benches that want more of it than is published."""
        return [self._past[-1][1].truth(k) for k in range(self._steps)]

    def _limit_torque(self, stamp_ns: int, tau: Array) -> None:
        saturated = self._servo.saturate(tau)
        if saturated:
            self._events.add(stamp_ns, "torque_limit", f"joint {saturated}")

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"hardware serves no '{service}'"


class _Sensors:
    """Encoders, motor torques, and the F/T sensor: tissue, and weight and inertia of the probe (a point mass), about its own frame, with
    bias and noise. What that tells is the mean of a period, as of a driver that samples faster."""

    def __init__(self, config: HardwareSection, arm: ArmModel, bias: Array) -> None:
        T_ft_probe = inverse(arm.T_flange_ft) @ arm.T_flange_probe
        p_probe_com = (inverse(T_ft_probe) @ np.append(arm.p_ft_com, 1.0))[:3]
        self._arm = arm
        self._mass = np.vstack((T_ft_probe[:3, :3], p_probe_com, arm.p_ft_com)), arm.probe_mass_kg
        self._moved_ns, self._felt = 0, np.zeros(9)
        # Both are linear in what they turn, and matrices made once cost a tick a fifth of `geometry.wrench`.
        shift = np.column_stack([shift_wrench(T_ft_probe, e) for e in np.eye(6)])
        base_up_in_ft = [np.outer((0.0, 0.0, 1.0), axis) for axis in T_ft_probe[:3, :3].T]
        weight = np.column_stack([weight_wrench(R, arm.probe_mass_kg, arm.p_ft_com) for R in base_up_in_ft])
        noise = np.concatenate((np.repeat((config.force_noise_n, config.torque_noise_nm), 3), np.full(arm.n, config.encoder_noise_rad)))
        self._ft, self._noise = np.column_stack((shift, weight, bias)), noise
        Q, F, T = np.zeros((1, arm.n)), np.zeros((1, 6)), np.eye(4)[None]  # compiled or loaded now, not in a tick
        J, tau = arm.statics(Q[0])
        _read(Q, Q, F, F, T[0], 0, J, tau, 1.0, 0.0, noise, noise, self._felt, self._mass, self._ft)

    @property
    def inertia(self) -> Array:
        """What is felt (6,) of the probe's in the last reading."""
        return self._felt[:6]

    def read(self, before: tuple[Array, Pressed], now: tuple[Array, Pressed], k: int, drawn: Array) -> tuple[JointState, Wrench]:
        """Joints and raw wrench in the F/T frame at step `k` of `now`, with the means of the period before it, which began in `before`;
        `drawn` (6 + n,) is noise in standard deviations."""
        (Q_before, then), (Q, pressed) = before, now
        stamp_ns = pressed.stamp_ns[k]
        period_s = 1e-9 * max(1, stamp_ns - then.stamp_ns[k])
        out = _read(
            Q_before, Q, then.rows, pressed.rows, pressed.T_base_probe[k], k, *self._arm.statics(Q[k]), period_s,
            1e-9 * (stamp_ns - self._moved_ns), drawn, self._noise, self._felt, self._mass, self._ft,
        )  # fmt: skip
        self._moved_ns, n = max(self._moved_ns, stamp_ns), self._arm.n
        return JointState(stamp_ns, out[:n], out[n : 2 * n], out[2 * n : 3 * n]), Wrench(stamp_ns, "ft", out[3 * n :])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _read(  # type: ignore[no-untyped-def]
    Q_before, Q, F_before, F, T_base_probe, k, J, tau_gravity, period_s, elapsed_s, drawn, noise, felt, mass, ft
):
    """Joint positions, their mean speeds, joint torques (n,), raw wrench (6,), one behind the other. Rows of `F` begin with the tissue's
    force. Where time has passed since the last reading it brings `felt` (9,) up to date: what a sensor feels of the probe's inertia,
    and the velocity of its centre of mass in base. `ft` (6, 10) turns tissue's wrench, the base's upward axis and 1 into what is told."""
    steps, n = Q.shape
    q, up = Q[k], T_base_probe[2]
    out = np.empty(3 * n + 6)
    for i in range(n):
        out[i] = q[i] + noise[6 + i] * drawn[6 + i]
        out[n + i] = (q[i] - Q_before[k, i]) / period_s
        out[2 * n + i] = tau_gravity[i]
        for c in range(6):
            out[2 * n + i] -= F[k, c] * J[c, i]
    if elapsed_s > 0.0:
        _accelerate(J, out[n : 2 * n], T_base_probe, elapsed_s, felt[6:], felt[:6], *mass)
    F_mean = np.zeros(6)
    for i in range(steps):
        pushed = F[i] if i <= k else F_before[i]
        for c in range(6):
            F_mean[c] += pushed[c] / steps
    for i in range(6):
        out[3 * n + i] = ft[i, 9] + noise[i] * drawn[i] + felt[i]
        for c in range(3):
            out[3 * n + i] += ft[i, 6 + c] * up[c]
        for c in range(6):
            out[3 * n + i] += ft[i, c] * F_mean[c]
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _accelerate(J, qd, T_base_probe, elapsed_s, v_com, inertia, placed, mass_kg):  # type: ignore[no-untyped-def]
    """Moves a point mass on from its velocity in base `v_com` (3,), and fills what a sensor feels of its `inertia` (6,). Rows of
    `placed` (5, 3) are the probe's rotation in the sensor's frame, and the centre of mass in the probe's and in the sensor's."""
    V = times(J, qd)
    v = forth(T_base_probe, plus(V[:3], 1.0, cross(V[3:], placed[3])))
    put(inertia, plus((0.0, 0.0, 0.0), -mass_kg / elapsed_s, forth(placed, back(T_base_probe, plus(v, -1.0, v_com)))))
    put(inertia[3:], cross(placed[4], inertia))
    put(v_com, v)
