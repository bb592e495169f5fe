"""Images as eyes expect them: as PNG, and with a depth scale and the mark of the probe's orientation."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from medrobot_ros.signals import Image, ImageGeometry

TICK_M, LABELLED_M = 0.01, 0.05  # of the depth scale
SCALE_PX = 34  # columns that the scale takes, right of the image
MARK_PX = 9  # size of the orientation mark
INK = 220


def to_png(image: Image) -> bytes:
    """The image as a greyscale PNG, without loss."""
    buffer = BytesIO()
    Picture.fromarray(image.pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def annotated(pixels: NDArray[np.uint8], geometry: ImageGeometry) -> NDArray[np.uint8]:
    """The image (rows, columns) beside a scale of depth, (rows, columns + `SCALE_PX`); its own pixels are kept but under the mark.

    Depth counts from the middle of the face, a tick each centimetre, a number [cm] each fifth. The mark, a dot at the top, stands
    on the side of the probe's marker, which is that of negative probe x.
    """
    rows, columns = pixels.shape
    canvas = np.zeros((rows, columns + SCALE_PX), np.uint8)
    canvas[:, :columns] = pixels
    picture = Picture.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for row, centimetres in depth_ticks(geometry):
        labelled = centimetres % round(LABELLED_M / TICK_M) == 0
        draw.line((columns, row, columns + (8 if labelled else 4), row), fill=INK)
        if labelled:
            draw.text((columns + 11, row), str(centimetres), fill=INK, anchor="lm")
    left = 1 if geometry.T_probe_image[0, 0] > 0.0 else columns - MARK_PX - 1
    draw.ellipse((left, 1, left + MARK_PX - 1, MARK_PX), fill=INK)
    return np.asarray(picture)


def depth_ticks(geometry: ImageGeometry) -> list[tuple[int, int]]:
    """(row, depth in cm) of each centimetre of depth that the image holds."""
    top_m, row_m = geometry.T_probe_image[2, 3], geometry.spacing_m[1]
    ticks = [(round((TICK_M * k - top_m) / row_m), k) for k in range(int(geometry.depth_m / TICK_M + 1e-6) + 1)]
    return [(row, k) for row, k in ticks if 0 <= row < geometry.rows]
