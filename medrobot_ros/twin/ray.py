"""One scan line's way through the tissue: echoes of interfaces and scatterers, from refracted rays that lose energy as they go.

A ray's state is its deviation from the straight line (to the side, across the image) and its direction, in the line's own frame [m].
One drawn sample is a fixed time; the ray goes farther in it where sound is faster.
"""

from math import exp, sqrt

import numpy as np

from medrobot_ros.twin.anatomy import LOW_M, VOXEL_M, Tissue
from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.pulsation import at_rest, is_moved
from medrobot_ros.twin.refraction import ABOVE, NEAR, bend, gradient, reflection, transmission
from medrobot_ros.twin.speckle import GRAIN_CELLS, SHAPE, STRUCTURE_PITCH_M, STRUCTURE_SHAPE

IMPEDANCE, KEPT, STRETCH, SCATTERED, STRUCTURED = range(5)  # columns of a tissue's row
TGC, SCATTER_GAIN, SLICE_M = range(3)  # rows of what changes along a line
SIDE, ACROSS, SAMPLE, AMPLITUDE, LAG_M = range(5)  # of a point's sighting
GEL = int(Tissue.GEL)
PER_VOXEL = tuple(np.float32(1.0 / v) for v in VOXEL_M)
PER_STRUCTURE = tuple(np.float32(1.0 / v) for v in STRUCTURE_PITCH_M)
FIRST = tuple(np.float32(0.5 + n - low / v) for n, low, v in zip((0, 0, ABOVE), LOW_M, VOXEL_M, strict=True))  # rounded to by truncation

ECHO = np.float32(10.0 ** (8.0 / 20.0))  # a full reflection seen along its normal, against full scale
DIFFUSE = np.float32(0.08)  # share of an interface's echo that comes back at any angle; with the power 6 of the cosine: chosen
FACE_REFLECTION = np.float32(0.3)  # of the probe's matching layers, which sends echoes back in: chosen
BOUNCES = 3  # echoes of echoes that are drawn
STRUCTURE_MASK, TILE_MASK = (tuple(n - 1 for n in shape) for shape in (STRUCTURE_SHAPE, SHAPE))  # they repeat, with powers of two
STRUCTURE_GAIN = np.float32(0.4)
BETWEEN = np.float32(1.0 - exp(-0.25 / GRAIN_CELLS**2))  # one less the correlation of scatterers one cell apart
INAUDIBLE = np.float32(1e-6)  # against full scale
FAINT = np.float32(1e-7)  # below it a ray is dead
MARGIN = np.float32(1.5)  # of a piece's length, for its bends and the slice's growth along it
ASIDE = np.float32(4096.0)  # keeps tile coordinates above 0


@kernel
def trace_line(  # type: ignore[no-untyped-def]
    i, sample_m, convergence, chart, volume, vessels, materials, scatterers, along, slices, pulse, points, field, seen
):
    """Adds line `i`'s echoes to `field` (2, lines, samples) and notes in `seen` (lines, points, 5) where it passes each point.

    `chart` (lines, knots, 3, 3), `scatterers` (tile, axes, structure), `slices` (2, n) places and shares, `points` (n, 4);
    `volume`: see `volume_of`; `vessels`: see `beats`; `convergence` of the beam: see `transmission`.
    """
    for s in range(slices.shape[1]):
        looked_for = points if s == slices.shape[1] // 2 else points[:0]
        place = slices[0, s], slices[1, s]
        _trace_ray(i, sample_m, convergence, place, chart, volume, vessels, materials, scatterers, along, pulse, looked_for, field, seen)


