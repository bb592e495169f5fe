"""The cell: which stages there are, how each is made, and one process that runs them all deterministically."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError
from medrobot_ros.interfaces import SERVICES, TOPICS
from medrobot_ros.signals import TaskStatus
from medrobot_ros.stage import NOTHING, Outputs, Stage

WATCHED = ("task/state", "contact/state", "image/quality", "safety/state")
STAGES = ("hardware", "kinematics", "contact", "imaging", "surface", "planner", "safety")


def make_stage(name: str, config: CellConfig, watched: tuple[str, ...] = STAGES) -> Stage:
    """One stage of the cell from the configuration. Rooms are imported only when their stage is made.

    `watched` are the nodes that the supervisor waits for and watches.
    """
    return _safety(config, watched) if name == "safety" else _MAKERS[name](config)


def _arm(config: CellConfig) -> Any:
    from medrobot_ros.calibration.apply import calibrated_arm

    return calibrated_arm(config)


def _hardware(config: CellConfig) -> Stage:
    from medrobot_ros.arms import load_arm
    from medrobot_ros.hardware import hardware_factory

    # The mock carries the probe of the files, whatever a calibration says: a wrong one then shows, as on a real arm.
    arm = load_arm(config.arm.name, config.probe.name) if config.hardware.name == "mock" else _arm(config)
    return hardware_factory(config.hardware.name)(config, arm)


def _kinematics(config: CellConfig) -> Stage:
    return arm_stage(config, _arm(config))


def arm_stage(config: CellConfig, arm: Any) -> Stage:
    """The kinematics stage of an arm among the cell's obstacles."""
    from medrobot_ros.arms.collision import CollisionModel
    from medrobot_ros.arms.controller import ArmStage
    from medrobot_ros.arms.ik import solve
    from medrobot_ros.arms.obstacles import read_obstacles
    from medrobot_ros.arms.speed import SpeedLimits
    from medrobot_ros.description import robot_description
    from medrobot_ros.safety.guard import Guard
    from medrobot_ros.stage import EventLog

    period_s, safety, events = 1.0 / config.hardware.rate_hz, config.safety, EventLog("kinematics")
    solve(arm, arm.T_base_probe(arm.q_home), arm.q_home)  # compiles now, not in the middle of a motion
    cell = CollisionModel(arm, read_obstacles(robot_description(config), arm), safety.clearance_m, period_s)
    zone = np.array([safety.patient_zone_low_m, safety.patient_zone_high_m])
    limits = SpeedLimits(cell.bodies, zone, safety.patient_speed_m_per_s, safety.free_speed_m_per_s)
    guard = Guard(arm, safety, period_s, events, _loop_delay_s(config))
    return ArmStage(arm, period_s, guard, cell, limits, events)


def _loop_delay_s(config: CellConfig) -> float:
    """From a command to what is measured of it [s]."""
    return config.hardware.servo_lag_s + 2.0 * config.hardware.latency_s


def _contact(config: CellConfig) -> Stage:
    from medrobot_ros.contact.stage import ContactStage

    arm, hardware = _arm(config), config.hardware
    return ContactStage(
        config.contact, config.safety.slow_n, hardware.rate_hz, _loop_delay_s(config),
        arm.T_ft_probe, arm.probe_mass_kg, arm.p_ft_com, config.image_servo, sensing(config),
    )  # fmt: skip


def sensing(config: CellConfig) -> Any:
    """What the wrench of the configured hardware is like."""
    from medrobot_ros.contact.sensing import Sensing

    if config.hardware.name != "ros2_control":
        return Sensing()
    from medrobot_ros.hardware.dead_band import not_resolved
    from medrobot_ros.hardware.ros2_control import vendor_of

    vendor = vendor_of(config, _arm(config))
    return Sensing(vendor.wrench.weighs_tool, partial(not_resolved, vendor))


def check_force(config: CellConfig) -> None:
    """Raises: ConfigError for a force reference that the configured hardware cannot feel."""
    if refused := sensing(config).why_not(config.contact.force_n):
        raise ConfigError(f"contact.force_n = {refused}")


