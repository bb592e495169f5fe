"""The ranges of adults that patients are drawn from, read from `config/abdomen.yaml`, where each has its source."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from medrobot_ros.config import load_yaml
from medrobot_ros.resources import share


@dataclass(frozen=True)
class Range:
    """From `low` to `high` [m, or a count]."""

    low: float
    high: float
    source: str
    counted: bool

    def draw(self, rng: np.random.Generator) -> float:
        """Normal about the middle, where the range spans two standard deviations to either side; whole numbers where counted."""
        if self.counted:
            return float(rng.integers(round(self.low), round(self.high), endpoint=True))
        return float(np.clip(rng.normal(0.5 * (self.low + self.high), 0.25 * (self.high - self.low)), self.low, self.high))


@cache
def ranges() -> dict[str, Range]:
    """All of them by name."""
    rows = load_yaml(share("config/abdomen.yaml"))
    return {name: _range(row) for name, row in rows.items()}


def _range(row: dict[str, object]) -> Range:
    counted = row.get("unit") == "count"
    low, high = (float(str(row[end])) * (1.0 if counted else 1e-3) for end in ("low", "high"))
    return Range(low, high, str(row["source"]), counted)


def draw_sizes(rng: np.random.Generator) -> dict[str, float]:
    """One patient's sizes [m] and counts."""
    return {name: r.draw(rng) for name, r in ranges().items()}
