"""Volumes and their files: MetaImage (.mha), or NRRD (.nrrd) through pynrrd. Millimetres and the LPS axes of both formats' defaults."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError, MachineError
from medrobot_ros.imaging.metaimage import ALONG_THE_AXES, elements_of, read, row, shape_of, write


@dataclass(frozen=True)
class Volume:
    """`voxels` (nz, ny, nx); voxel (0, 0, 0)'s centre lies at `offset_mm` (x, y, z)."""

    voxels: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    offset_mm: tuple[float, float, float]


def read_volume(path: Path) -> Volume:
    """A volume from a file whose suffix names its format. Raises: DataError."""
    return _format(path)[0](path)


def write_volume(path: Path, volume: Volume) -> None:
    """A compressed volume in the format of the path's suffix. Raises: DataError where the file cannot be written."""
    _format(path)[1](path, volume)


def check_volume_path(path: Path) -> None:
    """Says at once what writing would say in the end. Raises: DataError for another suffix, MachineError without pynrrd."""
    if _format(path)[1] is _write_nrrd:
        _nrrd()


def _format(path: Path) -> tuple[Callable[[Path], Volume], Callable[[Path, Volume], None]]:
    if path.suffix not in FORMATS:
        raise DataError(f"{path}: a volume's file must end in {' or '.join(FORMATS)}")
    return FORMATS[path.suffix]


def _read_metaimage(path: Path) -> Volume:
    header, data = read(path)
    shape = shape_of(header, 3)
    spacing = header.numbers("ElementSpacing", 3)
    offset = header.numbers("Offset", 3, header.fields.get("Position", "0 0 0"))
    axes = header.numbers("TransformMatrix", 9, ALONG_THE_AXES)
    if not np.allclose(axes, np.eye(3).ravel(), atol=1e-6):
        raise header.error(f"TransformMatrix = {row(axes)}: a volume must lie along the axes, {ALONG_THE_AXES}")
    return Volume(elements_of(header, data, shape), spacing, offset)  # type: ignore[arg-type]


def _write_metaimage(path: Path, volume: Volume) -> None:
    write(path, volume.voxels, {"ElementSpacing": row(volume.spacing_mm), "Offset": row(volume.offset_mm)})


def _read_nrrd(path: Path) -> Volume:
    nrrd = _nrrd()
    try:
        voxels, header = nrrd.read(str(path), index_order="C")
        directions, offset = np.asarray(header["space directions"], float), np.asarray(header["space origin"], float)
    except (OSError, KeyError, ValueError, StopIteration, nrrd.NRRDError) as e:
        raise DataError(f"{path}: not a readable NRRD volume ({' '.join(str(e).split())})") from None
    if voxels.ndim != 3 or directions.shape != (3, 3) or np.any(directions != np.diag(np.abs(np.diag(directions)))):
        raise DataError(f"{path}: space directions must be three, along the axes")
    if header.get("space") not in LPS:
        raise DataError(f"{path}: space = {header.get('space')}: must be {LPS[0]}")
    return Volume(voxels, tuple(np.diag(directions).tolist()), tuple(offset.tolist()))


def _write_nrrd(path: Path, volume: Volume) -> None:
    header = {
        "space": LPS[0], "space directions": np.diag(volume.spacing_mm), "space origin": np.array(volume.offset_mm),
        "kinds": ["domain"] * 3, "encoding": "gzip",
    }  # fmt: skip
    try:
        _nrrd().write(str(path), volume.voxels, header, index_order="C")
    except OSError as e:
        raise DataError(f"{path}: cannot be written ({e.strerror})") from None


def _nrrd() -> Any:
    try:
        import nrrd
    except ImportError:
        raise MachineError("NRRD files need pynrrd; install the extra: pip install 'medrobot_ros[nrrd]'") from None
    return nrrd


LPS = ("left-posterior-superior", "LPS")
FORMATS = {".mha": (_read_metaimage, _write_metaimage), ".nrrd": (_read_nrrd, _write_nrrd)}
