"""The settings under dotted keys, as `contact.force_n`, and a configuration from layers of them: files, `--set` pairs, options."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_type_hints

import yaml

from medrobot_ros.config.sections import CellConfig
from medrobot_ros.errors import ConfigError


@dataclass(frozen=True)
class Key:
    """One setting as its users see it."""

    name: str
    value: Any
    unit: str
    low: float
    high: float
    choices: tuple[str, ...]
    meaning: str
    live: str


def keys(config: Any, prefix: str = "") -> Iterator[Key]:
    """Every setting of a section and its subsections, in order."""
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            yield from keys(value, f"{prefix}{f.name}.")
        else:
            m = f.metadata
            yield Key(prefix + f.name, value, m["unit"], m["low"], m["high"], m["choices"], m["meaning"], m["live"])


def as_dict(config: Any) -> dict[str, Any]:
    """Nested plain values, ready for YAML."""
    return {
        f.name: as_dict(v) if is_dataclass(v := getattr(config, f.name)) else list(v) if isinstance(v, tuple) else v
        for f in fields(config)
    }


def from_dict(values: Mapping[str, Any], source: str = "configuration") -> CellConfig:
    """A `CellConfig` from nested values; names the nearest key where one is unknown."""
    config: CellConfig = _section(CellConfig, values, "", source)
    return config


def _section(kind: type, values: Any, prefix: str, source: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source}: {prefix.rstrip('.') or 'the file'} must hold keys and values")
    types = get_type_hints(kind)
    for name in values:
        if name not in types:
            raise ConfigError(_unknown_key(prefix + str(name), source))
    made = {k: _section(types[k], v, f"{prefix}{k}.", source) if is_dataclass(types[k]) else v for k, v in values.items()}
    try:
        return kind(**made)
    except ConfigError as e:
        text = str(e)
        raise ConfigError(text if "." in text.split(" ")[0] else prefix + text) from None


def _unknown_key(name: str, source: str) -> str:
    valid = [k.name for k in keys(CellConfig())]
    near = get_close_matches(name, valid, n=1, cutoff=0.4) or get_close_matches(name.split(".")[-1], valid, n=1, cutoff=0.0)
    return f"{source}: unknown key '{name}'; the nearest is '{near[0]}' (`medrobot config` lists all)"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, section by section."""
    out = dict(base)
    for k, v in over.items():
        out[k] = merge(out[k], v) if isinstance(v, Mapping) and isinstance(out.get(k), Mapping) else v
    return out


def nested(name: str, value: Any) -> dict[str, Any]:
    """One value under its dotted key, as a layer: `nested("arm.name", "fr3")` is `{"arm": {"name": "fr3"}}`."""
    for part in reversed(name.split(".")):
        value = {part: value}
    layer: dict[str, Any] = value
    return layer


def parse_set(pairs: Iterable[str]) -> dict[str, Any]:
    """Nested values from `a.b=value` texts; values are YAML, and `0.12,0.08` is a list."""
    out: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set {pair}: must look like key=value, for example contact.force_n=5")
        out = merge(out, nested(name, _value(name, text)))
    return out


def _value(name: str, text: str) -> Any:
    try:
        value = yaml.safe_load(f"[{text}]" if "," in text and not text.startswith("[") else text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {name}={text}: not a YAML value") from None
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            return float(value)  # YAML 1.1 reads 1e-3 as text
        except ValueError:
            return value
    return value


def resolve(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> CellConfig:
    """Defaults under the (source, values) layers, later ones on top; each is checked alone so that an error names its source."""
    merged: dict[str, Any] = {}
    for source, values in layers:
        from_dict(values, source)
        merged = merge(merged, values)
    return from_dict(merged)
