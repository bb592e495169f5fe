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
from medrobot_ros.twin.patient import PROJECTIONS, Skin, projected, skin_at, skin_below

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")
KNOT_LINES, KNOT_SAMPLES = 25, 17  # where the skin is looked up exactly; linear in between
INDENTATION_DECAY_M = 0.04  # depth over which the tissue's displacement under the probe fades
STEP_M = 1e-3  # of the finite differences


class Chart:
    """Charts of one probe over one skin: the height field (x0, y0, step, z, dz/dx, dz/dy)."""

    def __init__(self, scan: ScanLines, elements_m: Array, skin: Skin) -> None:
        self._faces, self._directions = scan.faces_and_directions()
        self._depth_m, self._elements, self._skin = scan.depth_m, elements_m, skin

    def at(self, T_patient_probe: Array, breathing_offset_m: float) -> NDArray[np.float32]:
        """Knots (lines, KNOT_SAMPLES + 1, 3, 3): skin coordinates [m], their change per metre aside in the image and across it."""
        T = np.ascontiguousarray(T_patient_probe)
        knots: NDArray[np.float32] = _chart(T, breathing_offset_m, self._skin, self._faces, self._directions, self._depth_m)
        return knots

    def element_depths_m(self, T_patient_probe: Array, breathing_offset_m: float) -> Array:
        """Each element's depth below the skin (elements,) [m]."""
        depths_m: Array = _depths(np.ascontiguousarray(T_patient_probe), breathing_offset_m, self._skin, self._elements)
        return depths_m


@compiled
def _chart(T_patient_probe, offset, skin, faces, directions, depth):  # type: ignore[no-untyped-def]
    T = T_patient_probe
    lines, knots = len(faces), KNOT_SAMPLES + 1
    p, indentation = np.empty((3, KNOT_LINES, KNOT_SAMPLES, 3)), np.empty(KNOT_LINES)  # of a knot, beside it and over it
    over = _in_patient(T, 0.0, 1.0, 0.0, 0.0)
    for g in range(KNOT_LINES):
        at = g * (lines - 1) / (KNOT_LINES - 1)
        a = min(int(at), lines - 2)
        b = at - a
        x, z = (1.0 - b) * directions[a, 0] + b * directions[a + 1, 0], (1.0 - b) * directions[a, 1] + b * directions[a + 1, 1]
        ahead, beside = _in_patient(T, x, 0.0, z, 0.0), _in_patient(T, z, 0.0, -x, 0.0)
        x, z = (1.0 - b) * faces[a, 0] + b * faces[a + 1, 0], (1.0 - b) * faces[a, 1] + b * faces[a + 1, 1]
        face = _in_patient(T, x, 0.0, z, 1.0)
        indentation[g] = min(max(_depth(face[0], face[1], face[2], offset, skin), 0.0), 0.75 * INDENTATION_DECAY_M)
        for c in range(3):
            for k in range(KNOT_SAMPLES):
                here = face[c] + k * depth / (KNOT_SAMPLES - 1) * ahead[c]
                p[c, g, k, 0], p[c, g, k, 1], p[c, g, k, 2] = here, here + STEP_M * beside[c], here + STEP_M * over[c]
    p = _skin_coordinates(p.reshape(3, -1), offset, skin).reshape(p.shape)
    coarse = np.empty((KNOT_LINES, knots, 3, 3))
    for g in range(KNOT_LINES):
        for k in range(KNOT_SAMPLES):
            if indentation[g] > 0.0:
                for n in range(3):
                    p[2, g, k, n] = _undeformed(p[2, g, k, n], indentation[g])
            for c in range(3):
                here = p[c, g, k, 0]
                coarse[g, k, 0, c] = here
                coarse[g, k, 1, c], coarse[g, k, 2, c] = (p[c, g, k, 1] - here) / STEP_M, (p[c, g, k, 2] - here) / STEP_M
        coarse[g, knots - 1] = 2.0 * coarse[g, knots - 2] - coarse[g, knots - 3]
    return _finer(coarse.reshape(KNOT_LINES, -1), lines).reshape(lines, knots, 3, 3)


@compiled
def _finer(coarse, lines):  # type: ignore[no-untyped-def]
    """Rows (lines, n), linear between rows (KNOT_LINES, n)."""
    fine = np.empty((lines, coarse.shape[1]), np.float32)
    for i in range(lines):
        at = i * (KNOT_LINES - 1) / (lines - 1)
        a = min(int(at), KNOT_LINES - 2)
        b = at - a
        row, before, after = fine[i], coarse[a], coarse[a + 1]
        for n in range(coarse.shape[1]):
            row[n] = (1.0 - b) * before[n] + b * after[n]
    return fine


@compiled
def _depths(T_patient_probe, offset, skin, elements):  # type: ignore[no-untyped-def]
    """Depth of each element below the skin (elements,) [m]: exact at some, linear in between."""
    exact = np.empty(KNOT_LINES)
    at = np.linspace(0.0, len(elements) - 1.0, KNOT_LINES)
    for g in range(KNOT_LINES):
        a = min(int(at[g]), len(elements) - 2)
        x, z = elements[a] + (at[g] - a) * (elements[a + 1] - elements[a])
        px, py, pz = _in_patient(T_patient_probe, x, 0.0, z, 1.0)
        exact[g] = _depth(px, py, pz, offset, skin)
    return np.interp(np.arange(len(elements)), at, exact)


@compiled
def _in_patient(T, x, y, z, w):  # type: ignore[no-untyped-def]
    """A point (w = 1) or direction (w = 0) of the probe frame, in the patient's."""
    return (
        T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3] * w,
        T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3] * w,
        T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3] * w,
    )


@compiled
def _depth(px, py, pz, offset, skin):  # type: ignore[no-untyped-def]
    """Of a point in the patient frame below its nearest skin point."""
    x, y, z, nx, ny, nz = skin_below(px, py, pz, skin)
    return offset - ((px - x) * nx + (py - y) * ny + (pz - z) * nz)


@compiled
def _skin_coordinates(p, offset, skin):  # type: ignore[no-untyped-def]
    """Of points (3, n) in the patient frame, as `skin_below` finds them, but all together: a processor works on several at a time."""
    px, py, pz = p[0], p[1], p[2]
    x, y, depth = px.copy(), py.copy(), np.empty_like(px)
    for _ in range(PROJECTIONS):
        for n in range(len(px)):
            x[n], y[n] = projected(px[n], py[n], pz[n], x[n], y[n], skin)
    for n in range(len(px)):
        z, nx, ny, nz = skin_at(x[n], y[n], skin)
        depth[n] = offset - ((px[n] - x[n]) * nx + (py[n] - y[n]) * ny + (pz[n] - z) * nz)
    return np.stack((x, y, depth))


@compiled
def _undeformed(depth, indentation):  # type: ignore[no-untyped-def]
    """Depth at which tissue lay before it was pushed down by `indentation * exp(-depth / decay)`, by Newton's method."""
    d = max(depth - indentation, 0.0)
    for _ in range(4):
        pushed = indentation * exp(-d / INDENTATION_DECAY_M)
        d -= (d + pushed - depth) / (1.0 - pushed / INDENTATION_DECAY_M)
    return max(d, 0.0)
