"""A pair of ribs: arches below the skin that descend to both sides."""

from dataclasses import dataclass

import numpy as np

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy.grid import Grid
from medrobot_ros.twin.anatomy.shapes import Span

DESCENT = 0.45  # towards the feet per way to the side, chosen
DEEPENING = 0.03  # of its depth below the fat per way to the side, chosen


@dataclass(frozen=True)
class Rib:
    """From and to `reach_m` beside the midline, at `y_m` there; of an elliptical section that begins at `top_m` (nx, ny) below the skin."""

    y_m: float
    reach_m: tuple[float, float]
    height_m: float
    thickness_m: float
    top_m: Array

    def span(self, grid: Grid) -> Span:
        """Where the grid's columns run inside it."""
        beside, y = np.abs(grid.skin[..., 0]), grid.skin[..., 1]
        off = (y - self.y_m + DESCENT * beside) / (0.5 * self.height_m * np.hypot(1.0, DESCENT))
        hit = (np.abs(off) < 1.0) & (beside > self.reach_m[0]) & (beside < self.reach_m[1])
        half = 0.5 * self.thickness_m * np.sqrt(np.where(hit, 1.0 - off**2, np.nan))
        middle = self.top_m + 0.5 * self.thickness_m + DEEPENING * beside
        return middle - half, middle + half
