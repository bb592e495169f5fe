"""A blood vessel: a straight tube with Poiseuille flow that follows the heart.

Coordinates are those of the anatomy: x to the patient's left, y cranial, depth below the skin [m].
"""

from dataclasses import dataclass
from math import sin

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array


@dataclass(frozen=True)
class Vessel:
    """`mean_speed_m_per_s` is over the lumen and the heart's cycle; its peak on the axis is twice that.

    `pulsatility` is Gosling's index, (highest - lowest) / mean speed over a cycle; `pulse_share` is the share of the radius by which the
    lumen widens and narrows about `radius_m` at each beat.
    """

    name: str
    point: tuple[float, float, float]  # on the axis [m]
    direction: tuple[float, float, float]  # of the flow, of any length
    radius_m: float
    mean_speed_m_per_s: float
    pulsatility: float = 0.0
    pulse_share: float = 0.0

    @property
    def axis(self) -> Array:
        """Unit direction of the flow. (3,)."""
        d = np.asarray(self.direction, float)
        return d / np.linalg.norm(d)

    def mean_speed_at(self, heart_phase_rad: float) -> float:
        """Speed over the lumen at a phase of the heart [m/s], negative where the flow turns back."""
        return self.mean_speed_m_per_s * (1.0 + 0.5 * self.pulsatility * sin(heart_phase_rad))

    def radius_at(self, heart_phase_rad: float) -> float:
        """Radius of the lumen at a phase of the heart [m]."""
        return self.radius_m * (1.0 + self.pulse_share * sin(heart_phase_rad))

    def from_axis_squared(self, points: Array) -> Array:
        """Squared distance from the axis of points (..., 3) [m^2]."""
        from_point = points - np.asarray(self.point)
        across = from_point - (from_point @ self.axis)[..., None] * self.axis
        out: Array = (across**2).sum(axis=-1)
        return out

    def contains(self, points: Array, heart_phase_rad: float = 0.0) -> NDArray[np.bool_]:
        """Whether points (..., 3) lie in the lumen."""
        return self.from_axis_squared(points) < self.radius_at(heart_phase_rad) ** 2

    def velocity(self, points: Array, heart_phase_rad: float = 0.0) -> Array:
        """Blood's velocity [m/s] at points (..., 3): parabolic over the lumen, zero outside it. (..., 3)."""
        share = self.from_axis_squared(points) / self.radius_at(heart_phase_rad) ** 2
        speed = 2.0 * self.mean_speed_at(heart_phase_rad) * np.maximum(1.0 - share, 0.0)
        return speed[..., None] * self.axis
