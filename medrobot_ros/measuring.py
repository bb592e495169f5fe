"""What is measured on: an image of a run, or a file's."""

from itertools import islice
from pathlib import Path

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.measuring import Scaled, checked_number, read_scaled
from medrobot_ros.recording.reader import Run


def scaled_of(path: Path, image: int | None) -> Scaled:
    """Of a run's folder the `image`, from the middle of the probe's face; or as `read_scaled`. Raises: DataError."""
    return _run_image(path, image) if path.is_dir() else read_scaled(path, image)


def _run_image(folder: Path, number: int | None) -> Scaled:
    run = Run(folder)
    if run.geometry is None:
        raise DataError(f"{folder}: no image/geometry was recorded, so the images have no scale")
    k = checked_number(folder, number, len(run.raw("image")[0]))
    image = next(islice(run.images(), k, None))
    T = run.geometry.T_probe_image
    origin_mm = 1e3 * np.array([T[0, 3], T[2, 3]])
    return Scaled(image.pixels, 1e3 * np.array(run.geometry.spacing_m, float), origin_mm, run.config.imaging.dynamic_range_db)
