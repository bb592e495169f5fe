"""What an interface does to a ray: Snell's law, and the pressure that comes back by both angles."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.twin.anatomy import VOXEL_M, Tissue
from medrobot_ros.twin.kernel import kernel

NEAR_M, SMOOTH_M = 0.007, 0.003  # how far about an interface its normal is told from, and the weights' standard deviation: chosen so that
# planes of voxels of 1 mm and any slope come out within 3 degrees (root mean square), which refraction at soft tissue makes 0.3 of
NEAR = tuple(int(NEAR_M / v) for v in VOXEL_M)
ABOVE = NEAR[2] + 1  # layers of gel above the skin: one to fall into, and so that neighbours need no care there


def _neighbours() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Every second voxel of a ball, as on a chessboard: offsets (n, 3) and the moments (n, 3) [m] that they add."""
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in NEAR), indexing="ij"), axis=-1).reshape(-1, 3)
    from_centre = offsets * np.array(VOXEL_M)
    kept = (np.linalg.norm(from_centre, axis=1) <= NEAR_M) & (offsets.sum(axis=1) % 2 == 0)
    weights = np.exp(-0.5 * (from_centre**2).sum(axis=1) / SMOOTH_M**2)
    return offsets[kept].astype(np.int32), (weights[:, None] * from_centre)[kept].astype(np.float32)


OFFSETS, MOMENTS = _neighbours()


Memory = tuple[NDArray[np.int64], NDArray[np.float32]]


def new_memory(room: int) -> Memory:
    """For as many gradients at most, a power of two, or none; see `known_gradient`."""
    return np.full(room, -1, np.int64), np.zeros((room, 3), np.float32)


def volume_of(labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Labels (nx, ny, nd) as the kernels take them: with `ABOVE` layers of gel, the same raveled, and the neighbours' steps in that."""
    padded = np.pad(labels, ((0, 0), (0, 0), (ABOVE, 0)), constant_values=int(Tissue.GEL))
    _, ny, nd = padded.shape
    return padded, padded.reshape(-1), OFFSETS @ np.array([ny * nd, nd, 1])


@kernel
def reflection(cos1, z1, z2, ratio):  # type: ignore[no-untyped-def]
    """Reflected share of the pressure and the cosine of the transmitted angle, for `ratio` c2 / c1.

    R = (Z2 cos t1 - Z1 cos t2) / (Z2 cos t1 + Z1 cos t2), sin t2 / sin t1 = c2 / c1; beyond the critical angle all of it, and -1.
    """
    sin2_squared = ratio * ratio * (np.float32(1.0) - cos1 * cos1)
    if sin2_squared >= 1.0:
        return np.float32(1.0), np.float32(-1.0)
    cos2 = np.float32(sqrt(np.float32(1.0) - sin2_squared))
    return (z2 * cos1 - z1 * cos2) / (z2 * cos1 + z1 * cos2), cos2


@kernel
def transmission(cos1, z1, z2, ratio, convergence):  # type: ignore[no-untyped-def]
    """Share of the pressure that passes there and back, 1 - R^2, over the beam: it converges by `convergence` (sine, cosine) on both sides.

    Gauss and Legendre's three rays: an interface that turns one ray back lets others of the aperture pass.
    """
    one = np.float32(1.0)
    sin1 = np.float32(sqrt(max(one - cos1 * cos1, np.float32(0.0))))
    before = reflection(abs(cos1 * convergence[1] - sin1 * convergence[0]), z1, z2, ratio)[0]
    middle = reflection(cos1, z1, z2, ratio)[0]
    behind = reflection(min(cos1 * convergence[1] + sin1 * convergence[0], one), z1, z2, ratio)[0]
    return one - (np.float32(5.0) * (before * before + behind * behind) + np.float32(8.0) * middle * middle) / np.float32(18.0)


@kernel
def bend(tx, ty, tz, nx, ny, nz, cos1, cos2, ratio):  # type: ignore[no-untyped-def]
    """Unit direction after an interface whose unit normal `n` has the positive cosine `cos1` to the ray `t`: Snell's law."""
    turn = cos2 - ratio * cos1
    return ratio * tx + turn * nx, ratio * ty + turn * ny, ratio * tz + turn * nz


@kernel
def gradient(voxels, at, steps, before, after):  # type: ignore[no-untyped-def]
    """Direction in skin coordinates, of any length, from label `before` to label `after` about voxel `at` of a raveled volume.

    The first moment of what lies around: blurred labels' gradient, so that steps of voxels do not show.
    """
    gx, gy, gd = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for n in range(steps.shape[0]):
        label = voxels[np.uint64(at + steps[n])]
        sign = np.float32(np.int32(label == after) - np.int32(label == before))  # without branches, which a processor would guess wrong
        gx, gy, gd = gx + sign * MOMENTS[n, 0], gy + sign * MOMENTS[n, 1], gd + sign * MOMENTS[n, 2]
    return gx, gy, gd


@kernel
def known_gradient(voxels, at, steps, before, after, keys, found):  # type: ignore[no-untyped-def]
    """The same, kept by voxel and labels for rays and images to come.

    Not where `keys` and `found` have no room (see `new_memory`), as where many threads would write them.
    """
    room = keys.shape[0]
    if room == 0:
        return gradient(voxels, at, steps, before, after)
    key = (np.int64(at) << 16) | (np.int64(before) << 8) | np.int64(after)
    slot = ((key * 2654435761) >> 16) & (room - 1)
    if keys[slot] != key:
        keys[slot] = key
        found[slot, 0], found[slot, 1], found[slot, 2] = gradient(voxels, at, steps, before, after)
    return found[slot, 0], found[slot, 1], found[slot, 2]
