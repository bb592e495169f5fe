"""The abdominal wall: layers of a thickness each below the skin, whatever its shape."""

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy.grid import Grid
from medrobot_ros.twin.anatomy.materials import Tissue

RECTUS_HALF_WIDTH_M = 0.034  # of one belly, chosen
FLANK_SHARE = 0.9  # of the rectus's thickness that the three flat muscles have beside it, chosen
RIPPLE_M = 0.0015  # by which the fat's lower side undulates, chosen


class Wall:
    """Skin, fat, fascia, muscle and fascia. The rectus bellies end at the linea alba, where both fasciae meet, and at their side."""

    def __init__(self, grid: Grid, sizes: dict[str, float], rng: np.random.Generator) -> None:
        X, Y = grid.skin[..., 0], grid.skin[..., 1]
        phase = rng.uniform(0.0, 6.0, 2)
        ripple = RIPPLE_M * np.sin(40.0 * X + phase[0]) * np.sin(31.0 * Y + phase[1])
        center = 0.5 * sizes["linea_alba"] + RECTUS_HALF_WIDTH_M
        belly = np.clip(1.0 - ((np.abs(X) - center) / RECTUS_HALF_WIDTH_M) ** 4, 0.0, 1.0)
        flank = FLANK_SHARE * (np.abs(X) > center + RECTUS_HALF_WIDTH_M)
        thinner_cranially = 1.0 - 1.5 * np.clip(Y, 0.0, 0.2)  # over the ribs; chosen
        skin, fascia = sizes["skin"], sizes["fascia"]
        fat = skin + sizes["fat"] * thinner_cranially + ripple
        muscle = fat + fascia + sizes["rectus"] * (belly + flank)
        self.fat_m, self.bottom_m = fat, muscle + fascia  # depths (nx, ny) of the fat's and of the wall's lower side
        self._layers = (
            (Tissue.SKIN, np.full_like(fat, skin)),
            (Tissue.FAT, fat),
            (Tissue.FASCIA, fat + fascia),
            (Tissue.MUSCLE, muscle),
            (Tissue.FASCIA, self.bottom_m),
        )
        self._grid = grid

    def below(self, x: float, y: float) -> float:
        """Depth at which the wall ends below the skin at (x, y) [m]."""
        i, j, _ = self._grid.index(np.array([x, y, 0.0]))
        return float(self.bottom_m[i, j])

    def paint(self, labels: NDArray[np.uint8]) -> None:
        """Over whatever lies there."""
        top = np.zeros_like(self.bottom_m)
        for tissue, bottom in self._layers:
            self._layer(labels, tissue, top, bottom)
            top = bottom

    def _layer(self, labels: NDArray[np.uint8], tissue: Tissue, top: Array, bottom: Array) -> None:
        first, last = np.searchsorted(self._grid.depth, (float(top.min()), float(bottom.max())))
        depth, part = self._grid.depth[first:last], labels[:, :, first:last]
        part[(depth >= top[..., None]) & (depth < bottom[..., None])] = tissue
