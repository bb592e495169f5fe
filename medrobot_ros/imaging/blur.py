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
    return max(_blur(grey, 0), _blur(grey, 1))


def _blur(grey: NDArray[np.float32], along: int) -> float:
    varied, lost = _sums(grey, 1 - along, along) if grey.shape[along] > WINDOW else (0.0, 0.0)
    return 1.0 - lost / varied if varied > 0.0 else 1.0


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _sums(grey, down, beside):  # type: ignore[no-untyped-def]
    """How much neighbours differ, and how much less the moving mean's do; neighbours are `down` lines and `beside` samples apart."""
    lines, samples = grey.shape
    half, share, none = WINDOW // 2, np.float32(1.0 / WINDOW), np.float32(0.0)
    varied, lost = 0.0, 0.0
    for i in range((half + 1) * down, lines - half * down):
        here, last, on, back = grey[i], grey[i - down], grey[i + half * down], grey[i - (half + 1) * down]
        row_varied, row_lost = none, none
        for k in range((half + 1) * beside, samples - half * beside):
            sharp = abs(here[k] - last[k - beside])
            smooth = abs(on[k + half * beside] - back[k - (half + 1) * beside]) * share  # of two neighbouring means
            row_varied += sharp
            row_lost += max(sharp - smooth, none)
        varied, lost = varied + row_varied, lost + row_lost  # type: ignore[assignment]
    return varied, lost
