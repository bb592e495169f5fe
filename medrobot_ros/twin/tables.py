"""What the settings and the probe make of each depth and each tissue: the numbers that the renderer looks up."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import ImagingSection
from medrobot_ros.imaging.probe import ProbeGeometry
from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy import Material
from medrobot_ros.twin.beam import FWHM, Beam, elevation_slices, lateral_weights, scattered_power
from medrobot_ros.twin.path import BLOCK, LONGEST
from medrobot_ros.twin.speckle import LATERAL_GRAIN, UNIT, Grain

ASSUMED_SPEED_M_PER_S = 1540.0
BANDWIDTH = 0.6  # of the pulse there and back, share of its frequency at half the amplitude: chosen
MAX_TGC_DB = 60.0
REVERBERATION_DB, REVERBERATION_DB_PER_M, REVERBERATION_PERIOD_M = -14.0, 5500.0, 0.0015  # of the matching layers, against air: chosen
CONTACT_DB = -26.0  # the same where skin or gel takes most of it away: (1.6 - 1.5) / (1.6 + 1.5) of a lens on tissue
REFERENCE_HZ, SCATTER_EXPONENT = 3.5e6, 0.6  # scattered amplitude grows with frequency to this power

Table = NDArray[np.float32]


@dataclass(frozen=True)
class Tables:
    """For `samples` along each line, in the order in which the kernels take them."""

    sample_m: np.float32  # drawn
    convergence: tuple[np.float32, np.float32]  # sine and cosine of an outer ray of the beam
    materials: Table  # (tissues, 4): impedance, true samples in a drawn one, scattered, structure
    fading: Table  # (tissues, LONGEST + BLOCK): amplitude kept over as many samples
    tgc: Table  # (samples,): gain over depth
    slices: Table  # (n, 2, samples + BLOCK): how far each lies across the image [m], gain of its scatterers with all of the above
    shares: Table  # (n,): each slice's
    pulse: Table  # (2 n + 1,) of an interface
    pulse_samples: np.float32  # standard deviation of that
    weights: Table  # (reach + 1, 2 samples) of neighbouring lines, of real and imaginary parts in turn
    widths: Table  # (2, samples): standard deviations of the beam beside and across it [m]
    reverberation: Table  # (2, samples): without contact, with it
    grain: Grain

    @classmethod
    def of(cls, c: ImagingSection, probe: ProbeGeometry, scan: ScanLines, materials: Sequence[Material]) -> "Tables":
        """For a probe at its settings."""
        depth_m = c.depth_m * np.arange(scan.samples) / scan.samples
        wavelength_m = ASSUMED_SPEED_M_PER_S / c.frequency_hz
        beam = Beam(wavelength_m, c.focus_m, c.f_number, probe.aperture_m, probe.elevation_m)
        widths = np.array((beam.lateral_m(depth_m), beam.elevation_m_at(depth_m))) / FWHM
        places, shares = elevation_slices(c.elevation_slices)
        pulse_m = 0.5 * ASSUMED_SPEED_M_PER_S * FWHM / (2.0 * pi * BANDWIDTH * c.frequency_hz)
        thinnest_m = float(widths[1].min()) * (1.0 if c.elevation_slices == 1 else 0.5)
        grain = Grain(LATERAL_GRAIN * float(widths[0].min()), thinnest_m, pulse_m)
        slice_m = np.sqrt(np.maximum(widths[1] ** 2 - grain.elevation_m**2, 0.0))
        spacing_m = scan.spacing_m(depth_m)
        weights = lateral_weights(widths[0], grain.lateral_m, spacing_m)
        both = np.concatenate((weights[:0:-1], weights))
        power = scattered_power(both, np.arange(len(both))[:, None] * spacing_m, grain.lateral_m)
        power *= scattered_power(np.tile(shares[:, None], scan.samples), places[:, None] * slice_m, grain.elevation_m)
        tgc = _gain_over_depth(c, depth_m)
        outer = np.sqrt(0.6) * np.arctan(0.5 / c.f_number)  # Gauss and Legendre's outer node
        reach = int(np.ceil(3.0 * pulse_m * scan.samples / c.depth_m))
        return cls(
            np.float32(c.depth_m / scan.samples),
            (np.float32(np.sin(outer)), np.float32(np.cos(outer))),
            np.array([_row(c, m) for m in materials], np.float32),
            _fading(c, scan.samples, materials),
            tgc.astype(np.float32),
            _slices(places[:, None] * slice_m, shares[:, None] * tgc / np.sqrt(power)),
            shares.astype(np.float32),
            np.exp(-0.5 * (np.arange(-reach, reach + 1) * c.depth_m / scan.samples / pulse_m) ** 2).astype(np.float32),
            np.float32(pulse_m * scan.samples / c.depth_m),
            np.repeat(weights, 2, axis=1),
            widths.astype(np.float32),
            _reverberation(depth_m),
            grain,
        )


def _gain_over_depth(c: ImagingSection, depth_m: Array) -> Array:
    db = np.minimum(c.tgc_db_per_cm_mhz * 2e-4 * c.frequency_hz * depth_m, MAX_TGC_DB)
    out: Array = 10.0 ** (db / 20.0)
    return out


def _reverberation(depth_m: Array) -> Table:
    ripple = 0.5 + 0.5 * np.cos(2.0 * pi * depth_m / REVERBERATION_PERIOD_M)
    bare = 10.0 ** ((REVERBERATION_DB - REVERBERATION_DB_PER_M * depth_m) / 20.0) * ripple
    return np.array((bare, bare * 10.0 ** (CONTACT_DB / 20.0)), np.float32)


def _slices(apart_m: Array, gain: Array) -> Table:
    """Of (n, samples) each; what lies beyond the line's end is as at its end."""
    rows = np.stack((apart_m, gain / UNIT), axis=1)
    return np.pad(rows, ((0, 0), (0, 0), (0, BLOCK)), mode="edge").astype(np.float32)


def _row(c: ImagingSection, m: Material) -> tuple[float, ...]:
    growth = (c.frequency_hz / REFERENCE_HZ) ** SCATTER_EXPONENT
    return m.impedance_mrayl, _stretch(m), growth * 10.0 ** (m.scatter_db / 20.0), m.structure


def _fading(c: ImagingSection, samples: int, materials: Sequence[Material]) -> Table:
    sample_cm, mhz = 100.0 * c.depth_m / samples, 1e-6 * c.frequency_hz
    loss_db = np.array([2.0 * m.attenuation_db_per_cm_mhz * mhz * sample_cm * _stretch(m) for m in materials])
    out: Table = (10.0 ** (-loss_db[:, None] * np.arange(LONGEST + BLOCK) / 20.0)).astype(np.float32)
    return out


def _stretch(m: Material) -> float:
    return m.speed_m_per_s / ASSUMED_SPEED_M_PER_S