def _imaging(config: CellConfig) -> Stage:
    from medrobot_ros.calibration.apply import calibrated_geometry
    from medrobot_ros.imaging.stage import make_imaging

    return make_imaging(config, calibrated=partial(calibrated_geometry, config))


def _surface(config: CellConfig) -> Stage:
    from medrobot_ros.calibration.apply import camera_pose
    from medrobot_ros.twin.camera import make_surface

    return make_surface(config, camera_pose(config))


def _planner(config: CellConfig) -> Stage:
    from medrobot_ros.planning.registry import task_factory

    arm = _arm(config)
    return task_factory(config.task)(config, arm.q_home, arm.T_base_probe(arm.q_home))


def _safety(config: CellConfig, watched: tuple[str, ...]) -> Stage:
    from medrobot_ros.safety.supervisor import Supervisor

    arm = _arm(config)
    retreat_s = 2.0 * config.contact.retreat_m / config.contact.retreat_speed_m_per_s + 0.6  # chosen: twice the way, and until it moves
    return Supervisor(config.safety, watched, arm.q_lower, arm.q_upper, arm.qd_max, retreat_s)


_MAKERS: dict[str, Callable[[CellConfig], Stage]] = {
    "hardware": _hardware,
    "kinematics": _kinematics,
    "contact": _contact,
    "imaging": _imaging,
    "surface": _surface,
    "planner": _planner,
}


def simulated_stages(config: CellConfig) -> dict[str, Stage]:
    """Every stage for one process; images come at the simulated rate, and nobody looks at the volume while it grows."""
    imaging = replace(config.imaging, rate_hz=config.imaging.simulate_rate_hz, volume_hz=0.0)
    config = replace(config, imaging=imaging)
    return {name: make_stage(name, config) for name in STAGES}


class Cell:
    """All stages in one process, on simulated time. `listen` hears every signal, in order, and may answer as a stage does."""

    def __init__(self, stages: Mapping[str, Stage], listen: Callable[[str, Any], Outputs] = lambda topic, signal: ()) -> None:
        self.stages = stages
        self._receivers = {t.name: [listen, *(stages[r].receive for r in t.readers if r in stages)] for t in TOPICS}
        for name in WATCHED:
            self._receivers[name].insert(0, self._keep)
        self._period_ns = round(1e9 / stages["hardware"].rate_hz)
        self._schedule = [(s, max(1, round(1e9 / s.rate_hz / self._period_ns))) for s in stages.values() if s.rate_hz > 0.0]
        self._tick = 0
        self.now_ns = 0
        self.latest: dict[str, Any] = {"task/state": TaskStatus(0, "idle", "")}

    def _keep(self, topic: str, signal: Any) -> Outputs:
        self.latest[topic] = signal
        return NOTHING

    @property
    def task(self) -> TaskStatus:
        """Where the examination stands."""
        status: TaskStatus = self.latest["task/state"]
        return status

    def publish(self, outputs: Outputs) -> None:
        """Carries (topic, signal) pairs to their readers, whose answers follow at once."""
        for topic, signal in outputs:
            for receive in self._receivers[topic]:
                answer = receive(topic, signal)
                if answer:
                    self.publish(answer)

    def advance(self) -> None:
        """One control period."""
        self._tick += 1
        self.now_ns = self._tick * self._period_ns
        for stage in self.stages.values():
            stage.now_ns = self.now_ns
        for stage, every in self._schedule:
            if self._tick % every == 0:
                self.publish(stage.tick(self.now_ns))

    def call(self, service: str) -> tuple[bool, str]:
        """Requests a service of whichever stage serves it."""
        return self.stages[next(s.server for s in SERVICES if s.name == service)].call(service)


def run_examination(cell: Cell, limit_s: float) -> Iterator[TaskStatus]:
    """Starts the task once the supervisor permits and advances to its conclusion; yields the status after every period."""
    started = False
    while not cell.task.outcome and cell.now_ns < limit_s * 1e9:
        cell.advance()
        if not started and "safety/state" in cell.latest and cell.latest["safety/state"].state == "ok":
            started, _ = cell.call("task/start")
        yield cell.task
