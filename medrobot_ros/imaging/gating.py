"""Breathing, as a force-controlled probe shows it: at a constant push the probe rides on the skin, and its height is the skin's.

What the probe's height along the mean beam varies by is fitted with three parts at once: the shape of the skin (a polynomial of the place
on it), a breath that repeats (HARMONICS of one frequency), and what the skin yields to the push's own variation. Only the breath is then
taken out of the poses, or only images near the end of expiration are kept. `docs/derivations.md` has the formulas.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

DEGREE = 4  # of the skin's shape: chosen; a region of 12 x 8 cm on a trunk needs no more
HARMONICS = 2
BAND_HZ = (0.1, 0.7)  # breaths a second, 6 to 42 a minute: chosen, wide about an adult's 12 to 20 at rest
LEAST_COSINE = 0.2  # of the skin's slope, 78 degrees: steeper beams count as this
MIN_BREATHS = 1.5  # within the scan, for its breath to be told from the skin's shape
Stamps = NDArray[np.int64]


@dataclass(frozen=True)
class Breathing:
    """The skin's offset along its outward normal, 0 at mid-breath. `residual_m` (RMS) is what the fit leaves of the probe's height."""

    frequency_hz: float
    waves_m: Array  # (2 * HARMONICS,): sine and cosine of each harmonic
    start_ns: int
    residual_m: float

    def offset_m(self, stamps_ns: Stamps) -> Array:
        """At stamps (N,). Shape (N,)."""
        time_s: Array = 1e-9 * (stamps_ns - self.start_ns).astype(float)
        offset: Array = _waves(time_s, self.frequency_hz) @ self.waves_m
        return offset

    @property
    def expired_m(self) -> float:
        """The offset at the end of expiration."""
        return float(self._cycle_m().min())

    @property
    def amplitude_m(self) -> float:
        """Half of what the skin moves between the ends of expiration and inspiration."""
        return 0.5 * float(np.ptp(self._cycle_m()))

    def _cycle_m(self) -> Array:
        """The offset over one breath."""
        return _waves(np.linspace(0.0, 1.0 / self.frequency_hz, 400), self.frequency_hz) @ self.waves_m

    def figures(self) -> dict[str, float]:
        """As a command prints them."""
        return {
            "breathing_hz": round(self.frequency_hz, 4), "breathing_amplitude_mm": round(1e3 * self.amplitude_m, 2),
            "breathing_residual_mm": round(1e3 * self.residual_m, 3),
        }  # fmt: skip

    def compensated(self, stamp_ns: int, T_base_probe: Array) -> Array:
        """The probe's pose (4, 4) as it would have been at mid-breath."""
        T = T_base_probe.copy()
        T[:3, 3] += T_base_probe[:3, 2] * self.offset_m(np.array([stamp_ns]))[0]
        return T

    def gated(self, stamp_ns: int, T_base_probe: Array, width_m: float) -> Array | None:
        """The same pose within `width_m` of the end of expiration, None otherwise."""
        offset_m = self.offset_m(np.array([stamp_ns]))[0]
        return T_base_probe if offset_m - self.expired_m <= width_m else None


def estimate_breathing(stamps_ns: Stamps, T_base_probe: Array, push_n: Array) -> Breathing:
    """From the poses (N, 4, 4) of a probe that scans at a force, and its push (N,). Raises: DataError where they hold too few breaths."""
    if len(stamps_ns) < 10 * (DEGREE + 1) * (DEGREE + 2):
        raise DataError(f"{len(stamps_ns)} poses in contact are too few to find the breathing in")
    time_s, model = 1e-9 * (stamps_ns - stamps_ns[0]), _Model(T_base_probe, push_n)
    coarse = np.arange(*BAND_HZ, 0.25 / time_s[-1])
    residuals = [model.fit(_waves(time_s, f, 1))[1] for f in coarse]  # more harmonics would fit half the frequency as well
    best = float(coarse[int(np.argmin(residuals))])
    step = float(coarse[1] - coarse[0])
    fine = minimize_scalar(lambda f: model.fit(_waves(time_s, f))[1], bounds=(best - step, best + step), method="bounded")
    if time_s[-1] * fine.x < MIN_BREATHS:
        raise DataError(f"{time_s[-1]:.1f} s in contact hold {time_s[-1] * fine.x:.1f} breaths; {MIN_BREATHS:g} are needed to find them")
    waves_m, residual_m = model.fit(_waves(time_s, float(fine.x)))
    return Breathing(float(fine.x), waves_m, int(stamps_ns[0]), residual_m)


class _Model:
    """What the probe's height is made of, apart from the breath."""

    def __init__(self, T_base_probe: Array, push_n: Array) -> None:
        p, beams = T_base_probe[:, :3, 3], T_base_probe[:, :3, 2]
        outward = -beams.mean(axis=0)
        outward /= np.linalg.norm(outward)
        away = p - p.mean(axis=0)
        self._height_m = away @ outward
        self._rise = 1.0 / np.maximum(-(beams @ outward), LEAST_COSINE)  # of the height over one place, where the skin moves along the beam
        across = away - np.outer(self._height_m, outward)
        place = across @ np.linalg.svd(across, full_matrices=False)[2][:2].T
        place /= np.maximum(np.abs(place).max(axis=0), 1e-9)
        powers = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
        skin = [place[:, 0] ** i * place[:, 1] ** j for i, j in powers]
        self._others = np.column_stack([*skin, self._rise * (push_n - np.median(push_n))])

    def fit(self, waves: Array) -> tuple[Array, float]:
        """Coefficients of the waves (N, w) [m], and the RMS of what is left [m]."""
        columns = np.column_stack((waves * self._rise[:, None], self._others))
        solution = np.linalg.lstsq(columns, self._height_m, rcond=1e-9)[0]
        return solution[: waves.shape[1]], float(np.sqrt(np.mean((self._height_m - columns @ solution) ** 2)))


def _waves(time_s: Array, frequency_hz: float, harmonics: int = HARMONICS) -> Array:
    """Sine and cosine (N, 2 * harmonics) of each harmonic."""
    angle = 2.0 * np.pi * frequency_hz * np.outer(time_s, np.arange(1, harmonics + 1))
    return np.hstack((np.sin(angle), np.cos(angle)))
