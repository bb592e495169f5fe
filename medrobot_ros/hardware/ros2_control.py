"""A real arm behind its maker's ROS 2 driver: joints by name, in the cell's order, signs and rate; commands only when they are safe.

The driver owns the clock. Nothing moves before all joints are heard within their limits, and the first command must be where the arm
is; each that follows must be where the arm can get in time. A permit that runs out, commands that cease, or a fault of the driver's end
the stream, which ends at rest (see `streaming`) before another begins.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import inverse, pose
from medrobot_ros.geometry.wrench import shift_wrench, weight_wrench
from medrobot_ros.hardware.dead_band import DeadBand, check_resolution
from medrobot_ros.hardware.streaming import SLACK, make_stream
from medrobot_ros.hardware.vendor import FAULT, JOINTS, WRENCH, Vendor, load_vendor
from medrobot_ros.safety.permit import PermitGate
from medrobot_ros.signals import Array, Fault, HardwareStatus, JointCommand, JointState, NamedJoints, Stamp, StopRequest, Wrench
from medrobot_ros.stage import NOTHING, EventLog, InOrder, Outputs

START_JUMP_RAD = 0.01  # between the first command and the arm; chosen
FRESH_NS = 50_000_000  # age of the joints beyond which the arm counts as silent
TICK_HZ = 100.0
STATE_NS = 1_000_000_000
GAP_PERIODS = 3  # between two speeds that tell no acceleration any more
LATE = 0.9  # of a period: the driver's own jitter is no reason to leave a sample out


def vendor_of(config: CellConfig, arm: ArmModel) -> Vendor:
    """The configured maker's driver, or the arm's own. Raises: ConfigError where it does not drive this arm or at this rate."""
    vendor = load_vendor(config.hardware.vendor or arm.vendor)
    if arm.name not in vendor.arms:
        raise ConfigError(f"hardware.vendor = '{vendor.name}': its driver has no {arm.name}; valid arms: {', '.join(vendor.arms)}")
    if vendor.rate_hz % config.hardware.rate_hz:
        raise ConfigError(f"hardware.rate_hz = {config.hardware.rate_hz:g} Hz: must divide {vendor.name}'s {vendor.rate_hz:g} Hz")
    return vendor


def make(config: CellConfig, arm: ArmModel) -> "Ros2Control":
    """The backend's factory."""
    return Ros2Control(config, arm, vendor_of(config, arm))


