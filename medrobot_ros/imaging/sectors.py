"""What sectors of the aperture tell: where their signal ends, and which of them belong together."""

import numpy as np
from numpy.typing import NDArray

BRIDGED = 2  # sectors without signal, as below a bright speck, that do not break the coupled extent


def end_of_signal(shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First level below which a sector shows nothing more; `shown` (sectors, levels) says which cells show anything. Shape (sectors,).

    It is where cells with signal most outnumber those without above it, so that an anechoic structure with signal behind it
    does not end a sector, nor does a speck of noise in a shadow prolong it.
    """
    surplus = np.cumsum(np.where(shown, 1, -1), axis=1)
    last = surplus.shape[1] - np.argmax(surplus[:, ::-1], axis=1)
    out: NDArray[np.int64] = np.where(surplus.max(axis=1) > 0, last, 0)
    return out


def longest_run(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """First index of the longest run of True, gaps of `BRIDGED` included, and one past its last; (0, 0) where there is none."""
    runs: list[list[int]] = []
    for k in np.flatnonzero(mask).tolist():
        if runs and k - runs[-1][1] <= BRIDGED:
            runs[-1][1] = k + 1
        else:
            runs.append([k, k + 1])
    first, end = max(runs, key=lambda r: r[1] - r[0], default=[0, 0])
    return first, end
