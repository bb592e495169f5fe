"""A calibration from a measurement's file: which columns each kind reads, and the section that it makes."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.calibration.estimate import enough
from medrobot_ros.calibration.force_sensor import tool_weight
from medrobot_ros.calibration.hand_eye import hand_eye
from medrobot_ros.calibration.image import from_crossed_wires, from_n_wires, without_outliers
from medrobot_ros.calibration.phantom import Phantom, read_phantom
from medrobot_ros.calibration.pivot import tool_point
from medrobot_ros.calibration.samples import MARKER, POSITION, QUATERNION, WRENCH, poses, read_samples, rotations
from medrobot_ros.calibration.spots import crossed_wire_spot, n_wire_spots
from medrobot_ros.geometry.pose import inverse, pose
from medrobot_ros.imaging.sequence import Sequence, read_sequence
from medrobot_ros.signals import Array


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


def calibrate_image(path: Path, phantom_path: Path) -> Mapping[str, Any]:
    """Values of section `image` from a tracked sequence (.igs.mha) of a wire phantom."""
    sequence, phantom = read_sequence(path), read_phantom(phantom_path)
    poses_and_spots = list(_seen(sequence, phantom))
    enough(len(poses_and_spots), 1, "tracked images that show the wires")
    T, spots = (np.array(v) for v in zip(*poses_and_spots, strict=True))
    size = (sequence.pixels.shape[2], sequence.pixels.shape[1])
    if phantom.kind == "n-wire":
        fit = partial(from_n_wires, wires_m=phantom.wires_m, size=size)
    else:
        fit = partial(from_crossed_wires, size=size, frame=phantom.reference or "tracker")
    found, dropped = without_outliers(fit, T, spots)
    std = np.sqrt(np.diagonal(found.covariance))
    return {
        "samples": len(found.errors_m),
        "dropped": dropped,
        "T_probe_image": found.T_probe_image,
        "spacing_m": found.spacing_m,
        "std_rad": std[:3],
        "std_m": std[3:6],
        "std_spacing_m": std[6:],
        "residual_m": found.residual_m,
    }


def _seen(sequence: Sequence, phantom: Phantom) -> Iterator[tuple[Array, Array]]:
    """`T_phantom_probe` [m] and the spots of each image that is tracked and shows every wire."""
    layers = len(phantom.wires_m)
    for pixels, frame in zip(sequence.pixels, sequence.frames, strict=True):
        T_mm = frame.transforms.get("ProbeToTracker")
        T_tracker_reference = frame.transforms.get(f"{phantom.reference}ToTracker") if phantom.reference else np.eye(4)
        if not frame.ok or T_mm is None or T_tracker_reference is None:
            continue
        spots = n_wire_spots(pixels, layers) if layers else crossed_wire_spot(pixels)
        if spots is not None:
            yield inverse(phantom.T_reference_phantom) @ _in_metres(inverse(T_tracker_reference) @ T_mm), spots


def _in_metres(T_mm: Array) -> Array:
    return pose(T_mm[:3, :3], 1e-3 * T_mm[:3, 3])


CALIBRATIONS: dict[str, Callable[..., Mapping[str, Any]]] = {
    "tcp": calibrate_tcp,
    "ft": calibrate_ft,
    "hand-eye": calibrate_hand_eye,
    "image": calibrate_image,
}
