"""Volumes: how they agree with PLUS's own of the spine phantom, and how fast images are compounded, beside plain numpy.

`python bench/reconstruction.py`
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plain import PlainMean

from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.imaging.agreement import agreement
from medrobot_ros.imaging.compounding import Compounder
from medrobot_ros.imaging.reconstruction import reconstruct_file
from medrobot_ros.imaging.settings import COMPOUNDINGS, Reconstruction
from medrobot_ros.imaging.volume import read_volume
from medrobot_ros.signals import Array

ROWS, COLUMNS, VOXELS, IMAGES = 480, 640, 256, 60
PIXEL_MM = 0.37  # so that an image turned any way lies inside a volume of 1 mm voxels


def spine() -> dict[str, Any] | None:
    """With PLUS's settings; None where the test data is absent."""
    data = Path(os.environ.get("MEDROBOT_TEST_DATA", "../shared/data")) / "plus"
    if not data.exists():
        return None
    with tempfile.TemporaryDirectory() as out:
        file = Path(out) / "volume.mha"
        reconstruct_file(data / "SpinePhantomFreehand.igs.mha", data / "SpinePhantomFreehandReconstruction.xml", file)
        found = agreement(read_volume(file), read_volume(data / "SpinePhantomFreehandReconstructed.mha"))
    return {name: round(value, 4) for name, value in vars(found).items()}


def sweep() -> list[Array]:
    """Transforms (4, 4) from pixels to mm of a tilting fan of images."""
    middle = pose(np.eye(3), np.array([0.5 * VOXELS, 0.5 * VOXELS, 20.0]))
    turned = [middle @ pose(rotation_from_vector(np.array([a, 0.3 * a, 0.0])), np.zeros(3)) for a in np.linspace(0.9, 1.9, IMAGES)]
    to_mm = np.diag([PIXEL_MM, PIXEL_MM, 1.0, 1.0])
    to_mm[0, 3] = -0.5 * COLUMNS * PIXEL_MM
    return [T @ to_mm for T in turned]


def images_per_s(add: Callable[[NDArray[np.uint8], Array], None], images: int = IMAGES) -> float:
    """640 x 480 images a second into 256^3 voxels, in time of one core, best of three sweeps."""
    transforms = sweep()[:: IMAGES // images]
    image = np.random.default_rng(0).integers(1, 255, (ROWS, COLUMNS)).astype(np.uint8)
    times = []
    for _ in range(3):
        began = time.thread_time()
        for T in transforms:
            add(image, T)
        times.append(time.thread_time() - began)
    return round(len(transforms) / min(times), 1)


def compounder(settings: Reconstruction) -> Compounder:
    """With room for 256^3 voxels."""
    made = Compounder(settings)
    made.reserve(np.zeros(3), np.full(3, VOXELS - 1.0))
    return made


def speed() -> dict[str, float]:
    """Of each way to compound, and of the mean in plain numpy."""
    compiled = {name: images_per_s(compounder(Reconstruction((1.0, 1.0, 1.0), compounding=name)).add) for name in COMPOUNDINGS}
    return {**compiled, "plain_numpy": images_per_s(PlainMean(VOXELS).add, 4)}


def figures() -> dict[str, Any]:
    """Everything."""
    return {**(spine() or {}), "images_per_s": speed()}


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
