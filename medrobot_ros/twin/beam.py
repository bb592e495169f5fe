"""How wide the beam is over depth, beside and across the image, and what that makes of echoes that lie apart.

Widths are full widths at half the amplitude of a point's echo, there and back. At the focus they are wavelength times F-number.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from medrobot_ros.signals import Array

FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))  # of a Gaussian, in standard deviations
REACH = 3.0  # standard deviations up to which neighbouring lines are summed
MOST_LINES = 12  # on either side; near a phased array's face, where all lines begin, the beam is wider


@dataclass(frozen=True)
class Beam:
    """Focused at `focus_m` through an aperture `focus_m / f_number` wide; a lens across the image focuses `elevation_m` there too.

    On receive the focus follows the depth with the same F-number, until the array of `array_m` ends.
    """

    wavelength_m: float
    focus_m: float
    f_number: float
    array_m: float
    elevation_m: float

    def lateral_m(self, depth_m: Array) -> Array:
        """Beside the beam. Gaussian beams multiply: inverse squares of both ways' widths add. Any shape [m]."""
        send = 2.0 * (self.wavelength_m * self.f_number) ** 2 + ((depth_m - self.focus_m) / self.f_number) ** 2
        receive = 2.0 * (self.wavelength_m * np.maximum(self.f_number, depth_m / self.array_m)) ** 2
        out: Array = 1.0 / np.sqrt(1.0 / send + 1.0 / receive)
        return out

    def elevation_m_at(self, depth_m: Array) -> Array:
        """Across the image, where the lens is the same both ways: the slice's thickness. Any shape [m]."""
        f_number = self.focus_m / self.elevation_m
        out: Array = np.hypot(self.wavelength_m * f_number, (depth_m - self.focus_m) / f_number / np.sqrt(2.0))
        return out


def lateral_weights(sigma_m: Array, grain_m: float, spacing_m: Array) -> NDArray[np.float32]:
    """What neighbouring lines add to a line, shape (reach + 1, samples), by their distance in lines: a sum of 1 over both sides.

    The scatterers are already `grain_m` wide; the lines add what the beam, `sigma_m` (samples,), is wider: standard deviations.
    """
    sigma = np.sqrt(np.maximum(sigma_m**2 - grain_m**2, 0.0)) / spacing_m
    apart = np.arange(min(int(np.ceil(REACH * sigma.max())), MOST_LINES) + 1)[:, None]
    weights = np.exp(-0.5 * (apart / np.maximum(sigma, 1e-3)) ** 2)
    return (weights / (2.0 * weights.sum(axis=0) - weights[0])).astype(np.float32)


def elevation_slices(count: int) -> tuple[Array, Array]:
    """Where slices lie across the image, in standard deviations, and their shares: Gauss and Hermite's nodes and weights."""
    nodes, weights = hermegauss(count)
    return nodes, weights / weights.sum()


def scattered_power(weights: NDArray[Any], apart_m: Array, grain_m: float) -> Array:
    """Mean power (samples,) of a weighted sum of one field of unit power at places `apart_m` (n, samples), correlated over a grain."""
    distance = apart_m[:, None] - apart_m[None, :]
    correlation = np.exp(-0.25 * (distance / grain_m) ** 2)
    out: Array = np.einsum("is,js,ijs->s", weights, weights, correlation)
    return out
