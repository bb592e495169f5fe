"""A depth camera above the patient, as a noisy one-sided cloud in base coordinates."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import inverse, pose
from medrobot_ros.geometry.reference import reference_spheres
from medrobot_ros.signals import Array, PatientTruth, Stamp, Surface
from medrobot_ros.stage import Outputs
from medrobot_ros.twin.body import HALF_LENGTH_M, HALF_WIDTH_M, Body, load_body

LOOKING_DOWN = np.diag([1.0, -1.0, -1.0])  # the camera's axes in base
NO_SPHERES = np.zeros((0, 3))
PIXEL_M = 0.006  # distance of the camera's rays on the table
NOISE_M = 0.0015
OUTLIERS = 0.005
OUTLIER_M = 0.1
HALF_VIEW_M = (0.35, 0.32)  # along patient x and y
GRAZING = 0.35  # cosine between ray and normal below which nothing comes back
SHADOW_M = 0.06  # radius around a lowered probe that the arm hides
LOWERED_M = 0.15
NEIGHBOURHOOD = 5  # pixels across, for a normal
PERIOD_NS = 1_000_000_000


class DepthCamera:
    """Looks straight down. Each cloud has fresh noise; the seed makes the sequence repeatable.

    `p_base_spheres` (n, 3) are the reference spheres on the table, of `radius_m`. `T_base_seen` (4, 4) leads from the true base to the one
    that the camera's calibration makes of it.
    """

    def __init__(
        self, body: Body, seed: int, p_base_spheres: Array = NO_SPHERES, radius_m: float = 0.0, T_base_seen: Array | None = None
    ) -> None:
        self._p_base_spheres, self._radius_m = p_base_spheres, radius_m
        self._T_base_seen = np.eye(4) if T_base_seen is None else T_base_seen
        self._rng = np.random.default_rng([seed, 3])
        x = np.arange(-HALF_VIEW_M[0], HALF_VIEW_M[0], PIXEL_M)
        y = np.arange(-HALF_VIEW_M[1], HALF_VIEW_M[1], PIXEL_M)
        self._rays = x, y
        self._x, self._y = np.meshgrid(x, y, indexing="ij")
        self._look(body)

    def _look(self, body: Body) -> None:
        """Where each ray ends on the resting body or the table (rows, columns, 3), and the normal there."""
        near = (np.abs(self._x) < HALF_WIDTH_M) & (np.abs(self._y) < HALF_LENGTH_M)
        z = np.full(self._x.shape, np.nan)
        z[near] = body.height(self._x[near], self._y[near])
        self._on_body = np.isfinite(z)
        self._normals = np.tile([0.0, 0.0, 1.0], (*z.shape, 1))
        self._normals[self._on_body] = body.normal(self._x[self._on_body], self._y[self._on_body])
        self._skin = np.stack((self._x, self._y, np.where(self._on_body, z, body.table_z_m)), axis=-1)

    def surface(self, stamp_ns: int, T_base_patient: Array, breathing_offset_m: float, T_base_probe: Array | None) -> Surface:
        """The cloud at one moment, with normals estimated from its own points; a lowered probe hides what is near it."""
        points = self._skin + (breathing_offset_m * self._on_body)[..., None] * self._normals
        normals = self._normals.copy()
        for p_base_sphere in self._p_base_spheres:
            self._add_sphere(points, normals, T_base_patient[:3, :3].T @ (p_base_sphere - T_base_patient[:3, 3]))
        points[..., 2] += NOISE_M * self._rng.standard_normal(self._x.shape)
        strays = self._rng.random(self._x.shape) < OUTLIERS
        points[strays, 2] += OUTLIER_M * self._rng.standard_normal(int(strays.sum()))
        seen = normals[..., 2] > GRAZING
        if T_base_probe is not None:
            p_patient_tip = T_base_patient[:3, :3].T @ (T_base_probe[:3, 3] - T_base_patient[:3, 3])
            if p_patient_tip[2] < LOWERED_M:
                seen &= np.hypot(self._x - p_patient_tip[0], self._y - p_patient_tip[1]) > SHADOW_M
        T = self._T_base_seen @ T_base_patient
        R = T[:3, :3]
        return Surface(stamp_ns, points[seen] @ R.T + T[:3, 3], image_normals(points, seen)[seen] @ R.T)

    def _add_sphere(self, points: Array, normals: Array, p_patient: Array) -> None:
        """A sphere hides from above what lies below it; where each ray ends, and the normal there, change in place."""
        r = self._radius_m
        near = tuple(slice(*np.searchsorted(ray, (p - r, p + r))) for ray, p in zip(self._rays, p_patient[:2], strict=True))
        window = points[near]
        off = window[..., :2] - p_patient[:2]
        up_m = np.sqrt(np.maximum(r * r - np.sum(off**2, axis=-1), 0.0))
        hit = (up_m > 0.0) & (p_patient[2] + up_m > window[..., 2])
        window[hit, 2] = p_patient[2] + up_m[hit]
        normals[near][hit] = np.column_stack((off[hit], up_m[hit])) / r


def image_normals(points: Array, seen: NDArray[np.bool_]) -> Array:
    """Upward unit normals (rows, columns, 3) of planes through each pixel's neighbours that are seen, from an organised cloud."""
    w = seen.astype(float)
    x, y = (points[..., k] - points[..., k].mean() for k in (0, 1))
    z = np.where(seen, points[..., 2], 0.0)

    def mean(values: Array) -> Array:
        out: Array = uniform_filter(w * values, NEIGHBOURHOOD, mode="constant") / share
        return out

    share = np.maximum(uniform_filter(w, NEIGHBOURHOOD, mode="constant"), 1e-9)
    mx, my, mz = mean(x), mean(y), mean(z)
    xx, xy, yy = mean(x * x) - mx * mx, mean(x * y) - mx * my, mean(y * y) - my * my
    xz, yz = mean(x * z) - mx * mz, mean(y * z) - my * mz
    det = np.maximum(xx * yy - xy * xy, 1e-18)
    n = np.stack((-(yy * xz - xy * yz) / det, -(xx * yz - xy * xz) / det, np.ones_like(det)), axis=-1)
    normals: Array = n / np.linalg.norm(n, axis=-1, keepdims=True)
    return normals


