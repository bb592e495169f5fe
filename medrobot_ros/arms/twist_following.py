"""The joint velocity that follows a twist where nothing binds, compiled: what every control tick begins with.

The twist is met by the pseudo-inverse; what it leaves free leads home and away from singularities. Near a singularity the
twist is slowed, by the Jacobian's condition number, unless the motion leaves it.
"""

from math import sqrt

import numpy as np
from numba import njit

from medrobot_ros.arms.chain import tip_jacobian
from medrobot_ros.arms.null_space import null_direction, posture_velocity
from medrobot_ros.arms.small import squared, times

SLOW_CONDITION, HALT_CONDITION = 17.0, 30.0  # as MoveIt Servo's defaults
AVOID_CONDITION = 12.0  # chosen: from here on the arm's freedom is used to lower it
AVOID_RAD_PER_S, AVOID_STEP_RAD = 0.1, 0.005
LOOK_AHEAD_S = 0.05


@njit(cache=True)
def follow(q, V, J, chain, posture):  # type: ignore[no-untyped-def]
    """Velocity (n,), direction of freedom (n,), the share of `V` (6,) aimed at, and the condition number, with the Jacobian `J` (6, n).

    Where that is surely below `AVOID_CONDITION`, which is most of the time, it is not worked out: `AVOID_CONDITION` stands for it."""
    JJ, along, qd = squared(J), null_direction(J), posture_velocity(q, posture)
    if _surely_below(JJ, AVOID_CONDITION):
        return qd + times(J.T, _solved(JJ, V - times(J, qd))), along, 1.0, AVOID_CONDITION
    squares, U = np.linalg.eigh(JJ)
    condition, pace = _condition(squares), 1.0
    for i in range(6):
        squares[i] = max(squares[i], squares[5] / HALT_CONDITION**2)
    if condition > AVOID_CONDITION:
        qd += _away(q, along, condition, chain)
    if condition > SLOW_CONDITION:
        pace = _pace(q, times(J.T, _divided(U, squares, V)), condition, chain)
    return qd + times(J.T, _divided(U, squares, pace * V - times(J, qd))), along, pace, condition


@njit(cache=True)
def _surely_below(JJ, condition):  # type: ignore[no-untyped-def]
    """A sufficient test that the Jacobian's condition number is below `condition`, from J J^T.

    Its greatest eigenvalue is at most its Frobenius norm; with that over the condition's square taken off its diagonal it must
    still be positive definite."""
    most = 0.0
    for value in JJ.flat:
        most += value * value
    return _cholesky(JJ, sqrt(most) / condition**2, np.empty(JJ.shape))


@njit(cache=True)
def _cholesky(A, shift, L):  # type: ignore[no-untyped-def]
    """Fills `L` below its diagonal and on it, L L^T = A - shift I; False where that is not positive definite."""
    for i in range(A.shape[0]):
        for j in range(i + 1):
            left = A[i, j] - (shift if i == j else 0.0)
            for k in range(j):
                left -= L[i, k] * L[j, k]
            if i != j:
                L[i, j] = left / L[j, j]
            elif left > 0.0:
                L[i, i] = sqrt(left)
            else:
                return False
    return True


@njit(cache=True)
def _solved(A, V):  # type: ignore[no-untyped-def]
    """A^-1 V of a positive definite matrix."""
    n, L, x = V.size, np.empty(A.shape), V.copy()
    _cholesky(A, 0.0, L)
    for i in range(n):
        for k in range(i):
            x[i] -= L[i, k] * x[k]
        x[i] /= L[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= L[k, i] * x[k]
        x[i] /= L[i, i]
    return x


@njit(cache=True)
def _divided(U, squares, V):  # type: ignore[no-untyped-def]
    """(J J^T)^-1 V, from the eigenvectors and eigenvalues."""
    return U @ ((V @ U) / squares)


@njit(cache=True)
def _condition(squares):  # type: ignore[no-untyped-def]
    """Condition number from the squared singular values (6,), in increasing order."""
    return sqrt(squares[-1] / max(squares[0], 1e-12 * squares[-1]))


@njit(cache=True)
def _condition_at(q, chain):  # type: ignore[no-untyped-def]
    J, _ = tip_jacobian(q, *chain)
    return _condition(np.linalg.eigvalsh(squared(J)))


@njit(cache=True)
def _away(q, along, condition, chain):  # type: ignore[no-untyped-def]
    """A motion along the free direction to where the condition is lower, gently from where avoiding begins."""
    step = AVOID_STEP_RAD * along
    gain_per_rad = (_condition_at(q - step, chain) - _condition_at(q + step, chain)) / (2.0 * AVOID_STEP_RAD)
    share = min(1.0, condition / AVOID_CONDITION - 1.0)
    return share * max(-1.0, min(1.0, gain_per_rad)) * AVOID_RAD_PER_S * along


@njit(cache=True)
def _pace(q, qd, condition, chain):  # type: ignore[no-untyped-def]
    """1 where `qd` leads away from the singularity, else less the nearer it is."""
    if _condition_at(q + qd * LOOK_AHEAD_S, chain) <= condition:
        return 1.0
    return max(0.0, (HALT_CONDITION - condition) / (HALT_CONDITION - SLOW_CONDITION))
