"""Wrenches [f; m] and twists [v; w] seen from another frame of the same body (Lynch & Park, Modern Robotics, 3.3-3.4)."""

import numpy as np

from medrobot_ros.geometry.pose import cross
from medrobot_ros.signals import Array

STANDARD_GRAVITY = 9.80665  # [m/s^2]


def shift_wrench(T_a_b: Array, F_in_b: Array) -> Array:
    """The wrench `F_in_b` (6,), taken about b's origin in b's axes, about a's origin in a's axes."""
    R, p = T_a_b[:3, :3], T_a_b[:3, 3]
    f = R @ F_in_b[:3]
    return np.concatenate((f, R @ F_in_b[3:] + cross(p, f)))


def shift_twist(T_a_b: Array, V_in_b: Array) -> Array:
    """The twist `V_in_b` (6,) of a body at b's origin in b's axes, at a's origin in a's axes."""
    R, p = T_a_b[:3, :3], T_a_b[:3, 3]
    w = R @ V_in_b[3:]
    return np.concatenate((R @ V_in_b[:3] + cross(p, w), w))


def accelerating_wrench(a_com_in_ft: Array, mass_kg: float, p_ft_com: Array) -> Array:
    """The wrench (6,) in the F/T frame that gives a point mass at `p_ft_com` (3,) [m] an acceleration (3,) [m/s^2] in that frame's axes."""
    f = a_com_in_ft * mass_kg
    return np.concatenate((f, cross(p_ft_com, f)))


def weight_wrench(R_base_ft: Array, mass_kg: float, p_ft_com: Array) -> Array:
    """Gravity's wrench (6,) on a tool of `mass_kg` with its centre of mass at `p_ft_com` (3,) [m], in the F/T frame."""
    f = R_base_ft[2, :] * (-STANDARD_GRAVITY * mass_kg)
    return np.concatenate((f, cross(p_ft_com, f)))
