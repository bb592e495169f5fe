"""Volumes from what was recorded: a tracked sequence with PLUS's calibration, or a robot's own examination."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError
from medrobot_ros.imaging import sequence as sequences
from medrobot_ros.imaging.calibration import Calibration, read_calibration
from medrobot_ros.imaging.compounding import OWN_ROWS, Compounder, image_corners
from medrobot_ros.imaging.masks import Mask, depth_mask, pixel_depths_m
from medrobot_ros.imaging.settings import Reconstruction
from medrobot_ros.imaging.tracked import tracked_frames
from medrobot_ros.imaging.volume import Volume, check_volume_path, write_volume
from medrobot_ros.signals import Array, ImageGeometry, TrackedImage

RUN_STRIDE = 2  # of a robot's scan: half the pixels, in both directions, are finer than a voxel
RestRows = Callable[[int], NDArray[np.float32]]
NO_CHANGES: Mapping[str, Any] = MappingProxyType({})
RUN = Reconstruction((1.5, 1.5, 1.5), stick=4, threshold=1)  # pixels of value 0 lie outside the fan


def reconstruct(
    frames: Sequence[NDArray[np.uint8]], T_reference_pixel: Sequence[Array], settings: Reconstruction, mask: Mask | None = None
) -> Volume:
    """Volume in the reference frame of `frames` (rows, columns) with their transforms (4, 4) from pixels to mm."""
    window = _window(settings)
    corners = np.concatenate([image_corners(f[window].shape, _moved(T, settings)) for f, T in zip(frames, T_reference_pixel, strict=True)])
    compounder = Compounder(settings)
    compounder.reserve(corners.min(axis=0), corners.max(axis=0))
    for pixels, T in zip(frames, T_reference_pixel, strict=True):
        compounder.add(pixels[window], _moved(T, settings), None if mask is None else mask[window])
    return compounder.volume()


def _window(settings: Reconstruction) -> tuple[slice, slice]:
    """The rows and columns inside the clip rectangle."""
    if settings.clip is None:
        return slice(None), slice(None)
    left, top, width, height = settings.clip
    return slice(top, top + height), slice(left, left + width)


def _moved(T: Array, settings: Reconstruction) -> Array:
    """The transform of the clipped image's own pixels."""
    if settings.clip is None:
        return T
    moved = T.copy()
    moved[:3, 3] += T[:3, :2] @ settings.clip[:2]
    return moved


# --- a tracked sequence -----------------------------------------------------------------------------------------------


def reconstruct_file(sequence: Path, calibration: Path, out: Path, changes: Mapping[str, Any] = NO_CHANGES) -> dict[str, Any]:
    """Reconstructs a tracked sequence with PLUS's calibration and settings into `out`; returns what it did.

    `changes` take the place of the file's settings.

    Raises: DataError where a file is not what it should be.
    """
    check_volume_path(out)
    images, setup = sequences.read_sequence(sequence), read_calibration(calibration)
    settings = replace(setup.reconstruction, **changes)
    shape: tuple[int, int] = images.pixels.shape[1:]
    _check_clip(f"{calibration}: {images.path}", shape, settings)
    tracked = tracked_frames(images)
    T_reference_pixel = [T @ setup.T_probe_pixel for _, T in tracked.frames]
    volume = reconstruct([images.pixels[k] for k, _ in tracked.frames], T_reference_pixel, settings, _mask(shape, setup, settings))
    _check_filled(str(sequence), volume)
    write_volume(out, volume)
    return {**tracked.counts(), **_described(volume)}


def _mask(shape: tuple[int, int], setup: Calibration, settings: Reconstruction) -> Mask | None:
    """Pixels inside the fan and the depths, which count from the fan's near edge, or without a fan from the image's upper edge."""
    fan, depth_mm = settings.fan, settings.depth_mm
    mask = np.ones(shape, bool) if fan is None else fan.mask(shape)
    if depth_mm is not None:
        row_mm = float(np.linalg.norm(setup.T_probe_pixel[:3, 1]))
        rows = np.indices(shape, dtype=float)[0] if fan is None else fan.radius(shape) - fan.radii[0]
        mask &= depth_mask(row_mm * rows, *depth_mm)
    return None if mask.all() else mask


def _check_clip(where: str, shape: tuple[int, int], settings: Reconstruction) -> None:
    rows, columns = shape
    clip = settings.clip
    if clip is not None and (clip[0] + clip[2] > columns or clip[1] + clip[3] > rows):
        raise DataError(f"{where}: the clip rectangle {clip} is larger than the images ({columns} x {rows})")


def _check_filled(what: str, volume: Volume) -> None:
    if not volume.voxels.any():
        raise DataError(f"{what}: nothing is left to compound; the clip, the depths and the threshold leave no pixel, or all of them are 0")


def _described(volume: Volume) -> dict[str, Any]:
    return {
        "size": list(volume.voxels.shape[::-1]), "spacing_mm": list(volume.spacing_mm),
        "offset_mm": [round(v, 4) for v in volume.offset_mm], "filled": round(float((volume.voxels > 0).mean()), 4),
    }  # fmt: skip


# --- a robot's examination --------------------------------------------------------------------------------------------


def compound_run(images: Iterable[TrackedImage], out: Path) -> Volume | None:
    """The volume of a robot's scan, written to `out`; None, and no file, where there are no images."""
    compounder = compound(images, RUN, RUN_STRIDE)
    if not compounder.images:
        return None
    volume = compounder.volume()
    write_volume(out, volume)
    return volume


def compound(
    images: Iterable[TrackedImage], settings: Reconstruction, stride: int = 1, mask: Mask | None = None, rest_rows: RestRows | None = None
) -> Compounder:
    """Images compounded in base [mm]; `rest_rows` tells for one taken at a time [ns] which rows its pixels' content belongs in."""
    compounder = Compounder(settings, stride)
    for image in images:
        rows = OWN_ROWS if rest_rows is None else rest_rows(image.taken_ns)
        compounder.add(image.pixels, np.diag([1e3, 1e3, 1e3, 1.0]) @ image.T_base_pixel, mask, rows)
    return compounder


def reconstruct_run(
    images: Iterable[TrackedImage], geometry: ImageGeometry | None, out: Path, changes: Mapping[str, Any] = NO_CHANGES,
    rest_rows: RestRows | None = None,
) -> dict[str, Any]:
    """The volume of a robot's scan with every pixel, in base, into `out`; returns what it did. Raises: DataError without images."""
    check_volume_path(out)
    settings = replace(RUN, **changes)
    if settings.clip is not None:
        raise DataError("a clip rectangle is for sequences; a run's images are cut by depth (depth_mm)")
    mask = None
    if settings.depth_mm is not None and geometry is not None:
        mask = depth_mask(1e3 * pixel_depths_m(geometry), *settings.depth_mm)
    compounder = compound(images, settings, mask=mask, rest_rows=rest_rows)
    if not compounder.images:
        raise DataError("the run holds no accepted image with a pose")
    volume = compounder.volume()
    _check_filled("the run", volume)
    write_volume(out, volume)
    return {"frames": compounder.images, **_described(volume)}
