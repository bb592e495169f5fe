"""Signal to noise with depth. A probe in air shows its receiver's noise as the gain over depth lifts it."""

import numba
import numpy as np
from numpy.typing import NDArray

QUARTERS = 4  # of the depth
LEAST_DB = -20.0  # reported where the signal drowns


class NoiseFloor:
    """Grey values are linear in decibels, `db_per_grey` each."""

    def __init__(self, db_per_grey: float) -> None:
        self._db_per_grey = db_per_grey
        self._grey: NDArray[np.float32] | None = None
        _medians(np.zeros((1, 1), np.float32))  # compiled or loaded now, not in a tick

    def learn(self, cells: NDArray[np.float32]) -> None:
        """Takes an image (sectors, levels) without contact."""
        self._grey = _medians(np.ascontiguousarray(cells.T))

    def snr_db(self, cells: NDArray[np.float32]) -> tuple[float, ...] | None:
        """Ratio of signal to noise power [dB] in each quarter of the depth, median over `cells` (sectors, levels).

        None until an image without contact was seen. Where noise lies below the range drawn, the ratio is at least this.
        """
        if self._grey is None:
            return None
        above = (cells - self._grey).reshape(len(cells), QUARTERS, -1).swapaxes(0, 1)
        sum_db = self._db_per_grey * _medians(above.reshape(QUARTERS, -1)).astype(float)
        power = 10.0 ** (0.1 * sum_db) - 1.0
        return tuple(np.maximum(10.0 * np.log10(np.maximum(power, 1e-9)), LEAST_DB).tolist())


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _medians(rows):  # type: ignore[no-untyped-def]
    """Of each row (n,), as numpy's, which takes its time over small arrays."""
    out = np.empty(len(rows), np.float32)
    for i in range(len(rows)):
        out[i] = np.median(rows[i])
    return out
