"""The patient under the probe: breathes, has a pulse, may shift, and pushes back where the probe's face presses."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin, sqrt
from typing import NamedTuple

import numba
import numpy as np

from medrobot_ros.config import BodySection, TwinSection
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.geometry.turning import turned_back
from medrobot_ros.signals import Array, PatientTruth
from medrobot_ros.twin.body import Body
from medrobot_ros.twin.tissue import Tissue, push

ELEVATION_RADIUS_M = 0.02  # a probe's face is rounded across the image as well
STICTION_SPEED_M_PER_S = 0.001  # below it Coulomb friction fades, so that a probe at rest is not pushed


@dataclass(frozen=True)
class Face:
    """The probe's contacting face about its tip: radius of curvature and half the width, across the image plane's x."""

    radius_m: float
    half_width_m: float


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def skin_below(px, py, pz, skin):  # type: ignore[no-untyped-def]
    """Nearest skin point to (px, py, pz) and the outward unit normal there, by repeated projection: six numbers, for they are many."""
    x0, y0, step, z, zx, zy = skin
    x, y, sx, sy, sz, nx, ny, nz = px, py, px, py, pz, 0.0, 0.0, 1.0
    for _ in range(5):
        u = min(max((x - x0) / step, 0.0), z.shape[0] - 1.001)
        v = min(max((y - y0) / step, 0.0), z.shape[1] - 1.001)
        i, j = int(u), int(v)
        a, b = u - i, v - j
        w00, w10, w01, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
        nx = -(w00 * zx[i, j] + w10 * zx[i + 1, j] + w01 * zx[i, j + 1] + w11 * zx[i + 1, j + 1])
        ny = -(w00 * zy[i, j] + w10 * zy[i + 1, j] + w01 * zy[i, j + 1] + w11 * zy[i + 1, j + 1])
        size = sqrt(nx * nx + ny * ny + 1.0)
        nx, ny, nz = nx / size, ny / size, 1.0 / size
        sx, sy, sz = x, y, w00 * z[i, j] + w10 * z[i + 1, j] + w01 * z[i, j + 1] + w11 * z[i + 1, j + 1]
        along = (px - sx) * nx + (py - sy) * ny + (pz - sz) * nz
        x, y = px - along * nx, py - along * ny
    return sx, sy, sz, nx, ny, nz


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _skin_point(p, skin):  # type: ignore[no-untyped-def]
    """The same of p (3,) as vectors (3,)."""
    x, y, z, nx, ny, nz = skin_below(p[0], p[1], p[2], skin)
    return np.array([x, y, z]), np.array([nx, ny, nz])


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _press(T_base_probe, T_base_patient, moving, skin, face, tissue, last):  # type: ignore[no-untyped-def]
    """Tissue on probe at the tip in probe axes (k, 6), skin pose (k, 4, 4), and gap to the skin (k,) for as many steps.

    The face point is the one that meets the skin first. `skin` is the height field, `face` (radius, half width), `tissue`
    (linear, quadratic, damping, friction), `moving` (k, 2) the skin's offset and the seconds since the step before (0: at rest), whose
    face point in base and gap `last` (4,) keeps.
    """
    steps = len(T_base_probe)
    F, T, gaps = np.zeros((steps, 6)), np.zeros((steps, 4, 4)), np.empty(steps)
    for k in range(steps):
        gaps[k] = _press_once(T_base_probe[k], T_base_patient[k], moving[k, 0], moving[k, 1], skin, face, tissue, last, F[k], T[k])
    return F, T, gaps


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _press_once(T_base_probe, T_base_patient, offset, dt, skin, face, tissue, last, F, T):  # type: ignore[no-untyped-def]
    """One step: fills `F` (6,) and `T` (4, 4), and returns the gap."""
    R, o = T_base_patient[:3, :3], T_base_patient[:3, 3]
    Rp, tip = T_base_probe[:3, :3], T_base_probe[:3, 3]
    _, n = _skin_point(turned_back(R, tip - o), skin)
    inward = turned_back(Rp, turned_back(R.T, n))
    r = np.empty(3)
    r[0] = min(max(-face[0] * inward[0], -face[1]), face[1])
    r[1] = min(max(-ELEVATION_RADIUS_M * inward[1], -0.3 * ELEVATION_RADIUS_M), 0.3 * ELEVATION_RADIUS_M)
    r[2] = -0.5 * (r[0] * r[0] / face[0] + r[1] * r[1] / ELEVATION_RADIUS_M)
    p_base = tip + turned_back(Rp.T, r)
    p = turned_back(R, p_base - o)
    s, n = _skin_point(p, skin)
    gap = (p[0] - s[0]) * n[0] + (p[1] - s[1]) * n[1] + (p[2] - s[2]) * n[2] - offset
    n_base = turned_back(R.T, n)
    v_gap = 0.0 if dt == 0.0 else (gap - last[3]) / dt
    force = push(tissue[0], tissue[1], tissue[2], -gap, -v_gap)
    if force > 0.0:
        f_base = force * n_base
        if dt > 0.0:
            v = (p_base - last[:3]) / dt
            v -= (v[0] * n_base[0] + v[1] * n_base[1] + v[2] * n_base[2]) * n_base
            speed = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
            f_base -= (tissue[3] * force / (speed + STICTION_SPEED_M_PER_S)) * v
        F[:3] = turned_back(Rp, f_base)
        F[3:] = _cross(r, F[:3])
    last[:3], last[3] = p_base, gap
    T[:3, 2] = -n_base
    T[0, 0] = 1.0
    T[:3, 0] -= n_base[0] * n_base
    T[:3, 0] /= sqrt(1.0 - n_base[0] * n_base[0])
    T[:3, 1] = _cross(T[:3, 2], T[:3, 0])
    T[:3, 3] = turned_back(R.T, s + offset * n) + o
    T[3, 3] = 1.0
    return gap


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _cross(a, b):  # type: ignore[no-untyped-def]
    out = np.empty(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        out[i] = a[j] * b[k] - a[k] * b[j]
    return out


class Pressed(NamedTuple):
    """The patient and the probe on it in `k` steps."""

    stamp_ns: Sequence[int]
    T_base_probe: Array  # (k, 4, 4)
    F_tissue_on_probe_in_probe: Array  # (k, 6)
    T_base_skin: Array  # (k, 4, 4)
    gap_m: Array  # (k,)
    T_base_patient: Array  # (k, 4, 4)
    breathing: Sequence[tuple[float, float]]  # phase [rad] and offset [m]

    def truth(self, k: int) -> PatientTruth:
        """All that is known of a step."""
        phase, offset = self.breathing[k]
        return PatientTruth(
            self.stamp_ns[k], self.F_tissue_on_probe_in_probe[k], self.T_base_probe[k], self.T_base_skin[k], self.T_base_patient[k],
            phase, offset, max(0.0, -float(self.gap_m[k])),
        )  # fmt: skip


class Patient:
    """State of the patient in time. `advance` moves it; the force depends on how fast the probe presses."""

    def __init__(self, config: TwinSection, placing: BodySection, body: Body, face: Face, seed: int) -> None:
        self._config, self._placing = config, placing
        tissue = Tissue.from_config(config.tissue)
        self._tissue = (tissue.linear_n_per_m, tissue.quadratic_n_per_m2, tissue.damping_s, tissue.friction)
        self._face = (face.radius_m, face.half_width_m)
        zx, zy = body.gradients()
        self._skin = (body.x[0], body.y[0], body.x[1] - body.x[0], body.z, np.ascontiguousarray(zx), np.ascontiguousarray(zy))
        self._phase0 = np.random.default_rng([seed, 1]).uniform(0.0, 2.0 * pi)
        self._at_rest = pose(rotation_from_vector(np.array([0.0, 0.0, placing.yaw_rad])), np.asarray(placing.position_m))
        self._forget()
        self.advance((0,), (0.0,), pose(np.eye(3), np.array([0.0, 0.0, 1.0]))[None])  # compiles or loads the kernel now, not in a tick
        self._forget()

    def _forget(self) -> None:
        self._first_contact_s: float | None = None
        self._last_s: float | None = None
        self._last = np.zeros(4)  # the face point in base and its gap

    def breathing(self, time_s: float) -> tuple[float, float]:
        """Phase [rad] and the skin's offset [m] along its outward normal, pulse included."""
        b, h = self._config.breathing, self._config.pulse
        phase = 2.0 * pi * b.frequency_hz * time_s + self._phase0
        return phase, b.amplitude_m * sin(phase) + h.amplitude_m * sin(2.0 * pi * h.frequency_hz * time_s)

    def T_base_patient(self, time_s: float) -> Array:
        """Where the patient frame lies, after any shift. (4, 4)."""
        shift = self._config.shift
        if shift.time_s == 0.0 or self._first_contact_s is None:
            return self._at_rest
        share = min(max((time_s - self._first_contact_s - shift.time_s) / shift.duration_s, 0.0), 1.0)
        T = self._at_rest.copy()
        T[:3, 3] += np.asarray(shift.offset_m) * (0.5 - 0.5 * cos(pi * share))
        return T

    def advance(self, stamps_ns: Sequence[int], times_s: Sequence[float], T_base_probe: Array) -> Pressed:
        """Moves the patient through times that do not decrease with the probe at as many poses (k, 4, 4)."""
        T_base_patient = np.array([self.T_base_patient(t) for t in times_s])
        breathing = [self.breathing(t) for t in times_s]
        before_s = (times_s[0] if self._last_s is None else self._last_s, *times_s)
        moving = np.array([(offset, t - before) for (_, offset), t, before in zip(breathing, times_s, before_s, strict=False)])
        F, T_base_skin, gap_m = _press(T_base_probe, T_base_patient, moving, self._skin, self._face, self._tissue, self._last)
        self._last_s = times_s[-1]
        if self._first_contact_s is None and gap_m.min() < 0.0:
            self._first_contact_s = times_s[int(np.argmax(gap_m < 0.0))]
        return Pressed(stamps_ns, T_base_probe, F, T_base_skin, gap_m, T_base_patient, breathing)
