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
LATE_STEPS = 0.25  # by which a latency of whole steps may be exceeded: its jitter does not make it another step
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
        self._past: deque[tuple[int, Array, PatientTruth]] = deque(maxlen=8 + self._steps + round(0.03 / STEP_S))
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
        q, qd, truth, F_mean = self._sensed(stamp_ns)
        q_read, tau, F_read = self._sensors.read(q, qd, truth, F_mean, self._rng.standard_normal(self._arm.n + 6))
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
            due_ns = now_ns + round(1e9 * LATE_STEPS * STEP_S)
            if k == 0 or self._servo.waiting(due_ns):
                self._servo.plan(due_ns, self._gate.granted(now_ns))
            self._servo.advance(1e-9 * step_ns if behind_ns else 0.0)
            truth = self._patient.advance(now_ns, 1e-9 * (now_ns - self._start_ns), self._arm.T_base_probe(self._servo.q))
            self._past.append((now_ns, self._servo.q, truth))
        self._physics_ns = self.now_ns = stamp_ns

    def _sensed(self, stamp_ns: int) -> tuple[Array, Array, PatientTruth, Array]:
        """Joints and truth of one latency ago; of the period before that the joints' mean speed and the tissue's mean wrench (6,)."""
        delay_s = max(0.0, self._config.latency_s + self._config.jitter_s * self._rng.standard_normal())
        newest_ns = stamp_ns - round(1e9 * delay_s) + round(1e9 * LATE_STEPS * STEP_S)
        k = len(self._past) - 1
        while k > 0 and self._past[k][0] > newest_ns:
            k -= 1
        (then_ns, q_then, _), (now_ns, q, truth) = self._past[max(0, k - self._steps)], self._past[k]
        felt = [self._past[i][2].F_tissue_on_probe_in_probe for i in range(max(0, k + 1 - self._steps), k + 1)]
        F_mean: Array = sum(felt[1:], felt[0]) / len(felt)
        return q, (q - q_then) / (1e-9 * max(1, now_ns - then_ns)), truth, F_mean

    def last_period(self) -> list[PatientTruth]:
        """Truth at the steps of the last control period, for benches that want more of it than is published."""
        return [self._past[k][2] for k in range(-min(self._steps, len(self._past)), 0)]

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
        self._mass = (np.ascontiguousarray(T_ft_probe[:3, :3]), p_probe_com, np.array(arm.p_ft_com), arm.probe_mass_kg)
        self._moved_ns, self._v_com = 0, np.zeros(3)  # the centre of mass in base
        self.inertia = np.zeros(6)  # what is felt of it in the last reading
        # Both are linear: matrices made once cost a tick a fifth of `geometry.wrench`.
        shift = np.column_stack([shift_wrench(T_ft_probe, e) for e in np.eye(6)])
        base_up_in_ft = [np.outer((0.0, 0.0, 1.0), axis) for axis in T_ft_probe[:3, :3].T]
        weight = np.column_stack([weight_wrench(R, arm.probe_mass_kg, arm.p_ft_com) for R in base_up_in_ft])
        noise = np.concatenate((np.repeat((config.force_noise_n, config.torque_noise_nm), 3), np.full(arm.n, config.encoder_noise_rad)))
        self._arm, self._ft, self._noise = arm, (shift, weight, bias), noise
        q, J, F = np.zeros(arm.n), np.zeros((6, arm.n)), np.zeros(6)
        _inertia(J, q, np.eye(4), self._v_com, 0.0, *self._mass)  # compiled or loaded now, not in a tick
        _read(q, q, J, F, F, np.eye(4), noise, *self._ft)

    def read(self, q: Array, qd: Array, truth: PatientTruth, F_mean: Array, drawn: Array) -> tuple[Array, Array, Array]:
        """Joint positions and torques (n,), and the raw wrench (6,) in the F/T frame, which feels `F_mean` (6,) of the tissue; `drawn`
        (6 + n,) is noise in standard deviations."""
        F, T = truth.F_tissue_on_probe_in_probe, truth.T_base_probe
        tau, J = self._arm.gravity_torque(q), self._arm.jacobian_probe(q)
        elapsed_ns = truth.stamp_ns - self._moved_ns
        if elapsed_ns > 0:
            self.inertia, self._v_com = _inertia(J, qd, T, self._v_com, 1e9 / elapsed_ns, *self._mass)
            self._moved_ns = truth.stamp_ns
        q_read, tau, F_read = _read(q, tau, J, F, F_mean, T, self._noise * drawn, *self._ft)
        return q_read, tau, F_read + self.inertia


@njit(cache=True)  # type: ignore[untyped-decorator]
def _inertia(J, qd, T_base_probe, v_last, per_s, R_ft_probe, p_probe_com, p_ft_com, mass_kg):  # type: ignore[no-untyped-def]
    """What a sensor feels of a point mass (6,) whose velocity in base was `v_last` (3,), and its velocity now."""
    V, R = J @ qd, np.ascontiguousarray(T_base_probe[:3, :3])
    v = R @ (V[:3] + np.cross(V[3:], p_probe_com))
    f = -mass_kg * per_s * (R_ft_probe @ (R.T @ (v - v_last)))
    F = np.empty(6)
    F[:3], F[3:] = f, np.cross(p_ft_com, f)
    return F, v


@njit(cache=True)  # type: ignore[untyped-decorator]
def _read(q, tau_gravity, J, F_tissue, F_mean, T_base_probe, noise, shift, weight, bias):  # type: ignore[no-untyped-def]
    """Joint positions, joint torques (n,), raw wrench (6,)."""
    q_read, tau, F = np.empty(q.size), tau_gravity.copy(), np.empty(6)
    for i in range(6):
        F[i] = bias[i] + noise[i]
        for k in range(3):
            F[i] += weight[i, k] * T_base_probe[2, k]
        for k in range(6):
            F[i] += shift[i, k] * F_mean[k]
    for i in range(q.size):
        q_read[i] = q[i] + noise[6 + i]
        for k in range(6):
            tau[i] -= F_tissue[k] * J[k, i]
    return q_read, tau, F
