"""Braking to a standstill along the path that the joints are on."""

import numpy as np

from medrobot_ros.signals import Array


def braked(qd: Array, brake_rad_per_s2: Array, period_s: float) -> Array:
    """Joint velocity [rad/s] one period later, all joints slowing in proportion, none faster than its deceleration."""
    time_to_stop_s = float(np.max(np.abs(qd) / brake_rad_per_s2))
    return np.zeros_like(qd) if time_to_stop_s <= period_s else qd * (1.0 - period_s / time_to_stop_s)


def stopping_distance(speed_m_per_s: float, deceleration_m_per_s2: float, delay_s: float) -> float:
    """How far a point travels [m] until it stands, with braking beginning after `delay_s`."""
    return speed_m_per_s * delay_s + speed_m_per_s**2 / (2.0 * deceleration_m_per_s2)
