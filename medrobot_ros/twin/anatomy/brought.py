"""What lies below the skin, as the renderer takes it: the parametric patient, or labels or meshes that somebody brings with materials."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import CellConfig, load_yaml
from medrobot_ros.errors import ConfigError, DataError
from medrobot_ros.twin.anatomy.grid import Grid
from medrobot_ros.twin.anatomy.label_files import LabelVolume, read_labels
from medrobot_ros.twin.anatomy.materials import MATERIALS, Material, Tissue, material
from medrobot_ros.twin.anatomy.mesh_files import read_meshes
from medrobot_ros.twin.anatomy.patient import Anatomy
from medrobot_ros.twin.body import Body
from medrobot_ros.twin.vessel import Vessel

MOST_LABELS = 255  # of bytes; 0 is gel
LISTS = (".yaml", ".yml")  # of meshes


@dataclass(frozen=True)
class Inside:
    """`labels` (nx, ny, nd) uint8 of rows in `materials`, the first of which is gel, and the `vessels` among them that beat."""

    labels: NDArray[np.uint8]
    materials: tuple[Material, ...]
    vessels: tuple[Vessel, ...] = ()


def inside_of(config: CellConfig, body: Body) -> Inside:
    """From the configuration. Raises: ConfigError, DataError and MachineError for labels that cannot be used."""
    files = check_labels(config)
    if files is None:
        anatomy = Anatomy(config.seed, body)
        return Inside(anatomy.labels, tuple(MATERIALS.values()), anatomy.vessels)
    return below(Grid(body), *files)


def check_labels(config: CellConfig) -> tuple[LabelVolume, dict[int, Material]] | None:
    """The label volume and its materials, None where none are configured. Raises: as `inside_of`."""
    labels, table = config.imaging.labels, config.imaging.materials
    if not labels and not table:
        return None
    if labels.endswith(LISTS):
        if table:
            raise ConfigError(f"imaging.materials is for label volumes; {labels} names the material of each mesh itself")
        return _meshes(Path(labels), config.imaging.labels_origin_mm)
    if not labels or not table:
        raise ConfigError("imaging.labels and imaging.materials belong together: a label volume, and the material of each label")
    volume, materials = read_labels(Path(labels), config.imaging.labels_origin_mm), read_materials(Path(table))
    missing = sorted(set(np.unique(volume.voxels).tolist()) - set(materials))
    if missing:
        raise DataError(f"{labels}: label {missing[0]} has no material in {table}")
    return volume, materials


def _meshes(path: Path, p_file_mm: tuple[float, ...]) -> tuple[LabelVolume, dict[int, Material]]:
    """A list of meshes, and their materials by the number in it; 0 is around them."""
    volume, rows = read_meshes(path, p_file_mm)
    if len(rows) > MOST_LABELS:
        raise DataError(f"{path}: {len(rows) - 1} meshes; {MOST_LABELS - 1} are the most")
    return volume, {k: _material(path, f"mesh {k}" if k else "around", row) for k, row in rows.items()}


def read_materials(path: Path) -> dict[int, Material]:
    """Materials by label from a YAML table `label: name` or `label: {impedance_mrayl: ..., ...}`. Raises: DataError."""
    rows = {_label(path, key): _material(path, f"label {key}", row) for key, row in load_yaml(path).items()}
    if not 0 < len(rows) <= MOST_LABELS:
        raise DataError(f"{path}: {len(rows)} labels; 1 to {MOST_LABELS} are needed")
    return rows


def _label(path: Path, key: Any) -> int:
    if not isinstance(key, int) or isinstance(key, bool) or key < 0:
        raise DataError(f"{path}: label '{key}' must be a whole number from 0")
    return key


def _material(path: Path, where: str, row: Any) -> Material:
    if not isinstance(row, str):
        return material(row, f"{path}: {where}")
    if row.upper() not in Tissue.__members__:
        raise DataError(f"{path}: {where}: unknown material '{row}'; valid: {', '.join(t.name.lower() for t in Tissue)}")
    return MATERIALS[Tissue[row.upper()]]


def below(grid: Grid, volume: LabelVolume, materials: dict[int, Material]) -> Inside:
    """A label volume's voxels in the grid's columns; what lies beyond it is gel, which sends nothing back."""
    known = np.array(sorted(materials))
    labels = np.zeros(grid.shape, np.uint8)
    for i in range(grid.shape[0]):  # a plane at a time: all places at once would take half a gigabyte
        places = grid.skin[i, :, None] - grid.depth[:, None] * grid.outward[i, :, None]
        found = volume.at(places)
        labels[i] = np.where(found >= 0, 1 + np.searchsorted(known, found), Tissue.GEL)
    return Inside(labels, (MATERIALS[Tissue.GEL], *(materials[k] for k in known.tolist())))
