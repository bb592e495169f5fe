"""How good an image is, from its pixels alone: which part of the aperture touches, how far it sees, what lies in shadow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import QualitySection
from medrobot_ros.imaging.blur import blur
from medrobot_ros.imaging.confidence import ACROSS, ALONG, confidence_map
from medrobot_ros.imaging.noise import NoiseFloor
from medrobot_ros.imaging.polar import DEPTHS, LINES, PolarView, block_means
from medrobot_ros.imaging.sectors import end_of_signal, longest_run
from medrobot_ros.imaging.verdict import judged
from medrobot_ros.signals import Image, ImageGeometry, ImageQuality

SECTORS, LEVELS = 64, 64  # cells of the aperture and of the depth
TOUCH_M = (0.008, 0.022)  # depth below an element's reverberation in which a coupled one shows tissue
SIGNAL_GREY = 26.0  # mean of a cell above which it shows more than a receiver's noise, a tenth of the range drawn
DEEPEST = 0.9  # quantile of the coupled sectors' ends of signal that tells how far the image sees

Mask = NDArray[np.bool_]


class QualityMeter:
    """Judges images of one geometry, in the order they were made: the last one without contact tells the receiver's noise."""

    def __init__(self, geometry: ImageGeometry, thresholds: QualitySection, dynamic_range_db: float) -> None:
        self._thresholds, self._view = thresholds, PolarView(geometry)
        self._level_m = geometry.depth_m / LEVELS
        depth_m = (np.arange(LEVELS) + 0.5) * self._level_m
        self._touch, self._below = _band(depth_m, TOUCH_M), _band(depth_m, (TOUCH_M[0], np.inf))
        self._target = _band(depth_m, thresholds.target_m)
        self._target_of_map = _band((np.arange(DEPTHS // ALONG) + 0.5) * geometry.depth_m * ALONG / DEPTHS, thresholds.target_m)
        self._edges_m = self._view.edges_m(SECTORS)
        self._noise = NoiseFloor(dynamic_range_db / 255.0)

    def assess(self, image: Image) -> ImageQuality:
        """The verdict, with its reasons."""
        grey = self._view(image.pixels)
        cells = block_means(grey, SECTORS, LEVELS)
        shown = cells > SIGNAL_GREY
        touching = shown[:, self._touch].mean(axis=1) >= 0.5
        figures = self._contact(shown, touching)
        if touching.any():
            figures |= self._depth(shown, touching) | self._texture(grey, cells, touching)
        else:
            self._noise.learn(cells)
        return judged(ImageQuality(image.stamp_ns, accepted=False, **figures), self._thresholds)

    def _contact(self, shown: Mask, touching: Mask) -> dict[str, Any]:
        first, end = longest_run(touching)
        half = SECTORS // 2
        return {
            "contact_share": float(touching.mean()),
            "visibility": float((shown[:, self._below] & touching[:, None]).mean()),
            "coupled_m": (float(self._edges_m[first]), float(self._edges_m[end])) if end > first else (0.0, 0.0),
            "imbalance": float(touching[half:].mean() - touching[:half].mean()),
        }

    def _depth(self, shown: Mask, touching: Mask) -> dict[str, Any]:
        end = end_of_signal(shown)
        reach = int(_quantile(end[touching], DEEPEST))
        first, last = self._target.start, self._target.stop
        seen = np.clip(end, first, last)[touching]  # how far into the target depths each sees, and in how many of them others see deeper
        shadowed = np.maximum(min(reach, last) - seen, 0)
        return {
            "penetration_m": reach * self._level_m,
            "shadow_share": float(shadowed.mean()) / (last - first),
            "target_visibility": float((seen - first).sum()) / (SECTORS * (last - first)),
        }

    def _texture(self, grey: NDArray[np.float32], cells: NDArray[np.float32], touching: Mask) -> dict[str, Any]:
        nodes = touching.reshape(LINES // ACROSS, -1).mean(axis=1)
        return {
            "confidence": float((confidence_map(grey)[:, self._target_of_map] * nodes[:, None]).mean()),
            "blur": blur(grey[np.repeat(touching, LINES // SECTORS)]),
            "snr_db": self._noise.snr_db(cells[touching]),
        }


def _band(depth_m: NDArray[np.floating], target_m: tuple[float, float]) -> slice:
    """The depths between two bounds; the nearest one where none lies between them."""
    inside = np.flatnonzero((depth_m > target_m[0]) & (depth_m < target_m[1]))
    if not len(inside):
        inside = np.array([np.argmin(np.abs(depth_m - 0.5 * (target_m[0] + target_m[1])))])
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _quantile(values: NDArray[np.int64], share: float) -> float:
    """As numpy's, linear between values, which takes its time over a few."""
    ordered = np.sort(values).tolist()
    at = share * (len(ordered) - 1)
    k = int(at)
    below, above = ordered[k], ordered[min(k + 1, len(ordered) - 1)]
    return float(below + (at - k) * (above - below))
