"""One scan line's way through the tissue: echoes of interfaces and scatterers, from refracted rays that lose energy as they go.

A ray's state is its deviation from the straight line (to the side, across the image) and its direction, in the line's own frame [m].
One drawn sample is a fixed time; the ray goes farther in it where sound is faster.
"""

from math import sqrt

import numpy as np

from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.path import APART_M, GAIN, LONGEST, piece, set_levels, walk
from medrobot_ros.twin.pulsation import is_moved
from medrobot_ros.twin.refraction import bend, known_gradient, reflection, transmission
from medrobot_ros.twin.speckle import scatter

IMPEDANCE, STRETCH, SCATTERED, STRUCTURED = range(4)  # columns of a tissue's row
SIDE, ACROSS, SAMPLE, AMPLITUDE, LAG_M = range(5)  # of a point's sighting

ECHO = np.float32(10.0 ** (8.0 / 20.0))  # a full reflection seen along its normal, against full scale
DIFFUSE = np.float32(0.08)  # share of an interface's echo that comes back at any angle; with the power 6 of the cosine: chosen
FACE_REFLECTION = np.float32(0.3)  # of the probe's matching layers, which sends echoes back in: chosen
BOUNCES = 3  # echoes of echoes that are drawn
INAUDIBLE = np.float32(1e-6)  # against full scale
FAINT = np.float32(1e-7)  # below it a ray is dead
MARGIN = np.float32(1.5)  # of a piece's length, for its bends and the slice's growth along it


@kernel
def trace_line(  # type: ignore[no-untyped-def]
    i, sample_m, convergence, chart, volume, vessels, tissues, scatterers, tgc, slices, shares, pulse, points, work, echoes, seen
):
    """Adds line `i`'s echoes to `echoes` (2 samples,) and notes in `seen` (points, 5) where it passes each point.

    `chart` (lines, knots, 3, 3); `volume`: see `volume_of` and `new_memory`; `vessels`: see `beats`; `tissues`: their rows and how each
    fades; `scatterers`: see `scatter`; `slices` (n, 2, samples + BLOCK) and their shares (n,), `points` (n, 4); `work`: see `new_path`;
    `convergence` of the beam: see `transmission`.
    """
    for s in range(slices.shape[0]):
        looked_for = points if s == slices.shape[0] // 2 else points[:0]
        slice_ = slices[s], shares[s]
        end = _trace_ray(
            i, sample_m, convergence, slice_, chart, volume, vessels, tissues, tgc, pulse, looked_for, work, echoes, seen
        )
        scatter(work, end, scatterers, echoes)


@kernel
def _trace_ray(  # type: ignore[no-untyped-def]
    i, sample_m, convergence, slice_, chart, volume, vessels, tissues, tgc, pulse, points, work, echoes, seen
):
    """One ray, piece by piece: within a tissue and between two knots of the chart it is straight, and its place a polynomial.

    Returns the number of samples it reached.
    """
    labels, voxels, steps, keys, found = volume
    materials, fading = tissues
    over_depth, share = slice_
    apart, gain = over_depth[APART_M], over_depth[GAIN]
    path_x, path_y, path_depth, level, coarse, at, _, _ = work
    samples, knots = tgc.shape[0], chart.shape[1]
    block = at.shape[0] - samples  # BLOCK, unknown to the compiler, which would unroll loops of as many and make no vector code of them
    one = np.float32(1.0)
    per_sample = np.float32((knots - 2) / samples)  # knots, the last of which lies beyond the line's end
    knots_per_m = per_sample / sample_m
    x, y, r = 0.0, 0.0, 0.0  # aside and across [m], ahead [knots]: in double precision, for they add up
    tx, ty, tz = np.float32(0.0), np.float32(0.0), one
    amplitude = one
    label, k = -1, 0
    while k < samples:
        before, row = label, max(label, 0)
        stretch = materials[row, STRETCH]
        a = min(max(int(r), 0), knots - 2)
        dx, dy, dr = stretch * tx * sample_m, stretch * ty * sample_m, stretch * tz * per_sample
        b = np.float32(r - a)
        most = min(samples - k, LONGEST)
        if a < knots - 2 and dr * np.float32(most) > one - b:
            most = int((one - b) / dr) + 1
        aside, over = np.float32(x), np.float32(y)
        p = piece(chart, i, a, b, aside, over, dx, dy, dr, 0)
        q = piece(chart, i, a, b, aside, over, dx, dy, dr, 1)
        d = piece(chart, i, a, b, aside, over, dx, dy, dr, 2)
        length = np.float32(most) * np.float32(sqrt(p[1] * p[1] + q[1] * q[1] + d[1] * d[1])) + abs(apart[k])
        beating = is_moved(p[0], q[0], d[0], MARGIN * length, vessels)
        n, there = walk(path_x, path_y, path_depth, at, k, most, block, apart, p, q, d, vessels, beating, labels, voxels, before)
        set_levels(level, coarse, k, n, block, materials[row, SCATTERED] * amplitude, materials[row, STRUCTURED], fading, row, gain)
        if points.shape[0] > 0:
            line = chart, i, a, knots_per_m
            _look_for(points, work, k, n, apart, line, (tx, ty, tz), sample_m * stretch, amplitude, fading[row], tgc, seen)
        amplitude *= fading[row, n]
        k, x, y, r = k + n, x + n * dx, y + n * dy, r + n * dr
        if amplitude < FAINT:
            break
        if there >= 0:
            label = int(voxels[there])
        if label != before and before >= 0:
            gx, gy, gd = known_gradient(voxels, there, steps, np.uint8(before), np.uint8(label), keys, found)
            across = _to_line(chart, i, a, knots_per_m, gx, gy, gd)
            (tx, ty, tz), echoed, passed = _cross((tx, ty, tz), across, materials[before], materials[label], convergence)
            _draw_interface(echoes, k, share, echoed * amplitude, tgc, pulse)
            amplitude *= passed
    return k


