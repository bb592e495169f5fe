"""The scatterers: a random field that is fixed in the tissue, already as coarse as the finest beam sees it.

A beam adds up what lies within its width, so one sample of the field stands for a grain as wide as a share of the beam. Its axes follow
the image's lateral and elevation directions to the nearest eighth of a turn, because a slice is much thicker than a line is wide.
"""

from dataclasses import dataclass
from math import atan2, cos, exp, pi, sin

import numpy as np
from numpy.typing import NDArray
from scipy.fft import ifftn

from medrobot_ros.signals import Array
from medrobot_ros.twin.kernel import kernel

SHAPE, GRAIN_CELLS = (128, 32, 512), 1.2  # cells beside, across and along the beam; a grain's standard deviation in cells
UNIT = 4096  # the field's root mean square in the tile, whose numbers are small ones so that more of them are at hand
LATERAL_GRAIN = 0.6  # of the beam's standard deviation at its focus
STRUCTURE_SHAPE, STRUCTURE_PITCH_M, STRUCTURE_SIGMA = (64, 64, 128), (0.0012, 0.0012, 0.0004), 2.0
STRUCTURE_GAIN, LEAST_STRUCTURE = np.float32(0.4), np.float32(0.1)
PER_STRUCTURE = tuple(np.float32(1.0 / v) for v in STRUCTURE_PITCH_M)
STRUCTURE_MASK, TILE_MASK = (tuple(n - 1 for n in shape) for shape in (STRUCTURE_SHAPE, SHAPE))  # they repeat, with powers of two
ACROSS_MASK = TILE_MASK[1] * SHAPE[2]  # what of a cell's index in the raveled tile says where it lies across
BETWEEN = np.float32(1.0 - exp(-0.25 / GRAIN_CELLS**2))  # one less the correlation of scatterers one cell apart
ASIDE = np.float32(4096.0)  # keeps cells' coordinates above 0


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
    """A `tile` of grains (beside, across, along, 2) in `UNIT`, real and imaginary, and a coarser one: the structure of muscle and fat."""

    def __init__(self, rng: np.random.Generator, grain: Grain) -> None:
        grains = random_tile(rng, SHAPE, GRAIN_CELLS).view(np.float32)
        grains *= UNIT
        self.tile = np.rint(grains, out=grains).astype(np.int16).reshape(*SHAPE, 2)
        self.structure: NDArray[np.float32] = np.ascontiguousarray(random_tile(rng, STRUCTURE_SHAPE, STRUCTURE_SIGMA).real) * np.float32(
            np.sqrt(2.0)
        )
        self._per_m = GRAIN_CELLS / np.array([grain.lateral_m, grain.elevation_m, grain.axial_m])

    def axes(self, T_patient_probe: Array) -> NDArray[np.float32]:
        """Cells per metre of (x, y) beside and across the image, and of depth: (5,) for the kernel."""
        yaw = round(atan2(T_patient_probe[1, 0], T_patient_probe[0, 0]) / (0.25 * pi)) * 0.25 * pi
        beside, across, along = self._per_m
        return np.array([cos(yaw) * beside, sin(yaw) * beside, -sin(yaw) * across, cos(yaw) * across, along], np.float32)


@kernel
def scatter(work, end, scatterers, echoes):  # type: ignore[no-untyped-def]
    """Adds to a line's `echoes` (2 samples,) what the first `end` samples of a ray's path send back.

    `work`: see `new_path`; `scatterers`: axes, structure and tile, both raveled, the tile's real and imaginary parts in one number. Each
    loop either computes, and is compiled to vector code, or looks up, which is not.
    """
    axes, structure, tile = scatterers
    x, y, depth, level, coarse, at, near, far = work
    one = np.float32(1.0)
    for k in range(end):
        u = np.int32(x[k] * PER_STRUCTURE[0] + ASIDE) & STRUCTURE_MASK[0]
        v = np.int32(y[k] * PER_STRUCTURE[1] + ASIDE) & STRUCTURE_MASK[1]
        w = np.int32(depth[k] * PER_STRUCTURE[2]) & STRUCTURE_MASK[2]
        at[k] = (u * STRUCTURE_SHAPE[1] + v) * STRUCTURE_SHAPE[2] + w
    for k in range(end):
        coarse[k] *= structure[np.uint32(at[k])]
    for k in range(end):
        level[k] *= max(one + STRUCTURE_GAIN * coarse[k], LEAST_STRUCTURE)
    bx, by, ax, ay, ad = axes[0], axes[1], axes[2], axes[3], axes[4]
    for k in range(end):
        beside, across, along = x[k] * bx + y[k] * by + ASIDE, x[k] * ax + y[k] * ay + ASIDE, depth[k] * ad
        v = np.int32(across)
        x[k] = across - np.float32(v)
        u, w = np.int32(beside) & TILE_MASK[0], np.int32(along) & TILE_MASK[2]
        at[k] = (u * SHAPE[1] + (v & TILE_MASK[1])) * SHAPE[2] + w
    for k in range(end):
        n = at[k]
        near[k], far[k] = tile[np.uint32(n)], tile[np.uint32((n & ~ACROSS_MASK) | ((n + SHAPE[2]) & ACROSS_MASK))]
    for k in range(end):
        b = x[k]
        uneven = BETWEEN * b * (one - b)
        even = one + uneven * (one + uneven * (np.float32(1.5) + np.float32(2.5) * uneven))  # 1 / sqrt(1 - 2 uneven), within 2e-5
        loud = even * level[k]
        near_real, near_imag = np.float32(np.int16(near[k])), np.float32(near[k] >> 16)
        far_real, far_imag = np.float32(np.int16(far[k])), np.float32(far[k] >> 16)
        echoes[2 * k] += loud * (near_real + b * (far_real - near_real))
        echoes[2 * k + 1] += loud * (near_imag + b * (far_imag - near_imag))
