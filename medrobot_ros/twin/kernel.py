"""How the B-mode's inner functions are compiled: scalar functions of one scan line, without allocation, exceptions or Python objects.

Such a function runs as machine code on the CPU, and the same source is called from CUDA kernels, which compile it again.
"""

from collections.abc import Callable
from typing import Any

import numba

kernel: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(  # type: ignore[call-overload]
    cache=True, nogil=True, fastmath=True, error_model="numpy", _nrt=False  # arrays' users are not counted, at every call
)
