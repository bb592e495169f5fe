"""One scan line's way through the tissue: echoes of interfaces and scatterers, from refracted rays that lose energy as they go.

A ray's state is its deviation from the straight line (to the side, across the image) and its direction, in the line's own frame [m].
One drawn sample is a fixed time; the ray goes farther in it where sound is faster.
"""

from math import exp, sqrt

import numpy as np

from medrobot_ros.twin.anatomy import LOW_M, VOXEL_M, Tissue
from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.refraction import NEAR, bend, gradient, reflection, transmission
from medrobot_ros.twin.speckle import GRAIN_CELLS, STRUCTURE_PITCH_M

IMPEDANCE, KEPT, STRETCH, SCATTERED, STRUCTURED = range(5)  # columns of a tissue's row
TGC, SCATTER_GAIN, SLICE_M = range(3)  # rows of what changes along a line
SIDE, ACROSS, SAMPLE, AMPLITUDE, LAG_M = range(5)  # of a point's sighting
GEL = int(Tissue.GEL)
PER_VOXEL = tuple(np.float32(1.0 / v) for v in VOXEL_M)
PER_STRUCTURE = tuple(np.float32(1.0 / v) for v in STRUCTURE_PITCH_M)
FIRST = tuple(np.float32(0.5 - low / v) for low, v in zip(LOW_M, VOXEL_M, strict=True))  # a voxel is rounded to by truncation

ECHO = np.float32(10.0 ** (8.0 / 20.0))  # a full reflection seen along its normal, against full scale
DIFFUSE = np.float32(0.08)  # share of an interface's echo that comes back at any angle; with the power 6 of the cosine: chosen
FACE_REFLECTION = np.float32(0.3)  # of the probe's matching layers, which sends echoes back in: chosen
BOUNCES = 3  # echoes of echoes that are drawn
STRUCTURE_GAIN = np.float32(0.4)
NEXT_CELL = np.float32(exp(-0.25 / GRAIN_CELLS**2))  # correlation of scatterers one cell apart
INAUDIBLE = np.float32(1e-6)  # against full scale
FAINT = np.float32(1e-7)  # below it a ray is dead
ASIDE = np.float32(4096.0)  # keeps tile coordinates above 0


@kernel
def trace_line(i, sample_m, convergence, chart, labels, materials, scatterers, along, slices, pulse, points, field, seen):  # type: ignore[no-untyped-def]
    """Adds line `i`'s echoes to `field` (2, lines, samples) and notes in `seen` (lines, points, 5) where it passes each point.

    `chart` (lines, knots, 3, 3), `scatterers` (tile, axes, structure), `slices` (2, n) places and shares, `points` (n, 4);
    `convergence` of the beam: see `transmission`.
    """
    for s in range(slices.shape[1]):
        looked_for = points if s == slices.shape[1] // 2 else points[:0]
        place = slices[0, s], slices[1, s]
        _trace_ray(i, sample_m, convergence, place, chart, labels, materials, scatterers, along, pulse, looked_for, field, seen)