class Ros2Control:
    """Stage `hardware` in front of a driver, whose topics arrive and leave under the names in `vendor`."""

    name = "hardware"
    rate_hz = TICK_HZ

    def __init__(self, config: CellConfig, arm: ArmModel, vendor: Vendor) -> None:
        check_resolution(vendor, config.contact.force_n)
        self.vendor = vendor
        self.joint_names = vendor.joint_names(arm.name, arm.n, config.hardware.prefix)
        self.now_ns = 0
        self._arm, self._period_s = arm, 1.0 / config.hardware.rate_hz
        self._timeout_ns = round(1e9 * config.hardware.command_timeout_s)
        self._gate = PermitGate(config.safety.permit_timeout_s)
        self._events = EventLog(self.name)
        self._stream = make_stream(vendor.command, arm.brake_rad_per_s2)
        self._sensor = _Sensor(vendor, arm, self._period_s)
        self._joints: JointState | None = None
        self._order = InOrder()
        self._turns: Array = np.zeros(arm.n)  # what is added to the driver's positions so that joints do not jump by a turn
        self._heard_ns = self._commanded_ns = self._attended_ns = self._told_ns = self._state_ns = -STATE_NS
        self._streaming = self._ending = False
        self._q_last: Array = np.zeros(arm.n)  # the last command of the stream
        self._faults: set[str] = set()
        self.clamped = self.refused = 0

    # --- what arrives -------------------------------------------------------------------------------------------------

    def receive(self, topic: str, signal: Any) -> Outputs:
        """The driver's topics, the cell's commands, permits and stops."""
        if topic == JOINTS:
            return self._on_joints(signal)
        if topic == WRENCH:
            return self._on_wrench(signal)
        if topic == FAULT:
            return self._on_fault(signal)
        if topic == "forward_position_controller/commands":
            return self._on_command(signal)
        if topic == "safety/permit":
            self._gate.receive(self.now_ns, signal)
        elif topic == "safety/stop" and signal.stop:
            self._gate.revoke()
        return NOTHING

    def _on_joints(self, joints: NamedJoints) -> Outputs:
        missing = [n for n in self.joint_names if n not in joints.names]
        if missing:
            self._events.add(self.now_ns, "mismatched_joints", f"no {missing[0]}; the driver has {', '.join(joints.names) or 'none'}")
            return NOTHING
        order = [joints.names.index(n) for n in self.joint_names]
        q, qd, tau = (values[order] if values.size == len(joints.names) else None for values in (joints.q, joints.qd, joints.tau))
        if q is None or qd is None or not (np.isfinite(q).all() and np.isfinite(qd).all()):
            self._events.add(self.now_ns, "bad_joint_state", "positions or velocities missing or not finite")
            return NOTHING
        if late_ns := self._order.late_ns(joints.stamp_ns):
            self._events.add(self.now_ns, "stale_joint_state", f"{1e-6 * late_ns:.1f} ms older than the last")
            return NOTHING
        unwrapped = q if self._joints is None else self._arm.nearest_turn(q, self._joints.q)
        self._turns = unwrapped - q
        self._joints = JointState(joints.stamp_ns, unwrapped, qd, np.zeros_like(q) if tau is None else tau)
        self._heard_ns = self.now_ns
        if 0.0 <= 1e-9 * (joints.stamp_ns - self._told_ns) < LATE * self._period_s:
            return NOTHING
        self._told_ns = joints.stamp_ns
        out: list[tuple[str, Any]] = [("joint_states", self._joints)]
        if self.vendor.wrench.from_torque:
            if tau is None or not np.isfinite(tau).all():
                self._events.add(self.now_ns, "no_effort", "the driver gives no joint efforts to make a wrench from")
            else:
                out.append(("wrench", Wrench(joints.stamp_ns, "ft", self._sensor.from_torque(self._joints))))
        return out

    def _on_wrench(self, wrench: Wrench) -> Outputs:
        if self._joints is None or self.vendor.wrench.from_torque:
            return NOTHING
        if not np.isfinite(wrench.F).all():
            self._events.add(self.now_ns, "non_finite_wrench")
            return NOTHING
        self._sensor.gather(wrench.F)
        if 0.0 <= 1e-9 * (wrench.stamp_ns - self._sensor.told_ns) < LATE * self._period_s:
            return NOTHING
        self._sensor.told_ns = wrench.stamp_ns
        return [("wrench", Wrench(wrench.stamp_ns, "ft", self._sensor.gathered(self._joints.q)))]

    def _on_fault(self, fault: Fault) -> Outputs:
        """A fault takes the permit away and stops the cell; it has to go before a reset can let the arm move again."""
        if not fault.present:
            self._faults.discard(fault.name)
            return NOTHING
        if fault.name in self._faults:
            return NOTHING
        self._faults.add(fault.name)
        self._events.add(self.now_ns, "driver_fault", fault.name)
        self._gate.revoke()
        return [("safety/stop", StopRequest(True))]

    # --- commands -----------------------------------------------------------------------------------------------------

    def _on_command(self, command: JointCommand) -> Outputs:
        if self._joints is None or self._faults or not self._gate.opens(self.now_ns):
            return NOTHING
        if command.q.shape != (self._arm.n,) or not np.isfinite(command.q).all():
            self.refused += 1
            self._events.add(self.now_ns, "refused_command", "not finite, or not one value a joint")
            return NOTHING
        self._attend(self.now_ns)
        if not (self._may_go_on(command.q) if self._streaming else self._may_begin(command.q)):
            return NOTHING
        q = np.clip(command.q, self._arm.q_lower, self._arm.q_upper)
        if np.abs(q - command.q).max() > 1e-9:
            self.clamped += 1
            self._events.add(self.now_ns, "clamped_command", "beyond a position limit")
        if not self._streaming:
            self._stream.begin(q)
            self._streaming, self._ending = True, False
        self._commanded_ns, self._q_last = self.now_ns, q
        return [self._to_driver(o) for o in self._stream.send(self.now_ns, q, self._period_s)]

    def _attend(self, now_ns: int) -> None:
        """A stream that nobody saw to is over, be it that the node was inactive or stood: the arm may be elsewhere by now."""
        self._streaming &= now_ns - self._attended_ns <= FRESH_NS
        self._attended_ns = now_ns

    def _may_go_on(self, q: Array) -> bool:
        """A further command lies where the arm can get since the last; a stream that has begun to brake takes none."""
        if self._ending:
            return False
        elapsed_s = 1e-9 * (self.now_ns - self._commanded_ns) + self._period_s  # they need not come evenly
        beyond = np.abs(q - self._q_last) - SLACK * self._arm.qd_max * elapsed_s
        worst = int(np.argmax(beyond))
        if beyond[worst] > 0.0:
            self.refused += 1
            jump_rad, name = abs(q[worst] - self._q_last[worst]), self.joint_names[worst]
            self._events.add(self.now_ns, "refused_jump", f"{name} cannot move by {jump_rad:.3f} rad in {1e3 * elapsed_s:.0f} ms")
            return False
        return True

    def _may_begin(self, q: Array) -> bool:
        """The first command of a stream finds the arm within its limits, and where the command is."""
        assert self._joints is not None
        outside, jump_rad = self._arm.outside(self._joints.q), float(np.abs(q - self._joints.q).max())
        if outside or jump_rad > START_JUMP_RAD:
            self.refused += 1
            self._events.add(self.now_ns, "refused_start", outside or f"the first command is {jump_rad:.3f} rad from the arm")
            return False
        return True

    def _to_driver(self, output: tuple[str, Any]) -> tuple[str, Any]:
        """In the driver's own turns of the joints."""
        topic, signal = output
        return topic, replace(signal, q=signal.q - self._turns)

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, stamp_ns: int) -> Outputs:
        """Ends a stream that may not go on; says that the arm is there while it is."""
        self.now_ns = stamp_ns
        out: list[tuple[str, Any]] = []
        self._attend(stamp_ns)
        silent = stamp_ns - self._commanded_ns > self._timeout_ns
        if self._streaming and (silent or not self._gate.opens(stamp_ns)):
            self._ending, moving = True, bool(self._stream.qd.any())
            out += [self._to_driver(o) for o in self._stream.brake(stamp_ns, 1.0 / TICK_HZ)]
            if moving:
                self._events.add(stamp_ns, "braked", "commands silent" if silent else "no permit")
            self._streaming = bool(self._stream.qd.any())
        if stamp_ns - self._heard_ns <= FRESH_NS:
            out.append(("heartbeat", Stamp(stamp_ns, self.name)))
        if stamp_ns - self._state_ns >= STATE_NS:
            self._state_ns = stamp_ns
            state = ", ".join(sorted(self._faults)) or ("ready" if self._joints is not None else "no joints")
            out.append(("hardware/state", HardwareStatus(stamp_ns, clamped=self.clamped, refused=self.refused, state=state)))
        return out + self._events.drain(stamp_ns)

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"hardware serves no '{service}'"


