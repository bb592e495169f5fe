"""Where a camera is: on the base (it sees a marker on the flange) or on the flange (it sees a marker that stands still).

Both are M_i X N_i = Z with two constant poses: M = flange to base, X = camera in base, N = marker in camera, Z = marker in
flange; or M = base to flange, X = camera in flange, Z = marker in base. Eliminating Z gives AX = XB, solved in closed form
(Park & Martin, IEEE T-RA 10(5), 1994) as the start of least squares over both.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from medrobot_ros.calibration.estimate import at_solution, enough, linear
from medrobot_ros.calibration.excitation import check_turns, turns_between
from medrobot_ros.errors import UnknownName
from medrobot_ros.geometry.pose import inverse, pose
from medrobot_ros.signals import Array

MIN_POSES = 4
MOUNTS = ("base", "flange")
LENGTH_M = 0.1  # at first 1 rad of a marker's error weighs as this; then as the residuals say
REWEIGHTINGS = 4


@dataclass(frozen=True)
class HandEye:
    """`T_mount_camera` (4, 4), `mount` 'base' or 'flange'; `T_other_marker` is the marker on the other one.

    `covariance` (6, 6) of a small [rotation vector; translation] of the camera in its own frame, [rad, m].
    """

    mount: str
    T_mount_camera: Array
    T_other_marker: Array
    covariance: Array
    residual_m: float
    residual_rad: float
    samples: int


def hand_eye(T_base_flange: Array, T_camera_marker: Array, mount: str) -> HandEye:
    """From poses (n, 4, 4) of flange and marker taken together. Raises: DataError where they do not turn about two axes."""
    if mount not in MOUNTS:
        raise UnknownName("mount", mount, MOUNTS)
    n = len(T_base_flange)
    enough(n, MIN_POSES, "poses")
    M = T_base_flange if mount == "flange" else np.array([inverse(T) for T in T_base_flange])
    check_turns(_turns(M), mount)
    T_X, T_Z = _closed_form(M, T_camera_marker)
    sigma = np.array([1.0, LENGTH_M])
    for _ in range(REWEIGHTINGS):
        weight = np.repeat(1.0 / sigma, 3)
        T_X, T_Z, J = _minimised(M, T_camera_marker, T_X, T_Z, weight)
        errors = _errors(M, T_camera_marker, T_X, T_Z)
        sigma = np.maximum(_noise(errors, J), 1e-12)
    covariance = at_solution(np.zeros(12), J, (weight * errors).ravel()).covariance[:6, :6]
    residual_rad, residual_m = np.sqrt(np.mean(np.sum(errors.reshape(n, 2, 3) ** 2, axis=2), axis=0)).tolist()
    return HandEye(mount, T_X, T_Z, covariance, residual_m, residual_rad, n)


def _noise(errors: Array, J: Array) -> Array:
    """Standard deviations of the markers' rotation and translation: each kind's squares over what the fit left it free (Helmert)."""
    Q = np.linalg.qr(J)[0]
    spent = np.sum(Q.reshape(-1, 2, 3, Q.shape[1]) ** 2, axis=(0, 2, 3))
    out: Array = np.sqrt(np.sum(errors.reshape(-1, 2, 3) ** 2, axis=(0, 2)) / (3 * len(errors) - spent))
    return out


def _turns(M: Array) -> Array:
    """Rotation vectors between the poses M, in their inner frame, which is the camera's mount."""
    return turns_between(M[:, :3, :3].transpose(0, 2, 1))


def _closed_form(M: Array, N: Array) -> tuple[Array, Array]:
    """X and Z, rotation first: the axes of A = M_j^-1 M_i are those of B = N_j N_i^-1, turned by X."""
    a, b = _sines(_turns(M)), _sines(turns_between(N[:, :3, :3]))
    R_X = Rotation.align_vectors(a, b)[0].as_matrix()
    R_M, t_M, n = M[:, :3, :3], M[:, :3, 3], len(M)
    A = np.concatenate((R_M, np.broadcast_to(-np.eye(3), R_M.shape)), axis=2).reshape(3 * n, 6)
    seen = np.einsum("nij,nj->ni", R_M @ R_X, N[:, :3, 3]) + t_M
    t = linear(A, -seen.ravel()).x
    R_Z = Rotation.from_matrix(R_M @ R_X @ N[:, :3, :3]).mean().as_matrix()
    return pose(R_X, t[:3]), pose(R_Z, t[3:])


def _sines(vectors: Array) -> Array:
    """Rotation vectors with the sine for the angle: at half a turn, where their sign is chance, they count for nothing."""
    angles = np.linalg.norm(vectors, axis=1, keepdims=True)
    out: Array = vectors * np.sinc(angles / np.pi)
    return out


def _errors(M: Array, N: Array, T_X: Array, T_Z: Array) -> Array:
    """What noise the markers' poses must have had (n, 6): [rotation vector; translation] in the marker's frame."""
    E = inverse(T_Z) @ M @ T_X @ N
    return np.concatenate((Rotation.from_matrix(E[:, :3, :3]).as_rotvec(), E[:, :3, 3]), axis=1)


def _minimised(M: Array, N: Array, T_X: Array, T_Z: Array, weight: Array) -> tuple[Array, Array, Array]:
    """X and Z of least weighted error, and its Jacobian by small [rotation; translation] of each in its own frame."""

    def moved(x: Array) -> tuple[Array, Array]:
        return T_X @ _small(x[:6]), T_Z @ _small(x[6:])

    found = least_squares(lambda x: (weight * _errors(M, N, *moved(x))).ravel(), np.zeros(12), x_scale="jac", method="lm")
    return *moved(found.x), found.jac


def _small(x: Array) -> Array:
    return pose(Rotation.from_rotvec(x[:3]).as_matrix(), x[3:])
