"""What a setting is: a field of a section with its unit, range and meaning, checked where it is made."""

import dataclasses
from dataclasses import field, fields
from math import inf, isfinite
from typing import Any

from medrobot_ros.errors import ConfigError


def setting(
    default: Any, meaning: str, unit: str = "", low: float = -inf, high: float = inf, choices: tuple[str, ...] = (), live: str = ""
) -> Any:
    """A configuration field with what its users need to know about it; `live` names the node that takes it while it runs."""
    return field(
        default=default, metadata={"meaning": meaning, "unit": unit, "low": low, "high": high, "choices": choices, "live": live}
    )


class Section:
    """Base of the sections: checks each value's type and range where it is made."""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            if f.metadata:
                object.__setattr__(self, f.name, _checked(f, getattr(self, f.name)))


def _checked(f: "dataclasses.Field[Any]", value: Any) -> Any:
    """The value in the field's own type; `ConfigError` with range and unit where it does not fit."""
    meta, example = f.metadata, f.default
    if isinstance(example, bool):
        if not isinstance(value, bool):
            raise ConfigError(f"{f.name} = {value!r}: must be true or false ({meta['meaning']})")
        return value
    if isinstance(example, str):
        if not isinstance(value, str) or (meta["choices"] and value not in meta["choices"]):
            valid = f"one of {', '.join(meta['choices'])}" if meta["choices"] else "text"
            raise ConfigError(f"{f.name} = {value!r}: must be {valid} ({meta['meaning']})")
        return value
    if isinstance(example, tuple):
        if not isinstance(value, (list, tuple)) or len(value) != len(example):
            raise ConfigError(f"{f.name} = {value!r}: must be {len(example)} numbers in {meta['unit']} ({meta['meaning']})")
        return tuple(_number(f, v, float) for v in value)
    return _number(f, value, type(example))


def _number(f: "dataclasses.Field[Any]", value: Any, kind: type) -> Any:
    meta = f.metadata
    unit = f" {meta['unit']}" if meta["unit"] else ""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    if not good or (kind is int and value != int(value)):
        raise ConfigError(f"{f.name} = {value!r}: must be {'a whole number' if kind is int else 'a number'}{unit} ({meta['meaning']})")
    if not meta["low"] <= value <= meta["high"]:
        raise ConfigError(f"{f.name} = {value:g}{unit}: must lie in {meta['low']:g} to {meta['high']:g}{unit} ({meta['meaning']})")
    return kind(value)
