"""How a periodic loop keeps its time, as running histograms: cheap to add to, cheap to read."""

import numpy as np

BIN_S = 2e-6
BINS = 20_000
OVERRUN = 1.5  # periods


class LoopTiming:
    """Periods of a loop and the share of ticks that were answered in time."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._periods = np.zeros(BINS, dtype=np.int64)
        self._errors = np.zeros(BINS, dtype=np.int64)
        self._max_s = 0.0
        self._ticks = self._answered = self._overruns = 0

    def add(self, period_s: float, answered: bool) -> None:
        """One period [s], and whether a command answered the tick that began it."""
        self._periods[min(int(period_s / BIN_S), BINS - 1)] += 1
        self._errors[min(int(abs(period_s - self._period_s) / BIN_S), BINS - 1)] += 1
        self._max_s = max(self._max_s, period_s)
        self._ticks += 1
        self._answered += answered
        self._overruns += period_s > OVERRUN * self._period_s

    def figures(self) -> dict[str, float | int]:
        """The fields of `HardwareStatus` that timing fills; empty before the first period."""
        if self._ticks == 0:
            return {}
        return {
            "period_p50_s": _percentile(self._periods, 0.50),
            "period_p99_s": _percentile(self._periods, 0.99),
            "period_max_s": self._max_s,
            "period_error_p99_s": _percentile(self._errors, 0.99),
            "overruns": self._overruns,
            "answered": self._answered / self._ticks,
        }


def _percentile(histogram: "np.ndarray[tuple[int], np.dtype[np.int64]]", share: float) -> float:
    total = np.cumsum(histogram)
    return (int(np.searchsorted(total, share * total[-1])) + 1) * BIN_S
