"""Blur without a reference: how little an image loses when it is blurred once more.

Crete, Dolmiere, Ladret and Nicolas, The blur effect: perception and estimation with a new no-reference perceptual blur metric,
Proc. SPIE 6492 (2007).
"""

import numba
import numpy as np
from numpy.typing import NDArray

WINDOW = 9  # of the moving mean, the paper's


def blur(grey: NDArray[np.float32]) -> float:
    """0 sharp to 1 blurred, of the worse direction of (lines, samples); 1 for an image that is even."""
    grey = np.ascontiguousarray(grey)
    return max(float(_blur_along_rows(grey)), float(_blur_along_rows(np.ascontiguousarray(grey.T))))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _blur_along_rows(grey):  # type: ignore[no-untyped-def]
    rows, columns = grey.shape
    half, share = WINDOW // 2, np.float32(1.0 / WINDOW)
    varied, lost = 0.0, 0.0
    for i in range(rows):
        for k in range(half + 1, columns - half):
            sharp = abs(grey[i, k] - grey[i, k - 1])
            smooth = abs(grey[i, k + half] - grey[i, k - half - 1]) * share  # of two neighbouring means
            varied += sharp
            lost += max(sharp - smooth, np.float32(0.0))
    return 1.0 - lost / varied if varied > 0.0 else 1.0