class _Sensor:
    """The driver's wrench as the cell wants it: of the environment on the tool, about and in the F/T frame, with the probe's weight."""

    def __init__(self, vendor: Vendor, arm: ArmModel, period_s: float) -> None:
        self._wrench, self._arm, self._period_s = vendor.wrench, arm, period_s
        self._moved: JointState | None = None
        self._sum, self._count = np.zeros(6), 0
        self._T_ft_at = inverse(arm.T_flange_ft) if vendor.wrench.at == "flange" else pose(np.eye(3), np.zeros(3))
        self._sign = 1.0 if vendor.wrench.acts_on == "tool" else -1.0
        self._dead_band = DeadBand(vendor)
        self.told_ns = -STATE_NS
        self._weight(np.zeros(arm.n))  # what is compiled is loaded now, not in a tick
        arm.inertia_matrix(np.zeros(arm.n))

    def gather(self, F: Array) -> None:
        """Takes one of the driver's wrenches (6,)."""
        self._sum, self._count = self._sum + self._sign * self._dead_band.undone(F), self._count + 1

    def gathered(self, q: Array) -> Array:
        """The mean of what was gathered since the last, at joints `q` (n,)."""
        out = shift_wrench(self._T_ft_at, self._sum / self._count)
        self._sum, self._count = np.zeros(6), 0
        return out if self._wrench.weighs_tool else out + self._weight(q)

    def from_torque(self, joints: JointState) -> Array:
        """From joint efforts: what gravity and acceleration leave of them acts at the probe's tip."""
        F_tip = self._arm.tip_wrench(joints.q, joints.tau, self._acceleration(joints))
        return shift_wrench(self._arm.T_ft_probe, F_tip) + self._weight(joints.q)

    def _acceleration(self, joints: JointState) -> Array:
        """Joint accelerations (n,) from two speeds, half a period late; none after a gap."""
        was, self._moved = self._moved, joints
        elapsed_s = 0.0 if was is None else 1e-9 * (joints.stamp_ns - was.stamp_ns)
        if was is None or not 0.0 < elapsed_s <= GAP_PERIODS * self._period_s:
            return np.zeros_like(joints.q)
        return (joints.qd - was.qd) / elapsed_s

    def _weight(self, q: Array) -> Array:
        R_base_ft = self._arm.T_base_probe(q)[:3, :3] @ self._arm.T_ft_probe[:3, :3].T
        return weight_wrench(R_base_ft, self._arm.probe_mass_kg, self._arm.p_ft_com)
