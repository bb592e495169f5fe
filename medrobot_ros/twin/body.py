"""The undeformed skin at mid-breath, as a height field over the patient frame (x left, y cranial, z anterior).

An analytic torso by default, or the front of any watertight mesh that stands along +y and faces +z [m].
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import LinearNDInterpolator, RectBivariateSpline
from scipy.ndimage import gaussian_filter

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

HALF_WIDTH_M, HALF_LENGTH_M, GRID_M = 0.20, 0.30, 0.004
TORSO_WIDTH_M = 0.353  # of the analytic torso at the origin's height
TORSO_DEPTH_M = 0.22  # back to front, so the table lies this far below the patient frame's origin
ABDOMEN_SHARE_OF_HEIGHT = 0.62  # of a standing adult, the middle of the upper abdomen above the soles


@dataclass(frozen=True)
class Body:
    """A smooth height field `z(x, y)` [m] on a regular grid; NaN outside the body in `outline`."""

    x: Array  # (nx,) [m]
    y: Array  # (ny,) [m]
    z: Array  # (nx, ny) [m], finite everywhere
    inside: Array  # (nx, ny), 1 on the body and 0 beside it
    table_z_m: float
    thickness_m: float = TORSO_DEPTH_M  # of the trunk, from front to back at the origin
    width_m: float = TORSO_WIDTH_M  # of the trunk at the origin's height

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spline", RectBivariateSpline(self.x, self.y, self.z))

    def height(self, x: Array, y: Array) -> Array:
        """Skin height [m] at patient coordinates, NaN beside the body. Any broadcastable shapes."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        return np.where(self._is_inside(x, y), self.surface(x, y), np.nan)

    def surface(self, x: Array | float, y: Array | float) -> Array:
        """The height field [m] that goes on smoothly beside the body. Any broadcastable shapes."""
        z: Array = self._spline.ev(x, y)  # type: ignore[attr-defined]
        return z

    def normal(self, x: Array | float, y: Array | float) -> Array:
        """Unit outward normals, shape (..., 3)."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        spline = self._spline  # type: ignore[attr-defined]
        n = np.stack((-spline.ev(x, y, dx=1), -spline.ev(x, y, dy=1), np.ones_like(x)), axis=-1)
        out: Array = n / np.linalg.norm(n, axis=-1, keepdims=True)
        return out

    def gradients(self) -> tuple[Array, Array]:
        """Slopes dz/dx and dz/dy on the grid, shapes (nx, ny)."""
        spline = self._spline  # type: ignore[attr-defined]
        return spline(self.x, self.y, dx=1), spline(self.x, self.y, dy=1)

    def _is_inside(self, x: Array, y: Array) -> Array:
        i = np.clip(np.rint((x - self.x[0]) / (self.x[1] - self.x[0])).astype(int), 0, len(self.x) - 1)
        j = np.clip(np.rint((y - self.y[0]) / (self.y[1] - self.y[0])).astype(int), 0, len(self.y) - 1)
        within = (x >= self.x[0]) & (x <= self.x[-1]) & (y >= self.y[0]) & (y <= self.y[-1])
        out: Array = (self.inside[i, j] > 0.5) & within
        return out


def load_body(mesh: str) -> Body:
    """The analytic torso for an empty name, else the body in a mesh file."""
    return mesh_body(Path(mesh)) if mesh else analytic_torso()


def _grid() -> tuple[Array, Array]:
    return (
        np.linspace(-HALF_WIDTH_M, HALF_WIDTH_M, round(2 * HALF_WIDTH_M / GRID_M) + 1),
        np.linspace(-HALF_LENGTH_M, HALF_LENGTH_M, round(2 * HALF_LENGTH_M / GRID_M) + 1),
    )


def analytic_torso() -> Body:
    """A supine torso of superelliptic sections: waist, wider hips and chest, a soft hollow below the ribs."""
    x, y = _grid()
    X, Y = np.meshgrid(x, y, indexing="ij")
    half_width = 0.5 * TORSO_WIDTH_M + 0.020 * (np.tanh((Y - 0.08) / 0.08) ** 2 - np.tanh(1.0) ** 2)
    half_depth = 0.5 * TORSO_DEPTH_M
    ridge = 0.012 / (1.0 + np.exp(-(Y - 0.14) / 0.03)) - 0.25 * Y**2
    ridge -= 0.012 / (1.0 + np.exp(0.14 / 0.03))
    share = np.clip(np.abs(X) / half_width, 0.0, 0.98) ** 2.2
    z = ridge + half_depth * ((1.0 - share) ** (1.0 / 2.2) - 1.0)
    return Body(x, y, z, (np.abs(X) < 0.95 * half_width).astype(float), -TORSO_DEPTH_M)


def mesh_body(path: Path) -> Body:
    """The front of a watertight mesh: +y cranial, +z anterior, metres.

    Raises: DataError where the file is no mesh, has holes, or is not of human size.
    """
    import trimesh

    try:
        mesh = trimesh.load(path, force="mesh", process=True)
    except Exception as e:
        raise DataError(f"{path}: not a readable mesh ({' '.join(str(e).split())[:120]})") from None
    if len(mesh.faces) == 0:
        raise DataError(f"{path}: no faces, not a surface mesh")
    if not mesh.is_watertight:
        raise DataError(f"{path}: the mesh has holes; a watertight body surface is needed")
    height = float(np.ptp(mesh.vertices[:, 1]))
    if not 0.5 <= height <= 2.5:
        raise DataError(f"{path}: {height:.3g} m along y; a standing body of 0.5 to 2.5 m, y up, in metres, is needed")
    return _front_of(mesh.vertices, mesh.vertex_normals, height)


def _front_of(vertices: Array, normals: Array, height: float) -> Body:
    center = np.array([vertices[:, 0].mean(), vertices[:, 1].min() + ABDOMEN_SHARE_OF_HEIGHT * height, 0.0])
    p = vertices - center
    near = (np.abs(p[:, 0]) < HALF_WIDTH_M + 0.05) & (np.abs(p[:, 1]) < HALF_LENGTH_M + 0.05)
    front = p[near & (normals[:, 2] > 0.2)]
    x, y = _grid()
    X, Y = np.meshgrid(x, y, indexing="ij")
    z = LinearNDInterpolator(front[:, :2], front[:, 2])(X, Y)
    back = float(p[near, 2].min())
    inside = np.isfinite(z) & (z > back + 0.05)
    z = gaussian_filter(np.where(inside, z, back), sigma=0.008 / GRID_M)  # the mesh's facets are no anatomy
    origin = z[len(x) // 2, len(y) // 2]
    return Body(x, y, z - origin, inside.astype(float), back - origin)
