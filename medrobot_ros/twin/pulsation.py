"""How vessels' beats move the tissue: away from each axis as the lumen widens, inside and about it.

The lumen's wall goes exactly as `Vessel.radius_at` says. Outside it tissue keeps its volume, so that its displacement falls with one over
the distance, less a constant that lets it end at `REACH` radii.
"""

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.twin.kernel import kernel
from medrobot_ros.twin.vessel import Vessel

REACH = 3.0  # radii of the vessel, chosen
POINT, AXIS, LUMEN2, REACH_M, MOVED = 0, 3, 6, 7, 8  # columns of a vessel's row
COLUMNS = 9


def beats(vessels: tuple[Vessel, ...], heart_phase_rad: float) -> NDArray[np.float32]:
    """Rows (n, COLUMNS) for the kernels."""
    rows = np.zeros((len(vessels), COLUMNS), np.float32)
    for row, v in zip(rows, vessels, strict=True):
        lumen2, reach_m = v.radius_at(heart_phase_rad) ** 2, REACH * v.radius_m
        wall = 1.0 - v.radius_m / v.radius_at(heart_phase_rad)  # share of its distance from the axis by which the wall has moved
        row[POINT : POINT + 3], row[AXIS : AXIS + 3] = v.point, v.axis
        row[LUMEN2], row[REACH_M], row[MOVED] = lumen2, reach_m, wall / (1.0 / lumen2 - 1.0 / reach_m**2)
    return rows


@kernel
def is_moved(p, q, d, within, vessels):  # type: ignore[no-untyped-def]
    """Whether any vessel moves tissue `within` some distance of skin coordinates (p, q, d)."""
    for n in range(vessels.shape[0]):
        px, py, pz = p - vessels[n, POINT], q - vessels[n, POINT + 1], d - vessels[n, POINT + 2]
        x, y, z = _from_axis(px, py, pz, vessels[n, AXIS], vessels[n, AXIS + 1], vessels[n, AXIS + 2])
        reach = vessels[n, REACH_M] + within
        if x * x + y * y + z * z < reach * reach:
            return True
    return False


@kernel
def to_rest(x, y, depth, begin, block, vessels):  # type: ignore[no-untyped-def]
    """Takes a block of skin coordinates to where the tissue there lies at the middle of a beat."""
    one, none = np.float32(1.0), np.float32(0.0)
    for n in range(vessels.shape[0]):
        lumen2, end, moved = vessels[n, LUMEN2], one / (vessels[n, REACH_M] * vessels[n, REACH_M]), vessels[n, MOVED]
        px, py, pz = vessels[n, POINT], vessels[n, POINT + 1], vessels[n, POINT + 2]
        ax, ay, az = vessels[n, AXIS], vessels[n, AXIS + 1], vessels[n, AXIS + 2]
        for m in range(block):
            o = np.uint64(begin + m)
            u, v, w = _from_axis(x[o] - px, y[o] - py, depth[o] - pz, ax, ay, az)
            share = moved * max(one / max(u * u + v * v + w * w, lumen2) - end, none)  # none beyond the reach
            x[o], y[o], depth[o] = x[o] - share * u, y[o] - share * v, depth[o] - share * w


@kernel
def _from_axis(x, y, z, ax, ay, az):  # type: ignore[no-untyped-def]
    """The part of (x, y, z) across a unit vector."""
    along = x * ax + y * ay + z * az
    return x - along * ax, y - along * ay, z - along * az
