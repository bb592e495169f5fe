"""The scatterers: a random field that is fixed in the tissue, already as coarse as the finest beam sees it.

A beam adds up what lies within its width, so one sample of the field stands for a grain as wide as a share of the beam. Its axes follow
the image's lateral and elevation directions to the nearest eighth of a turn, because a slice is much thicker than a line is wide.
"""

from dataclasses import dataclass
from math import atan2, cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from scipy.fft import ifftn

from medrobot_ros.signals import Array

SHAPE, GRAIN_CELLS = (128, 32, 512), 1.2  # cells beside, across and along the beam; a grain's standard deviation in cells
LATERAL_GRAIN = 0.6  # of the beam's standard deviation at its focus
STRUCTURE_SHAPE, STRUCTURE_PITCH_M, STRUCTURE_SIGMA = (64, 64, 128), (0.0012, 0.0012, 0.0004), 2.0


def random_tile(rng: np.random.Generator, shape: tuple[int, int, int], sigma: float) -> NDArray[np.complex64]:
    """Complex Gaussian noise of unit mean power that repeats seamlessly, smooth over `sigma` voxels."""
    white = rng.standard_normal((*shape, 2), np.float32).view(np.complex64)[..., 0]  # its spectrum is white as well
    low_pass = [np.exp(-2.0 * (pi * sigma * np.fft.fftfreq(n)) ** 2).astype(np.float32) for n in shape]
    tile: NDArray[np.complex64] = ifftn(white * low_pass[0][:, None, None] * low_pass[1][:, None] * low_pass[2], overwrite_x=True)
    tile /= np.sqrt(np.mean(tile.real**2) + np.mean(tile.imag**2))
    return tile


@dataclass(frozen=True)
class Grain:
    """Standard deviations of one grain: beside the beam, across the image and along depth [m]."""

    lateral_m: float
    elevation_m: float
    axial_m: float


class Scatterers:
    """A tile of grains, and a coarser one that makes the structure of muscle and fat."""

    def __init__(self, rng: np.random.Generator, grain: Grain) -> None:
        self.tile = random_tile(rng, SHAPE, GRAIN_CELLS)
        self.structure: NDArray[np.float32] = np.ascontiguousarray(random_tile(rng, STRUCTURE_SHAPE, STRUCTURE_SIGMA).real) * np.float32(
            np.sqrt(2.0)
        )
        self.noise = self.tile.reshape(-1).view(np.float32).reshape(-1, 2)  # any complex noise will do for the receiver's
        self._per_m = GRAIN_CELLS / np.array([grain.lateral_m, grain.elevation_m, grain.axial_m])

    def axes(self, T_patient_probe: Array) -> NDArray[np.float32]:
        """Cells per metre of (x, y) beside and across the image, and of depth: (5,) for the kernel."""
        yaw = round(atan2(T_patient_probe[1, 0], T_patient_probe[0, 0]) / (0.25 * pi)) * 0.25 * pi
        beside, across, along = self._per_m
        return np.array([cos(yaw) * beside, sin(yaw) * beside, -sin(yaw) * across, cos(yaw) * across, along], np.float32)
