"""Spreading an image's pixels over voxels: each pixel over its eight nearest with trilinear weights, or onto the nearest alone.

A cell of the volume holds two numbers. MEAN and LATEST: value times weight, and weight. RUNNING_MEAN, MAXIMUM: the value, and weight.
"""

import numba
import numpy as np

MEAN, RUNNING_MEAN, MAXIMUM, LATEST = range(4)
MIN_WEIGHT = 1e-3  # of a pixel that a voxel needs to count as filled
STEPS = np.float32(255.0)  # PLUS keeps the weights of its mean as 16-bit integers of 1/255 pixel
MAX_WEIGHT = np.float32(65535.0) / STEPS


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def splat(pixels, mask, rows, T, cells, newest, image, how, nearest, stride):  # type: ignore[no-untyped-def]
    """Adds `pixels` where `mask` holds to `cells` (nz, ny, nx, 2); T (4, 4) maps (column, row, 0, 1) to voxel coordinates (x, y, z).

    `rows`, of the shape of `pixels` or empty, are where their content belongs in place of their own rows. `newest` (nz, ny, nx) holds,
    for LATEST alone, which `image` has written a cell last.
    """
    nz, ny, nx, _ = cells.shape
    numbers, written, moved = cells.reshape(-1), newest.reshape(-1), rows.size > 0
    for row in range(0, pixels.shape[0], stride):
        for column in range(0, pixels.shape[1], stride):
            if not mask[row, column]:
                continue
            value = np.float32(pixels[row, column])
            at = np.float64(rows[row, column]) if moved else np.float64(row)
            x = _within(T[0, 0] * column + T[0, 1] * at + T[0, 3], nx, nearest)
            y = _within(T[1, 0] * column + T[1, 1] * at + T[1, 3], ny, nearest)
            z = _within(T[2, 0] * column + T[2, 1] * at + T[2, 3], nz, nearest)
            i, j, k = int(x), int(y), int(z)
            a, b, c = x - i, y - j, z - k
            for dk in range(2):
                wk = c if dk else 1.0 - c
                for dj in range(2):
                    wj = wk * (b if dj else 1.0 - b)
                    for di in range(2):
                        w = np.float32(wj * (a if di else 1.0 - a))
                        if w > 0:  # a voxel beyond the last one never has weight
                            n = ((k + dk) * ny + j + dj) * nx + i + di
                            if how == LATEST and written[n] != image:
                                written[n] = image
                                numbers[2 * n], numbers[2 * n + 1] = 0.0, 0.0
                            _put(numbers, 2 * n, value, w, how)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _within(x, size, nearest):  # type: ignore[no-untyped-def]
    """A coordinate among so many voxels. There is room for every pixel, so that it leaves them by rounding at most."""
    x = min(max(x, 0.0), size - 1.0)
    return np.floor(x + 0.5) if nearest else x


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _put(numbers, n, value, w, how):  # type: ignore[no-untyped-def]
    """Adds a pixel to the cell whose two numbers begin at `n`."""
    if how == MAXIMUM:
        numbers[n] = max(numbers[n], value)
        numbers[n + 1] = max(numbers[n + 1], w)
    elif how == RUNNING_MEAN:
        weight = w + numbers[n + 1]
        numbers[n] = np.floor((w * value + numbers[n + 1] * numbers[n]) / weight + np.float32(0.5))
        numbers[n + 1] = min(np.floor(weight * STEPS + np.float32(0.5)) / STEPS, MAX_WEIGHT)
    else:
        numbers[n] += w * value
        numbers[n + 1] += w