@kernel
def _trace_ray(  # type: ignore[no-untyped-def]
    i, sample_m, convergence, slice_, chart, volume, vessels, materials, scatterers, along, pulse, points, field, seen
):
    """One ray, piece by piece: within a tissue and between two knots of the chart it is straight, and its place a polynomial."""
    place, weight = slice_
    labels, voxels, steps = volume
    tile, axes, structure = scatterers
    samples, knots = field.shape[2], chart.shape[1]
    one = np.float32(1.0)
    per_sample = np.float32((knots - 2) / samples)  # knots, the last of which lies beyond the line's end
    knots_per_m = per_sample / sample_m
    x, y, r = 0.0, 0.0, 0.0  # aside and across [m], ahead [knots]: in double precision, for they add up
    tx, ty, tz = np.float32(0.0), np.float32(0.0), one
    amplitude = one
    label, k = -1, 0
    while k < samples:
        tissue = materials[max(label, 0)]
        kept, stretch, scatter, coarseness = tissue[KEPT], tissue[STRETCH], tissue[SCATTERED], tissue[STRUCTURED]
        a = min(max(int(r), 0), knots - 2)
        dx, dy, dr = stretch * tx * sample_m, stretch * ty * sample_m, stretch * tz * per_sample
        b = np.float32(r - a)
        most = samples - k
        if a < knots - 2 and dr * np.float32(most) > one - b:
            most = int((one - b) / dr) + 1
        aside, over = np.float32(x), np.float32(y)
        p0, p1, p2, pe, pf = _piece(chart, i, a, b, aside, over, dx, dy, dr, 0)
        q0, q1, q2, qe, qf = _piece(chart, i, a, b, aside, over, dx, dy, dr, 1)
        d0, d1, d2, de, df = _piece(chart, i, a, b, aside, over, dx, dy, dr, 2)
        length = np.float32(most) * np.float32(sqrt(p1 * p1 + q1 * q1 + d1 * d1)) + abs(place) * along[SLICE_M, k]
        beating = is_moved(p0, q0, d0, MARGIN * length, vessels)
        before, n = label, 0
        while n < most:
            s, across = np.float32(n), place * along[SLICE_M, k + n]
            p = p0 + s * (p1 + s * p2) + across * (pe + s * pf)
            q = q0 + s * (q1 + s * q2) + across * (qe + s * qf)
            d = d0 + s * (d1 + s * d2) + across * (de + s * df)
            if beating:
                p, q, d = at_rest(p, q, d, vessels)
            vi = min(max(int(p * PER_VOXEL[0] + FIRST[0]), NEAR[0]), labels.shape[0] - 1 - NEAR[0])
            vj = min(max(int(q * PER_VOXEL[1] + FIRST[1]), NEAR[1]), labels.shape[1] - 1 - NEAR[1])
            vm = min(max(int(d * PER_VOXEL[2] + FIRST[2]), ABOVE), labels.shape[2] - 1 - NEAR[2])
            label = int(labels[vi, vj, vm]) if d >= np.float32(0.0) else GEL
            if label != before:
                break
            amplified = amplitude * along[TGC, k + n]
            scattered = scatter * amplified
            if scattered > INAUDIBLE:
                coarse = structure[
                    int(p * PER_STRUCTURE[0] + ASIDE) & STRUCTURE_MASK[0],
                    int(q * PER_STRUCTURE[1] + ASIDE) & STRUCTURE_MASK[1],
                    int(d * PER_STRUCTURE[2]) & STRUCTURE_MASK[2],
                ]
                scattered *= max(one + STRUCTURE_GAIN * coarseness * coarse, np.float32(0.1))
                scattered *= weight * along[SCATTER_GAIN, k + n]
                grain = _grain(tile, p * axes[0] + q * axes[1] + ASIDE, p * axes[2] + q * axes[3] + ASIDE, d * axes[4])
                field[0, i, k + n] += scattered * grain.real
                field[1, i, k + n] += scattered * grain.imag
            for m in range(points.shape[0]):
                side, beyond, ahead = _to_line(chart, i, a, knots_per_m, points[m, 0] - p, points[m, 1] - q, points[m, 2] - d)
                lag = side * tx + beyond * ty + ahead * tz
                if abs(lag) < abs(seen[i, m, LAG_M]):
                    seen[i, m, SIDE], seen[i, m, ACROSS] = side - lag * tx, beyond - lag * ty + across
                    seen[i, m, SAMPLE], seen[i, m, AMPLITUDE] = k + n + lag / (sample_m * stretch), amplified
                    seen[i, m, LAG_M] = lag
            amplitude *= kept
            n += 1
        k, x, y, r = k + n, x + n * dx, y + n * dy, r + n * dr
        if amplitude < FAINT:
            break
        if label != before and before >= 0:
            at = (vi * labels.shape[1] + vj) * labels.shape[2] + vm
            gx, gy, gd = gradient(voxels, at, steps, np.uint8(before), np.uint8(label))
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
            z1, z2 = materials[before, IMPEDANCE], materials[label, IMPEDANCE]
            ratio = materials[label, STRETCH] / materials[before, STRETCH]
            reflected, refracted = reflection(cosine, z1, z2, ratio)
            if refracted >= 0.0:
                tx, ty, tz = bend(tx, ty, tz, nx, ny, nz, cosine, refracted, ratio)
            facing = cosine * cosine
            facing = DIFFUSE + (one - DIFFUSE) * facing * facing * facing
            _interface(field, i, k, weight, reflected * facing * amplitude, along, pulse)
            amplitude *= transmission(cosine, z1, z2, ratio, convergence)


@kernel
def _piece(chart, i, a, b, x, y, dx, dy, db, c):  # type: ignore[no-untyped-def]
    """Of skin coordinate `c` from knot `a + b`, `x` aside and `y` across [m], n steps (dx, dy, db) on and `e` farther across: the five
    coefficients of p0 + n (p1 + n p2) + e (p3 + n p4).
    """
    here, beside, over = chart[i, a, 0, c], chart[i, a, 1, c], chart[i, a, 2, c]
    here_on, beside_on, over_on = chart[i, a + 1, 0, c] - here, chart[i, a + 1, 1, c] - beside, chart[i, a + 1, 2, c] - over
    on = here_on + x * beside_on + y * over_on
    turning = dx * beside_on + dy * over_on
    start, slope = here + x * beside + y * over + b * on, dx * beside + dy * over + db * on + b * turning
    return start, slope, db * turning, over + b * over_on, db * over_on


@kernel
def _grain(tile, beside, across, along):  # type: ignore[no-untyped-def]
    """The scatterers' field at tile coordinates above 0: linear across the image, where cells are large, and of unit power in between."""
    u, v, w = int(beside) & TILE_MASK[0], int(across), int(along) & TILE_MASK[2]
    b = np.float32(across - v)
    near, far = tile[u, v & TILE_MASK[1], w], tile[u, (v + 1) & TILE_MASK[1], w]
    one, uneven = np.float32(1.0), BETWEEN * b * (np.float32(1.0) - b)
    even = one + uneven * (one + uneven * (np.float32(1.5) + np.float32(2.5) * uneven))  # 1 / sqrt(1 - 2 uneven), within 2e-5
    return even * (near + b * (far - near))


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

