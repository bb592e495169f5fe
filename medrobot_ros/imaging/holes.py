"""Filling a volume's holes from the filled voxels around them: PLUS's STICK method."""

import numba
import numpy as np
from numpy.typing import NDArray

STICKS = np.array(
    [(dz, dy, dx) for dz in (0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dz, dy, dx) > (0, 0, 0)], dtype=np.int64
)  # the 13 lines through a voxel and its neighbours


def fill_holes(values: NDArray[np.float32], filled: NDArray[np.bool_], longest: int, count: int = 1) -> NDArray[np.float32]:
    """`values` (nz, ny, nx) with holes filled between voxels that are `filled`.

    A stick is a line of at most `longest` voxels, both filled ends counted, through the hole. Each hole takes the mean of what the
    `count` shortest sticks say, weighted by one over their length; sticks as short as the last of these count as well. A stick says the
    linear interpolation between its ends.
    """
    filled_values: NDArray[np.float32] = _fill(values, filled, longest, count, STICKS)
    return filled_values


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(values, filled, longest, count, sticks):  # type: ignore[no-untyped-def]
    out = values.copy()
    said, length = np.empty(len(sticks)), np.empty(len(sticks))
    nz, ny, nx = values.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if filled[z, y, x]:
                    continue
                found = 0
                for s in range(len(sticks)):
                    dz, dy, dx = sticks[s]
                    a = _steps(filled, z, y, x, dz, dy, dx, longest - 2)
                    b = _steps(filled, z, y, x, -dz, -dy, -dx, longest - 1 - a) if a else 0
                    if b:
                        there, back = values[z + a * dz, y + a * dy, x + a * dx], values[z - b * dz, y - b * dy, x - b * dx]
                        said[found] = (b * there + a * back) / (a + b)
                        length[found] = (a + b) * np.sqrt(dz * dz + dy * dy + dx * dx)
                        found += 1
                if found:
                    out[z, y, x] = _weighted(said[:found], length[:found], count)
    return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _weighted(said, length, count):  # type: ignore[no-untyped-def]
    limit = np.sort(length)[min(count, len(length)) - 1]
    total, weight = 0.0, 0.0
    for s in range(len(said)):
        if length[s] <= limit:
            total += said[s] / length[s]
            weight += 1.0 / length[s]
    return total / weight


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _steps(filled, z, y, x, dz, dy, dx, limit):  # type: ignore[no-untyped-def]
    """Steps to the first filled voxel in a direction, 0 where there is none within `limit`."""
    for n in range(1, limit + 1):
        z, y, x = z + dz, y + dy, x + dx
        if not (0 <= z < filled.shape[0] and 0 <= y < filled.shape[1] and 0 <= x < filled.shape[2]):
            return 0
        if filled[z, y, x]:
            return n
    return 0
