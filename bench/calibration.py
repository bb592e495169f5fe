"""How far calibrations are from the truth at the noise of good equipment, and whether their covariance says so."""

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from medrobot_ros.calibration.force_sensor import tool_weight
from medrobot_ros.calibration.hand_eye import hand_eye
from medrobot_ros.calibration.pivot import tool_point
from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import inverse, pose, rotation_vector
from medrobot_ros.geometry.reference import reference_spheres
from medrobot_ros.geometry.wrench import weight_wrench
from medrobot_ros.planning.camera_check import camera_error
from medrobot_ros.signals import Array
from medrobot_ros.twin.body import load_body
from medrobot_ros.twin.camera import DepthCamera

POSES, TRIALS, TURN_RAD = 15, 100, 0.5
PIVOT_NOISE_M, FORCE_NOISE_N, TORQUE_NOISE_NM, MARKER_NOISE_RAD, MARKER_NOISE_M = 3e-4, 0.02, 1e-3, 2e-3, 5e-4


def calibration() -> dict[str, Any]:
    """Median errors over trials; `*_consistency` is the squared error over the covariance a number: 1 where that is right."""
    rng = np.random.default_rng(0)
    config = CellConfig()
    spheres, radius_m = reference_spheres(config.body, config.camera), config.camera.sphere_radius_m
    T_patient, body = pose(np.eye(3), np.array(config.body.position_m)), load_body("")
    clouds = [DepthCamera(body, seed, spheres, radius_m).surface(0, T_patient, 0.0, None).points for seed in range(20)]
    return {
        "poses": POSES,
        **_summary("tcp", "error_mm", 1e3, [_pivot(rng) for _ in range(TRIALS)]),
        **_summary("ft", "mass_error_g", 1e3, [_weight(rng) for _ in range(TRIALS)]),
        **_summary("hand_eye", "error_mm", 1e3, [_hand_eye(rng) for _ in range(TRIALS // 4)]),
        "camera_check_worst_mm": round(1e3 * max(camera_error(points, spheres, radius_m) for points in clouds), 2),
    }


def _summary(kind: str, unit: str, scale: float, trials: list[tuple[float, float]]) -> dict[str, float]:
    errors, squares = np.array(trials).T
    return {f"{kind}_{unit}": round(scale * float(np.median(errors)), 3), f"{kind}_consistency": round(float(squares.mean()), 2)}


def _turned(rng: np.random.Generator) -> Array:
    turns: Array = Rotation.from_rotvec(rng.uniform(-TURN_RAD, TURN_RAD, (POSES, 3))).as_matrix()
    return turns


def _squares(error: Array, covariance: Array) -> float:
    return float(error @ np.linalg.solve(covariance, error)) / error.size


def _pivot(rng: np.random.Generator) -> tuple[float, float]:
    tip, R = np.array([0.0, 0.01, 0.16]), _turned(rng)
    T = np.array([pose(r, -r @ tip + PIVOT_NOISE_M * rng.standard_normal(3)) for r in R])
    found = tool_point(T)
    error = found.p_flange_tip_m - tip
    return float(np.linalg.norm(error)), _squares(error, found.covariance_m2)


def _weight(rng: np.random.Generator) -> tuple[float, float]:
    mass_kg, com, R = 0.45, np.array([0.0, 0.0, 0.055]), _turned(rng)
    noise = np.repeat((FORCE_NOISE_N, TORQUE_NOISE_NM), 3)
    found = tool_weight(R, np.array([weight_wrench(r, mass_kg, com) + noise * rng.standard_normal(6) for r in R]))
    error = np.concatenate((found.F_bias, [found.mass_kg - mass_kg], found.p_ft_com_m - com))
    return abs(found.mass_kg - mass_kg), _squares(error, found.covariance)


def _hand_eye(rng: np.random.Generator) -> tuple[float, float]:
    X, Z = pose(np.diag([1.0, -1.0, -1.0]), np.array([0.55, 0.0, 1.2])), pose(np.eye(3), np.array([0.0, 0.02, 0.1]))
    T = np.array([pose(r, np.array([0.5, 0.0, 0.4]) + rng.uniform(-0.1, 0.1, 3)) for r in _turned(rng)])
    turns = Rotation.from_rotvec(MARKER_NOISE_RAD * rng.standard_normal((POSES, 3))).as_matrix()
    noise = [pose(turn, MARKER_NOISE_M * rng.standard_normal(3)) for turn in turns]
    found = hand_eye(T, np.array([inverse(X) @ t @ Z @ n for t, n in zip(T, noise, strict=True)]), "base")
    off = inverse(found.T_mount_camera) @ X
    return float(np.linalg.norm(off[:3, 3])), _squares(np.concatenate((rotation_vector(off[:3, :3]), off[:3, 3])), found.covariance)
