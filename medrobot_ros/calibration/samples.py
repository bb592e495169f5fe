"""Measured poses and wrenches from a CSV or YAML file: named columns, one row a pose."""

import csv
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

POSITION = ("x", "y", "z")
QUATERNION = ("qx", "qy", "qz", "qw")
WRENCH = ("fx", "fy", "fz", "mx", "my", "mz")
MARKER = tuple(f"marker_{name}" for name in (*POSITION, *QUATERNION))


def read_samples(path: Path, columns: tuple[str, ...]) -> Array:
    """The named columns (n, k) of a file; others are left alone.

    A CSV has a header; a YAML has `samples:`, a list of mappings. Raises: DataError that names the row and the column.
    """
    rows = list(_yaml_rows(path) if path.suffix in (".yaml", ".yml") else _csv_rows(path))
    if not rows:
        raise DataError(f"{path}: no samples")
    return np.array([[_number(path, k, row, name) for name in columns] for k, row in enumerate(rows, start=1)])


def poses(values: Array) -> Array:
    """Poses (n, 4, 4) from rows x, y, z [m], qx, qy, qz, qw (n, 7). Raises: DataError for a quaternion that is none."""
    T = np.tile(np.eye(4), (len(values), 1, 1))
    T[:, :3, 3] = values[:, :3]
    T[:, :3, :3] = rotations(values[:, 3:7])
    return T


def rotations(quat_xyzw: Array) -> Array:
    """Rotations (n, 3, 3) from unit quaternions (n, 4). Raises: DataError where one is not a unit's length."""
    lengths = np.linalg.norm(quat_xyzw, axis=1)
    wrong = np.flatnonzero(np.abs(lengths - 1.0) > 0.01)
    if wrong.size:
        raise DataError(f"sample {1 + wrong[0]}: the quaternion qx, qy, qz, qw has length {lengths[wrong[0]]:.3f}, not 1")
    matrices: Array = Rotation.from_quat(quat_xyzw).as_matrix()
    return matrices


def _csv_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        with path.open(newline="") as file:
            yield from csv.DictReader((line for line in file if not line.startswith("#")), skipinitialspace=True)
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise DataError(f"cannot read {path}: {getattr(e, 'strerror', None) or 'not a CSV of text'}") from None


def _yaml_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    rows = load_yaml(path).get("samples")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: must hold `samples:`, a list of mappings")
    return rows


def _number(path: Path, k: int, row: Mapping[str, Any], name: str) -> float:
    if name not in row:
        raise DataError(f"{path}: sample {k} has no column '{name}'; it has {', '.join(str(c) for c in row)}")
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = float("nan")
    if not isfinite(value):
        raise DataError(f"{path}: {name} of sample {k} is {row[name]!r}, not a finite number")
    return value
