import sys
from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.errors import DataError, MachineError
from medrobot_ros.imaging.cine import write_cine
from medrobot_ros.imaging.preview import annotated
from medrobot_ros.signals import Image, ImageGeometry

ROWS, COLUMNS, RATE_HZ = 90, 101, 20.0
T_PROBE_IMAGE = np.array([[1.0, 0, 0, -0.05], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
GEOMETRY = ImageGeometry(0, "linear", ROWS, COLUMNS, (0.001, 0.001), T_PROBE_IMAGE, 0.09, 0.05)
RUN = Path("a_run")


def sweep(count: int = 12) -> list[Image]:
    """A bright bar that wanders down."""
    images = [Image(round(k * 1e9 / RATE_HZ), np.full((ROWS, COLUMNS), 40, np.uint8)) for k in range(count)]
    for k, image in enumerate(images):
        image.pixels[20 + 4 * k : 24 + 4 * k, 20:80] = 200
    return images


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio-ffmpeg leaves its pipes to the collector
def test_the_film_shows_the_images_with_their_scale_in_their_time(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra cine is not installed")
    images, out = sweep(), tmp_path / "sweep.mp4"
    assert write_cine(lambda: images, GEOMETRY, out, RUN) == len(images)
    reader = imageio_ffmpeg.read_frames(str(out), pix_fmt="gray", bits_per_pixel=8)
    about = next(reader)
    columns, rows = about["size"]
    shown = [np.frombuffer(frame, np.uint8).reshape(rows, columns) for frame in reader]
    assert about["fps"] == pytest.approx(RATE_HZ, rel=0.01) and len(shown) == len(images)
    for image, frame in zip(images, shown, strict=True):
        expected = annotated(image.pixels, GEOMETRY)
        found = frame[: expected.shape[0], : expected.shape[1]]
        assert np.abs(found.astype(float) - expected).mean() < 6.0


@pytest.mark.parametrize(
    ("images", "geometry", "out", "says"),
    [
        (sweep(1), GEOMETRY, "a.mp4", "a_run: images: 1 found"),
        (sweep(), None, "a.mp4", "a_run: no image/geometry"),
        (sweep(), GEOMETRY, "a.avi", "a.avi: a cine is written as .mp4"),
        ([*sweep(2), Image(10**9, np.zeros((3, 4), np.uint8))], GEOMETRY, "a.mp4", r"a_run: image 2: pixels are \(3, 4\)"),
        ([*sweep(2), *sweep(2)], GEOMETRY, "a.mp4", "a_run: image 2: stamp_ns 0 is not after"),
        (sweep(), GEOMETRY, "nowhere/a.mp4", "cannot be written"),
    ],
)
def test_what_makes_no_film_is_named(images, geometry, out, says, tmp_path):
    pytest.importorskip("imageio_ffmpeg", reason="the extra cine is not installed")
    with pytest.raises(DataError, match=says):
        write_cine(lambda: images, geometry, tmp_path / out, RUN)


def test_without_the_extra_one_line_names_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MachineError, match=r"medrobot_ros\[cine\]") as e:
        write_cine(sweep, GEOMETRY, tmp_path / "a.mp4", RUN)
    assert "\n" not in str(e.value)
