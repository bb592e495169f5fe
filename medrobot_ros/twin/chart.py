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
    T = T_patient_probe
    lines, knots = len(faces), KNOT_SAMPLES + 1
    coarse = np.empty((KNOT_LINES, knots, 3, 3))
    for g in range(KNOT_LINES):
        at = g * (lines - 1) / (KNOT_LINES - 1)
        a = min(int(at), lines - 2)
        b = at - a
        face = (1.0 - b) * faces[a] + b * faces[a + 1]
        x, z = (1.0 - b) * directions[a] + b * directions[a + 1]
        px, py, pz = _in_patient(T, face[0], 0.0, face[1], 1.0)
        ax, ay, az = _in_patient(T, x, 0.0, z, 0.0)  # ahead
        bx, by, bz = _in_patient(T, z, 0.0, -x, 0.0)  # beside
        indentation = min(max(_skin_coordinates(px, py, pz, offset, skin, 0.0)[2], 0.0), 0.75 * INDENTATION_DECAY_M)
        for k in range(KNOT_SAMPLES):
            far = k * depth / (KNOT_SAMPLES - 1)
            x, y, z = px + far * ax, py + far * ay, pz + far * az
            here = _skin_coordinates(x, y, z, offset, skin, indentation)
            beside = _skin_coordinates(x + STEP_M * bx, y + STEP_M * by, z + STEP_M * bz, offset, skin, indentation)
            over = _skin_coordinates(x + STEP_M * T[0, 1], y + STEP_M * T[1, 1], z + STEP_M * T[2, 1], offset, skin, indentation)
            for c in range(3):
                coarse[g, k, 0, c] = here[c]
                coarse[g, k, 1, c], coarse[g, k, 2, c] = (beside[c] - here[c]) / STEP_M, (over[c] - here[c]) / STEP_M
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
        px, py, pz = _in_patient(T_patient_probe, x, 0.0, z, 1.0)
        exact[g] = _skin_coordinates(px, py, pz, offset, skin, 0.0)[2]
    return np.interp(np.arange(len(elements)), at, exact)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _in_patient(T, x, y, z, w):  # type: ignore[no-untyped-def]
    """A point (w = 1) or direction (w = 0) of the probe frame, in the patient's."""
    return (
        T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3] * w,
        T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3] * w,
        T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3] * w,
    )


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _skin_coordinates(px, py, pz, offset, skin, indentation):  # type: ignore[no-untyped-def]
    """Of a point in the patient frame, where the tissue there lay before it was pushed down."""
    x, y, z, nx, ny, nz = skin_below(px, py, pz, skin)
    depth = offset - ((px - x) * nx + (py - y) * ny + (pz - z) * nz)
    return x, y, _undeformed(depth, indentation) if indentation > 0.0 else depth


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _undeformed(depth, indentation):  # type: ignore[no-untyped-def]
    """Depth at which tissue lay before it was pushed down by `indentation * exp(-depth / decay)`, by Newton's method."""
    d = max(depth - indentation, 0.0)
    for _ in range(4):
        pushed = indentation * exp(-d / INDENTATION_DECAY_M)
        d -= (d + pushed - depth) / (1.0 - pushed / INDENTATION_DECAY_M)
    return max(d, 0.0)
