"""Products of small matrices, compiled: at this size a library's call costs more than the sums."""

import numpy as np
from numba import njit


@njit(cache=True)
def times(A, x):  # type: ignore[no-untyped-def]
    """A x."""
    out = np.zeros(A.shape[0])
    for i in range(A.shape[0]):
        for k in range(A.shape[1]):
            out[i] += A[i, k] * x[k]
    return out


@njit(cache=True)
def squared(A):  # type: ignore[no-untyped-def]
    """A A^T."""
    out = np.empty((A.shape[0], A.shape[0]))
    for i in range(A.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for k in range(A.shape[1]):
                total += A[i, k] * A[j, k]
            out[i, j] = out[j, i] = total
    return out
