"""How a volume is made of tracked images, and how PLUS's `VolumeReconstruction` says so."""

from dataclasses import dataclass
from math import radians
from pathlib import Path
from xml.etree import ElementTree

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.masks import Fan
from medrobot_ros.imaging.plus_xml import choice, numbers

LINEAR, NEAREST = "LINEAR", "NEAREST_NEIGHBOR"
INTERPOLATIONS = (LINEAR, NEAREST)
MEAN, RUNNING_MEAN, MAXIMUM, LATEST = "MEAN", "RUNNING_MEAN", "MAXIMUM", "LATEST"
COMPOUNDINGS = (MEAN, RUNNING_MEAN, MAXIMUM, LATEST)
PLUS_COMPOUNDINGS = {"MEAN": RUNNING_MEAN, "MAXIMUM": MAXIMUM, "LATEST": LATEST}  # PLUS's mean is rounded after each pixel


@dataclass(frozen=True)
class Reconstruction:
    """`spacing_mm` (x, y, z) of the volume. Of the images count the `clip` rectangle (left, top, width, height) in pixels, the `fan`, the
    depths `depth_mm` (near, far), and values of `threshold` and above. Holes are filled along lines of `stick` voxels, both filled
    ends counted, from the `sticks` shortest; 0 fills none.
    """

    spacing_mm: tuple[float, float, float] = (0.5, 0.5, 0.5)
    clip: tuple[int, int, int, int] | None = None
    interpolation: str = LINEAR
    stick: int = 0
    compounding: str = MEAN
    sticks: int = 1
    threshold: int = 0
    fan: Fan | None = None
    depth_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, value, valid in (
            ("interpolation", self.interpolation, INTERPOLATIONS), ("compounding", self.compounding, COMPOUNDINGS),
        ):  # fmt: skip
            if value not in valid:
                raise DataError(f"{name} = {value}: must be one of {', '.join(valid)}")
        if not min(self.spacing_mm) > 0.0:
            raise DataError(f"the spacing {self.spacing_mm} mm must be above zero")
        if self.clip is not None and (min(self.clip[:2]) < 0 or min(self.clip[2:]) < 1):
            raise DataError(f"the clip rectangle {self.clip} must begin at 0 or above and not be empty")
        if self.depth_mm is not None and not 0.0 <= self.depth_mm[0] < self.depth_mm[1]:
            raise DataError(f"the depths {self.depth_mm} mm must begin at 0 or above and not be empty")
        if not 0 <= self.threshold <= 255:
            raise DataError(f"the threshold {self.threshold} must be 0 to 255, as pixels are")
        if self.stick < 0 or self.sticks < 1:
            raise DataError("the longest stick must be 0 or above, the number of sticks 1 or above")


def read_settings(path: Path, element: ElementTree.Element) -> Reconstruction:
    """Settings from a `VolumeReconstruction`. Raises: DataError."""
    x, y, z = numbers(path, element, "OutputSpacing", 3)
    stick, sticks = _sticks(path, element)
    compounding = choice(path, element, "CompoundingMode", tuple(PLUS_COMPOUNDINGS), "MEAN")
    try:
        return Reconstruction(
            (x, y, z), _clip(path, element), choice(path, element, "Interpolation", INTERPOLATIONS, LINEAR), stick,
            PLUS_COMPOUNDINGS[compounding], sticks, int(_number(path, element, "PixelRejectionThreshold", 0.0)), _fan(path, element),
        )  # fmt: skip
    except DataError as e:
        raise DataError(f"{path}: {str(e).removeprefix(f'{path}: ')}") from None


def _clip(path: Path, element: ElementTree.Element) -> tuple[int, int, int, int] | None:
    if element.get("ClipRectangleOrigin") is None or element.get("ClipRectangleSize") is None:
        return None
    left, top = (int(v) for v in numbers(path, element, "ClipRectangleOrigin", 2))
    width, height = (int(v) for v in numbers(path, element, "ClipRectangleSize", 2))
    return left, top, width, height


def _fan(path: Path, element: ElementTree.Element) -> Fan | None:
    if element.get("FanAnglesDeg") is None:
        return None
    first, last = (radians(a) for a in numbers(path, element, "FanAnglesDeg", 2))
    if first == last == 0.0:
        return None
    column, row = numbers(path, element, "FanOriginPixel", 2) if element.get("FanOriginPixel") else (0.0, 0.0)
    near, far = _number(path, element, "FanRadiusStartPixel", 0.0), _number(path, element, "FanRadiusStopPixel", 500.0)
    if not (first < last and 0.0 <= near < far):
        raise DataError(f"{path}: FanAnglesDeg and the fan's radii must each rise")
    return Fan((column, row), (first, last), (near, far))


def _sticks(path: Path, element: ElementTree.Element) -> tuple[int, int]:
    """The longest stick and how many of them count."""
    holes = element.find("HoleFilling/HoleFillingElement")
    if element.get("FillHoles", "OFF") != "ON" or holes is None:
        return 0, 1
    choice(path, holes, "Type", ("STICK",))
    (limit,) = numbers(path, holes, "StickLengthLimit", 1)
    return max(0, int(limit)), int(_number(path, holes, "NumberOfSticksToUse", 1.0))


def _number(path: Path, element: ElementTree.Element, name: str, default: float) -> float:
    return default if element.get(name) is None else numbers(path, element, name, 1)[0]
