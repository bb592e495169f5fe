"""What the volume of a recorded scan shows of the phantom, by the record alone: places in base, widths at half the amplitude."""

from pathlib import Path

import numpy as np
from phantom import SPHERE_MM, STONE_AT_MM, STONE_MM, VESSEL_AT_MM, VESSEL_AXIS, VESSEL_MM, Phantom
from scipy.ndimage import label

from medrobot_ros.finish import reconstruct_again
from medrobot_ros.imaging.measure import diameter
from medrobot_ros.imaging.volume import read_volume
from medrobot_ros.signals import Array

SPACING_MM, RANGE_DB = 0.5, 60.0
HALF = 255.0 * 6.02 / RANGE_DB  # grey levels of half the amplitude
RIM_DB = 24.0  # below the brightest of a surface, what is dimmer is its rim, smeared by the beam's flank
STATIONS_MM = np.arange(-14.0, 15.0, 4.0)  # along the vessel
BEYOND_MM = 6.0  # the wall on either side of a lumen


class Measured:
    """A volume of the run, its breathing and the probe's pressing handled as told."""

    def __init__(self, run: Path, phantom: Phantom, breathing: str = "compensate", pressing: str = "undo", **changes) -> None:
        self._phantom, out = phantom, run / "again.mha"
        self.figures = reconstruct_again(
            run, out, breathing, 0.001, {"spacing_mm": (SPACING_MM,) * 3, "stick": 8, **changes}, pressing=pressing
        )
        self._volume = read_volume(out)

    def _index(self, at_mm: Array) -> Array:
        """Of a place in the phantom: (x, y, z) in voxels."""
        return (self._phantom.base_mm(at_mm) - self._volume.offset_mm) / SPACING_MM

    def _box(self, at_mm: Array, reach_mm: float) -> tuple[Array, Array]:
        """Grey levels (z, y, x) about a place, and the first one's index (x, y, z)."""
        low = np.rint(self._index(at_mm) - reach_mm / SPACING_MM).astype(int)
        high = low + round(2.0 * reach_mm / SPACING_MM) + 1
        return self._volume.voxels[low[2] : high[2], low[1] : high[1], low[0] : high[0]].astype(float), low

    def bead_error_mm(self, at_mm: Array, reach_mm: float = 4.0) -> Array:
        """(3,) in base: of the middle of what is brighter than half the amplitude of the brightest, about that one: not of speckle."""
        box, low = self._box(at_mm, reach_mm)
        amplitude = 10.0 ** (box * RANGE_DB / 255.0 / 20.0)
        bright, _ = label(amplitude > 0.5 * amplitude.max())
        weight = (amplitude - 0.5 * amplitude.max()) * (bright == bright.flat[np.argmax(amplitude)])
        middle = (np.indices(box.shape) * weight).sum(axis=(1, 2, 3)) / weight.sum()
        return SPACING_MM * (low + middle[::-1] - self._index(at_mm))

    def sphere_error_mm(self, at_mm: Array) -> Array:
        """(3,) in base: of the middle of what is dark about a place, below half the amplitude of what surrounds it."""
        box, low = self._box(at_mm, SPHERE_MM)
        dark, _ = label(box < np.median(box) - HALF)
        middle = np.argwhere(dark == dark[tuple(np.array(dark.shape) // 2)]).mean(axis=0)
        return SPACING_MM * (low + middle[::-1] - self._index(at_mm))

    def vessel_mm(self) -> Array:
        """Its diameters (stations, 2), across in the skin's plane and down."""
        across = np.array([VESSEL_AXIS[1], -VESSEL_AXIS[0], 0.0])
        places = VESSEL_AT_MM + STATIONS_MM[:, None] * VESSEL_AXIS
        return np.array([[1e3 * self._lumen(at, VESSEL_MM, u).diameter_m for u in (across, np.array([0.0, 0.0, 1.0]))] for at in places])

    def _lumen(self, at_mm: Array, width_mm: float, direction: Array):
        reach = (0.5 * width_mm + BEYOND_MM) * direction
        return diameter(self._volume.voxels, self._index(at_mm - reach), self._index(at_mm + reach), (1e-3 * SPACING_MM,) * 3, RANGE_DB)

    def stone_mm(self) -> float:
        """Diameter of the sphere through the surface that faces the probe, the rest lies in shadow."""
        box, _ = self._box(STONE_AT_MM, 0.5 * STONE_MM + 3.0)
        downwards, brightest = box[::-1], box.max(axis=0)
        bright, _ = label(brightest > box.max() - RIM_DB * 255.0 / RANGE_DB)
        points = []
        for j, i in np.argwhere(bright == bright[tuple(np.array(bright.shape) // 2)]):
            column, level = downwards[:, j, i], brightest[j, i] - HALF
            k = int(np.argmax(column > level))
            if k:
                points.append((i, j, k - (column[k] - level) / (column[k] - column[k - 1])))
        p = SPACING_MM * np.array(points)
        *middle, rest = np.linalg.lstsq(np.column_stack((2.0 * p, np.ones(len(p)))), (p**2).sum(axis=1), rcond=None)[0]
        return 2.0 * float(np.sqrt(rest + np.square(middle).sum()))
