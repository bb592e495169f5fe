"""How far a run's images lag behind its poses, from how the probe presses as it comes to rest on the skin.

While contact seats the probe it stays at its place: what moves it is the breathing, with which the tissue goes, and the pressing, which
moves the tissue up in the image. The first is taken out of the poses, the second is what both have in common.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.finish import run_breathing
from medrobot_ros.imaging.temporal import Latency, Stretch, estimate_latency, image_motion
from medrobot_ros.recording.reader import Run, Stamps
from medrobot_ros.signals import Array, Image

LONGEST_S = 0.25  # that is looked for, either way
TOUCHING = 0.3  # share of the aperture that the image itself shows in contact: chosen


def run_latency(folder: Path) -> Latency:
    """Of a run's images behind its poses. Raises: DataError where it holds too few images of the probe coming to rest."""
    run = Run(folder)
    poses = run.poses("probe/pose")
    seats = _seats(run)
    if not seats:
        raise DataError(f"{folder}: no images of the probe coming to rest on the skin")
    beam = np.mean([poses.pose_at(seat[0].stamp_ns)[:3, 2] for seat in seats], axis=0)
    depth_m: Array = poses.values[:, :3, 3] @ beam + run_breathing(run).offset_m(poses.stamps_ns)
    start_ns = int(poses.stamps_ns[0])
    motions = [(_seconds([i.stamp_ns for i in s], start_ns), image_motion(np.array([i.pixels for i in s]))) for s in seats]
    try:
        return estimate_latency([Stretch(*m, depth_m) for m in motions], _seconds(poses.stamps_ns, start_ns), LONGEST_S)
    except DataError as e:
        raise DataError(f"{folder}: {e}") from None


def _seconds(stamps_ns: Sequence[int] | Stamps, start_ns: int) -> Array:
    return 1e-9 * (np.asarray(stamps_ns, dtype=np.int64) - start_ns).astype(np.float64)


def _seats(run: Run) -> list[list[Image]]:
    """Images in contact, one list for each time that contact seated the probe."""
    states = run.signals("contact/state")
    since_ns = [s.stamp_ns for s in states]

    def pressed(image: Image) -> bool:
        k, quality = int(np.searchsorted(since_ns, image.stamp_ns, side="right")) - 1, run.qualities.get(image.stamp_ns)
        return k >= 0 and states[k].state == "seat" and quality is not None and quality.contact_share >= TOUCHING

    return [list(images) for seated, images in groupby(run.images(), pressed) if seated]
