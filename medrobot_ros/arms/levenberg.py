"""Inverse kinematics from one start: Levenberg-Marquardt with Sugihara's damping, compiled, joints kept within their limits.

Sugihara, "Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt method", IEEE T-RO 27(5), 2011.
"""

from math import atan2, sqrt

import numpy as np
from numba import njit

from medrobot_ros.arms.chain import tip_jacobian

DAMPING = 1e-2  # of half the squared error; chosen by trial over all arms
FLOOR = 1e-12  # of the damping, so that a singular pose is a slow step and not a division by nothing
LONGEST_STEP_RAD = 1.0


@njit(cache=True)
def error_in_tip(T, T_goal, e):  # type: ignore[no-untyped-def]
    """Writes the twist (6,) in tip axes that leads from `T` to `T_goal` in unit time."""
    C = np.empty((3, 3))
    for i in range(3):
        e[i] = 0.0
        for k in range(3):
            e[i] += T[k, i] * (T_goal[k, 3] - T[k, 3])
        for j in range(3):
            C[i, j] = T[0, i] * T_goal[0, j] + T[1, i] * T_goal[1, j] + T[2, i] * T_goal[2, j]
    x, y, z = C[2, 1] - C[1, 2], C[0, 2] - C[2, 0], C[1, 0] - C[0, 1]
    sine, cosine = 0.5 * sqrt(x * x + y * y + z * z), 0.5 * (C[0, 0] + C[1, 1] + C[2, 2] - 1.0)
    angle = atan2(sine, cosine)
    if sine > 1e-6:
        scale = 0.5 * angle / sine
    elif cosine > 0.0:
        scale = 0.5
    else:  # half a turn: about the column with the largest diagonal entry
        k = 0 if C[0, 0] >= max(C[1, 1], C[2, 2]) else (1 if C[1, 1] >= C[2, 2] else 2)
        length = sqrt(max(0.5 * (C[k, k] + 1.0), 1e-12))
        for i in range(3):
            e[3 + i] = angle * 0.5 * (C[k, i] + (1.0 if i == k else 0.0)) / length
        return
    e[3], e[4], e[5] = scale * x, scale * y, scale * z


@njit(cache=True)
def damped_step(J, e, damping, held, dq):  # type: ignore[no-untyped-def]
    """Writes dq = J^T (J J^T + damping I)^-1 e (n,), columns that are held left out, by Cholesky in place."""
    A, y, n = np.empty((6, 6)), np.empty(6), dq.size
    for i in range(6):
        for j in range(i + 1):
            total = damping if i == j else 0.0
            for k in range(n):
                if not held[k]:
                    total += J[i, k] * J[j, k]
            for k in range(j):
                total -= A[i, k] * A[j, k]
            A[i, j] = sqrt(max(total, FLOOR * FLOOR)) if i == j else total / A[j, j]
    for i in range(6):
        y[i] = e[i]
        for k in range(i):
            y[i] -= A[i, k] * y[k]
        y[i] /= A[i, i]
    for i in range(5, -1, -1):
        for k in range(i + 1, 6):
            y[i] -= A[k, i] * y[k]
        y[i] /= A[i, i]
    for k in range(n):
        dq[k] = 0.0
        if not held[k]:
            for i in range(6):
                dq[k] += J[i, k] * y[i]


@njit(cache=True)
def converge(chain, T_goal, q, lower, upper, iterations, tolerance):  # type: ignore[no-untyped-def]
    """Improves `q` (n,) in place; whether the tip came within `tolerance` [m] and [rad] of `T_goal` (4, 4)."""
    n = q.size
    e, dq, held = np.empty(6), np.empty(n), np.zeros(n, np.bool_)
    for _ in range(iterations):
        J, T = tip_jacobian(q, *chain)
        error_in_tip(T, T_goal, e)
        off_m2, off_rad2 = e[0] ** 2 + e[1] ** 2 + e[2] ** 2, e[3] ** 2 + e[4] ** 2 + e[5] ** 2
        if off_m2 < tolerance**2 and off_rad2 < tolerance**2:
            return True
        damping = DAMPING * 0.5 * (off_m2 + off_rad2) + FLOOR
        held[:] = False
        damped_step(J, e, damping, held, dq)
        if _hold(q, dq, lower, upper, held):
            damped_step(J, e, damping, held, dq)
        longest = np.abs(dq).max()
        share = min(1.0, LONGEST_STEP_RAD / max(longest, 1e-12))
        for i in range(n):
            q[i] = min(max(q[i] + share * dq[i], lower[i]), upper[i])
    return False


@njit(cache=True)
def _hold(q, dq, lower, upper, held):  # type: ignore[no-untyped-def]
    """Marks the joints that stand at a limit and would leave it; whether there are any."""
    some = False
    for i in range(q.size):
        held[i] = (q[i] <= lower[i] and dq[i] < 0.0) or (q[i] >= upper[i] and dq[i] > 0.0)
        some = some or held[i]
    return some


@njit(cache=True)
def search(chain, T_goal, q, starts, lower, upper, iterations, tolerance):  # type: ignore[no-untyped-def]
    """`converge` from `q` (n,) and then from shares `starts` (k, n) of the range between the limits; `q` is the last tried."""
    if converge(chain, T_goal, q, lower, upper, iterations, tolerance):
        return True
    for start in starts:
        q[:] = lower + start[: q.size] * (upper - lower)
        if converge(chain, T_goal, q, lower, upper, iterations, tolerance):
            return True
    return False


@njit(cache=True)
def search_many(chain, T_goals, Q, starts, lower, upper, iterations, tolerance):  # type: ignore[no-untyped-def]
    """`search` for each of `T_goals` (k, 4, 4) from the rows of `Q` (k, n), improved in place; which were reached (k,)."""
    reached = np.zeros(Q.shape[0], np.bool_)
    for k in range(Q.shape[0]):
        reached[k] = search(chain, T_goals[k], Q[k], starts, lower, upper, iterations, tolerance)
    return reached
