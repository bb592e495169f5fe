"""Doppler from the ground up: the echoes of blood that moves through a sample volume, pulse after pulse, and what is estimated from them.

Velocities along the beam are positive towards the probe, as machines draw them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy import MATERIALS, Tissue
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S
from medrobot_ros.twin.vessel import Vessel

SCATTERERS = 120  # about a gate, of which the lumen keeps those inside it: enough for a Rayleigh distributed envelope
NODES = 15  # of Gauss and Hermite in each direction
REACH = 3.0  # standard deviations of the sample volume that they fill
MAX_ANGLE_RAD = np.radians(60.0)  # between beam and flow; beyond it an angle's error outweighs its correction (common guidance)

Iq = NDArray[np.complex128]


@dataclass(frozen=True)
class Pulses:
    """A train of pulses: their centre frequency, how many a second, and the heart's rate meanwhile."""

    frequency_hz: float
    repetition_hz: float
    heart_hz: float

    @property
    def nyquist_m_per_s(self) -> float:
        """Speed along the beam above which velocities come out with the wrong sign."""
        return ASSUMED_SPEED_M_PER_S * self.repetition_hz / (4.0 * self.frequency_hz)


@dataclass(frozen=True)
class Gate:
    """A sample volume: its centre in skin coordinates (3,) [m], the unit directions (3, 3) beside, across and along the beam there, and its
    standard deviations (3,) in those [m]."""

    centre: Array
    axes: Array
    sigma_m: Array


def slow_time_iq(vessel: Vessel, gate: Gate, pulses: Pulses, count: int, rng: np.random.Generator, heart_phase_rad: float = 0.0) -> Iq:
    """Complex echoes (count,) of blood in the gate, one a pulse. Blood that leaves comes in again at the other end of its streamline."""
    reach_m = REACH * float(gate.sigma_m.max())
    beside = np.linalg.svd(vessel.axis[None, :])[2][1:]  # two directions across the vessel
    across_m, along_m = rng.uniform(-reach_m, reach_m, (SCATTERERS, 2)), rng.uniform(-reach_m, reach_m, SCATTERERS)
    strength = rng.standard_normal(SCATTERERS) + 1j * rng.standard_normal(SCATTERERS)
    speed = _speeds(vessel, gate.centre + across_m @ beside, pulses, count, heart_phase_rad)
    travelled_m = along_m + np.cumsum(speed, axis=0) / pulses.repetition_hz
    along_m = (travelled_m + reach_m) % (2.0 * reach_m) - reach_m
    from_centre = (across_m @ beside) + along_m[..., None] * vessel.axis
    local = from_centre @ gate.axes.T
    weight = np.exp(-0.5 * ((local / gate.sigma_m) ** 2).sum(axis=-1)) * (speed != 0.0)
    wavenumber = 2.0 * np.pi * pulses.frequency_hz / MATERIALS[Tissue.BLOOD].speed_m_per_s
    out: Iq = (strength * weight * np.exp(-2j * wavenumber * local[..., 2])).sum(axis=1)
    return out


def mean_speed(vessel: Vessel, gate: Gate) -> float:
    """Speed along the vessel [m/s], mean over the heart's cycle, of the blood in a gate by the power of its echoes."""
    nodes, weights = hermegauss(NODES)
    at = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    places = gate.centre + (at * gate.sigma_m / np.sqrt(2.0)) @ gate.axes  # power is the echoes' weight squared
    share = np.einsum("i,j,k->ijk", weights, weights, weights).reshape(-1) * vessel.contains(places)
    return float(share @ (vessel.velocity(places) @ vessel.axis) / share.sum())


def _speeds(vessel: Vessel, points: Array, pulses: Pulses, count: int, heart_phase_rad: float) -> Array:
    """Speed (count, points) along the vessel at each pulse [m/s]."""
    phases = heart_phase_rad + 2.0 * np.pi * pulses.heart_hz / pulses.repetition_hz * np.arange(count)
    return np.array([vessel.velocity(points, phase) @ vessel.axis for phase in phases])


def mean_velocity(iq: Iq, pulses: Pulses) -> Array:
    """Velocity along the beam [m/s] of packets (..., pulses), by the phase of their autocorrelation at one pulse (Kasai 1985)."""
    lag = (iq[..., 1:] * iq[..., :-1].conj()).sum(axis=-1)
    out: Array = pulses.nyquist_m_per_s / np.pi * np.angle(lag)
    return out


def spectrum(iq: Iq, pulses: Pulses, window: int = 128) -> tuple[Array, Array, Array]:
    """Times (n,) [s], velocities along the beam (window,) [m/s] and power (window, n) of a long train's short-time spectrum."""
    transform = ShortTimeFFT(hann(window), window // 4, pulses.repetition_hz, fft_mode="centered")
    power = transform.spectrogram(iq)
    inside = slice(transform.lower_border_end[1], transform.upper_border_begin(len(iq))[1])
    velocity = ASSUMED_SPEED_M_PER_S / (2.0 * pulses.frequency_hz) * transform.f
    return transform.t(len(iq))[inside], velocity, power[:, inside]


def flow_velocity(along_beam_m_per_s: Array, beam: Array, axis: Array) -> Array:
    """Velocity along the vessel from that towards the probe; NaN where beam and vessel are farther than 60 degrees apart.

    `beam` (..., 3) points away from the probe, both are of unit length.
    """
    cosine = -(beam @ axis)
    steep = np.abs(cosine) < np.cos(MAX_ANGLE_RAD)
    return np.where(steep, np.nan, along_beam_m_per_s / np.where(steep, 1.0, cosine))
