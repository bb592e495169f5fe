"""Linux scheduling: absolute deadlines, priorities, and a clock that never steps."""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC, _TIMER_ABSTIME = 1, 1
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_TIMERSLACK = 1, 15, 29
GIL_SWITCH_S = 2e-4
NICENESS = -10  # of a node without real-time priority


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


def name_process(name: str) -> None:
    """What `top` and `ps -e` show: all of a cell's processes run the same interpreter. Threads that begin later have it as well."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def end_with_parent() -> None:
    """Has the kernel send SIGINT when whoever started this process ends, however that comes about: nothing moves an arm unattended."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def prepare() -> None:
    """Readies this process for a control loop, whatever its priority."""
    sys.setswitchinterval(GIL_SWITCH_S)
    _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def prioritise(priority: int | None) -> bool:
    """Gives every thread of this process, the middleware's included, a real-time priority (None: none); returns whether it was granted.

    Call it when all is made: start-up at real-time priority would exhaust the kernel's share for real-time work (95 % of
    each second), upon which it stops every control loop on that core for the rest of the second.
    """
    policy = os.SCHED_OTHER if priority is None else os.SCHED_FIFO
    try:
        for thread in os.listdir("/proc/self/task"):
            os.sched_setscheduler(int(thread), policy, os.sched_param(priority or 0))
    except OSError:
        return False
    return priority is not None


def favour() -> None:
    """Lets every thread of this process go before others' programs where that is granted, at ordinary scheduling."""
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), NICENESS)


def sleep_until(deadline_ns: int) -> None:
    """Sleeps to an absolute time of `time.monotonic_ns`."""
    _libc.clock_nanosleep(
        _CLOCK_MONOTONIC, _TIMER_ABSTIME, ctypes.byref(_Timespec(*divmod(deadline_ns, 1_000_000_000))), None
    )


class GraphClock:
    """Nanoseconds of /clock, which a simulator gives; 0 until it does."""

    def __init__(self, node: Any) -> None:
        self._clock = node.get_clock()

    def now_ns(self) -> int:
        """The present stamp."""
        return self._clock.now().nanoseconds  # type: ignore[no-any-return]


class SteadyClock:
    """Nanoseconds since the epoch that advance with the monotonic clock, so that a stepped wall clock moves nothing."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """The present stamp."""
        return time.monotonic_ns() + self._offset_ns
