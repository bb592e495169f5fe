"""Where the image plane lies in the anatomy: skin coordinates, and how they change about each line, before refraction.

Skin coordinates (x, y, depth) are those of the label volume: of the nearest skin point, and depth below it [m]. Under the probe's face
tissue is pushed down by `indentation * exp(-depth / INDENTATION_DECAY_M)`; the chart says where it lay before.
"""

from math import exp

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.signals import Array
from medrobot_ros.twin.body import Body
from medrobot_ros.twin.patient import skin_below

KNOT_LINES, KNOT_SAMPLES = 25, 17  # where the skin is looked up exactly; linear in between
INDENTATION_DECAY_M = 0.04  # depth over which the tissue's displacement under the probe fades
STEP_M = 1e-3  # of the finite differences
Skin = tuple[float, float, float, Array, Array, Array]


def skin_of(body: Body) -> Skin:
    """A body's skin as the kernels take it."""
    zx, zy = body.gradients()
    return body.x[0], body.y[0], body.x[1] - body.x[0], body.z, np.ascontiguousarray(zx), np.ascontiguousarray(zy)


class Chart:
    """Charts of one probe over one skin: the height field (x0, y0, step, z, dz/dx, dz/dy)."""

    def __init__(self, scan: ScanLines, elements_m: Array, skin: Skin) -> None:
        self._faces, self._directions = scan.faces_and_directions()
        self._depth_m, self._elements, self._skin = scan.depth_m, elements_m, skin

    def at(self, T_patient_probe: Array, breathing_offset_m: float) -> tuple[NDArray[np.float32], Array]:
        """Knots (lines, KNOT_SAMPLES + 1, 3, 3) and each element's depth below the skin (elements,) [m].

        Of each knot: its skin coordinates [m], and their change per metre to the side in the image and per metre across it.
        """
        T, offset = np.ascontiguousarray(T_patient_probe), breathing_offset_m
        return _chart(T, offset, self._skin, self._faces, self._directions, self._depth_m), _depths(T, offset, self._skin, self._elements)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _chart(T_patient_probe, offset, skin, faces, directions, depth):  # type: ignore[no-untyped-def]
    R, o = np.ascontiguousarray(T_patient_probe[:3, :3]), T_patient_probe[:3, 3]
    lines, knots = len(faces), KNOT_SAMPLES + 1
    coarse = np.empty((KNOT_LINES, knots, 3, 3))
    for g in range(KNOT_LINES):
        at = g * (lines - 1) / (KNOT_LINES - 1)
        a = min(int(at), lines - 2)
        b = at - a
        face = (1.0 - b) * faces[a] + b * faces[a + 1]
        ahead = (1.0 - b) * directions[a] + b * directions[a + 1]
        ahead = R[:, 0] * ahead[0] + R[:, 2] * ahead[1]
        beside = R[:, 0] * ((1.0 - b) * directions[a, 1] + b * directions[a + 1, 1]) - R[:, 2] * (
            (1.0 - b) * directions[a, 0] + b * directions[a + 1, 0]
        )
        begin = R[:, 0] * face[0] + R[:, 2] * face[1] + o
        indentation = min(max(_skin_coordinates(begin, offset, skin, 0.0)[2], 0.0), 0.75 * INDENTATION_DECAY_M)
        for k in range(KNOT_SAMPLES):
            p = begin + ahead * (k * depth / (KNOT_SAMPLES - 1))
            coarse[g, k, 0] = _skin_coordinates(p, offset, skin, indentation)
            coarse[g, k, 1] = (_skin_coordinates(p + STEP_M * beside, offset, skin, indentation) - coarse[g, k, 0]) / STEP_M
            coarse[g, k, 2] = (_skin_coordinates(p + STEP_M * R[:, 1], offset, skin, indentation) - coarse[g, k, 0]) / STEP_M
        coarse[g, knots - 1] = 2.0 * coarse[g, knots - 2] - coarse[g, knots - 3]
    fine = np.empty((lines, knots, 3, 3), np.float32)
    for i in range(lines):
        at = i * (KNOT_LINES - 1) / (lines - 1)
        a = min(int(at), KNOT_LINES - 2)
        b = at - a
        fine[i] = (1.0 - b) * coarse[a] + b * coarse[a + 1]
    return fine


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _depths(T_patient_probe, offset, skin, elements):  # type: ignore[no-untyped-def]
    """Depth of each element below the skin (elements,) [m]: exact at some, linear in between."""
    exact = np.empty(KNOT_LINES)
    at = np.linspace(0.0, len(elements) - 1.0, KNOT_LINES)
    for g in range(KNOT_LINES):
        a = min(int(at[g]), len(elements) - 2)
        x, z = elements[a] + (at[g] - a) * (elements[a + 1] - elements[a])
        exact[g] = _skin_coordinates(T_patient_probe[:3, 0] * x + T_patient_probe[:3, 2] * z + T_patient_probe[:3, 3], offset, skin, 0.0)[2]
    return np.interp(np.arange(len(elements)), at, exact)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _skin_coordinates(p, offset, skin, indentation):  # type: ignore[no-untyped-def]
    """(3,) of a point in the patient frame, where the tissue there lay before it was pushed down."""
    x0, y0, step, z, zx, zy = skin
    s, n = skin_below(p, x0, y0, step, z, zx, zy)
    out = np.empty(3)
    out[0], out[1] = s[0], s[1]
    depth = offset - ((p[0] - s[0]) * n[0] + (p[1] - s[1]) * n[1] + (p[2] - s[2]) * n[2])
    out[2] = _undeformed(depth, indentation) if indentation > 0.0 else depth
    return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _undeformed(depth, indentation):  # type: ignore[no-untyped-def]
    """Depth at which tissue lay before it was pushed down by `indentation * exp(-depth / decay)`, by Newton's method."""
    d = max(depth - indentation, 0.0)
    for _ in range(4):
        pushed = indentation * exp(-d / INDENTATION_DECAY_M)
        d -= (d + pushed - depth) / (1.0 - pushed / INDENTATION_DECAY_M)
    return max(d, 0.0)
