"""A calibration from a measurement's file: which columns each kind reads, and the section that it makes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.calibration.force_sensor import tool_weight
from medrobot_ros.calibration.hand_eye import hand_eye
from medrobot_ros.calibration.pivot import tool_point
from medrobot_ros.calibration.samples import MARKER, POSITION, QUATERNION, WRENCH, poses, read_samples, rotations


def calibrate_tcp(path: Path) -> Mapping[str, Any]:
    """Values of section `tcp` from poses of the flange."""
    found = tool_point(poses(read_samples(path, POSITION + QUATERNION)))
    return {
        "samples": found.samples,
        "p_flange_tip_m": found.p_flange_tip_m,
        "std_m": np.sqrt(np.diagonal(found.covariance_m2)),
        "residual_m": found.residual_m,
    }


def calibrate_ft(path: Path) -> Mapping[str, Any]:
    """Values of section `ft` from orientations of the sensor and raw wrenches."""
    values = read_samples(path, QUATERNION + WRENCH)
    found = tool_weight(rotations(values[:, :4]), values[:, 4:])
    std = np.sqrt(np.diagonal(found.covariance))
    return {
        "samples": found.samples,
        "F_bias": found.F_bias,
        "mass_kg": found.mass_kg,
        "p_ft_com_m": found.p_ft_com_m,
        "std_bias": std[:6],
        "std_mass_kg": std[6],
        "std_com_m": std[7:],
        "residual_n": found.residual_n,
        "residual_nm": found.residual_nm,
    }


def calibrate_hand_eye(path: Path, mount: str) -> Mapping[str, Any]:
    """Values of section `hand-eye` from poses of the flange in base and of the marker in the camera."""
    values = read_samples(path, POSITION + QUATERNION + MARKER)
    found = hand_eye(poses(values[:, :7]), poses(values[:, 7:]), mount)
    std = np.sqrt(np.diagonal(found.covariance))
    return {
        "samples": found.samples,
        "mount": found.mount,
        "T_mount_camera": found.T_mount_camera,
        "std_rad": std[:3],
        "std_m": std[3:],
        "residual_m": found.residual_m,
        "residual_rad": found.residual_rad,
    }


CALIBRATIONS: dict[str, Callable[..., Mapping[str, Any]]] = {
    "tcp": calibrate_tcp,
    "ft": calibrate_ft,
    "hand-eye": calibrate_hand_eye,
}
