"""An upright image seen along its beams: bilinear samples on a grid of lines by depths, on which quality is judged."""

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.imaging.bilinear import Bilinear
from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.signals import Array, ImageGeometry

LINES, DEPTHS = 128, 256  # about as fine as the pixels


class PolarView:
    """Samples images of one geometry at the middle of each of `LINES` by `DEPTHS` cells of the aperture and the depth."""

    def __init__(self, geometry: ImageGeometry) -> None:
        self.depth_m = (np.arange(DEPTHS) + 0.5) * geometry.depth_m / DEPTHS
        self._half_m, self._radius_m = 0.5 * geometry.aperture_m, geometry.face_radius_m
        sector_rad = geometry.sector_rad or (2.0 * float(np.arcsin(self._half_m / self._radius_m)) if self._radius_m else 0.0)
        self._width = sector_rad or geometry.aperture_m
        pitch = self._width / LINES
        faces, directions = ScanLines(LINES, DEPTHS, geometry.depth_m, self._width - pitch, self._radius_m).faces_and_directions()
        x, z = np.moveaxis(faces[:, None] + self.depth_m[:, None] * directions[:, None], -1, 0)
        column = (x - geometry.T_probe_image[0, 3]) / geometry.spacing_m[0]
        row = (z - geometry.T_probe_image[2, 3]) / geometry.spacing_m[1]
        self._sampled = Bilinear(row, column, (geometry.rows, geometry.columns))

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Grey values (LINES, DEPTHS), 0 to 255; 0 beside the image."""
        return self._sampled(pixels, np.float32)

    def edges_m(self, sectors: int) -> Array:
        """Probe x (sectors + 1,) of the edges of equal sectors of the face."""
        across = np.linspace(-0.5 * self._width, 0.5 * self._width, sectors + 1)
        out: Array = self._half_m * np.sin(across) / np.sin(0.5 * self._width) if self._radius_m else across
        return out


def block_means(grey: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Means (rows, columns) of equal blocks of an array whose shape is a multiple of it."""
    out = np.zeros((rows, columns), np.float32)
    _add_blocks(np.ascontiguousarray(grey), out)
    out *= np.float32(rows * columns / grey.size)
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _add_blocks(grey, out):  # type: ignore[no-untyped-def]
    high, wide = grey.shape[0] // out.shape[0], grey.shape[1] // out.shape[1]
    for i in range(grey.shape[0]):
        line, sums = grey[i], out[i // high]
        for j in range(out.shape[1]):
            for k in range(j * wide, (j + 1) * wide):
                sums[j] += line[k]
