"""What sound meets: the labels of a volume and the material of each, read from `config/materials.yaml`."""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import DataError
from medrobot_ros.resources import share


class Tissue(IntEnum):
    """Labels of the twin's own volume."""

    GEL = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    FASCIA = 4
    BOWEL = 5
    LIVER = 6
    KIDNEY = 7
    SINUS = 8
    BLOOD = 9
    BILE = 10
    STONE = 11
    BONE = 12
    AIR = 13
    LUNG = 14


@dataclass(frozen=True)
class Material:
    """Impedance [MRayl], attenuation [dB/cm/MHz], speed [m/s]; how strongly it scatters at 3.5 MHz [dB, 0 is white on the screen]
    and how much coarse structure that has."""

    impedance_mrayl: float
    attenuation_db_per_cm_mhz: float
    speed_m_per_s: float
    scatter_db: float
    structure: float


NUMBERS = tuple(f.name for f in fields(Material))
POSITIVE = ("impedance_mrayl", "speed_m_per_s")


def material(values: Any, where: str) -> Material:
    """A material from its row. Raises: DataError that names `where` and the field."""
    if not isinstance(values, dict):
        raise DataError(f"{where}: must hold {', '.join(NUMBERS)}")
    unknown = set(values) - {*NUMBERS, "source"}
    if unknown:
        raise DataError(f"{where}: unknown field '{min(unknown, key=str)}'; valid: {', '.join(NUMBERS)}, source")
    for name in NUMBERS:
        number = values.get(name)
        if not isinstance(number, (int, float)) or isinstance(number, bool):
            raise DataError(f"{where}: {name} must be a number, not {number!r}")
        if name in POSITIVE and number <= 0.0:
            raise DataError(f"{where}: {name} must be above 0, not {number:g}")
    return Material(*(float(values[name]) for name in NUMBERS))


def _own() -> dict[Tissue, Material]:
    path = share("config/materials.yaml")
    rows = load_yaml(path)
    return {tissue: material(rows.get(tissue.name.lower()), f"{path}: {tissue.name.lower()}") for tissue in Tissue}


MATERIALS: dict[Tissue, Material] = _own()
