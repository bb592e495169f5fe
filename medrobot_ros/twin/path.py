"""What is noted along one ray: where its samples lie in the anatomy at rest, and how loud the scatterers there are.

Samples are laid in blocks of one length, by loops without branches, which are compiled to vector code.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.twin.anatomy import LOW_M, VOXEL_M
from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.pulsation import to_rest
from medrobot_ros.twin.refraction import ABOVE, NEAR

BLOCK = 16  # samples
LONGEST = 64  # samples of one straight piece
LEVELS, INDICES = 5, 3  # rows of a path: skin coordinates, level of the scatterers and how coarse they are; and of indices beside them
APART_M, GAIN = range(2)  # rows of a slice over depth: how far across the image it lies, gain of its scatterers
PER_VOXEL = tuple(np.float32(1.0 / v) for v in VOXEL_M)
FIRST = tuple(np.float32(0.5 + n - low / v) for n, low, v in zip((0, 0, ABOVE), LOW_M, VOXEL_M, strict=True))  # rounded to by truncation


def new_path(samples: int) -> tuple[NDArray[Any], ...]:
    """Room for one ray: the rows of its path, single numbers each, and of indices."""
    return (*np.zeros((LEVELS, samples + BLOCK), np.float32), *np.zeros((INDICES, samples + BLOCK), np.int32))


@kernel
def piece(chart, i, a, b, x, y, dx, dy, db, c):  # type: ignore[no-untyped-def]
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
def walk(x, y, depth, at, k, most, block, apart, p, q, d, vessels, beating, labels, voxels, before):  # type: ignore[no-untyped-def]
    """Lays samples from `k` on along the piece (p, q, d), tissue that vessels move at rest, until a label other than `before`.

    Notes their skin coordinates. Returns their number, `most` at most, and the voxel's place `at` in the raveled volume (see `volume_of`)
    where another label begins, -1 if none does. Above the skin there is gel.
    """
    p0, p1, p2, p3, p4 = p
    q0, q1, q2, q3, q4 = q
    d0, d1, d2, d3, d4 = d
    wide, long = np.int32(labels.shape[1]), np.int32(labels.shape[2])
    last_i, last_j, last_m = np.float32(labels.shape[0] - 1 - NEAR[0]), np.float32(wide - 1 - NEAR[1]), np.float32(long - 1 - NEAR[2])
    first_i, first_j, none = np.float32(NEAR[0]), np.float32(NEAR[1]), np.float32(0.0)
    n = 0
    while n < most:
        begin = k + n
        for m in range(block):
            o = np.uint64(begin + m)
            s, e = np.float32(n + m), apart[o]
            x[o] = p0 + s * (p1 + s * p2) + e * (p3 + s * p4)
            y[o] = q0 + s * (q1 + s * q2) + e * (q3 + s * q4)
            depth[o] = d0 + s * (d1 + s * d2) + e * (d3 + s * d4)
        if beating:
            to_rest(x, y, depth, begin, block, vessels)
        for m in range(block):
            o = np.uint64(begin + m)
            i = np.int32(min(max(x[o] * PER_VOXEL[0] + FIRST[0], first_i), last_i))
            j = np.int32(min(max(y[o] * PER_VOXEL[1] + FIRST[1], first_j), last_j))
            below = np.int32(min(depth[o] * PER_VOXEL[2] + FIRST[2], last_m)) if depth[o] >= none else np.int32(ABOVE - 1)
            at[m] = (i * wide + j) * long + below
        for m in range(min(block, most - n)):
            if voxels[np.uint32(at[m])] != before:
                return n + m, at[m]
        n += block
    return most, np.int32(-1)


@kernel
def set_levels(level, coarse, k, n, block, start, coarseness, fading, row, gain):  # type: ignore[no-untyped-def]
    """Of the scatterers of `n` samples from `k` in one tissue, where they begin at `start` and fade as its row says."""
    for m in range(-(-n // block) * block):
        o = np.uint64(k + m)
        level[o], coarse[o] = start * fading[row, m] * gain[o], coarseness
