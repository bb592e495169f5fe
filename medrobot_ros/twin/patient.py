"""The patient under the probe: breathes, has a pulse, may shift, and pushes back where the probe's face presses."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, isnan, pi, sin, sqrt
from typing import NamedTuple

import numba
import numpy as np

from medrobot_ros.config import BodySection, TwinSection
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.geometry.triples import back, cross, dot, forth, plus, put
from medrobot_ros.signals import Array, PatientTruth
from medrobot_ros.twin.body import Body
from medrobot_ros.twin.tissue import Tissue, push

ELEVATION_RADIUS_M = 0.02  # a probe's face is rounded across the image as well
PROJECTIONS = 4  # onto the skin, until a point's nearest one is told
STICTION_SPEED_M_PER_S = 0.001  # below it Coulomb friction fades, so that a probe at rest is not pushed
GAP, PHASE, OFFSET, SKIN, PATIENT, ROW = 6, 7, 8, 9, 25, 41  # where what lies in a row of `Pressed` begins, and its length


Skin = tuple[float, float, float, Array, Array, Array]  # a height field: x0, y0, step, z, dz/dx, dz/dy


def skin_of(body: Body) -> Skin:
    """A body's skin as the kernels take it."""
    zx, zy = body.gradients()
    return float(body.x[0]), float(body.y[0]), float(body.x[1] - body.x[0]), body.z, np.ascontiguousarray(zx), np.ascontiguousarray(zy)


@dataclass(frozen=True)
class Face:
    """The probe's contacting face about its tip: radius of curvature and half the width, across the image plane's x."""

    radius_m: float
    half_width_m: float


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def skin_below(px, py, pz, skin):  # type: ignore[no-untyped-def]
    """Nearest skin point to (px, py, pz) and the outward unit normal there, by repeated projection: six numbers, for they are many."""
    x, y = px, py
    for _ in range(PROJECTIONS):
        x, y = projected(px, py, pz, x, y, skin)
    z, nx, ny, nz = skin_at(x, y, skin)
    return x, y, z, nx, ny, nz


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def projected(px, py, pz, x, y, skin):  # type: ignore[no-untyped-def]
    """(x, y) of (px, py, pz) put down along the normal at the skin's (x, y)."""
    z, nx, ny, nz = skin_at(x, y, skin)
    along = (px - x) * nx + (py - y) * ny + (pz - z) * nz
    return px - along * nx, py - along * ny


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def skin_at(x, y, skin):  # type: ignore[no-untyped-def]
    """Height of the skin at (x, y) and the outward unit normal there."""
    x0, y0, step, z, zx, zy = skin
    u = min(max((x - x0) / step, 0.0), z.shape[0] - 1.001)
    v = min(max((y - y0) / step, 0.0), z.shape[1] - 1.001)
    i, j = int(u), int(v)
    a, b = u - i, v - j
    w00, w10, w01, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
    nx = -(w00 * zx[i, j] + w10 * zx[i + 1, j] + w01 * zx[i, j + 1] + w11 * zx[i + 1, j + 1])
    ny = -(w00 * zy[i, j] + w10 * zy[i + 1, j] + w01 * zy[i, j + 1] + w11 * zy[i + 1, j + 1])
    size = sqrt(nx * nx + ny * ny + 1.0)
    return w00 * z[i, j] + w10 * z[i + 1, j] + w01 * z[i, j + 1] + w11 * z[i + 1, j + 1], nx / size, ny / size, 1.0 / size


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _skin_point(p, skin):  # type: ignore[no-untyped-def]
    """The same of p as vectors."""
    x, y, z, nx, ny, nz = skin_below(p[0], p[1], p[2], skin)
    return (x, y, z), (nx, ny, nz)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _press(T_base_probe, first_s, step_s, at_rest, motion, shift, skin, face, tissue, state):  # type: ignore[no-untyped-def]
    """What happens in as many steps as `T_base_probe` (k, 4, 4) has, as rows of `Pressed` (k, 41).

    `motion` are amplitude, angular frequency and first phase of the breath, amplitude and angular frequency of the pulse; `shift` when
    after first contact, how long, and where to; `skin` the height field, `face` (radius, half width), `tissue` (linear, quadratic,
    damping, friction). `state` (6,) keeps the last face point in base, its gap, its time, and the time of first contact, NaN before.
    """
    rows = np.zeros((len(T_base_probe), ROW))
    for k in range(len(T_base_probe)):
        time_s, row = first_s + k * step_s, rows[k]
        phase = motion[1] * time_s + motion[2]
        row[PHASE], row[OFFSET] = phase, motion[0] * sin(phase) + motion[3] * sin(motion[4] * time_s)
        F, T_base_skin, T_base_patient = row[:GAP], row[SKIN:PATIENT].reshape(4, 4), row[PATIENT:].reshape(4, 4)
        T_base_patient[:] = at_rest
        if shift[0] > 0.0 and time_s > state[5] + shift[0]:  # never while that is NaN
            share = 0.5 - 0.5 * cos(pi * min((time_s - state[5] - shift[0]) / shift[1], 1.0))
            for i in range(3):
                T_base_patient[i, 3] += share * shift[2 + i]
        dt = 0.0 if isnan(state[4]) else time_s - state[4]
        row[GAP] = _press_once(T_base_probe[k], T_base_patient, row[OFFSET], dt, skin, face, tissue, state, F, T_base_skin)
        state[4] = time_s
        if row[GAP] < 0.0 and isnan(state[5]):
            state[5] = time_s
    return rows


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _press_once(T_base_probe, T_base_patient, offset, dt, skin, face, tissue, last, F, T):  # type: ignore[no-untyped-def]
    """One step: fills `F` (6,) and `T` (4, 4), tissue on probe at the tip in probe axes and the skin's pose, and returns the gap.

    The face point is the one that meets the skin first; `last` begins with the one before and its gap. `dt` [s] is 0 at rest.
    """
    o, tip = T_base_patient[:3, 3], T_base_probe[:3, 3]
    _, n = _skin_point(back(T_base_patient, plus(tip, -1.0, o)), skin)
    inward = back(T_base_probe, forth(T_base_patient, n))
    x = min(max(-face[0] * inward[0], -face[1]), face[1])
    y = min(max(-ELEVATION_RADIUS_M * inward[1], -0.3 * ELEVATION_RADIUS_M), 0.3 * ELEVATION_RADIUS_M)
    r = x, y, -0.5 * (x * x / face[0] + y * y / ELEVATION_RADIUS_M)
    p_base = plus(tip, 1.0, forth(T_base_probe, r))
    p = back(T_base_patient, plus(p_base, -1.0, o))
    s, n = _skin_point(p, skin)
    gap = dot(plus(p, -1.0, s), n) - offset
    n_base = forth(T_base_patient, n)
    v_gap = 0.0 if dt == 0.0 else (gap - last[3]) / dt
    force = push(tissue[0], tissue[1], tissue[2], -gap, -v_gap)
    if force > 0.0:
        f_base = plus((0.0, 0.0, 0.0), force, n_base)
        if dt > 0.0:
            moved = plus(p_base, -1.0, last)
            slid = plus(moved, -dot(moved, n_base), n_base)
            speed = sqrt(dot(slid, slid)) / dt
            f_base = plus(f_base, -tissue[3] * force / ((speed + STICTION_SPEED_M_PER_S) * dt), slid)
        f = back(T_base_probe, f_base)
        put(F, f)
        put(F[3:], cross(r, f))
    put(last, p_base)
    last[3] = gap
    T[3, 3], across = 1.0, sqrt(1.0 - n_base[0] * n_base[0])  # z along the inward normal, x along the base's as far as that lets it
    put(T[:3, 2], plus((0.0, 0.0, 0.0), -1.0, n_base))
    put(T[:3, 0], plus((1.0 / across, 0.0, 0.0), -n_base[0] / across, n_base))
    put(T[:3, 1], cross(T[:3, 2], T[:3, 0]))
    put(T[:3, 3], plus(o, 1.0, forth(T_base_patient, plus(s, offset, n))))
    return gap


