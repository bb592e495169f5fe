"""Least squares whose answers say how good they are."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lstsq

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array


@dataclass(frozen=True)
class Estimate:
    """`x` (k,) with its `covariance` (k, k); `residual` is the rms of the m residuals, in the unit of the right-hand side."""

    x: Array
    covariance: Array
    residual: float

    @property
    def std(self) -> Array:
        """Standard deviations (k,) of `x`."""
        out: Array = np.sqrt(np.diagonal(self.covariance))
        return out


def linear(A: Array, b: Array) -> Estimate:
    """The least-squares solution of `A x = b`, A (m, k), b (m,); noise is estimated from the residuals."""
    x: Array = lstsq(A, b)[0]
    return at_solution(x, A, A @ x - b)


def at_solution(x: Array, J: Array, residuals: Array) -> Estimate:
    """What least squares says at its minimum `x`, with Jacobian J (m, k) and `residuals` (m,): Gauss-Markov, equal noise."""
    m, k = J.shape
    squares = float(residuals @ residuals)
    covariance = np.linalg.inv(J.T @ J) * squares / (m - k)
    return Estimate(x, covariance, float(np.sqrt(squares / m)))


def enough(count: int, needed: int, of: str) -> None:
    """Raises: DataError where there are too few measurements to say how good the answer is."""
    if count < needed:
        raise DataError(f"{count} {of}: at least {needed} are needed")