@kernel
def _look_for(points, work, k, n, apart, line, direction, step_m, amplitude, fading, tgc, seen):  # type: ignore[no-untyped-def]
    """Notes in `seen` where the `n` samples from `k`, `step_m` apart, come nearest to each point."""
    path_x, path_y, path_depth = work[:3]
    tx, ty, tz = direction
    for m in range(points.shape[0]):
        for s in range(n):
            px, py, pd = points[m, 0] - path_x[k + s], points[m, 1] - path_y[k + s], points[m, 2] - path_depth[k + s]
            side, beyond, ahead = _to_line(*line, px, py, pd)
            lag = side * tx + beyond * ty + ahead * tz
            if abs(lag) < abs(seen[m, LAG_M]):
                seen[m, SIDE], seen[m, ACROSS], seen[m, LAG_M] = side - lag * tx, beyond - lag * ty + apart[k + s], lag
                seen[m, SAMPLE], seen[m, AMPLITUDE] = k + s + lag / step_m, amplitude * fading[s] * tgc[k + s]


@kernel
def _cross(direction, gradient, before, behind, convergence):  # type: ignore[no-untyped-def]
    """The direction behind an interface between two tissues, and the shares of the amplitude that come back and that go on."""
    tx, ty, tz = direction
    nx, ny, nz = gradient
    one = np.float32(1.0)
    size = np.float32(sqrt(nx * nx + ny * ny + nz * nz))
    if size > 0.0:
        nx, ny, nz = nx / size, ny / size, nz / size
    else:
        nx, ny, nz = tx, ty, tz
    cosine = tx * nx + ty * ny + tz * nz
    if cosine < 0.0:
        cosine, nx, ny, nz = -cosine, -nx, -ny, -nz
    cosine = min(cosine, one)
    z1, z2 = before[IMPEDANCE], behind[IMPEDANCE]
    ratio = behind[STRETCH] / before[STRETCH]
    reflected, refracted = reflection(cosine, z1, z2, ratio)
    if refracted >= 0.0:
        tx, ty, tz = bend(tx, ty, tz, nx, ny, nz, cosine, refracted, ratio)
    facing = cosine * cosine
    facing = DIFFUSE + (one - DIFFUSE) * facing * facing * facing
    return (tx, ty, tz), reflected * facing, transmission(cosine, z1, z2, ratio, convergence)


@kernel
def _to_line(chart, i, a, knots_per_m, gx, gy, gd):  # type: ignore[no-untyped-def]
    """A gradient in skin coordinates as one in the line's frame: aside, across, ahead."""
    side = gx * chart[i, a, 1, 0] + gy * chart[i, a, 1, 1] + gd * chart[i, a, 1, 2]
    across = gx * chart[i, a, 2, 0] + gy * chart[i, a, 2, 1] + gd * chart[i, a, 2, 2]
    ahead = (
        gx * (chart[i, a + 1, 0, 0] - chart[i, a, 0, 0])
        + gy * (chart[i, a + 1, 0, 1] - chart[i, a, 0, 1])
        + gd * (chart[i, a + 1, 0, 2] - chart[i, a, 0, 2])
    ) * knots_per_m
    return side, across, ahead


@kernel
def _draw_interface(echoes, k, share, echo, tgc, pulse):  # type: ignore[no-untyped-def]
    """Draws an interface's echo, and its echoes between interface and probe at multiples of its depth."""
    strength = ECHO
    for bounce in range(1, BOUNCES + 1):
        at = k * bounce
        strength *= echo if bounce == 1 else abs(echo) * FACE_REFLECTION
        if at >= tgc.shape[0]:
            break
        drawn = strength * share * tgc[at]
        if abs(drawn) < INAUDIBLE:
            break
        half = pulse.shape[0] // 2
        for n in range(max(at - half, 0), min(at + half + 1, tgc.shape[0])):
            echoes[2 * n] += drawn * pulse[n - at + half]
