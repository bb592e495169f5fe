"""What soft tissue answers to a pressing probe, along the skin's normal."""

from dataclasses import dataclass

import numba

from medrobot_ros.config import TissueSection

REFERENCE_N = 5.0  # the force at which a tissue's tangent stiffness is stated


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def push(linear_n_per_m, quadratic_n_per_m2, damping_s, indentation_m, speed_m_per_s):  # type: ignore[no-untyped-def]
    """Push along the outward normal [N] at an indentation [m] that grows at a speed [m/s]."""
    if indentation_m <= 0.0:
        return 0.0
    elastic = (linear_n_per_m + quadratic_n_per_m2 * indentation_m) * indentation_m
    stiffness = linear_n_per_m + 2.0 * quadratic_n_per_m2 * indentation_m
    return max(0.0, elastic + damping_s * stiffness * speed_m_per_s)


@dataclass(frozen=True)
class Tissue:
    """Force over indentation, F = a d + b d^2, damped in proportion to its stiffness; it never pulls.

    With tangent K at 5 N and a share h of it from stiffening: a = (1 - h) K, and b follows from F(d5) = 5 N.
    """

    linear_n_per_m: float
    quadratic_n_per_m2: float
    damping_s: float
    friction: float

    @classmethod
    def from_config(cls, config: TissueSection) -> "Tissue":
        K, h = config.stiffness_n_per_m, config.hardening
        indentation_at_reference = REFERENCE_N / (K * (1.0 - 0.5 * h))
        return cls((1.0 - h) * K, 0.5 * h * K / indentation_at_reference, config.damping_s, config.friction)

    def stiffness(self, indentation_m: float) -> float:
        """Tangent stiffness [N/m]."""
        return self.linear_n_per_m + 2.0 * self.quadratic_n_per_m2 * max(indentation_m, 0.0)

    def force(self, indentation_m: float, speed_m_per_s: float) -> float:
        """Push along the outward normal [N] at an indentation [m] that grows at a speed [m/s]."""
        f: float = push(self.linear_n_per_m, self.quadratic_n_per_m2, self.damping_s, indentation_m, speed_m_per_s)
        return f
