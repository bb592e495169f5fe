"""Measurements on a file's image or volume between points that somebody names: `medrobot measure`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError
from medrobot_ros.imaging import measure
from medrobot_ros.imaging.metaimage import read
from medrobot_ros.imaging.sequence import read_sequence
from medrobot_ros.imaging.volume import read_volume
from medrobot_ros.signals import Array


@dataclass(frozen=True)
class Scaled:
    """An image (rows, columns) or a volume (z, y, x) whose pixels are `spacing_mm` (d,) apart, the first one's centre at `origin_mm` (d,).

    Grey levels are a logarithm over `range_db`, where that is known.
    """

    values: NDArray[Any]
    spacing_mm: Array
    origin_mm: Array
    range_db: float | None = None

    @property
    def spacing_m(self) -> Array:
        """As `measure` takes it, (d,)."""
        return 1e-3 * self.spacing_mm

    def pixels(self, numbers: Sequence[float], in_mm: bool) -> Array:
        """Points (N, d) in pixels, of their numbers (N * d,). Raises: DataError for a number too few or many, or a point outside."""
        axes = self.values.ndim
        if len(numbers) % axes:
            raise DataError(f"{len(numbers)} numbers are no points of {axes} each, {' '.join('XYZ'[:axes])}")
        points = np.array(numbers, float).reshape(-1, axes)
        out: Array = (points - self.origin_mm) / self.spacing_mm if in_mm else points
        outside = (out < -0.5).any(axis=1) | (out > np.array(self.values.shape[::-1]) - 0.5).any(axis=1)
        if outside.any():
            size = " x ".join(str(n) for n in self.values.shape[::-1])
            raise DataError(f"point ({', '.join(f'{v:g}' for v in points[outside][0])}) lies outside the {size} pixels")
        return out


def read_scaled(path: Path, image: int | None) -> Scaled:
    """The `image` of a sequence (.igs.mha), or a volume (.mha, .nrrd). Raises: DataError."""
    if path.suffix == ".mha" and read(path)[0].frames:
        sequence = read_sequence(path)
        k = checked_number(path, image, len(sequence.pixels))
        if not sequence.frames[k].ok:
            raise DataError(f"{path}: image {k} cannot be used: {next(iter(sequence.frames[k].problems), 'its status is not OK')}")
        return Scaled(sequence.pixels[k], np.array(sequence.spacing_mm, float), np.zeros(2))
    if image is not None:
        raise DataError(f"{path}: a volume has no images to choose from")
    volume = read_volume(path)
    return Scaled(volume.voxels, np.array(volume.spacing_mm, float), np.array(volume.offset_mm, float))


def checked_number(path: Path, image: int | None, count: int) -> int:
    """Which of so many images. Raises: DataError."""
    if image is None or not 0 <= image < count:
        raise DataError(f"{path}: holds images 0 to {count - 1}; say which one with --image")
    return image


def _distance(scaled: Scaled, points: Array) -> dict[str, Any]:
    a, b = points
    return {"distance_mm": 1e3 * measure.distance_m(a, b, scaled.spacing_m)}


def _area(scaled: Scaled, points: Array) -> dict[str, Any]:
    return {"area_mm2": 1e6 * measure.area_m2(points, scaled.spacing_m)}


def _volume(scaled: Scaled, points: Array) -> dict[str, Any]:
    diameters_m = [measure.distance_m(a, b, scaled.spacing_m) for a, b in points.reshape(3, 2, -1)]
    return {"diameters_mm": [round(1e3 * d, 3) for d in diameters_m], "volume_ml": 1e6 * measure.ellipsoid_m3(*diameters_m)}


def _diameter(scaled: Scaled, points: Array) -> dict[str, Any]:
    found = measure.diameter(scaled.values, points[0], points[1], scaled.spacing_m, scaled.range_db)
    walls = scaled.origin_mm + found.walls * scaled.spacing_mm
    return {"diameter_mm": 1e3 * found.diameter_m, "walls_mm": [[round(v, 3) for v in wall] for wall in walls.tolist()]}


MEASUREMENTS: dict[str, tuple[Callable[[Scaled, Array], dict[str, Any]], int, str]] = {
    "distance": (_distance, 2, "two points"),
    "area": (_area, 0, "three points or more, the corners of an outline"),
    "volume": (_volume, 6, "six points, the ends of three diameters of an ellipsoid"),
    "diameter": (_diameter, 2, "two points in the bright walls on either side of a dark lumen"),
}


def measured(scaled: Scaled, what: str, numbers: Sequence[float], in_mm: bool) -> dict[str, Any]:
    """What one of `MEASUREMENTS` finds between points, told by their numbers in pixels or millimetres. Raises: DataError."""
    how, count, wanted = MEASUREMENTS[what]
    points = scaled.pixels(numbers, in_mm)
    if count and len(points) != count:
        raise DataError(f"{what} needs {wanted}, not {len(points)}")
    found = how(scaled, points)
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
