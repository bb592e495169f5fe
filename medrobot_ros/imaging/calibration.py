"""PLUS's configuration of a tracked probe: where the image lies on it, and how a volume is to be reconstructed."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.plus_xml import numbers, parse
from medrobot_ros.imaging.settings import Reconstruction, read_settings
from medrobot_ros.signals import Array


@dataclass(frozen=True)
class Calibration:
    """`T_probe_pixel` (4, 4) maps (column, row, 0, 1) in pixels to mm on the probe."""

    T_probe_pixel: Array
    reconstruction: Reconstruction = field(default_factory=Reconstruction)


def read_calibration(path: Path) -> Calibration:
    """The Image-to-Probe transform and the reconstruction settings, where there are any. Raises: DataError."""
    root = parse(path)
    transform = next((t for t in root.iter("Transform") if t.get("From") == "Image" and t.get("To") == "Probe"), None)
    if transform is None:
        raise DataError(f'{path}: no <Transform From="Image" To="Probe">')
    T = np.array(numbers(path, transform, "Matrix", 16)).reshape(4, 4)
    if not np.array_equal(T[3], (0.0, 0.0, 0.0, 1.0)) or abs(np.linalg.det(T[:3, :3])) < 1e-12:
        raise DataError(f"{path}: Image to Probe Matrix is not an invertible 4x4 transform")
    element = next(root.iter("VolumeReconstruction"), None)
    return Calibration(T) if element is None else Calibration(T, read_settings(path, element))
