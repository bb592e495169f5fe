"""Recorded scan lines, brightness or radio-frequency echoes, to upright images: `medrobot scan-convert`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.machine_geometry import read_machine_geometry
from medrobot_ros.imaging.rf import Compression, brightness
from medrobot_ros.imaging.scan_conversion import ScanConverter
from medrobot_ros.imaging.sequence import BRIGHTNESS, SCAN_LINES, read_sequence, write_sequence
from medrobot_ros.imaging.tracked import numbered


def scan_convert_file(file: Path, geometry: Path, out: Path, compression: Compression) -> dict[str, Any]:
    """Writes the images of recorded scan lines, with their times and transforms, to `out`; returns what it did. Raises: DataError."""
    machine, recorded = read_machine_geometry(geometry), read_sequence(file, SCAN_LINES)
    lines = recorded.pixels
    if recorded.image_type != BRIGHTNESS:
        try:
            lines = brightness(lines, recorded.image_type, machine.depth_m, compression)
        except DataError as e:
            raise DataError(f"{file}: {e}") from None
    elif lines.dtype != np.uint8:
        raise DataError(f"{file}: UltrasoundImageType = {BRIGHTNESS} needs ElementType = MET_UCHAR")
    if min(lines.shape[1:]) < 2:
        raise DataError(f"{file}: DimSize must hold two lines of two samples at least")
    scan = machine.scan_lines(*lines.shape[1:])
    convert = ScanConverter(scan, *machine.pixel_centres())
    images = np.stack([convert(frame) for frame in lines])
    spacing_mm = (1e3 * machine.spacing_m[0], 1e3 * machine.spacing_m[1])
    write_sequence(out, replace(recorded, pixels=images, spacing_mm=spacing_mm, image_type=BRIGHTNESS))
    invalid = [f"{file}: {next(iter(f.problems), '')}" for f in recorded.frames if not f.ok]
    return {
        "frames": len(images), **numbered("invalid", invalid), "lines": scan.lines, "samples": scan.samples,
        "size": [machine.columns, machine.rows], "spacing_mm": [round(s, 6) for s in spacing_mm],
    }  # fmt: skip
