"""What a URDF does not say about an arm: `config/arms/<name>.yaml`, or a user's own file.

A file names a `xacro` that mounts the probe by itself, or any `urdf` and the link `flange` that is to carry it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import ConfigError
from medrobot_ros.resources import share
from medrobot_ros.signals import Array

LIMITS = ("acceleration_rad_per_s2", "jerk_rad_per_s3", "stream_jerk_rad_per_s3", "braking_rad_per_s2")
WITH_XACRO = ("display", "vendor", "xacro", "home_rad", *LIMITS, "sources")
WITH_URDF = ("urdf", "flange")
MAY_WITH_XACRO = ("near_stops",)
MAY_WITH_URDF = ("display", "vendor", "tool_yaw_rad", "home_rad", *LIMITS, "near_stops", "sources")
ANY_ARM = "urdf/arms/any.urdf.xacro"


@dataclass(frozen=True)
class NearStops:
    """Velocity limits near the stops, arrays (n,): `qd <= sqrt(slope (upper - q)) - offset`, and downwards likewise."""

    upper_rad: Array
    lower_rad: Array
    offset_rad_per_s: Array
    slope_rad_per_s2: Array


@dataclass(frozen=True)
class ArmDescription:
    """One arm's file. Arrays (n,) follow the joints from the base, empty where the file gives none; `sources` says where
    each came from. `arguments` are what the xacro needs to know."""

    display: str
    vendor: str
    xacro: Path
    home_rad: Array
    acceleration_rad_per_s2: Array
    jerk_rad_per_s3: Array
    stream_jerk_rad_per_s3: Array
    braking_rad_per_s2: Array
    sources: Mapping[str, str]
    arguments: Mapping[str, str] = field(default_factory=dict)
    near_stops: NearStops | None = None

    @property
    def kinematics_file(self) -> str:
        """The file that a fault in the chain is to be looked for in."""
        return self.arguments.get("arm_urdf", str(self.xacro))


def read_description(path: Path) -> ArmDescription:
    """The description in a YAML file; its `xacro` or `urdf` is relative to the file. `ConfigError` where it is not whole."""
    values = load_yaml(path)
    needed, more = (WITH_URDF, MAY_WITH_URDF) if "urdf" in values else (WITH_XACRO, MAY_WITH_XACRO)
    _check_keys(path, values, needed, more)
    arrays = {name: _array(path, name, values.get(name, [])) for name in ("home_rad", *LIMITS)}
    own = "urdf" in values
    return ArmDescription(
        display=str(values.get("display", path.stem)),
        vendor=str(values.get("vendor", "own")),
        xacro=share(ANY_ARM) if own else _file(path, values["xacro"]),
        sources=values.get("sources", {}),
        arguments=_arguments(path, values) if own else {},
        near_stops=_near_stops(path, values["near_stops"]) if "near_stops" in values else None,
        **arrays,
    )


def _arguments(path: Path, values: Mapping[str, Any]) -> dict[str, str]:
    """What the xacro for any arm is told of this one."""
    return {
        "arm_urdf": str(_file(path, values["urdf"])),
        "arm_flange": str(values["flange"]),
        "tool_yaw": str(_array(path, "tool_yaw_rad", [values.get("tool_yaw_rad", 0.0)])[0]),
    }


def _near_stops(path: Path, values: Any) -> NearStops:
    names = [f.name for f in fields(NearStops)]
    if not isinstance(values, Mapping) or sorted(values) != sorted(names):
        raise ConfigError(f"{path}: near_stops must hold {', '.join(names)}")
    return NearStops(**{name: _array(path, name, values[name]) for name in names})


def _check_keys(path: Path, values: Mapping[str, Any], needed: tuple[str, ...], more: tuple[str, ...]) -> None:
    for name in values:
        if name not in needed + more:
            near = get_close_matches(str(name), needed + more, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{path}: key '{name}' is unknown; the nearest is '{near}'")
    for name in needed:
        if name not in values:
            also = f", and may hold {', '.join(more)}" if more else ""
            raise ConfigError(f"{path}: key '{name}' is missing; it must hold {', '.join(needed)}{also}")


def _file(path: Path, relative: Any) -> Path:
    file = (path.parent / str(relative)).resolve()
    if not file.is_file():
        raise ConfigError(f"{path}: there is no {file}")
    return file


def _array(path: Path, name: str, value: Any) -> Array:
    try:
        out = np.array(value, dtype=float)
    except (TypeError, ValueError):
        out = np.array(np.nan)
    if out.ndim != 1 or not np.isfinite(out).all():
        raise ConfigError(f"{path}: {name} must be a list of numbers")
    if name in (*LIMITS, "slope_rad_per_s2") and (out <= 0.0).any():
        raise ConfigError(f"{path}: {name} must be positive")
    out.setflags(write=False)
    return out
