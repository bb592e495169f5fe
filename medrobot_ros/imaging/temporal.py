"""How much later an image is stamped than the pose it was taken at, from how both move along the beam.

What lies still in space moves up in the image by what the probe moves down. The image's own motion, between neighbours by normalised
cross-correlation of their mean columns, summed, is laid over the poses' at every lag; the lag at which they fit best is the latency.
They need not be proportional: tissue that is pressed moves less the deeper it lies, and what the poses do not show drifts slowly.
A sequence's images are cut into strips, each with the depth of its own place: a probe that rocks moves its sides against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.calibration import read_calibration
from medrobot_ros.imaging.sequence import read_sequence
from medrobot_ros.imaging.tracked import tracked_frames
from medrobot_ros.signals import Array

MAX_LATENCY_S = 0.5
MAX_STEP = 0.1  # of the rows, that an image moves by between neighbours
MIN_IMAGES = 20
MIN_CORRELATION = 0.8  # between the two motions, for a lag to mean anything: chosen
STEP_S = 0.002  # of the coarse search
STRIPS = 5  # beside each other, that a sequence's images are cut into: chosen
DRIFT = 2  # degree in time of what moves images without the probe, as what is left of a breath


@dataclass(frozen=True)
class Latency:
    """`latency_s` is how much the images' stamps lag behind the poses' (negative: lead); `correlation` is that of the motions then,
    beside what drifts.
    """

    latency_s: float
    correlation: float

    def figures(self) -> dict[str, float]:
        """As a command prints them."""
        return {"latency_ms": round(1e3 * self.latency_s, 1), "correlation": round(self.correlation, 4)}


def image_motion(images: NDArray[np.uint8]) -> Array:
    """How far the content of images (N, rows, columns) has moved down since the first one, in rows. Shape (N,)."""
    profiles = images.astype(float).mean(axis=2)
    steps = [_shift(a, b) for a, b in pairwise(profiles)]
    return np.concatenate(([0.0], np.cumsum(steps)))


def _shift(a: Array, b: Array) -> float:
    """Rows by which profile b lies below a, to a fraction by a parabola through the best three."""
    reach = max(2, round(MAX_STEP * len(a)))
    shifts = range(-reach, reach + 1)
    match = np.array([correlation(a[max(0, -s) : len(a) - max(0, s)], b[max(0, s) : len(b) - max(0, -s)]) for s in shifts])
    if not match.any():
        return 0.0  # where nothing is drawn nothing moves
    k = min(max(int(np.argmax(match)), 1), len(match) - 2)
    left, best, right = match[k - 1 : k + 2]
    bend = left - 2.0 * best + right
    return float(shifts[k] + (0.5 * (left - right) / bend if bend < 0.0 else 0.0))


@dataclass(frozen=True)
class Stretch:
    """Motion (N,) of images stamped `image_s` [s] that were taken one after the other, and the `depth` (M,) along the beam, at the times
    of the poses, of the place that they show; in any units.
    """

    image_s: Array
    motion: Array
    depth: Array


def estimate_latency(stretches: Sequence[Stretch], pose_s: Array, longest_s: float = MAX_LATENCY_S) -> Latency:
    """From images' motion, and their depths (M,) at `pose_s` [s]; up to `longest_s` either way.

    Raises: DataError where there are too few images, or the two motions do not follow each other.
    """
    within = [_within(s, pose_s[0] + longest_s, pose_s[-1] - longest_s) for s in stretches] if len(pose_s) else []
    within = [s for s in within if len(s.image_s) > DRIFT + 3]
    apart = {float(s.image_s[0]): s.image_s for s in within}.values()  # strips show the same times
    images, length_s = sum(map(len, apart)), sum(float(np.ptp(times)) for times in apart)
    if images < MIN_IMAGES or length_s <= 2.0 * longest_s:
        raise DataError(f"{images} images over {length_s:.1f} s, {longest_s:g} s from the ends of the poses: "
                        f"{MIN_IMAGES} over more than {2.0 * longest_s:g} s are needed")  # fmt: skip

    def mismatch(lag_s: float) -> float:
        left, moved = np.sum([_unexplained(s, np.interp(s.image_s - lag_s, pose_s, s.depth)) for s in within], axis=0)
        return float(left / moved) if moved > 0.0 else 1.0

    lags = np.arange(-longest_s, longest_s + STEP_S, STEP_S)
    best = float(lags[int(np.argmin([mismatch(lag) for lag in lags]))])
    fine = minimize_scalar(mismatch, bounds=(best - STEP_S, best + STEP_S), method="bounded", options={"xatol": 1e-5})
    explained = float(np.sqrt(max(0.0, 1.0 - mismatch(float(fine.x)))))
    if not explained >= MIN_CORRELATION:
        raise DataError(f"the images' motion does not follow the probe's (correlation {explained:.2f}): "
                        "move the probe up and down along its beam over something still")  # fmt: skip
    return Latency(float(fine.x), explained)


def _within(stretch: Stretch, first_s: float, last_s: float) -> Stretch:
    inside = (stretch.image_s > first_s) & (stretch.image_s < last_s)
    return Stretch(stretch.image_s[inside], stretch.motion[inside], stretch.depth)


def _unexplained(stretch: Stretch, depth: Array) -> tuple[float, float]:
    """Squares of the motion beside a slow drift: of what a parabola in depth leaves, and of all. Falling depth must move images down."""
    time, depth = _scaled(stretch.image_s), _scaled(depth)
    drift = np.column_stack([time**k for k in range(DRIFT + 1)])
    beside = stretch.motion - drift @ np.linalg.lstsq(drift, stretch.motion, rcond=None)[0]
    moved = float(beside @ beside)
    columns = np.column_stack((depth, depth**2, drift))
    solution = np.linalg.lstsq(columns, stretch.motion, rcond=None)[0]
    left = stretch.motion - columns @ solution
    return (float(left @ left) if solution[0] < 0.0 else moved), moved


def _scaled(values: Array) -> Array:
    """From about -1 to 1."""
    away = values - values.mean()
    return away / max(float(np.abs(away).max()), 1e-12)


def file_latency(sequence: Path, calibration: Path) -> dict[str, Any]:
    """Of a tracked sequence's images against the poses recorded with them; returns what it found and did. Raises: DataError."""
    recorded, T_probe_pixel = read_sequence(sequence), read_calibration(calibration).T_probe_pixel
    tracked = tracked_frames(recorded)
    timed = [(k, T @ T_probe_pixel, recorded.frames[k].time_s) for k, T in tracked.frames]
    untimed = [k for k, _, time_s in timed if time_s is None]
    if untimed:
        raise DataError(f"{sequence}: Seq_Frame{untimed[0]:04d}_Timestamp is missing")
    time_s, T_reference_pixel = np.array([t for _, _, t in timed], float), np.array([T for _, T, _ in timed])
    if not (np.diff(time_s) > 0.0).all():
        raise DataError(f"{sequence}: its frames' Timestamp does not rise")
    pixels = recorded.pixels[[k for k, _, _ in timed]]
    try:
        return {**tracked.counts(), **estimate_latency(_strips(pixels, time_s, T_reference_pixel), time_s).figures()}
    except DataError as e:
        raise DataError(f"{sequence}: {e}") from None


def _strips(pixels: NDArray[np.uint8], time_s: Array, T_reference_pixel: Array) -> list[Stretch]:
    """Images (N, rows, columns), cut into strips, with the depth of each strip's middle."""
    beam = T_reference_pixel[:, :3, 1].mean(axis=0)
    beam /= np.linalg.norm(beam)
    rows, columns = pixels.shape[1:]
    strips = []
    for part in np.array_split(np.arange(columns), STRIPS):
        depth_mm = (T_reference_pixel @ np.array([part.mean(), 0.5 * rows, 0.0, 1.0]))[:, :3] @ beam
        strips.append(Stretch(time_s, image_motion(pixels[:, :, part[0] : part[-1] + 1]), depth_mm))
    return strips


def correlation(a: Array, b: Array) -> float:
    """Of two profiles (N,), normalised; 0 where either does not vary."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0.0 else 0.0
