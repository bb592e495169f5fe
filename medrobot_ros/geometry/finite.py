"""Whether numbers are numbers, cheaply enough to be asked of everything that arrives at the control rate."""

from math import isfinite

from medrobot_ros.signals import Array


def all_finite(x: Array) -> bool:
    """Whether every value of a vector (n,) is finite, and small enough (below 1e150) to be one that was measured.

    The sum of squares is not finite if any value is not; it costs a fifth of `np.isfinite(x).all()`.
    """
    return isfinite(x.dot(x))
