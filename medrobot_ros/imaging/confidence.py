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

from medrobot_ros.signals import Array

compiled = numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")

ALPHA, BETA, GAMMA = 2.0, 90.0, 0.05  # the paper's; gamma there is 0.03 to 0.06
LEAST = 1e-5  # conductance of any edge, so that the network never falls apart
NEGLIGIBLE = 1e-18  # conductance between nodes without an edge: numbers near the least that can be written would take long to multiply
ACROSS, ALONG = 4, 4  # lines and samples, even numbers, that one node of the reduced network stands for


def confidence_map(grey: NDArray[np.float32], alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> Array:
    """Confidence, 0 to 1, at blocks of `ACROSS` lines by `ALONG` samples of `grey` (lines, samples), multiples of these.

    Only differences of grey relative to the greatest count. Shape (lines / ACROSS, samples / ALONG).
    """
    down, across = _conductances(np.ascontiguousarray(grey, np.float32), alpha, beta, gamma)
    out: Array = _potentials(*_reduced(down, across))
    return out


@compiled
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


@compiled
def _greatest_step(c):  # type: ignore[no-untyped-def]
    """Between neighbours, diagonal ones too; above 0."""
    lines, samples = c.shape
    greatest = np.full(samples, np.float32(1e-9))
    for i in range(lines):
        here, there = c[i], c[min(i + 1, lines - 1)]
        for k in range(samples - 1):
            step = max(abs(here[k + 1] - here[k]), abs(there[k] - here[k]))
            greatest[k] = max(greatest[k], step, abs(there[k + 1] - here[k]), abs(there[k] - here[k + 1]))
        greatest[-1] = max(greatest[-1], abs(there[-1] - here[-1]))
    return greatest.max()


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


@compiled
def _reduced(down, across):  # type: ignore[no-untyped-def]
    """Conductances between blocks' middles: down (n, m - 1), across (n - 1, m), and of their ends to the probe and the far end (n,).

    Resistances in series add up to a block's middle edge and half of it; what lies beside it in the block is parallel.
    """
    n, m, half, one = len(down) // ACROSS, across.shape[1] // ALONG, np.float32(0.5), np.float32(1.0)
    between, sideways = np.zeros((n, m - 1), np.float32), np.zeros((n - 1, m), np.float32)
    to_probe, to_end = np.zeros(n, np.float32), np.zeros(n, np.float32)
    resistance = np.empty(down.shape[1], np.float32)
    middle = ALONG // 2 - 1
    for i in range(len(down)):
        edges, row = down[i], between[i // ACROSS]
        for k in range(len(edges)):
            resistance[k] = one / edges[k]
        for j in range(m - 1):
            passed = half * (resistance[ALONG * j + middle] + resistance[ALONG * j + middle + ALONG])
            for k in range(middle + 1, middle + ALONG):
                passed += resistance[ALONG * j + k]
            row[j] += one / passed
        last = ALONG * (m - 1) + middle
        to_probe[i // ACROSS] += one / (resistance[:middle].sum() + half * resistance[middle])
        to_end[i // ACROSS] += one / (half * resistance[last] + resistance[last + 1 :].sum())
    for i in range(n - 1):
        row = sideways[i]
        for step in range(ACROSS + 1):
            edges, share = across[ACROSS * i + ACROSS // 2 - 1 + step], half if step in (0, ACROSS) else one
            for j in range(m):
                parallel = np.float32(0.0)
                for k in range(ALONG):
                    parallel += edges[ALONG * j + k]
                row[j] += share / parallel
        for j in range(m):
            row[j] = one / row[j]
    return between, sideways, to_probe, to_end


@compiled
def _potentials(down, across, to_probe, to_end):  # type: ignore[no-untyped-def]
    """Voltages (n, m) of the network. Depth by depth and line by line a node is taken out: its star of edges becomes a mesh among its
    neighbours, the probe and the far end. Nothing is ever subtracted, so that single precision does.
    """
    n, m = len(down), across.shape[1]
    none = np.float32(NEGLIGIBLE)
    mesh = np.full((2 * n, 2 * n), none)  # between the nodes of one depth and the next, from each to those that follow it
    stars = np.empty((m, n, n), np.float32)  # shares of each node's n next ones in its voltage
    source, sink = np.zeros((m + 1, n), np.float32), np.zeros((m + 1, n), np.float32)  # ... and of the probe's, and of the far end's
    source[0], sink[m - 1] = to_probe, to_end
    sources, sinks = source.reshape(-1), sink.reshape(-1)
    for depth in range(m):
        for j in range(n - 1):
            mesh[j, j + 1] += across[j, depth]
        if depth < m - 1:
            for j in range(n):
                mesh[j, j + n] = down[j, depth]
        for j in range(n):
            node = depth * n + j
            star, total = mesh[j, j + 1 : j + 1 + n], sources[node] + sinks[node]
            for i in range(n):
                total += star[i]
            share, fed, lost = stars[depth, j], sources[node] / total, sinks[node] / total
            sources[node] = fed
            more_source, more_sink = sources[node + 1 : node + 1 + n], sinks[node + 1 : node + 1 + n]
            for i in range(n):
                share[i] = star[i] / total
            for i in range(n):
                more_source[i] += fed * star[i]
                more_sink[i] += lost * star[i]
            for i in range(n):
                other, part = mesh[j + 1 + i, j + 1 : j + 1 + n], share[i]
                for k in range(n):
                    other[k] += part * star[k]
        for j in range(n):
            mesh[j, :n] = mesh[n + j, n:]
            mesh[j, n:], mesh[n + j, n:] = none, none
    voltage = np.zeros(n * m + n, np.float32)
    for node in range(n * m - 1, -1, -1):
        share, later, level = stars[node // n, node % n], voltage[node + 1 : node + 1 + n], sources[node]
        for i in range(n):
            level += share[i] * later[i]
        voltage[node] = min(level, np.float32(1.0))
    return voltage[: n * m].reshape(m, n).T