@kernel
def _trace_ray(i, sample_m, convergence, slice_, chart, labels, materials, scatterers, along, pulse, points, field, seen):  # type: ignore[no-untyped-def]
    place, weight = slice_
    tile, axes, structure = scatterers
    samples, knots = field.shape[2], chart.shape[1]
    one = np.float32(1.0)
    per_sample = np.float32((knots - 2) / samples)  # knots, the last of which lies beyond the line's end
    knots_per_m = per_sample / sample_m
    x, y, r = np.float32(0.0), np.float32(0.0), np.float32(0.0)  # aside and across [m], ahead [samples]
    tx, ty, tz = np.float32(0.0), np.float32(0.0), one
    amplitude = one
    previous = -1
    for k in range(samples):
        u = min(r * per_sample, np.float32(knots - 1.001))
        a = int(u)
        b = u - np.float32(a)
        ye = y + place * along[SLICE_M, k]
        p = _place(chart, i, a, b, x, ye, 0)
        q = _place(chart, i, a, b, x, ye, 1)
        d = _place(chart, i, a, b, x, ye, 2)
        vi = min(max(int(p * PER_VOXEL[0] + FIRST[0]), NEAR[0]), labels.shape[0] - 1 - NEAR[0])
        vj = min(max(int(q * PER_VOXEL[1] + FIRST[1]), NEAR[1]), labels.shape[1] - 1 - NEAR[1])
        vm = min(max(int(d * PER_VOXEL[2] + FIRST[2]), 0), labels.shape[2] - 1 - NEAR[2])
        label = int(labels[vi, vj, vm]) if d >= 0.0 else GEL
        if label != previous and previous >= 0:
            gx, gy, gd = gradient(labels, vi, vj, vm, previous, label)
            nx, ny, nz = _to_line(chart, i, a, knots_per_m, gx, gy, gd)
            size = np.float32(sqrt(nx * nx + ny * ny + nz * nz))
            if size > 0.0:
                nx, ny, nz = nx / size, ny / size, nz / size
            else:
                nx, ny, nz = tx, ty, tz
            cosine = tx * nx + ty * ny + tz * nz
            if cosine < 0.0:
                cosine, nx, ny, nz = -cosine, -nx, -ny, -nz
            cosine = min(cosine, one)
            z1, z2 = materials[previous, IMPEDANCE], materials[label, IMPEDANCE]
            ratio = materials[label, STRETCH] / materials[previous, STRETCH]
            reflected, refracted = reflection(cosine, z1, z2, ratio)
            if refracted >= 0.0:
                tx, ty, tz = bend(tx, ty, tz, nx, ny, nz, cosine, refracted, ratio)
            facing = cosine * cosine
            facing = DIFFUSE + (one - DIFFUSE) * facing * facing * facing
            _interface(field, i, k, weight, reflected * facing * amplitude, along, pulse)
            amplitude *= transmission(cosine, z1, z2, ratio, convergence)
        previous = label
        if amplitude < FAINT:
            break
        scattered = materials[label, SCATTERED] * amplitude * along[TGC, k]
        if scattered > INAUDIBLE:
            coarse = structure[
                int(p * PER_STRUCTURE[0] + ASIDE) & (structure.shape[0] - 1),
                int(q * PER_STRUCTURE[1] + ASIDE) & (structure.shape[1] - 1),
                int(d * PER_STRUCTURE[2]) & (structure.shape[2] - 1),
            ]
            scattered *= max(one + STRUCTURE_GAIN * materials[label, STRUCTURED] * coarse, np.float32(0.1))
            scattered *= weight * along[SCATTER_GAIN, k]
            grain = _grain(tile, p * axes[0] + q * axes[1] + ASIDE, p * axes[2] + q * axes[3] + ASIDE, d * axes[4])
            field[0, i, k] += scattered * grain.real
            field[1, i, k] += scattered * grain.imag
        for n in range(points.shape[0]):
            side, over, ahead = _to_line(chart, i, a, knots_per_m, points[n, 0] - p, points[n, 1] - q, points[n, 2] - d)
            lag = side * tx + over * ty + ahead * tz
            if abs(lag) < abs(seen[i, n, LAG_M]):
                seen[i, n, SIDE], seen[i, n, ACROSS] = side - lag * tx, over - lag * ty + ye - y
                seen[i, n, SAMPLE], seen[i, n, AMPLITUDE] = k + lag / (sample_m * materials[label, STRETCH]), amplitude * along[TGC, k]
                seen[i, n, LAG_M] = lag
        amplitude *= materials[label, KEPT]
        step = materials[label, STRETCH]
        x += step * tx * sample_m
        y += step * ty * sample_m
        r += step * tz


@kernel
def _grain(tile, beside, across, along):  # type: ignore[no-untyped-def]
    """The scatterers' field at tile coordinates above 0: linear across the image, where cells are large, and of unit power in between."""
    u, v, w = int(beside) & (tile.shape[0] - 1), int(across), int(along) & (tile.shape[2] - 1)
    b = np.float32(across - v)
    a = np.float32(1.0) - b
    near, far = tile[u, v & (tile.shape[1] - 1), w], tile[u, (v + 1) & (tile.shape[1] - 1), w]
    even = np.float32(1.0) / np.float32(sqrt(a * a + b * b + np.float32(2.0) * a * b * NEXT_CELL))
    return even * (a * near + b * far)


@kernel
def _place(chart, i, a, b, x, y, c):  # type: ignore[no-untyped-def]
    """Skin coordinate `c` at knot `a + b`, `x` aside and `y` across [m]."""
    here = chart[i, a, 0, c] + x * chart[i, a, 1, c] + y * chart[i, a, 2, c]
    ahead = chart[i, a + 1, 0, c] + x * chart[i, a + 1, 1, c] + y * chart[i, a + 1, 2, c]
    return here + b * (ahead - here)


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
def _interface(field, i, k, weight, echo, along, pulse):  # type: ignore[no-untyped-def]
    """Draws an interface's echo, and its echoes between interface and probe at multiples of its depth."""
    strength = ECHO
    for bounce in range(1, BOUNCES + 1):
        at = k * bounce
        strength *= echo if bounce == 1 else abs(echo) * FACE_REFLECTION
        if at >= field.shape[2]:
            break
        drawn = strength * weight * along[TGC, at]
        if abs(drawn) < INAUDIBLE:
            break
        half = pulse.shape[0] // 2
        for n in range(max(at - half, 0), min(at + half + 1, field.shape[2])):
            field[0, i, n] += drawn * pulse[n - at + half]

