"""Rotations and their vectors, compiled, for the compiled passes of a control tick. The same numbers as the functions of `pose`."""

from math import atan2, cos, pi, sin, sqrt

import numpy as np
from numba import njit

SMALL_RAD = 1e-6


@njit(cache=True)
def rotation_of(v):  # type: ignore[no-untyped-def]
    """Rotation (3, 3) of `|v|` radians about `v` (3,), by Rodrigues' formula."""
    x, y, z = v[0], v[1], v[2]
    angle = sqrt(x * x + y * y + z * z)
    a, b = (1.0, 0.5) if angle < SMALL_RAD else (sin(angle) / angle, (1.0 - cos(angle)) / (angle * angle))
    return np.array([
        [1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
        [b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x],
        [b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)],
    ])  # fmt: skip


@njit(cache=True)
def vector_of(R):  # type: ignore[no-untyped-def]
    """Axis times angle [rad], shape (3,), of a rotation (3, 3). At pi the axis is recovered from the diagonal."""
    w = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    cosine, sine = 0.5 * (R[0, 0] + R[1, 1] + R[2, 2] - 1.0), 0.5 * sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    if sine > SMALL_RAD:
        return w * (atan2(sine, cosine) / (2.0 * sine))
    if cosine > 0.0:
        return 0.5 * w
    k = 0
    for i in range(1, 3):
        k = i if R[i, i] > R[k, k] else k
    axis = 0.5 * R[:, k]
    axis[k] += 0.5
    return axis * (pi / sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]))


@njit(cache=True)
def turned_back(A, B):  # type: ignore[no-untyped-def]
    """A^T B of matrices (3, 3), or of a matrix and a vector (3,): at this size a library's call costs more than the sums."""
    out = np.zeros(B.shape)
    for i in range(3):
        for k in range(3):
            out[i] += A[k, i] * B[k]
    return out