class SurfaceStage:
    """Stage `surface`: a cloud a second while the hardware says where the patient is."""

    name = "surface"
    rate_hz = 10.0

    def __init__(self, camera: DepthCamera) -> None:
        self._camera = camera
        self._truth: PatientTruth | None = None
        self._sent_ns = -PERIOD_NS
        self.now_ns = 0

    def receive(self, topic: str, signal: Any) -> Outputs:
        """The truth, from which the camera's view follows."""
        if topic == "twin/patient" and signal.finite:
            self._truth = signal
        return ()

    def tick(self, stamp_ns: int) -> Outputs:
        """Heartbeat, and the cloud when it is due."""
        out: list[tuple[str, Any]] = [("heartbeat", Stamp(stamp_ns, self.name))]
        if self._truth is not None and stamp_ns - self._sent_ns >= PERIOD_NS:
            self._sent_ns = stamp_ns
            t = self._truth
            out.append(("surface", self._camera.surface(stamp_ns, t.T_base_patient, t.breathing_offset_m, t.T_base_probe)))
        return out

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"surface serves no '{service}'"


def make_surface(config: CellConfig, T_base_camera: Array | None = None) -> SurfaceStage:
    """The stage from the configuration. `T_base_camera` (4, 4) is where a calibration says that the camera is; the truth without one."""
    T_true = pose(LOOKING_DOWN, np.array(config.twin.camera_m))
    T_base_seen = None if T_base_camera is None else T_base_camera @ inverse(T_true)
    spheres = reference_spheres(config.body, config.camera)
    return SurfaceStage(DepthCamera(load_body(config.body.mesh), config.seed, spheres, config.camera.sphere_radius_m, T_base_seen))
