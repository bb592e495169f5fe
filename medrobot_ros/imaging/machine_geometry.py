"""Where a machine's scan lines lie and which image it makes of them, as PLUS's configuration says in `ScanConversion`.

PLUS's conventions: samples are (depth of the last) / samples apart. Curvilinear lines span the angles from the first to the last one;
linear lines are (width) / lines apart, with line `lines / 2` at the transducer's centre.
"""

from dataclasses import dataclass
from math import radians
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.plus_xml import choice, numbers, parse
from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.signals import Array

KINDS = ("CURVILINEAR", "LINEAR")
MAX_PIXELS = 1 << 26


@dataclass(frozen=True)
class MachineGeometry:
    """An image of `rows` by `columns` pixels, with the transducer's face centred at pixel `centre` (column, row).

    `width` and `middle` are angles [rad] for a curvilinear transducer of `radius_m`, lengths [m] for a linear one (`radius_m` 0).
    """

    columns: int
    rows: int
    spacing_m: tuple[float, float]
    centre: tuple[float, float]
    depth_m: float
    width: float
    middle: float = 0.0
    radius_m: float = 0.0

    def scan_lines(self, lines: int, samples: int) -> ScanLines:
        """Where so many lines of so many samples lie."""
        if self.radius_m:
            return ScanLines(lines, samples, self.depth_m, self.width, self.radius_m, self.middle)
        pitch_m = self.width / lines
        return ScanLines(lines, samples, self.depth_m, pitch_m * (lines - 1), middle=pitch_m * (0.5 * (lines - 1) - lines // 2))

    def pixel_centres(self) -> tuple[Array, Array]:
        """Lateral x (columns,) and depth z (rows,) of the pixels from the middle of the face [m]."""
        half = 0.5 if self.radius_m else 0.0  # a curvilinear image's centre lies between pixels
        x: Array = (np.arange(self.columns, dtype=float) - self.centre[0] + half) * self.spacing_m[0]
        z: Array = (np.arange(self.rows, dtype=float) - self.centre[1]) * self.spacing_m[1]
        return x, z


def read_machine_geometry(path: Path) -> MachineGeometry:
    """The first `ScanConversion` of a PLUS configuration. Raises: DataError."""
    element = next(parse(path).iter("ScanConversion"), None)
    if element is None:
        raise DataError(f"{path}: no <ScanConversion>")
    kind = choice(path, element, "TransducerGeometry", KINDS)
    columns, rows = numbers(path, element, "OutputImageSizePixel", 2)
    column_mm, row_mm = numbers(path, element, "OutputImageSpacingMmPerPixel", 2)
    centre = _centre(path, element, columns)
    if not min(columns, rows) >= 1 or columns * rows > MAX_PIXELS or min(column_mm, row_mm) <= 0.0:
        raise DataError(f"{path}: OutputImageSizePixel must be 1 to {MAX_PIXELS >> 20} million pixels, with a spacing above zero")
    image = (int(columns), int(rows), (1e-3 * column_mm, 1e-3 * row_mm), centre)
    return _curvilinear(path, element, image) if kind == "CURVILINEAR" else _linear(path, element, image)


_Image = tuple[int, int, tuple[float, float], tuple[float, float]]


def _centre(path: Path, element: ElementTree.Element, columns: float) -> tuple[float, float]:
    """PLUS puts the transducer at the middle of the upper edge where its place is not given."""
    if element.get("TransducerCenterPixel") is None:
        return 0.5 * columns, 0.0
    column, row = numbers(path, element, "TransducerCenterPixel", 2)
    return column, row


def _curvilinear(path: Path, element: ElementTree.Element, image: _Image) -> MachineGeometry:
    (near_mm,), (far_mm,) = (numbers(path, element, name, 1) for name in ("RadiusStartMm", "RadiusStopMm"))
    (first_deg,), (last_deg,) = (numbers(path, element, name, 1) for name in ("ThetaStartDeg", "ThetaStopDeg"))
    if not 0.0 < near_mm < far_mm:
        raise DataError(f"{path}: RadiusStartMm must be above zero and below RadiusStopMm")
    if not -180.0 < first_deg < last_deg < 180.0:
        raise DataError(f"{path}: ThetaStartDeg must lie below ThetaStopDeg, both within 180")
    width, middle = radians(last_deg - first_deg), radians(0.5 * (first_deg + last_deg))
    return MachineGeometry(*image, 1e-3 * (far_mm - near_mm), width, middle, 1e-3 * near_mm)


def _linear(path: Path, element: ElementTree.Element, image: _Image) -> MachineGeometry:
    (depth_mm,), (width_mm,) = (numbers(path, element, name, 1) for name in ("ImagingDepthMm", "TransducerWidthMm"))
    if min(depth_mm, width_mm) <= 0.0:
        raise DataError(f"{path}: ImagingDepthMm and TransducerWidthMm must be above zero")
    return MachineGeometry(*image, 1e-3 * depth_mm, 1e-3 * width_mm)
