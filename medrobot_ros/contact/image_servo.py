"""What the image asks of contact: tilt towards the side that does not couple, press where little couples, rock out of a shadow.

Each request grows while its cause lasts, is bounded, and fades once the cause is gone. Axes are the probe's: a tilt turns about y
(in the image plane), a rock about x (out of it). Bounds and speeds: chosen.
"""

from math import copysign, exp

import numpy as np

from medrobot_ros.config import ImageServoSection
from medrobot_ros.contact.path_tracking import UPRIGHT, PathTracking
from medrobot_ros.signals import Array, ImageQuality

LONGEST_STEP_S = 0.2  # a gap between images counts as this at most
EVEN = 0.15  # imbalance below which neither side is the one that does not couple


class ImageServo:
    """Turns verdicts on images, heard while scanning, into `tilt_rad`, `rock_rad` and `press_n`."""

    def __init__(self, config: ImageServoSection) -> None:
        self._config = config
        self.release()

    def release(self) -> None:
        """Asks for nothing; call when a scan begins or ends."""
        self.tilt_rad = self.rock_rad = self.press_n = 0.0
        self._sweep = 1.0
        self._stamp_ns: int | None = None

    def hear(self, quality: ImageQuality) -> None:
        """Takes the verdict on an image newer than the last."""
        if self._stamp_ns is not None:
            step_s = min(1e-9 * (quality.stamp_ns - self._stamp_ns), LONGEST_STEP_S)
            self._advance(quality, max(step_s, 0.0))
        self._stamp_ns = quality.stamp_ns

    def _advance(self, quality: ImageQuality, step_s: float) -> None:
        c, kept = self._config, exp(-step_s / self._config.return_s)
        lacking = quality.contact_share < c.wanted_share
        if lacking and abs(quality.imbalance) > EVEN:
            self.tilt_rad = _bounded(self.tilt_rad + c.tilt_rad_per_s * quality.imbalance * step_s, c.max_tilt_rad)
        else:
            self.tilt_rad *= kept
        if lacking and abs(quality.imbalance) <= EVEN:
            self.press_n = min(self.press_n + c.press_n_per_s * step_s, c.max_press_n)
        else:
            self.press_n *= kept
        if quality.shadow_share is not None and quality.shadow_share > c.rock_shadow:
            self._rock(c.rock_rad_per_s * step_s)
        else:
            self.rock_rad *= kept

    def _rock(self, step_rad: float) -> None:
        """Sweeps to and fro between the bounds."""
        limit = self._config.max_rock_rad
        self.rock_rad = _bounded(self.rock_rad + self._sweep * step_rad, limit)
        if abs(self.rock_rad) >= limit:
            self._sweep = -copysign(1.0, self.rock_rad)

    @property
    def asked_rad(self) -> Array:
        """The turn (2,) asked for, about the probe's x and y."""
        return np.array([self.rock_rad, self.tilt_rad])

    def follow(self, path: PathTracking, T_base_probe: Array, pace: float, lean_rad: Array = UPRIGHT) -> Array:
        """The path's twist (6,) in probe axes towards its pose turned by what is asked and a lean (2,); nothing along the beam."""
        return path.twist(T_base_probe, pace, self.asked_rad + lean_rad)


def _bounded(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
