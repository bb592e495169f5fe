"""What lies below the twin's skin: materials, and a parametric abdomen that differs by seed.

Coordinates follow the skin: x to the patient's left and y cranial of the skin point above, depth below it along its normal [m].
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array

VOXEL_M = (0.0015, 0.0015, 0.001)  # along x, y and depth
LOW_M = (-0.18, -0.26, 0.0)
HIGH_M = (0.18, 0.26, 0.20)


class Tissue(IntEnum):
    """Labels of the volume."""

    GEL = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    FASCIA = 4
    BOWEL = 5
    LIVER = 6
    KIDNEY = 7
    SINUS = 8
    BLOOD = 9
    BILE = 10
    STONE = 11
    BONE = 12


@dataclass(frozen=True)
class Material:
    """Impedance [MRayl], attenuation [dB/cm/MHz], speed [m/s]; how strongly it scatters at 3.5 MHz [dB, 0 is white on the screen]
    and how much coarse structure that has."""

    impedance_mrayl: float
    attenuation_db_per_cm_mhz: float
    speed_m_per_s: float
    scatter_db: float
    structure: float


# Impedance, attenuation and speed: water, blood, fat, liver, muscle and bone as in the open ray tracers' common table; skin from
# Sensors 2023, 23, 5942, table A2, and Diagnostics 2023, 13, 855, table 4, which also gives kidney and connective tissue (fascia)
# their attenuation; kidney's speed and density from the IT'IS tissue database. Bowel is the mean of soft tissues, bile near water,
# a gallstone lies between tissue and bone, renal sinus is fat among vessels: chosen. Scatter and structure: chosen to look right.
MATERIALS: dict[Tissue, Material] = {
    Tissue.GEL: Material(1.48, 0.0022, 1480.0, -90.0, 0.0),
    Tissue.SKIN: Material(1.99, 0.35, 1730.0, -16.0, 0.2),
    Tissue.FAT: Material(1.38, 0.63, 1450.0, -34.0, 0.8),
    Tissue.MUSCLE: Material(1.70, 1.09, 1580.0, -30.0, 0.9),
    Tissue.FASCIA: Material(1.81, 1.57, 1613.0, -14.0, 0.3),
    Tissue.BOWEL: Material(1.63, 0.54, 1540.0, -27.0, 0.9),
    Tissue.LIVER: Material(1.65, 0.70, 1550.0, -25.0, 0.15),
    Tissue.KIDNEY: Material(1.66, 1.00, 1554.0, -31.0, 0.2),
    Tissue.SINUS: Material(1.50, 0.63, 1480.0, -16.0, 0.6),
    Tissue.BLOOD: Material(1.61, 0.18, 1570.0, -62.0, 0.0),
    Tissue.BILE: Material(1.52, 0.01, 1520.0, -75.0, 0.0),
    Tissue.STONE: Material(4.00, 12.0, 2400.0, -12.0, 0.0),
    Tissue.BONE: Material(7.80, 5.00, 4080.0, -18.0, 0.0),
}

Inside = Callable[[Array, Array, Array], NDArray[np.bool_]]


class Anatomy:
    """A label volume `labels` (nx, ny, nd) uint8 of `Tissue`, drawn for a seed. Built once; what is painted later lies over it."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 4])
        self._x, self._y, self._d = (
            np.arange(low, high, step) for low, high, step in zip(LOW_M, HIGH_M, VOXEL_M, strict=True)
        )
        self.labels: NDArray[np.uint8] = np.full((len(self._x), len(self._y), len(self._d)), Tissue.BOWEL, np.uint8)
        self._organs()
        self._wall()
        self._ribs()

    def _about(self, value: float, spread: float) -> float:
        """A dimension of this patient: `value` give or take `spread` [m]."""
        return value + spread * self._rng.uniform(-1.0, 1.0)

    def _organs(self) -> None:
        self._ellipsoid(Tissue.LIVER, (-0.075, 0.055, 0.075), (0.105, 0.095, 0.055), 0.004)
        self._tube(Tissue.BLOOD, (-0.06, 0.05, 0.085), 0.005, (0.9, 0.25, 0.1), 0.06)
        self._tube(Tissue.BLOOD, (-0.09, 0.06, 0.065), 0.0035, (0.3, 0.9, 0.2), 0.04)
        self._tube(Tissue.BLOOD, (self._about(0.012, 0.004), 0.0, self._about(0.095, 0.006)), self._about(0.009, 0.001), (0.03, 1.0, 0.0))
        self._tube(Tissue.BLOOD, (self._about(-0.022, 0.004), 0.0, self._about(0.097, 0.006)), self._about(0.010, 0.001), (0.0, 1.0, 0.02))
        kidney = self._ellipsoid(Tissue.KIDNEY, (-0.075, -0.035, 0.095), (0.027, 0.052, 0.024), 0.005)
        self._ellipsoid(Tissue.SINUS, kidney, (0.011, 0.030, 0.009), 0.0)
        gallbladder = self._ellipsoid(Tissue.BILE, (-0.038, 0.005, 0.055), (0.013, 0.033, 0.013), 0.005)
        radius = self._about(0.0055, 0.001)
        x, y, d = gallbladder
        self._ellipsoid(Tissue.STONE, (x, y, d + 0.012 - radius), (radius, radius, radius), 0.0)

    def _wall(self) -> None:
        """Skin, fat, fascia, muscle and fascia again. The rectus bellies end at the midline and at their lateral edge."""
        skin, fascia = self._about(0.002, 0.0003), 0.0012
        X, Y = np.meshgrid(self._x, self._y, indexing="ij")
        ripple = 0.0015 * np.sin(40.0 * X + self._rng.uniform(0.0, 6.0)) * np.sin(31.0 * Y + self._rng.uniform(0.0, 6.0))
        fat = skin + self._about(0.014, 0.004) * (1.0 - 1.5 * np.clip(Y, 0.0, 0.2)) + ripple
        belly = np.clip(1.0 - ((np.abs(X) - 0.036) / 0.034) ** 4, 0.0, 1.0) + 0.9 * (np.abs(X) > 0.068)
        muscle = fat + fascia + self._about(0.010, 0.0015) * np.minimum(belly, 1.0)
        bottom = 0.0
        for tissue, below in (
            (Tissue.SKIN, np.full_like(fat, skin)),
            (Tissue.FAT, fat),
            (Tissue.FASCIA, fat + fascia),
            (Tissue.MUSCLE, muscle),
            (Tissue.FASCIA, muscle + fascia),
        ):
            self._layer(tissue, bottom, below)
            bottom = float(below.min())

    def _layer(self, tissue: Tissue, from_m: float, to_m: Array) -> None:
        """Paints down to `to_m` (nx, ny) what no layer above has painted; nothing above `from_m` is looked at."""
        first, last = np.searchsorted(self._d, (from_m, float(to_m.max())))
        part = self.labels[:, :, first:last]
        above = np.isin(part, (Tissue.SKIN, Tissue.FAT, Tissue.FASCIA, Tissue.MUSCLE))
        part[(self._d[first:last] < to_m[:, :, None]) & ~above] = tissue

    def _ribs(self) -> None:
        """Arches on both sides that begin at the lower end of the breastbone and descend sideways, and more of them cranially."""
        first, apart = self._about(0.125, 0.006), 0.026
        for k in range(5):
            along = np.linspace(0.02, 0.16, 70)
            y = first + apart * k - 0.45 * along
            depth = 0.021 + 0.03 * along
            for side in (-1.0, 1.0):
                for px, py, pd in zip(side * along, y, depth, strict=True):
                    self._paint(Tissue.BONE, (px, py, pd), (0.003, 0.006, 0.004), lambda x, y, d: x**2 + y**2 + d**2 < 1.0)

    # --- shapes -------------------------------------------------------------------------------------------------------

    def _ellipsoid(
        self, tissue: Tissue, center: tuple[float, float, float], half: tuple[float, float, float], spread: float
    ) -> tuple[float, float, float]:
        """Paints an ellipsoid somewhere within `spread` of `center`; returns where."""
        x, y, d = (self._about(c, spread) for c in center)
        self._paint(tissue, (x, y, d), half, lambda x, y, d: x**2 + y**2 + d**2 < 1.0)
        return x, y, d

    def _tube(
        self, tissue: Tissue, center: tuple[float, float, float], radius: float, along: tuple[float, float, float], half_length: float = 0.3
    ) -> None:
        axis = np.asarray(along) / np.linalg.norm(along)

        def inside(x: Array, y: Array, d: Array) -> NDArray[np.bool_]:
            reach = x * axis[0] + y * axis[1] + d * axis[2]
            return (x**2 + y**2 + d**2 - reach**2 < radius**2) & (np.abs(reach) < half_length)

        extent = half_length * np.abs(axis) + radius
        self._paint(tissue, center, tuple(extent), inside, normalised=False)

    def _paint(
        self, tissue: Tissue, center: tuple[float, ...], half: tuple[float, ...], inside: Inside, normalised: bool = True
    ) -> None:
        """Paints the voxels within `half` of `center` that are `inside`: coordinates from the centre, as shares of `half` if normalised."""
        axes = (self._x, self._y, self._d)
        box = tuple(slice(*np.searchsorted(a, (c - h, c + h))) for a, c, h in zip(axes, center, half, strict=True))
        scale = half if normalised else (1.0, 1.0, 1.0)
        local = [(a[b] - c) / s for a, b, c, s in zip(axes, box, center, scale, strict=True)]
        grid = np.meshgrid(*local, indexing="ij", sparse=True)
        self.labels[box][inside(*grid)] = tissue
