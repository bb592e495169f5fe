"""The mock hardware: an arm's servos, its F/T sensor, and the patient under the probe. It speaks the real topics."""

from collections import deque
from typing import Any

import numpy as np
from numba import njit

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.config import CellConfig, HardwareSection
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.geometry.wrench import shift_wrench, weight_wrench
from medrobot_ros.hardware.servo import Servo
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.safety.permit import PermitGate
from medrobot_ros.signals import Array, HardwareStatus, JointState, PatientTruth, Stamp, Wrench
from medrobot_ros.stage import EventLog, Outputs
from medrobot_ros.twin.body import load_body
from medrobot_ros.twin.patient import Face, Patient

TRUTH = ("twin/contact_wrench", "twin/probe_pose", "twin/skin_pose", "twin/patient")
STEP_S = 0.001
SLOW_RATE_HZ = 100.0  # of what is published beside the control loop
STATE_PERIOD_NS = 1_000_000_000
TORQUE_PER_FORCE_M = 0.02  # a F/T sensor's torque bias over its force bias


def make(config: CellConfig, arm: ArmModel) -> "MockHardware":
    """The backend's factory."""
    return MockHardware(config, arm)


class MockHardware:
    """Stage `hardware` at the control rate. """

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
        self._past: deque[tuple[int, Array, Array, PatientTruth]] = deque(maxlen=8 + round(0.03 / STEP_S))
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
        q, qd, truth = self._sensed(stamp_ns)
        q_read, tau, F_read = self._sensors.read(q, truth, self._rng.standard_normal(self._arm.n + 6))
        self._limit_torque(stamp_ns, tau)
        stamp = truth.stamp_ns
        self._ticks += 1
        out: list[tuple[str, Any]] = [("joint_states", JointState(stamp, q_read, qd, tau)), ("wrench", Wrench(stamp, "ft", F_read))]
        if self._ticks % self._decimation == 0:
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
        for k in range(self._steps):
            now_ns = self._physics_ns + (k + 1) * step_ns if behind_ns else stamp_ns
            if k == 0 or self._servo.waiting(now_ns):
                self._servo.plan(now_ns, self._gate.granted(now_ns))
            self._servo.advance(1e-9 * step_ns if behind_ns else 0.0)
            truth = self._patient.advance(now_ns, 1e-9 * (now_ns - self._start_ns), self._arm.T_base_probe(self._servo.q))
            self._past.append((now_ns, self._servo.q, self._servo.qd, truth))
        self._physics_ns = self.now_ns = stamp_ns

    def _sensed(self, stamp_ns: int) -> tuple[Array, Array, PatientTruth]:
        """Joints and truth as they were one latency ago."""
        delay_s = max(0.0, self._config.latency_s + self._config.jitter_s * self._rng.standard_normal())
        newest_ns = stamp_ns - round(1e9 * delay_s) + round(0.25e9 * STEP_S)
        for when_ns, q, qd, truth in reversed(self._past):
            if when_ns <= newest_ns:
                return q, qd, truth
        return self._past[0][1:]

    def _limit_torque(self, stamp_ns: int, tau: Array) -> None:
        saturated = self._servo.saturate(tau)
        if saturated:
            self._events.add(stamp_ns, "torque_limit", f"joint {saturated}")

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"hardware serves no '{service}'"


class _Sensors:
    """Encoders, motor torques, and the F/T sensor: tissue and the probe's weight about its own frame, with bias and noise."""

    def __init__(self, config: HardwareSection, arm: ArmModel, bias: Array) -> None:
        T_ft_probe = inverse(arm.T_flange_ft) @ arm.T_flange_probe
        # Both are linear: matrices made once cost a tick a fifth of `geometry.wrench`.
        shift = np.column_stack([shift_wrench(T_ft_probe, e) for e in np.eye(6)])
        base_up_in_ft = [np.outer((0.0, 0.0, 1.0), axis) for axis in T_ft_probe[:3, :3].T]
        weight = np.column_stack([weight_wrench(R, arm.probe_mass_kg, arm.p_ft_com) for R in base_up_in_ft])
        noise = np.concatenate((np.repeat((config.force_noise_n, config.torque_noise_nm), 3), np.full(arm.n, config.encoder_noise_rad)))
        self._arm, self._ft, self._noise = arm, (shift, weight, bias), noise
        still = PatientTruth(0, np.zeros(6), np.eye(4), np.eye(4), np.eye(4), 0.0, 0.0, 0.0)
        self.read(arm.q_home.copy(), still, np.zeros(noise.size))  # compiled or loaded now, not in a tick

    def read(self, q: Array, truth: PatientTruth, drawn: Array) -> tuple[Array, Array, Array]:
        """Joint positions and torques (n,), and the raw wrench (6,) in the F/T frame; `drawn` (6 + n,) is noise in standard deviations."""
        F, T = truth.F_tissue_on_probe_in_probe, truth.T_base_probe
        tau, J = self._arm.gravity_torque(q), self._arm.jacobian_probe(q)
        return _read(q, tau, J, F, T, self._noise * drawn, *self._ft)  # type: ignore[no-any-return]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _read(q, tau_gravity, J, F_tissue, T_base_probe, noise, shift, weight, bias):  # type: ignore[no-untyped-def]
    """Joint positions, joint torques (n,), raw wrench (6,)."""
    q_read, tau, F = np.empty(q.size), tau_gravity.copy(), np.empty(6)
    for i in range(6):
        F[i] = bias[i] + noise[i]
        for k in range(3):
            F[i] += weight[i, k] * T_base_probe[2, k]
        for k in range(6):
            F[i] += shift[i, k] * F_tissue[k]
    for i in range(q.size):
        q_read[i] = q[i] + noise[6 + i]
        for k in range(6):
            tau[i] -= F_tissue[k] * J[k, i]
    return q_read, tau, F
