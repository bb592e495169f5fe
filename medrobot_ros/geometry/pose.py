"""Poses as 4x4 arrays, with quaternions only at the edges.

Written for a control tick: no checks, no objects. `T_ab @ T_bc` gives `T_ac`.
"""

from math import acos, atan2, copysign, cos, sin, sqrt

import numpy as np

from medrobot_ros.signals import Array


def pose(R: Array, p: Array) -> Array:
    """Pose (4, 4) from a rotation (3, 3) and a position (3,) [m]."""
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = p
    return T


def inverse(T: Array) -> Array:
    """Inverse of a rigid pose (4, 4)."""
    out = np.eye(4)
    Rt = T[:3, :3].T
    out[:3, :3] = Rt
    out[:3, 3] = -(Rt @ T[:3, 3])
    return out


def skew(v: Array) -> Array:
    """Cross-product matrix (3, 3): `skew(a) @ b == cross(a, b)`."""
    x, y, z = v.tolist()
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def cross(a: Array, b: Array) -> Array:
    """Cross product of two (3,) vectors; ten times faster than `np.cross` at this size."""
    a0, a1, a2 = a.tolist()
    b0, b1, b2 = b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])


def rotation_vector(R: Array) -> Array:
    """Axis times angle [rad], shape (3,), of a rotation (3, 3). At pi the axis is recovered from the diagonal."""
    r = R.tolist()
    x, y, z = r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]
    w = np.array([x, y, z])
    cosine = 0.5 * (r[0][0] + r[1][1] + r[2][2] - 1.0)
    sine = 0.5 * sqrt(x * x + y * y + z * z)
    if sine > 1e-6:
        return w * (atan2(sine, cosine) / (2.0 * sine))
    if cosine > 0.0:
        return 0.5 * w
    diagonal = np.clip(0.5 * (np.diagonal(R) + 1.0), 0.0, 1.0)
    k = int(np.argmax(diagonal))
    axis = 0.5 * (R[:, k] + np.eye(3)[:, k])
    return axis * (np.pi / np.linalg.norm(axis))


def rotation_from_vector(v: Array) -> Array:
    """Rotation (3, 3) of `|v|` radians about `v` (Rodrigues)."""
    angle = sqrt(float(v @ v))
    if angle < 1e-12:
        return np.eye(3) + skew(v)
    K = skew(v / angle)
    return np.eye(3) + sin(angle) * K + (1.0 - cos(angle)) * (K @ K)


def angle_between(a: Array, b: Array) -> float:
    """Angle [rad] between two unit vectors (3,)."""
    return acos(max(-1.0, min(1.0, float(a @ b))))


def interpolate(T_a: Array, T_b: Array, share: float) -> Array:
    """Pose a share (0 to 1) of the way from `T_a` to `T_b`: straight in position, constant rate in rotation."""
    return moved(T_a, share, rotation_vector(T_a[:3, :3].T @ T_b[:3, :3]), T_b[:3, 3])


def moved(T_a: Array, share: float, turn: Array, p_b: Array) -> Array:
    """As `interpolate`, where the turn (3,) [rad] from `T_a` to the other pose is known, and its position (3,)."""
    return pose(T_a[:3, :3] @ rotation_from_vector(share * turn), (1.0 - share) * T_a[:3, 3] + share * p_b)


def quat_xyzw(R: Array) -> tuple[float, float, float, float]:
    """Unit quaternion (x, y, z, w) of a rotation (3, 3), w >= 0, by its largest component (Shepperd, 1978)."""
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = R.tolist()
    trace = r00 + r11 + r22
    if trace > max(r00, r11, r22):
        x, y, z, w = r21 - r12, r02 - r20, r10 - r01, 1.0 + trace
    elif r00 >= max(r11, r22):
        x, y, z, w = 1.0 + r00 - r11 - r22, r01 + r10, r02 + r20, r21 - r12
    elif r11 >= r22:
        x, y, z, w = r01 + r10, 1.0 - r00 + r11 - r22, r12 + r21, r02 - r20
    else:
        x, y, z, w = r02 + r20, r12 + r21, 1.0 - r00 - r11 + r22, r10 - r01
    n = copysign(sqrt(x * x + y * y + z * z + w * w), w)
    return x / n, y / n, z / n, w / n


def rotation_from_quat_xyzw(x: float, y: float, z: float, w: float) -> Array:
    """Rotation (3, 3) of a quaternion (x, y, z, w), normalised first."""
    s = 2.0 / (x * x + y * y + z * z + w * w)
    return np.array(
        [
            [1.0 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1.0 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1.0 - s * (x * x + y * y)],
        ]
    )


def frame_from_z(z: Array, x_hint: Array) -> Array:
    """Rotation (3, 3) whose z axis is `z` and whose x axis lies nearest `x_hint`."""
    z = z / np.linalg.norm(z)
    x = x_hint - (x_hint @ z) * z
    x /= np.linalg.norm(x)
    return np.column_stack((x, cross(z, x), z))


def pose_error(T: Array, T_goal: Array) -> tuple[float, float]:
    """Distance [m] and angle [rad] between two poses (4, 4)."""
    turn = rotation_vector(T[:3, :3].T @ T_goal[:3, :3])
    return float(np.linalg.norm(T_goal[:3, 3] - T[:3, 3])), float(np.linalg.norm(turn))
