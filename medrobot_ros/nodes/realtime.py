"""Linux scheduling: absolute deadlines, priorities, and a clock that never steps."""

import ctypes
import os
import sys
import time

_libc = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC, _TIMER_ABSTIME, _PR_SET_TIMERSLACK = 1, 1, 29
GIL_SWITCH_S = 2e-4


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


def prepare(priority: int | None) -> bool:
    """Readies this process for a control loop; returns whether real-time priority was granted (False where none was asked).

    Call it before the middleware starts, whose threads inherit the priority.
    """
    sys.setswitchinterval(GIL_SWITCH_S)
    _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    if priority is None:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (PermissionError, OSError):
        return False
    return True


def sleep_until(deadline_ns: int) -> None:
    """Sleeps to an absolute time of `time.monotonic_ns`."""
    _libc.clock_nanosleep(
        _CLOCK_MONOTONIC, _TIMER_ABSTIME, ctypes.byref(_Timespec(*divmod(deadline_ns, 1_000_000_000))), None
    )


class SteadyClock:
    """Nanoseconds since the epoch that advance with the monotonic clock, so that a stepped wall clock moves nothing."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """The present stamp."""
        return time.monotonic_ns() + self._offset_ns

    def deadline(self, stamp_ns: int) -> int:
        """The monotonic time of a stamp."""
        return stamp_ns - self._offset_ns
