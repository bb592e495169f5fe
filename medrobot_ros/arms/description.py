"""What a URDF does not say about an arm: `config/arms/<name>.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import ConfigError
from medrobot_ros.signals import Array

VENDORS = ("franka", "kinova", "kuka")


@dataclass(frozen=True)
class ArmDescription:
    """One arm's file. Arrays (n,) follow the joints from the base; `sources` says where each came from."""

    display: str
    vendor: str
    xacro: Path
    home_rad: Array
    acceleration_rad_per_s2: Array
    jerk_rad_per_s3: Array
    braking_rad_per_s2: Array
    sources: Mapping[str, str]


def read_description(path: Path) -> ArmDescription:
    """The description in a YAML file; its `xacro` is relative to the file. `ConfigError` where it is not whole."""
    values = load_yaml(path)
    names = [f.name for f in fields(ArmDescription)]
    for name in (*names, *values):
        if name not in names or name not in values:
            fault = "missing" if name in names else "unknown"
            raise ConfigError(f"{path}: key '{name}' is {fault}; it must hold {', '.join(names)}")
    if values["vendor"] not in VENDORS:
        raise ConfigError(f"{path}: vendor '{values['vendor']}' must be one of {', '.join(VENDORS)}")
    xacro = (path.parent / str(values["xacro"])).resolve()
    if not xacro.is_file():
        raise ConfigError(f"{path}: there is no {xacro}")
    arrays = {name: _array(path, name, values[name]) for name in names if "_rad" in name}
    return ArmDescription(**{**values, **arrays, "xacro": xacro})


def _array(path: Path, name: str, value: Any) -> Array:
    try:
        out = np.array(value, dtype=float)
    except (TypeError, ValueError):
        out = np.array(np.nan)
    if out.ndim != 1 or not np.isfinite(out).all():
        raise ConfigError(f"{path}: {name} must be a list of numbers")
    if name != "home_rad" and (out <= 0.0).any():
        raise ConfigError(f"{path}: {name} must be positive")
    out.setflags(write=False)
    return out
