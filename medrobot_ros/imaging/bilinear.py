"""Bilinear interpolation of bytes at places that stay the same from image to image: where they lie is worked out once."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array


class Bilinear:
    """Samples arrays of `shape` at fractional indices `row`, `column`, both of one shape, which is that of the answer."""

    def __init__(self, row: Array, column: Array, shape: tuple[int, int]) -> None:
        inside = (row >= 0.0) & (row <= shape[0] - 1) & (column >= 0.0) & (column <= shape[1] - 1)
        i, k = (np.minimum(v[inside].astype(np.uint32), n - 2) for v, n in zip((row, column), shape, strict=True))
        self._shape, self._step = row.shape, np.uint32(shape[1])
        self._place = np.flatnonzero(inside).astype(np.uint32)
        self._first = i * self._step + k
        self._weights = (row[inside] - i).astype(np.float32), (column[inside] - k).astype(np.float32)

    def __call__(self, values: NDArray[np.uint8], dtype: Any) -> NDArray[Any]:
        """Samples, 0 where they lie outside; rounded where `dtype` is `np.uint8`."""
        out = np.zeros(self._shape, dtype)
        rounding = np.float32(0.5 if dtype is np.uint8 else 0.0)
        flat = np.ascontiguousarray(values).reshape(-1)
        _interpolate(flat, self._step, self._place, self._first, *self._weights, rounding, out.reshape(-1))
        return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _interpolate(values, step, place, first, down, beside, rounding, out):  # type: ignore[no-untyped-def]
    """Indices are unsigned, so that none is taken for one from the end."""
    for n in range(place.shape[0]):
        k, a, b = np.uint64(first[n]), down[n], beside[n]
        at, right, below = np.float32(values[k]), np.float32(values[k + np.uint64(1)]), np.float32(values[k + np.uint64(step)])
        upper = at + b * (right - at)
        lower = below + b * (np.float32(values[k + np.uint64(step) + np.uint64(1)]) - below)
        out[np.uint64(place[n])] = upper + a * (lower - upper) + rounding
