"""From the rays' echoes to what the machine draws: the beam's width, points, noise and reverberation, and levels as grey values."""

from math import log, sqrt

import numpy as np

from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.ray import ACROSS, AMPLITUDE, LAG_M, SAMPLE, SIDE
from medrobot_ros.twin.speckle import UNIT


@kernel
def blur_line(i, echoes, weights, out):  # type: ignore[no-untyped-def]
    """`out` (2 samples,): lines of `echoes` (lines, 2 samples) about `i`, weighted by `weights` (reach + 1, 2 samples), edges mirrored."""
    lines = echoes.shape[0]
    here, middle = echoes[i], weights[0]
    for k in range(here.shape[0]):
        out[k] = middle[k] * here[k]
    for j in range(1, weights.shape[0]):
        left, weight = echoes[abs(i - j)], weights[j]
        right = echoes[i + j if i + j < lines else 2 * (lines - 1) - i - j]
        for k in range(here.shape[0]):
            out[k] += weight[k] * (left[k] + right[k])


@kernel
def draw_points(seen, points, widths, pulse_samples, out):  # type: ignore[no-untyped-def]
    """Adds the points that a line has `seen` within its beam; `widths` (2, samples) beside and across it, standard deviations [m]."""
    samples = widths.shape[1]
    for n in range(points.shape[0]):
        at = seen[n, SAMPLE]
        k = int(at + 0.5)
        if k < 0 or k >= samples or abs(seen[n, LAG_M]) > widths[0, k]:
            continue
        side, across = seen[n, SIDE] / widths[0, k], seen[n, ACROSS] / widths[1, k]
        level = points[n, 3] * seen[n, AMPLITUDE] * np.exp(np.float32(-0.5) * (side * side + across * across))
        reach = int(4.0 * pulse_samples) + 1
        for m in range(max(k - reach, 0), min(k + reach + 1, samples)):
            late = (m - at) / pulse_samples
            out[2 * m] += level * np.exp(np.float32(-0.5) * late * late)


@kernel
def receive_line(i, share, gain, noise, frame, tgc, reverberation, stray, echoes, out):  # type: ignore[no-untyped-def]
    """A line's envelope `out` (samples,) of `echoes` (2 samples,), with the receiver's noise, and reverberation where nothing touches.

    `stray` (n,) is any noise in `UNIT`, from which `frame` picks; `reverberation` (2, samples): without contact, and with it.
    """
    samples = out.shape[0]
    heard = stray[2 * ((37 * i + frame) % (stray.shape[0] // 2 - samples)) :]
    air, loud, without, with_ = np.float32(1.0) - share, noise / np.float32(UNIT), reverberation[0], reverberation[1]
    for k in range(samples):
        real = share * echoes[2 * k] + air * without[k] + share * with_[k] + loud * tgc[k] * np.float32(heard[2 * k])
        imag = share * echoes[2 * k + 1] + loud * tgc[k] * np.float32(heard[2 * k + 1])
        out[k] = gain * sqrt(real * real + imag * imag)


@kernel
def compress(bits, grey_per_octave, out):  # type: ignore[no-untyped-def]
    """Grey values `out` (n,), linear in decibels and white from full scale, of amplitudes above 0 whose single precision `bits` are given.

    A number is 2^e m; log2 m = 2 / ln 2 artanh((m - 1) / (m + 1)), its series within 2e-6.
    """
    one, white, none = np.float32(1.0), np.float32(255.0), np.float32(0.0)
    for k in range(bits.shape[0]):
        exponent, rest = (bits[k] >> 23) - 127, np.float32(bits[k] & 0x7FFFFF) * np.float32(2.0**-23)  # m - 1
        t = rest / (rest + np.float32(2.0))
        t2 = t * t
        series = one + t2 * (np.float32(1 / 3) + t2 * (np.float32(1 / 5) + t2 * (np.float32(1 / 7) + t2 * np.float32(1 / 9))))
        octaves = np.float32(exponent) + np.float32(2.0 / log(2.0)) * t * series
        out[k] = np.uint8(min(max(white + grey_per_octave * octaves, none), white))
