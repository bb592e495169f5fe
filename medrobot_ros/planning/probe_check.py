"""Whether what hangs on the sensor weighs what the cell believes: what compensation leaves when the probe tilts."""

import numpy as np

from medrobot_ros.geometry.wrench import STANDARD_GRAVITY
from medrobot_ros.signals import Array

TILT_RAD = 0.5  # 40 g then show as 0.2 N, ten times what a third of a second of a F/T sensor's noise leaves
MAX_MASS_ERROR_KG = 0.04  # chosen: little more than half of what this package's two probes differ by
MAX_FORCE_N, MAX_TORQUE_NM = 0.5, 0.05  # left beside that: a cable that pulls, or a wrong centre of mass


def probe_fault(F_left: Array, R_base_tared: Array, R_base_tilted: Array) -> str:
    """'' or why it is not the right probe. `F_left` (6,) [N, Nm] is the compensated wrench in probe axes after the tilt."""
    per_kg = -STANDARD_GRAVITY * (R_base_tilted[2] - R_base_tared[2])
    excess_kg = float(F_left[:3] @ per_kg / (per_kg @ per_kg))
    if abs(excess_kg) > MAX_MASS_ERROR_KG:
        than = "heavier" if excess_kg > 0.0 else "lighter"
        return f"the probe seems {1e3 * abs(excess_kg):.0f} g {than} than configured: is it the right probe?"
    force_n, torque_nm = float(np.linalg.norm(F_left[:3] - excess_kg * per_kg)), float(np.linalg.norm(F_left[3:]))
    if force_n > MAX_FORCE_N or torque_nm > MAX_TORQUE_NM:
        return f"{force_n:.2f} N and {torque_nm:.3f} Nm left when the probe tilts: is it the right probe, its mass and centre?"
    return ""
