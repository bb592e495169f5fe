"""A maker's driver with the mock arm and patient behind it, for tests: its names, rate and quirks, and nothing but well-formed commands."""

import numpy as np

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.model import TURN_RAD
from medrobot_ros.geometry.wrench import shift_wrench, weight_wrench
from medrobot_ros.hardware.ros2_control import Ros2Control, vendor_of
from medrobot_ros.hardware.vendor import FAULT, JOINTS, POSITIONS, TRAJECTORY, WRENCH
from medrobot_ros.signals import Fault, JointCommand, NamedJoints, Stamp, Wrench
from medrobot_ros.twin.mock import MockHardware

ALWAYS = Stamp(0, "safety#0")  # the driver knows nothing of the cell's permit


class TrajectoryController:
    """As joint_trajectory_controller takes a trajectory from its topic: replaced at once, cubic to each point, ends at rest."""

    def __init__(self, q):
        self.q, self.qd, self._start_ns, self._points, self.refused = q.copy(), np.zeros_like(q), 0, [], []

    def take(self, now_ns, trajectory):
        times = trajectory.times_s
        if (np.diff(times) <= 0.0).any() or times[0] <= 0.0:
            self.refused.append("times do not increase")
        elif trajectory.qd[-1].any():
            self.refused.append("does not end at rest")
        elif not (np.isfinite(trajectory.q).all() and np.isfinite(trajectory.qd).all()):
            self.refused.append("not finite")
        else:
            self._start_ns = now_ns
            self._points = [(0.0, self.q.copy(), self.qd.copy()), *zip(times, trajectory.q, trajectory.qd, strict=True)]

    def at(self, now_ns):
        """Where the joints are to be."""
        t = 1e-9 * (now_ns - self._start_ns)
        for (t0, q0, v0), (t1, q1, v1) in zip(self._points, self._points[1:], strict=False):
            if t <= t1:
                h, s = t1 - t0, (t - t0) / (t1 - t0)
                a, b = 2 * s**3 - 3 * s**2 + 1, s**3 - 2 * s**2 + s
                c, d = -2 * s**3 + 3 * s**2, s**3 - s**2
                self.q = a * q0 + b * h * v0 + c * q1 + d * h * v1
                self.qd = ((6 * s**2 - 6 * s) * (q0 - q1) / h) + (3 * s**2 - 4 * s + 1) * v0 + (3 * s**2 - 2 * s) * v1
                return self.q
        if self._points:
            self.q, self.qd = self._points[-1][1].copy(), np.zeros_like(self.q)
        return self.q


class VendorPlant:
    """Stage `hardware` of a cell in one process: our own `Ros2Control`, and the driver that it talks to."""

    name = "hardware"

    def __init__(self, config, plant_config):
        self.arm = load_arm(config.arm.name, config.probe.name)
        self.stage = Ros2Control(config, self.arm, vendor_of(config, self.arm))
        self.vendor = self.stage.vendor
        self.mock = MockHardware(plant_config, self.arm)
        self.controller = TrajectoryController(self.arm.q_home)
        self.rate_hz = config.hardware.rate_hz
        self.now_ns = 0
        self.commands, self.fault = 0, False
        self._position = self.arm.q_home.copy()
        self._steps = round(self.vendor.rate_hz / self.rate_hz)
        self._ticks = 0
        self._qd = np.zeros(self.arm.n)

    def receive(self, topic, signal):
        self.stage.now_ns = self.now_ns
        return self._routed(self.stage.receive(topic, signal))

    def tick(self, stamp_ns):
        out, period_ns = [], round(1e9 / self.vendor.rate_hz)
        for k in range(self._steps):
            now_ns = self.stage.now_ns = self.mock.now_ns = stamp_ns - (self._steps - 1 - k) * period_ns
            out += self._driver(now_ns)
            self._ticks += 1
            if self._ticks % max(1, round(self.vendor.rate_hz / self.stage.rate_hz)) == 0:
                out += self._routed(self.stage.tick(now_ns))
        return out

    def _driver(self, now_ns):
        """One period of the driver, and the cell's answer to what it publishes."""
        target = self.controller.at(now_ns) if self.vendor.command.kind == "trajectory" else self._position
        self.mock.receive("safety/permit", ALWAYS)
        self.mock.receive("forward_position_controller/commands", JointCommand(now_ns, target))
        out = []
        for topic, signal in self.mock.tick(now_ns):
            if topic == "joint_states":
                out += self._routed(self.stage.receive(JOINTS, self._as_named(signal)))
            elif topic == "wrench":
                out += self._routed(self.stage.receive(WRENCH, self._as_wrench(signal)))
            elif topic.startswith("twin/"):
                out.append((topic, signal))
        if self.fault:
            out += self._routed(self.stage.receive(FAULT, Fault(now_ns, "collision", True)))
        return out

    def _as_named(self, state):
        """In another order, with a gripper's joint among them, and wrapped where the maker's encoders are."""
        qdd, self._qd = (state.qd - self._qd) * self.vendor.rate_hz, state.qd
        tau = state.tau + self.arm.inertia_matrix(state.q) @ qdd
        wrapped = np.where(self.arm.wraps, (state.q + np.pi) % TURN_RAD - np.pi, state.q)
        names = ("gripper", *reversed(self.stage.joint_names))
        return NamedJoints(state.stamp_ns, names, *(np.r_[0.0, v[::-1]] for v in (wrapped, state.qd, tau)))

    def _as_wrench(self, wrench):
        """About the flange, with the maker's sign, without the probe's weight and inertia where the driver takes them off, less its
        dead band."""
        T, row = self.mock.last_period()[-1].T_base_probe, self.vendor.wrench
        R_base_ft = T[:3, :3] @ self.arm.T_ft_probe[:3, :3].T
        weight = weight_wrench(R_base_ft, self.arm.probe_mass_kg, self.arm.p_ft_com)
        F = wrench.F - (0.0 if row.weighs_tool else weight + self.mock._sensors.inertia)
        F = (1.0 if row.acts_on == "tool" else -1.0) * shift_wrench(self.arm.T_flange_ft, F)
        band = np.repeat((row.dead_band_n, row.dead_band_nm), 3)
        return Wrench(wrench.stamp_ns, "flange", np.sign(F) * np.maximum(np.abs(F) - band, 0.0))

    def _routed(self, outputs):
        own = []
        for topic, signal in outputs:
            if topic == TRAJECTORY:
                self.commands += 1
                self.controller.take(self.stage.now_ns, signal)
            elif topic == POSITIONS:
                self.commands += 1
                self._position = signal.q
            else:
                own.append((topic, signal))
        return own

    def call(self, service):
        return False, ""


