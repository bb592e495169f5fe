"""Our PNG against Pillow's reader."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Picture

from medrobot_ros.png import grey_png


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 2), (322, 479)])
def test_pillow_reads_the_pixels_that_were_written(shape):
    rng = np.random.default_rng(sum(shape))
    for pixels in (rng.integers(0, 256, shape, np.uint8), np.zeros(shape, np.uint8), rng.integers(0, 256, (*shape, 2), np.uint8)[..., 1]):
        with Picture.open(BytesIO(grey_png(pixels))) as picture:
            picture.load()
            assert picture.format == "PNG" and picture.mode == "L"
            assert np.array_equal(np.asarray(picture), pixels)
