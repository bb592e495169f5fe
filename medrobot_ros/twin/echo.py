"""From the rays' echoes to what the machine receives: the beam's width, points, noise and reverberation."""

from math import sqrt

import numpy as np

from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.ray import ACROSS, AMPLITUDE, LAG_M, SAMPLE, SIDE, TGC


@kernel
def blur_line(i, field, weights, out):  # type: ignore[no-untyped-def]
    """Line `i` of `out` (2, lines, samples): the lines of `field` about it, weighted by `weights` (reach + 1, samples), edges mirrored."""
    lines, samples = field.shape[1], field.shape[2]
    for c in range(2):
        for k in range(samples):
            out[c, i, k] = weights[0, k] * field[c, i, k]
        for j in range(1, weights.shape[0]):
            left = abs(i - j)
            right = i + j if i + j < lines else 2 * (lines - 1) - i - j
            for k in range(samples):
                out[c, i, k] += weights[j, k] * (field[c, left, k] + field[c, right, k])


@kernel
def draw_points(i, seen, points, widths, pulse_samples, out):  # type: ignore[no-untyped-def]
    """Adds the points that line `i` has seen within its beam; `widths` (2, samples) beside and across it, standard deviations [m]."""
    samples = out.shape[2]
    for n in range(points.shape[0]):
        at = seen[i, n, SAMPLE]
        k = int(at + 0.5)
        if k < 0 or k >= samples or abs(seen[i, n, LAG_M]) > widths[0, k]:
            continue
        side, across = seen[i, n, SIDE] / widths[0, k], seen[i, n, ACROSS] / widths[1, k]
        level = points[n, 3] * seen[i, n, AMPLITUDE] * np.exp(np.float32(-0.5) * (side * side + across * across))
        reach = int(4.0 * pulse_samples) + 1
        for m in range(max(k - reach, 0), min(k + reach + 1, samples)):
            late = (m - at) / pulse_samples
            out[0, i, m] += level * np.exp(np.float32(-0.5) * late * late)


@kernel
def receive_line(i, share, gain, noise, frame, along, reverberation, stray, echoes, out):  # type: ignore[no-untyped-def]
    """Line `i` of `out` (lines, samples): the envelope, with the receiver's noise, and reverberation where elements do not touch.

    `stray` (n, 2) is any noise, from which `frame` picks; `reverberation` (2, samples): without contact, and with it.
    """
    samples = out.shape[1]
    first = (37 * i + frame) % (stray.shape[0] - samples)
    air = np.float32(1.0) - share[i]
    for k in range(samples):
        bare = air * reverberation[0, k] + share[i] * reverberation[1, k]
        loud = noise * along[TGC, k]
        real = share[i] * echoes[0, i, k] + bare + loud * stray[first + k, 0]
        imag = share[i] * echoes[1, i, k] + loud * stray[first + k, 1]
        out[i, k] = gain * sqrt(real * real + imag * imag)
