"""Wire phantoms: a YAML that says where the wires run, and how their frame is tracked."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

KINDS = ("n-wire", "crossed-wire")
KEYS = ("kind", "reference", "T_reference_phantom_mm", "wires_mm")
PARALLEL = 1e-3  # sine of the angle between the outer wires of an N


@dataclass(frozen=True)
class Phantom:
    """`wires_m` (layers, 3, 2, 3): each N's wires from left to right in the image, by two points; empty where wires cross.

    `reference` names the tracked body that the phantom is fixed to, '' where it stands still before the tracker.
    """

    kind: str
    reference: str
    T_reference_phantom: Array
    wires_m: Array


def read_phantom(path: Path) -> Phantom:
    """A phantom's file. Raises: DataError."""
    values = load_yaml(path)
    for name in values:
        if name not in KEYS:
            raise DataError(f"{path}: unknown key '{name}'; the nearest is '{get_close_matches(str(name), KEYS, n=1, cutoff=0.0)[0]}'")
    kind = values.get("kind")
    if kind not in KINDS:
        raise DataError(f"{path}: kind = {kind!r}: must be one of {', '.join(KINDS)}")
    T = _numbers(path, values, "T_reference_phantom_mm", (4, 4), np.eye(4))
    T[:3, 3] *= 1e-3
    wires = 1e-3 * _numbers(path, values, "wires_mm", (None, 3, 2, 3)) if kind == "n-wire" else np.zeros((0, 3, 2, 3))
    for k, layer in enumerate(wires, start=1):
        _check_layer(path, k, layer)
    return Phantom(kind, str(values.get("reference", "")), T, wires)


def _numbers(path: Path, values: dict[str, Any], name: str, shape: tuple[int | None, ...], default: Array | None = None) -> Array:
    if name not in values and default is not None:
        return default
    try:
        array = np.array(values.get(name), dtype=float)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or not array.size or not np.isfinite(array).all():
        raise DataError(f"{path}: {name} must be {' x '.join('layers' if n is None else str(n) for n in shape)} finite numbers")
    return array


def _check_layer(path: Path, k: int, layer: Array) -> None:
    """An N has two parallel wires and one between them that is not parallel."""
    along = layer[:, 1] - layer[:, 0]
    lengths = np.linalg.norm(along, axis=1)
    if lengths.min() == 0.0:
        raise DataError(f"{path}: a wire of layer {k} has no length")
    first, middle, last = along / lengths[:, None]
    if np.linalg.norm(np.cross(first, last)) > PARALLEL:
        raise DataError(f"{path}: the first and last wire of layer {k} must be parallel")
    if np.linalg.norm(np.cross(first, middle)) < 0.1:
        raise DataError(f"{path}: the middle wire of layer {k} must run across the outer ones")
