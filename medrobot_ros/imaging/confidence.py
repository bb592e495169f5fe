"""How far an image can be trusted at each point: the chance that a random walk from there reaches the probe before the far end.

Karamalis, Wein, Klein and Navab, Ultrasound confidence maps using random walks, Medical Image Analysis 16 (2012) 1101-1112. Walks
are a resistor network with 1 V at the probe and 0 V at the last sample of every line: edges conduct exp(-beta (difference +
penalty)), the penalty being 0 along a line, gamma across lines and sqrt(2) gamma diagonally. Grey values are weighted with
1 - exp(-alpha depth), as the authors' own code does. The network is reduced before it is solved: edges in series and in parallel
become one, and each pair of diagonals joins the edges beside it, which holds where the field is smooth over a block.
"""

from math import exp, sqrt

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from medrobot_ros.signals import Array

ALPHA, BETA, GAMMA = 2.0, 90.0, 0.05  # the paper's; gamma there is 0.03 to 0.06
LEAST = 1e-5  # conductance of any edge, so that the network never falls apart
ACROSS, ALONG = 4, 4  # lines and samples, even numbers, that one node of the reduced network stands for


def confidence_map(grey: NDArray[np.float32], alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> Array:
    """Confidence, 0 to 1, at blocks of `ACROSS` lines by `ALONG` samples of `grey` (lines, samples), multiples of these.

    Only differences of grey relative to the greatest count. Shape (lines / ACROSS, samples / ALONG).
    """
    down, across = _conductances(np.ascontiguousarray(grey, np.float32), alpha, beta, gamma)
    return _potentials(*_reduced(down, across))


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _conductances(grey, alpha, beta, gamma):  # type: ignore[no-untyped-def]
    """Of the edges down the lines (lines, samples - 1) and across them (lines - 1, samples), diagonals joined to both.

    Each inner loop goes along a line and depends on no other, so that it is compiled to vector code.
    """
    lines, samples = grey.shape
    weight = np.empty(samples, np.float32)
    for k in range(samples):
        weight[k] = 1.0 - exp(-alpha * k / (samples - 1))
    c = grey * weight
    scale, least, half = np.float32(beta / _greatest_step(c)), np.float32(LEAST), np.float32(0.5)
    to_side, to_corner = np.float32(exp(-beta * gamma)), np.float32(exp(-beta * gamma * sqrt(2.0)))
    down, across = np.empty((lines, samples - 1), np.float32), np.empty((lines - 1, samples), np.float32)
    corner = np.empty(samples - 1, np.float32)
    for i in range(lines):
        here, below = c[i], down[i]
        for k in range(samples - 1):
            below[k] = least + _falloff(scale * abs(here[k + 1] - here[k]))
    for i in range(lines - 1):
        here, there, beside = c[i], c[i + 1], across[i]
        for k in range(samples):
            beside[k] = least + to_side * _falloff(scale * abs(there[k] - here[k]))
        for k in range(samples - 1):
            crossing = _falloff(scale * abs(there[k + 1] - here[k])) + _falloff(scale * abs(there[k] - here[k + 1]))
            corner[k] = least + half * to_corner * crossing
        for row in (beside[:-1], beside[1:], down[i], down[i + 1]):
            for k in range(samples - 1):
                row[k] += corner[k]
    return down, across


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _greatest_step(c):  # type: ignore[no-untyped-def]
    """Between neighbours, diagonal ones too; above 0."""
    lines, samples = c.shape
    greatest = np.float32(1e-9)
    for i in range(lines):
        here, there = c[i], c[min(i + 1, lines - 1)]
        for k in range(samples - 1):
            greatest = max(greatest, abs(here[k + 1] - here[k]), abs(there[k + 1] - here[k]), abs(there[k] - here[k + 1]))
        for k in range(samples):
            greatest = max(greatest, abs(there[k] - here[k]))
    return greatest


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _falloff(x):  # type: ignore[no-untyped-def]
    """exp(-x) for x from 0, within 1e-5 of it, and 2e-9 beyond 20: a polynomial in x / 32, squared five times."""
    y = min(x, np.float32(20.0)) * np.float32(-1.0 / 32.0)
    p = np.float32(1.0 / 24.0) + y * (np.float32(1.0 / 120.0) + y * np.float32(1.0 / 720.0))
    p = np.float32(1.0) + y * (np.float32(1.0) + y * (np.float32(0.5) + y * (np.float32(1.0 / 6.0) + y * p)))
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _reduced(down, across):  # type: ignore[no-untyped-def]
    """Conductances between blocks' middles: down (n, m - 1), across (n - 1, m), and of their ends to the probe and the far end (n,).

    Resistances in series add up to a block's middle edge and half of it; what lies beside it in the block is parallel.
    """
    n, m = len(down) // ACROSS, across.shape[1] // ALONG
    between, sideways, to_probe, to_end = np.zeros((n, m - 1)), np.empty((n - 1, m)), np.zeros(n), np.zeros(n)
    for i in range(len(down)):
        passed, last = 0.0, 0.0
        for k in range(down.shape[1]):
            resistance = 1.0 / down[i, k]
            if k % ALONG == ALONG // 2 - 1:
                middle = passed + 0.5 * resistance
                if k < ALONG:
                    to_probe[i // ACROSS] += 1.0 / middle
                else:
                    between[i // ACROSS, k // ALONG - 1] += 1.0 / (middle - last)
                last = middle
            passed += resistance
        to_end[i // ACROSS] += 1.0 / (passed - last)
    for k in range(m):
        passed, last = 0.0, 0.0
        for i in range(len(across)):
            resistance = 1.0 / across[i, k * ALONG : (k + 1) * ALONG].sum()
            if i % ACROSS == ACROSS // 2 - 1:
                middle = passed + 0.5 * resistance
                if i >= ACROSS:
                    sideways[i // ACROSS - 1, k] = 1.0 / (middle - last)
                last = middle
            passed += resistance
    return between, sideways, to_probe, to_end


def _potentials(down: Array, across: Array, to_probe: Array, to_end: Array) -> Array:
    """Voltages (n, m) of the network: a symmetric positive definite band as wide as there are lines, by Cholesky."""
    n, m = len(down), across.shape[1]
    degree = np.zeros((n, m))
    degree[:, 0] += to_probe
    degree[:, -1] += to_end
    degree[:, 1:] += down
    degree[:, :-1] += down
    degree[1:] += across
    degree[:-1] += across
    band = np.zeros((n + 1, m, n))  # (distance below the diagonal, depth, line)
    band[0] = degree.T
    band[1, :, :-1] -= across.T
    band[n, :-1] -= down.T
    current = np.zeros((m, n))
    current[0] = to_probe
    out: Array = solveh_banded(band.reshape(n + 1, -1), current.ravel(), lower=True, overwrite_ab=True, check_finite=False)
    return out.reshape(m, n).T
