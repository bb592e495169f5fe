"""Label volumes from files, with their orientation: NIfTI through nibabel, and MetaImage.

NIfTI's world is RAS: right, anterior, superior of the patient; MetaImage's, as ITK writes it, is LPS: left, posterior, superior [mm].
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError, MachineError
from medrobot_ros.imaging.metaimage import elements_of, read, shape_of
from medrobot_ros.signals import Array

SUFFIXES = (".nii", ".nii.gz", ".mha")
R_PATIENT_RAS = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # the patient frame is left, superior, anterior
R_PATIENT_LPS = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class LabelVolume:
    """`voxels` (ni, nj, nk) of whole numbers from 0; `T_patient_voxel` (4, 4) maps their indices into the patient frame [m].

    `beyond` is the label of what lies beyond the volume, -1 where nothing is known of it.
    """

    path: Path
    voxels: NDArray[Any]
    T_patient_voxel: Array
    beyond: int = -1

    def at(self, p_patient: Array) -> NDArray[Any]:
        """Labels of the voxels nearest to points (..., 3)."""
        T = np.linalg.inv(self.T_patient_voxel)
        index = np.rint(p_patient @ T[:3, :3].T + T[:3, 3]).astype(int)
        within = ((index >= 0) & (index < self.voxels.shape)).all(axis=-1)
        i, j, k = np.moveaxis(np.where(within[..., None], index, 0), -1, 0)
        return np.where(within, self.voxels[i, j, k].astype(np.int64), self.beyond)


def read_labels(path: Path, p_file_mm: tuple[float, ...]) -> LabelVolume:
    """A label volume whose point `p_file_mm`, in its own world, becomes the patient frame's origin.

    Raises: DataError that names file and field; MachineError without nibabel.
    """
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"{path}: a label volume must end in {', '.join(SUFFIXES)}")
    voxels, affine_mm, R = _read_metaimage(path) if path.suffix == ".mha" else _read_nifti(path)
    if not np.isfinite(affine_mm).all() or abs(np.linalg.det(affine_mm[:3, :3])) < 1e-9:
        raise DataError(f"{path}: its orientation (affine) cannot be inverted")
    T = np.eye(4)
    T[:3, :3] = 1e-3 * R @ affine_mm[:3, :3]
    T[:3, 3] = 1e-3 * R @ (affine_mm[:3, 3] - np.asarray(p_file_mm))
    return LabelVolume(path, _whole(path, voxels), T)


def _whole(path: Path, voxels: NDArray[Any]) -> NDArray[Any]:
    """Labels as whole numbers, which some programs write as floating point."""
    if voxels.dtype.kind not in "iuf":
        raise DataError(f"{path}: voxels are {voxels.dtype}; a label volume holds whole numbers")
    if voxels.dtype.kind == "f" and not np.array_equal(voxels, np.rint(voxels)):
        odd = voxels[voxels != np.rint(voxels)][0]
        raise DataError(f"{path}: voxels are {voxels.dtype} with values such as {odd:g}; a label volume holds whole numbers")
    if voxels.min() < 0:
        raise DataError(f"{path}: label {int(voxels.min())} is below 0")
    return voxels.astype(np.int64)


def _read_metaimage(path: Path) -> tuple[NDArray[Any], Array, Array]:
    header, data = read(path)
    voxels = elements_of(header, data, shape_of(header, 3)).transpose(2, 1, 0)
    if "TransformMatrix" not in header.fields:
        raise DataError(f"{path}: TransformMatrix is missing: the file has no orientation")
    affine = np.eye(4)
    axes = np.reshape(header.numbers("TransformMatrix", 9), (3, 3))  # a row an axis of the volume
    affine[:3, :3] = axes.T * header.numbers("ElementSpacing", 3)
    affine[:3, 3] = header.numbers("Offset", 3, header.fields.get("Position"))
    return voxels, affine, R_PATIENT_LPS


def _read_nifti(path: Path) -> tuple[NDArray[Any], Array, Array]:
    try:
        import nibabel
    except ImportError:
        raise MachineError("NIfTI labels need nibabel; install the extra: pip install 'medrobot_ros[nifti]'") from None
    try:
        image: Any = nibabel.load(path)
        voxels = np.asanyarray(image.dataobj)
    except Exception as e:
        raise DataError(f"{path}: not a readable NIfTI volume ({' '.join(str(e).split())[:120]})") from None
    if voxels.ndim != 3:
        raise DataError(f"{path}: dim = {voxels.ndim}: a volume of 3 is needed")
    if image.header["sform_code"] == 0 and image.header["qform_code"] == 0:
        raise DataError(f"{path}: sform_code and qform_code are 0: the file has no orientation")
    return voxels, np.asarray(image.affine), R_PATIENT_RAS
