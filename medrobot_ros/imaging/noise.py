"""Signal to noise with depth. A probe in air shows its receiver's noise as the gain over depth lifts it."""

import numpy as np
from numpy.typing import NDArray

QUARTERS = 4  # of the depth
LEAST_DB = -20.0  # reported where the signal drowns


class NoiseFloor:
    """Grey values are linear in decibels, `db_per_grey` each."""

    def __init__(self, db_per_grey: float) -> None:
        self._db_per_grey = db_per_grey
        self._grey: NDArray[np.float32] | None = None

    def learn(self, cells: NDArray[np.float32]) -> None:
        """Takes an image (sectors, levels) without contact."""
        self._grey = np.median(cells, axis=0)

    def snr_db(self, cells: NDArray[np.float32]) -> tuple[float, ...] | None:
        """Ratio of signal to noise power [dB] in each quarter of the depth, median over `cells` (sectors, levels).

        None until an image without contact was seen. Where noise lies below the range drawn, the ratio is at least this.
        """
        if self._grey is None:
            return None
        sum_db = self._db_per_grey * (cells - self._grey).reshape(len(cells), QUARTERS, -1)
        power = 10.0 ** (0.1 * np.median(sum_db, axis=(0, 2)).astype(float)) - 1.0
        return tuple(np.maximum(10.0 * np.log10(np.maximum(power, 1e-9)), LEAST_DB).tolist())
