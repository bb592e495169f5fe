"""How fast and how stable a force law is on a tissue: gain margin of the open loop, closed-loop response by a sum of sines, ringing."""

from math import pi

import numpy as np

from medrobot_ros.contact.tissue_estimate import DITHER_HZ
from medrobot_ros.force_bench.beam import Beam, Trace, simulate
from medrobot_ros.force_bench.laws import Law
from medrobot_ros.signals import Array

TONES_HZ = np.array([1.0, 2.0, 3.0, 4.5, 6.5, 9.5, 11.5, 13.5, 16.5, 19.5, 24.5, 29.5])
TONE_N = 0.06
LISTEN_S = 8.0  # whole periods of every tone
SETTLE_S = 4.0
GRID = 2000
ALIASES = np.arange(-40, 41)


def gain_margin(beam: Beam, law: Law) -> float:
    """By what factor the loop's gain could grow before it rings, for the law as it stands, on the tissue's tangent at 5 N.

    The sampled loop is the sum of the continuous one's aliases; it rings where it is real and -1 or beyond."""
    hz = np.geomspace(0.5, 0.5 * beam.rate_hz, GRID)
    s = 2j * pi * (hz + ALIASES[:, None] * beam.rate_hz)
    arm = np.exp(-2.0 * beam.latency_s * s) / (1.0 + beam.lag_s * s)
    tissue = beam.stiffness_n_per_m * (1.0 + beam.damping_s * s)
    mean = (1.0 - np.exp(-beam.period_s * s)) / (beam.period_s * s)  # the sensor's, over a period
    loop = law.response(hz) * (arm * tissue * mean / s).sum(axis=0)
    turns = np.flatnonzero((loop.imag[:-1] < 0.0) & (loop.imag[1:] >= 0.0))
    real = np.append(loop.real[turns], loop.real[-1])
    return float(1.0 / max(-real.min(), 1e-9))


def tones(time_s: float) -> float:
    """The sum of sines [N] that is added to the reference; phases spread so that no peak stands out."""
    k = np.arange(len(TONES_HZ))
    return float(TONE_N * np.sin(2.0 * pi * TONES_HZ * time_s + pi * k * k / len(TONES_HZ)).sum())


def closed_loop(time_s: Array, force_n: Array) -> Array:
    """Size of force over reference at `TONES_HZ` from a record that was excited by `tones` for `LISTEN_S` at its end."""
    last = time_s > time_s[-1] - LISTEN_S
    t, f = time_s[last], force_n[last] - force_n[last].mean()
    heard = np.exp(-2j * pi * np.outer(TONES_HZ, t)) @ f * (2.0 / len(t))
    return np.abs(heard) / TONE_N


def bandwidth_hz(size: Array) -> float:
    """Where the closed loop's size falls below -3 dB of its first tone's, between the tones."""
    below = np.flatnonzero(size < size[0] / np.sqrt(2.0))
    if not len(below):
        return float(TONES_HZ[-1])
    k = int(below[0])
    a, b = np.log(size[k - 1]), np.log(size[k])
    share = (a - np.log(size[0] / np.sqrt(2.0))) / (a - b)
    return float(TONES_HZ[k - 1] * (TONES_HZ[k] / TONES_HZ[k - 1]) ** share)


def measured_response(beam: Beam, law: Law) -> Array:
    """Closed-loop sizes at `TONES_HZ` on one axis."""
    trace = simulate(beam, law, SETTLE_S + LISTEN_S, excite=tones)
    return closed_loop(trace.time_s, trace.force_n)


def ringing_n(trace: Trace, since_s: float) -> tuple[float, float]:
    """Amplitude [N] and frequency [Hz] of the strongest line above 3 Hz of the true force, the dither's own apart."""
    late = trace.time_s > since_s
    f = trace.force_n[late] - trace.force_n[late].mean()
    lines = np.abs(np.fft.rfft(f * np.hanning(len(f)))) * 4.0 / len(f)
    hz = np.fft.rfftfreq(len(f), trace.time_s[1] - trace.time_s[0])
    lines[(hz < 3.0) | (np.abs(hz - DITHER_HZ) < 0.5)] = 0.0
    k = int(np.argmax(lines))
    return float(lines[k]), float(hz[k])


