"""The same law in the whole control path: arm, guard, differential IK, mock servos and sensor, and the twin's patient; nobody plans."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.ik import solve
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.cell import Cell, arm_stage, make_stage
from medrobot_ros.config import CellConfig
from medrobot_ros.errors import MedrobotError
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.safety.permit import permit_source
from medrobot_ros.signals import Array, ContactMode, PatientTruth, ScanReference, Stamp
from medrobot_ros.stage import Outputs
from medrobot_ros.twin.body import load_body
from medrobot_ros.twin.mock import MockHardware

STANDOFF_M = 0.03
TARE_S = 1.2
HALF_LENGTH_M = 0.04
WAYPOINTS = 81
SCAN_S = 120.0  # longer than any run: the path goes to and fro


@dataclass(frozen=True)
class Recorded:
    """Control periods from first touch, (n,): time since it [s]; the true push's mean [N], mean square off the reference [N^2], least and
    largest [N] in the period; beam off the skin's normal [rad]; whether scanning."""

    time_s: Array
    force_n: Array
    square_n2: Array
    least_n: Array
    most_n: Array
    off_rad: Array
    scanning: NDArray[np.bool_]
    lost: int
    tissue_n_per_m: float
    viscous_s: float


class _Script:
    """Planner and supervisor in one: permits, tares, approaches, scans."""

    name = "planner"
    rate_hz = 100.0

    def __init__(self, reference: ScanReference) -> None:
        modes = ((0.2, "tare"), (TARE_S, "approach"), (TARE_S + 0.1, "scan"))
        self._due: list[tuple[float, str, Any]] = [(0.1, "scan/reference", reference)]
        self._due += [(at_s, "contact/mode", ContactMode(round(1e9 * at_s), mode)) for at_s, mode in modes]
        self.now_ns = 0

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Hears nothing."""
        return ()

    def tick(self, stamp_ns: int) -> Outputs:
        """A permit, and what is due."""
        out: list[tuple[str, Any]] = [("safety/permit", Stamp(stamp_ns, permit_source(0)))]
        while self._due and stamp_ns >= 1e9 * self._due[0][0]:
            out.append(self._due.pop(0)[1:])
        return out

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, ""


@lru_cache(maxsize=8)
def _arm_over(name: str, probe: str, corner: tuple[float, ...]) -> ArmModel:
    """The arm, at home with its probe at a pose's standoff."""
    arm, T = load_arm(name, probe), np.array(corner).reshape(4, 4)
    found = solve(arm, T @ pose(np.eye(3), np.array([0.0, 0.0, -STANDOFF_M])), arm.q_home)
    if found.q is None:
        raise MedrobotError(f"{name} does not reach the bench's start: {found.reason}")
    return replace(arm, q_home=found.q)


def to_and_fro(config: CellConfig, speed_m_per_s: float, tilt_rad: float = 0.0) -> ScanReference:
    """A path along the body over the true skin, out and back again, its beam `tilt_rad` off the normal about the probe's y; at
    no speed, the one place."""
    body = load_body(config.body.mesh)
    y = HALF_LENGTH_M * np.sin(np.linspace(0.0, 2.0 * np.pi, WAYPOINTS))
    once = np.stack([_on_skin(config, body, v, tilt_rad) for v in y])
    if speed_m_per_s == 0.0:
        return ScanReference(0, "bench", once[[0, 0]], np.array([0.0, SCAN_S]))
    T = np.concatenate([once[:-1]] * round(SCAN_S * speed_m_per_s / (4.0 * HALF_LENGTH_M) + 1))
    steps = np.maximum(np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=1), 1e-4)
    return ScanReference(0, "bench", T, np.concatenate(([0.0], np.cumsum(steps) / speed_m_per_s)))


def _on_skin(config: CellConfig, body: Any, y: float, tilt_rad: float) -> Array:
    p = np.array([0.0, y, float(body.height(0.0, y))])
    inward = -body.normal(0.0, y)
    x = np.cross(inward, (0.0, 1.0, 0.0))
    x /= np.linalg.norm(x)
    R = np.column_stack((x, np.cross(inward, x), inward)) @ rotation_from_vector(np.array([0.0, tilt_rad, 0.0]))
    T_base_patient = pose(rotation_from_vector(np.array([0.0, 0.0, config.body.yaw_rad])), np.asarray(config.body.position_m))
    return T_base_patient @ pose(R, p)


def build(config: CellConfig, speed_m_per_s: float, tilt_rad: float = 0.0) -> dict[str, Any]:
    """The control path's stages by name."""
    reference = to_and_fro(config, speed_m_per_s, tilt_rad)
    arm: Any = _arm_over(config.arm.name, config.probe.name, tuple(reference.T_base_probe[0].ravel()))
    return {
        "hardware": MockHardware(config, arm),
        "kinematics": arm_stage(config, arm),
        "contact": make_stage("contact", config),
        "planner": _Script(reference),
    }


def run(config: CellConfig, seconds: float, speed_m_per_s: float = 0.02, tilt_rad: float = 0.0) -> Recorded:
    """Approaches and scans for `seconds` after the first touch."""
    return record(build(config, speed_m_per_s, tilt_rad), seconds, config.contact.force_n)


def record(stages: Mapping[str, Any], seconds: float, reference_n: float = 0.0) -> Recorded:
    """Runs the control path until `seconds` after the first touch and keeps the twin's truth."""
    rows: list[tuple[Any, ...]] = []
    contact, cell = stages["contact"], Cell(stages)
    while not rows or rows[-1][0] - rows[0][0] < seconds:
        cell.advance()
        truths = stages["hardware"].last_period()
        if rows or truths[-1].indentation_m > 0.0:
            pushes = np.array([_push(truth) for truth in truths])
            off = (pushes.mean(), np.mean((pushes - reference_n) ** 2), pushes.min(), pushes.max(), _off(truths[-1]))
            rows.append((1e-9 * cell.now_ns, *off, contact.engagement.state == "scan"))
        if cell.now_ns > 1e9 * (seconds + 30.0):
            raise MedrobotError("the bench never touched the skin")
    t, mean, square, least, most, leaning, scanning = (np.array(column) for column in zip(*rows, strict=True))
    tissue, lost = contact.engagement.regulator.tissue, contact.status(0).lost_count
    return Recorded(t - t[0], mean, square, least, most, leaning, scanning, lost, tissue.n_per_m, tissue.viscous_s)


def _push(truth: PatientTruth) -> float:
    return -float(truth.F_tissue_on_probe_in_probe[2])


def _off(truth: PatientTruth) -> float:
    return float(np.arccos(np.clip(truth.T_base_probe[:3, 2] @ truth.T_base_skin[:3, 2], -1.0, 1.0)))
