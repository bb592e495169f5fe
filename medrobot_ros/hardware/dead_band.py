"""A driver's dead band undone: exact above it; below it nothing is known, and a reference that light is refused."""

import numpy as np

from medrobot_ros.errors import ConfigError
from medrobot_ros.hardware.vendor import Vendor
from medrobot_ros.signals import Array

CLEAR_N = 1.0  # chosen: how far above the band a reference must lie, for errors of force not to enter it


class DeadBand:
    """Adds what the driver subtracted from each component of its wrench that is not 0."""

    def __init__(self, vendor: Vendor) -> None:
        self._band = np.repeat((vendor.wrench.dead_band_n, vendor.wrench.dead_band_nm), 3)

    def undone(self, F: Array) -> Array:
        """The wrench (6,) before the driver took its dead band off, in the driver's axes; what it set to 0 stays 0."""
        out: Array = F + self._band * np.sign(F)
        return out


def not_resolved(vendor: Vendor, force_n: float) -> str:
    """Why the driver cannot tell a reference force [N] from none, '' where it can."""
    least_n = vendor.wrench.dead_band_n + CLEAR_N
    if not vendor.wrench.dead_band_n or force_n >= least_n:
        return ""
    return (
        f"{force_n:g} N: vendor {vendor.name}'s driver reads forces below {vendor.wrench.dead_band_n:g} N as 0; "
        f"ask for at least {least_n:g} N, or wire an F/T sensor to wrench.topic with wrench.dead_band_n: 0"
    )


def check_resolution(vendor: Vendor, force_n: float) -> None:
    """Raises: ConfigError for a reference force [N] that the driver cannot tell from none."""
    if refused := not_resolved(vendor, force_n):
        raise ConfigError(f"contact.force_n = {refused}")
