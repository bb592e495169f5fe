"""Vectors as three numbers, compiled: unlike small arrays they take no memory. What is given may be an array (3,) as well."""

from numba import njit


@njit(cache=True)
def forth(R, v):  # type: ignore[no-untyped-def]
    """R v, of a rotation (3, 3) or the pose (4, 4) that begins with it."""
    return (
        R[0, 0] * v[0] + R[0, 1] * v[1] + R[0, 2] * v[2],
        R[1, 0] * v[0] + R[1, 1] * v[1] + R[1, 2] * v[2],
        R[2, 0] * v[0] + R[2, 1] * v[1] + R[2, 2] * v[2],
    )


@njit(cache=True)
def back(R, v):  # type: ignore[no-untyped-def]
    """R^T v, of the same."""
    return forth(R.T, v)


@njit(cache=True)
def plus(a, share, b):  # type: ignore[no-untyped-def]
    """a + share b."""
    return a[0] + share * b[0], a[1] + share * b[1], a[2] + share * b[2]


@njit(cache=True)
def dot(a, b):  # type: ignore[no-untyped-def]
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def cross(a, b):  # type: ignore[no-untyped-def]
    """The vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True)
def put(out, v):  # type: ignore[no-untyped-def]
    """Writes `v` into an array (3,)."""
    out[0], out[1], out[2] = v
