"""Whether the arm goes where it is sent: a joint that stands still, slips or is held is found out by its encoder."""

from math import ceil

import numba
import numpy as np

from medrobot_ros.signals import Array


class Following:
    """Each measured position must lie within `tolerance_rad` of the range of commands of the last `window_s` [s]."""

    def __init__(self, n: int, window_s: float, tolerance_rad: float, period_s: float) -> None:
        self._sent = np.zeros((max(2, ceil(window_s / period_s)), n))
        self._tolerance_rad, self._k = tolerance_rad, 0
        still = np.zeros(n)
        _farthest(self._sent, 0, still, still)  # compiled now, not in a tick

    def restart(self, q: Array) -> None:
        """The arm rests at `q` (n,): nothing was sent before."""
        self._sent[:] = q

    def departed(self, q_sent: Array, q_measured: Array) -> str:
        """Takes a command (n,); which joint is where it was not sent and how far off, '' where none is."""
        self._k = (self._k + 1) % len(self._sent)
        joint, off_rad = _farthest(self._sent, self._k, q_sent, q_measured)
        return f"joint {joint + 1} is {off_rad:.3f} rad from where it was sent" if off_rad > self._tolerance_rad else ""


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _farthest(sent, k, q_sent, q_measured):  # type: ignore[no-untyped-def]
    """Stores `q_sent` in row `k`; the joint whose measured position is farthest outside what was sent, and how far [rad]."""
    worst, most = 0, -1.0
    for i in range(q_sent.size):
        sent[k, i] = q_sent[i]
        low = high = q_sent[i]
        for row in range(sent.shape[0]):
            low, high = min(low, sent[row, i]), max(high, sent[row, i])
        off = max(low - q_measured[i], q_measured[i] - high)
        if off > most:
            worst, most = i, off
    return worst, most
