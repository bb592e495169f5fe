"""The undeformed skin at mid-breath, as a height field over the patient frame (x left, y cranial, z anterior).

An analytic torso by default, or the front of any watertight mesh that stands along +y and faces +z [m].
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

HALF_WIDTH_M, HALF_LENGTH_M, GRID_M = 0.20, 0.30, 0.004
TORSO_WIDTH_M = 0.353  # of the analytic torso at the origin's height
TORSO_DEPTH_M = 0.22  # back to front, so the table lies this far below the patient frame's origin
SMOOTH_M = 0.012  # standard deviation with which a mesh is smoothed: moves the skin by up to 5 mm; chosen
SIDE_SLOPE = 2.0  # of the skin beside what is seen from the front, chosen
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

    @cached_property
    def _spline(self) -> Any:
        from scipy.interpolate import RectBivariateSpline  # takes long to import, and not all need a surface

        return RectBivariateSpline(self.x, self.y, self.z)

    def height(self, x: Array, y: Array) -> Array:
        """Skin height [m] at patient coordinates, NaN beside the body. Any broadcastable shapes."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        return np.where(self._is_inside(x, y), self.surface(x, y), np.nan)

    def surface(self, x: Array | float, y: Array | float) -> Array:
        """The height field [m] that goes on smoothly beside the body. Any broadcastable shapes."""
        z: Array = self._spline.ev(x, y)
        return z

    def normal(self, x: Array | float, y: Array | float) -> Array:
        """Unit outward normals, shape (..., 3)."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        n = np.stack((-self._spline.ev(x, y, dx=1), -self._spline.ev(x, y, dy=1), np.ones_like(x)), axis=-1)
        out: Array = n / np.linalg.norm(n, axis=-1, keepdims=True)
        return out

    def gradients(self) -> tuple[Array, Array]:
        """Slopes dz/dx and dz/dy on the grid, shapes (nx, ny)."""
        return self._spline(self.x, self.y, dx=1), self._spline(self.x, self.y, dy=1)

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
    return _front_of(mesh, height)


def _front_of(mesh: Any, height: float) -> Body:
    from scipy.interpolate import LinearNDInterpolator

    center = np.array([mesh.vertices[:, 0].mean(), mesh.vertices[:, 1].min() + ABDOMEN_SHARE_OF_HEIGHT * height, 0.0])
    p = mesh.vertices - center
    near = (np.abs(p[:, 0]) < HALF_WIDTH_M + 0.05) & (np.abs(p[:, 1]) < HALF_LENGTH_M + 0.05)
    front = p[near & (mesh.vertex_normals[:, 2] > 0.2)]
    x, y = _grid()
    X, Y = np.meshgrid(x, y, indexing="ij")
    i, j = len(x) // 2, len(y) // 2
    z = LinearNDInterpolator(front[:, :2], front[:, 2])(X, Y)
    back = float(p[near, 2].min())
    behind = _lowest(p[mesh.faces[near[mesh.faces].all(axis=1)]], X.shape)
    inside = _about_the_origin(np.isfinite(z) & np.isfinite(behind) & (z > back + 0.05))
    z = _smooth(z, inside)
    width = float(inside[:, j].sum() * GRID_M)
    return Body(x, y, z - z[i, j], inside.astype(float), back - z[i, j], float(z[i, j] - behind[i, j]), width)


def _smooth(z: Array, inside: NDArray[np.bool_]) -> Array:
    """Without the mesh's facets, which are no anatomy, nor much of what bends more than organs are deep; outside, the sides go on down."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    kept, share = (gaussian_filter(np.where(inside, v, 0.0), sigma=SMOOTH_M / GRID_M) for v in (z, 1.0))
    away, (i, j) = distance_transform_edt(~inside, return_indices=True)
    out: Array = kept[i, j] / share[i, j] - SIDE_SLOPE * GRID_M * away
    return out


def _lowest(triangles: Array, shape: tuple[int, int]) -> Array:
    """The least z (nx, ny) [m] at the grid's nodes of triangles (n, 3, 3), infinite where there are none: beside trunk and arms.

    Each triangle is sampled so finely that every node below it has a sample nearby.
    """
    longest = np.linalg.norm(np.diff(triangles[:, (0, 1, 2, 0)], axis=1), axis=-1).max()
    n = int(np.ceil(longest / (0.5 * GRID_M)))
    share = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
    samples = np.einsum("sk,nkd->nsd", share, triangles).reshape(-1, 3)
    k = np.rint((samples[:, :2] + (HALF_WIDTH_M, HALF_LENGTH_M)) / GRID_M).astype(int)
    on = ((k >= 0) & (k < shape)).all(axis=1)
    z = np.full(shape, np.inf)
    np.minimum.at(z, (k[on, 0], k[on, 1]), samples[on, 2])
    return z


def _about_the_origin(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected part of a grid that holds its middle: the trunk without arms."""
    from scipy.ndimage import label

    parts = label(covered)[0]
    out: NDArray[np.bool_] = parts == parts[covered.shape[0] // 2, covered.shape[1] // 2]
    return out
