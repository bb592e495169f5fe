"""PLUS's configuration files (XML): where the image lies on the tracked probe, and how a volume is to be reconstructed."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.plus_xml import numbers, parse
from medrobot_ros.signals import Array

INTERPOLATIONS = ("LINEAR", "NEAREST_NEIGHBOR")


@dataclass(frozen=True)
class Reconstruction:
    """`spacing_mm` (x, y, z) of the volume; `clip` (left, top, width, height) of the images in pixels; `stick` is the longest
    line, in voxels, over which holes are filled, 0 for not at all."""

    spacing_mm: tuple[float, float, float] = (0.5, 0.5, 0.5)
    clip: tuple[int, int, int, int] | None = None
    interpolation: str = "LINEAR"
    stick: int = 0


@dataclass(frozen=True)
class Calibration:
    """`T_probe_pixel` (4, 4) maps (column, row, 0, 1) in pixels to mm on the probe."""

    T_probe_pixel: Array
    reconstruction: Reconstruction


def read_calibration(path: Path) -> Calibration:
    """The Image-to-Probe transform and the reconstruction settings. Raises: DataError."""
    root = parse(path)
    transform = next((t for t in root.iter("Transform") if t.get("From") == "Image" and t.get("To") == "Probe"), None)
    if transform is None:
        raise DataError(f'{path}: no <Transform From="Image" To="Probe">')
    T = np.array(numbers(path, transform, "Matrix", 16)).reshape(4, 4)
    if not np.array_equal(T[3], (0.0, 0.0, 0.0, 1.0)) or abs(np.linalg.det(T[:3, :3])) < 1e-12:
        raise DataError(f"{path}: Image to Probe Matrix is not an invertible 4x4 transform")
    return Calibration(T, _reconstruction(path, root.find("VolumeReconstruction")))


def _reconstruction(path: Path, element: ElementTree.Element | None) -> Reconstruction:
    if element is None:
        raise DataError(f"{path}: no <VolumeReconstruction>")
    x, y, z = numbers(path, element, "OutputSpacing", 3)
    if min(x, y, z) <= 0.0:
        raise DataError(f"{path}: OutputSpacing must be above zero")
    interpolation = element.get("Interpolation", INTERPOLATIONS[0])
    if interpolation not in INTERPOLATIONS:
        raise DataError(f"{path}: Interpolation = {interpolation}: must be one of {', '.join(INTERPOLATIONS)}")
    compounding = element.get("CompoundingMode", "MEAN")
    if compounding != "MEAN":
        raise DataError(f"{path}: CompoundingMode = {compounding}: must be MEAN")
    return Reconstruction((x, y, z), _clip(path, element), interpolation, _stick(path, element))


def _clip(path: Path, element: ElementTree.Element) -> tuple[int, int, int, int] | None:
    if element.get("ClipRectangleOrigin") is None or element.get("ClipRectangleSize") is None:
        return None
    left, top = (int(v) for v in numbers(path, element, "ClipRectangleOrigin", 2))
    width, height = (int(v) for v in numbers(path, element, "ClipRectangleSize", 2))
    if min(left, top) < 0 or min(width, height) < 1:
        raise DataError(f"{path}: the clip rectangle must begin at 0 or above and not be empty")
    return left, top, width, height


def _stick(path: Path, element: ElementTree.Element) -> int:
    holes = element.find("HoleFilling/HoleFillingElement")
    if element.get("FillHoles", "OFF") != "ON" or holes is None:
        return 0
    if holes.get("Type") != "STICK":
        raise DataError(f"{path}: HoleFillingElement Type = {holes.get('Type')}: must be STICK")
    (limit,) = numbers(path, holes, "StickLengthLimit", 1)
    return max(0, int(limit))
