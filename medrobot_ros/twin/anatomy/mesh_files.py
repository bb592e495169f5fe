"""Labelled surface meshes as a label volume: a list of files with a material each, filled voxel by voxel.

A voxel is inside a closed surface where a line through its centre has crossed it an odd number of times.
"""

from math import ceil
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy.label_files import R_PATIENT_LPS, R_PATIENT_RAS, LabelVolume

PITCH_MM = 1.0  # of the voxels, as finely as the twin looks down
MOST_VOXELS = 1 << 28
OFF_EDGES_MM = (1.3e-4, 2.9e-4)  # by which lines miss vertices and edges on round numbers, where they would cross twice or not at all
WORLDS = {"RAS": R_PATIENT_RAS, "LPS": R_PATIENT_LPS}
KEYS, ROW_KEYS = ("world", "around", "meshes"), ("file", "material")


def read_meshes(path: Path, p_file_mm: tuple[float, ...]) -> tuple[LabelVolume, dict[int, Any]]:
    """The volume of a list of meshes, whose point `p_file_mm` becomes the patient frame's origin, and what it says of each material.

    Label 0 lies around the meshes, label k in the k-th one and in none after it. Raises: DataError that names file and field.
    """
    table = load_yaml(path)
    _check_keys(path, "", table, KEYS)
    if table["world"] not in WORLDS:
        raise DataError(f"{path}: world = {table['world']!r}: must be {' or '.join(WORLDS)}")
    if not isinstance(table["meshes"], list) or not table["meshes"]:
        raise DataError(f"{path}: meshes must be a list of one or more")
    surfaces = []
    for k, row in enumerate(table["meshes"], 1):
        _check_keys(path, f"mesh {k}: ", row, ROW_KEYS)
        surfaces.append(_triangles_mm(path.parent / str(row["file"])))
    volume = _filled(path, surfaces, WORLDS[table["world"]], np.asarray(p_file_mm))
    return volume, {0: table["around"], **{k: row["material"] for k, row in enumerate(table["meshes"], 1)}}


def _check_keys(path: Path, where: str, row: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(row, dict) or set(row) != set(keys):
        raise DataError(f"{path}: {where}must hold {', '.join(keys)}, and nothing else")


def _triangles_mm(path: Path) -> Array:
    """Corners (n, 3, 3) of a closed surface."""
    import trimesh

    try:
        mesh: Any = trimesh.load(path, force="mesh", process=True)
    except Exception as e:
        raise DataError(f"{path}: not a readable mesh ({' '.join(str(e).split())[:120]})") from None
    if len(mesh.faces) == 0:
        raise DataError(f"{path}: no faces, not a surface mesh")
    if not mesh.is_watertight:
        raise DataError(f"{path}: the mesh has holes; what lies inside it is not defined")
    return np.asarray(mesh.triangles, float)


def _filled(path: Path, surfaces: list[Array], R_patient_world: Array, p_file_mm: Array) -> LabelVolume:
    low = np.floor(np.min([s.min(axis=(0, 1)) for s in surfaces], axis=0)) - PITCH_MM
    high = np.max([s.max(axis=(0, 1)) for s in surfaces], axis=0) + PITCH_MM
    shape = tuple(ceil(n) + 1 for n in (high - low) / PITCH_MM)
    if np.prod(np.array(shape, float)) > MOST_VOXELS:
        raise DataError(f"{path}: the meshes span {' x '.join(str(n) for n in shape)} mm; are they in millimetres?")
    voxels = np.zeros(shape, np.uint8)
    for k, triangles in enumerate(surfaces, 1):
        inside = inside_of_surface((triangles - low) / PITCH_MM, shape)
        if not inside.any():
            raise DataError(f"{path}: mesh {k} holds no voxel of {PITCH_MM:g} mm; is it in millimetres?")
        voxels[inside] = k
    T = np.eye(4)
    T[:3, :3] = 1e-3 * PITCH_MM * R_patient_world
    T[:3, 3] = 1e-3 * R_patient_world @ (low - p_file_mm)
    return LabelVolume(path, voxels, T, beyond=0)


def inside_of_surface(triangles: Array, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which points of a grid of steps of 1 lie within the closed surface of triangles (n, 3, 3) in the grid's own coordinates."""
    crossed = np.zeros(shape, np.uint8)
    _cross(triangles, OFF_EDGES_MM[0] / PITCH_MM, OFF_EDGES_MM[1] / PITCH_MM, crossed)
    return np.bitwise_xor.accumulate(crossed, axis=2).astype(bool)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _cross(triangles, off_x, off_y, crossed):  # type: ignore[no-untyped-def]
    """Turns over the first point of each line along z beyond each triangle that the line crosses."""
    for n in range(len(triangles)):
        a, b, c = triangles[n, 0], triangles[n, 1], triangles[n, 2]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0.0:
            continue
        for i in range(max(int(min(a[0], b[0], c[0])), 0), min(int(max(a[0], b[0], c[0])) + 2, crossed.shape[0])):
            for j in range(max(int(min(a[1], b[1], c[1])), 0), min(int(max(a[1], b[1], c[1])) + 2, crossed.shape[1])):
                x, y = i + off_x, j + off_y
                v = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
                w = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
                if v >= 0.0 and w >= 0.0 and v + w < 1.0:
                    z = a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2])
                    k = max(int(np.ceil(z)), 0)
                    if k < crossed.shape[2]:
                        crossed[i, j, k] ^= 1
