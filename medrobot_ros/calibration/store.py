"""Calibrations on file: one YAML for a probe or a camera, a section a kind, each with date, serial number and residual.

`medrobot calibrate` writes a section and keeps the others; the cell reads the file that its configuration names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import ConfigError
from medrobot_ros.signals import Array

RECORD = {"date": (), "serial": (), "samples": ()}  # what every section says besides its numbers; () is a scalar
SECTIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "tcp": {"p_flange_tip_m": (3,), "std_m": (3,), "residual_m": ()},
    "ft": {
        "F_bias": (6,), "mass_kg": (), "p_ft_com_m": (3,), "std_bias": (6,), "std_mass_kg": (), "std_com_m": (3,), "residual_n": (),
        "residual_nm": (),
    },
    "hand-eye": {"mount": (), "T_mount_camera": (4, 4), "std_rad": (3,), "std_m": (3,), "residual_m": (), "residual_rad": ()},
    "image": {
        "dropped": (), "T_probe_image": (4, 4), "spacing_m": (2,), "std_rad": (3,), "std_m": (3,), "std_spacing_m": (2,), "residual_m": (),
    },
}  # fmt: skip
TEXTS = ("date", "serial", "mount")


@dataclass(frozen=True)
class Section:
    """One calibration: `values` by the names in `SECTIONS`, arrays in their shape, and whose and when."""

    kind: str
    date: str
    serial: str
    values: Mapping[str, Any]

    def array(self, name: str) -> Array:
        """One of its numbers or arrays."""
        out: Array = np.asarray(self.values[name], dtype=float)
        return out


def write_section(path: Path, section: Section) -> None:
    """Writes or replaces a section. Raises: ConfigError where the file's other sections are not whole, or of another serial number."""
    kept = load_yaml(path) if path.exists() else {}
    for other in read_sections(path).values() if kept else ():
        if other.serial != section.serial and other.kind != section.kind:
            raise ConfigError(f"{path} is of serial number '{other.serial}', not '{section.serial}': write to another file")
    record = {"date": section.date, "serial": section.serial, **{k: np.asarray(v).tolist() for k, v in section.values.items()}}
    merged = {**kept, section.kind: record}
    try:
        path.write_text(yaml.safe_dump(merged, sort_keys=False, default_flow_style=None))
    except OSError as e:
        raise ConfigError(f"cannot write {path}: {e.strerror}") from None


def read_sections(path: Path) -> dict[str, Section]:
    """Every section of a file, checked whole. Raises: ConfigError."""
    sections = {kind: _section(path, kind, values) for kind, values in load_yaml(path).items()}
    if not sections:
        raise ConfigError(f"{path}: no calibration; `medrobot calibrate` writes one")
    if len({s.serial for s in sections.values()}) > 1:
        raise ConfigError(f"{path}: its sections are of different serial numbers: {', '.join(s.serial for s in sections.values())}")
    return sections


def _section(path: Path, kind: str, values: Any) -> Section:
    if kind not in SECTIONS:
        raise ConfigError(f"{path}: unknown section '{kind}'; it may hold {', '.join(SECTIONS)}")
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {kind} must hold keys and values")
    shapes = {**RECORD, **SECTIONS[kind]}
    for name in values:
        if name not in shapes:
            near = get_close_matches(str(name), shapes, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{path}: {kind} has an unknown key '{name}'; the nearest is '{near}'")
    checked = {name: _value(path, f"{kind}.{name}", values.get(name), shape) for name, shape in shapes.items()}
    return Section(kind, checked.pop("date"), checked.pop("serial"), checked)


def _value(path: Path, name: str, value: Any, shape: tuple[int, ...]) -> Any:
    if value is None:
        raise ConfigError(f"{path}: {name} is missing")
    if name.split(".")[1] in TEXTS:
        return str(value)
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.shape != shape or not np.isfinite(array).all():
        expected = " x ".join(str(n) for n in shape) + " finite numbers" if shape else "a finite number"
        raise ConfigError(f"{path}: {name} must be {expected}")
    if name.split(".")[1].startswith("T_") and not _rigid(array):
        raise ConfigError(f"{path}: {name} is not a rigid transform")
    if name.endswith("mass_kg") and array < 0.0:
        raise ConfigError(f"{path}: {name} must not be negative")
    return array if shape else float(array)


def _rigid(T: Array) -> bool:
    R = T[:3, :3]
    return bool(np.allclose(R @ R.T, np.eye(3), atol=1e-6) and np.linalg.det(R) > 0.0 and np.allclose(T[3], (0.0, 0.0, 0.0, 1.0)))