class Pressed(NamedTuple):
    """The patient and the probe on it in `k` steps.

    A row holds the force of tissue on probe in probe axes (6,), the gap to the skin, the breath's phase and the skin's offset, and
    `T_base_skin` and `T_base_patient` (4, 4).
    """

    stamp_ns: Sequence[int]
    T_base_probe: Array  # (k, 4, 4)
    rows: Array  # (k, 41)

    def truth(self, k: int) -> PatientTruth:
        """All that is known of a step."""
        row = self.rows[k]
        gap_m, phase_rad, offset_m = row[GAP:SKIN].tolist()
        return PatientTruth(
            self.stamp_ns[k], row[:GAP], self.T_base_probe[k], row[SKIN:PATIENT].reshape(4, 4), row[PATIENT:].reshape(4, 4),
            phase_rad, offset_m, max(0.0, -gap_m),
        )  # fmt: skip


class Patient:
    """State of the patient in time. `advance` moves it; the force depends on how fast the probe presses."""

    def __init__(self, config: TwinSection, placing: BodySection, body: Body, face: Face, seed: int) -> None:
        tissue, b, h, s = Tissue.from_config(config.tissue), config.breathing, config.pulse, config.shift
        phase0 = float(np.random.default_rng([seed, 1]).uniform(0.0, 2.0 * pi))
        self._constants = (
            pose(rotation_from_vector(np.array([0.0, 0.0, placing.yaw_rad])), np.asarray(placing.position_m)),
            (b.amplitude_m, 2.0 * pi * b.frequency_hz, phase0, h.amplitude_m, 2.0 * pi * h.frequency_hz),
            (float(s.time_s), float(s.duration_s), *map(float, s.offset_m)),
            skin_of(body),
            (face.radius_m, face.half_width_m),
            (tissue.linear_n_per_m, tissue.quadratic_n_per_m2, tissue.damping_s, tissue.friction),
        )
        self._forget()
        self.advance((0,), 0.0, 0.0, pose(np.eye(3), np.array([0.0, 0.0, 1.0]))[None])  # compiles or loads the kernel now, not in a tick
        self._forget()

    def _forget(self) -> None:
        self._state = np.array([0.0, 0.0, 0.0, 0.0, np.nan, np.nan])

    def advance(self, stamps_ns: Sequence[int], first_s: float, step_s: float, T_base_probe: Array) -> Pressed:
        """Moves the patient to `first_s` and on by steps of `step_s` [s], with the probe at as many poses (k, 4, 4)."""
        return Pressed(stamps_ns, T_base_probe, _press(T_base_probe, first_s, step_s, *self._constants, self._state))
