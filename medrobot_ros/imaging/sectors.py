"""What sectors of the aperture tell: where their signal ends, and which of them belong together."""

import numba
import numpy as np
from numpy.typing import NDArray

BRIDGED = 2  # sectors without signal, as below a bright speck, that do not break the coupled extent


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def end_of_signal(shown):  # type: ignore[no-untyped-def]
    """First level (sectors,) int64 below which a sector shows nothing more; `shown` (sectors, levels) says which cells show anything.

    It is where cells with signal most outnumber those without above it, so that an anechoic structure with signal behind it
    does not end a sector, nor does a speck of noise in a shadow prolong it.
    """
    out = np.zeros(len(shown), np.int64)
    for i in range(len(shown)):
        surplus, most = 0, 1
        for k in range(shown.shape[1]):
            surplus += 1 if shown[i, k] else -1
            if surplus >= most:
                most, out[i] = surplus, k + 1
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
