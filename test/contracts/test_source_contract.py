"""What every registered image source keeps to."""

from types import SimpleNamespace

import numpy as np
import pytest
from support import POINTING_DOWN

from medrobot_ros import plugins
from medrobot_ros.config import CellConfig, from_dict
from medrobot_ros.errors import UnknownName
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence
from medrobot_ros.imaging.source import SOURCES, ImageSource, make_source
from medrobot_ros.signals import PatientTruth

PERIOD_NS = 50_000_000


def truth(stamp_ns: int) -> PatientTruth:
    T = np.eye(4)
    T[:3, :3], T[2, 3] = POINTING_DOWN, -0.005
    return PatientTruth(stamp_ns, np.zeros(6), T, np.eye(4), np.eye(4), 0.0, 0.0, 0.005)


@pytest.fixture(scope="module", params=SOURCES.names())
def source(request, tmp_path_factory) -> ImageSource:
    file = tmp_path_factory.mktemp("playback") / "s.igs.mha"
    frames = tuple(Frame(0.05 * k, True, {"ProbeToTracker": np.eye(4)}) for k in range(8))
    pixels = np.random.default_rng(0).integers(0, 255, (8, 60, 40)).astype(np.uint8)
    write_sequence(file, Sequence(file, pixels, (1.0, 1.0), frames))
    return make_source(from_dict({"imaging": {"source": request.param, "file": str(file)}}))


def test_it_follows_the_contract(source):
    assert isinstance(source, ImageSource)


def test_its_geometry_is_complete_and_stays(source):
    g = source.geometry()
    assert g == source.geometry()
    assert g.rows > 1 and g.columns > 1 and min(g.spacing_m) > 0.0 and g.probe
    assert 0.0 < g.depth_m <= g.rows * g.spacing_m[1] * 1.001 and 0.0 < g.aperture_m <= g.columns * g.spacing_m[0] * 1.001
    R = g.T_probe_image[:3, :3]
    assert np.allclose(R.T @ R, np.eye(3)) and np.isclose(np.linalg.det(R), 1.0)


def test_its_images_fit_the_geometry_and_their_stamps_increase(source):
    g, images = source.geometry(), []
    for k in range(1, 7):
        image = source.acquire(k * PERIOD_NS, truth(k * PERIOD_NS))
        assert source.acquire(k * PERIOD_NS, truth(k * PERIOD_NS)) is None, "an image came twice"
        images += [] if image is None else [image]
    assert len(images) >= 4
    for image in images:
        assert image.pixels.shape == (g.rows, g.columns) and image.pixels.dtype == np.uint8
        assert 0 < image.stamp_ns <= 6 * PERIOD_NS
    stamps = [i.stamp_ns for i in images]
    assert stamps == sorted(set(stamps))
    assert any(i.pixels.any() for i in images)


def test_an_unknown_source_lists_the_valid_ones():
    with pytest.raises(UnknownName, match=r"did you mean 'playback'\?\); valid: playback, twin"):
        make_source(from_dict({"imaging": {"source": "playbak"}}))


def test_somebody_elses_source_is_found_by_its_entry_point_and_replaces_none_of_ours(monkeypatch):
    made = object()
    entries = [SimpleNamespace(name=name, load=lambda: lambda config: made) for name in ("theirs", "twin")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries if group == "medrobot_ros.image_sources" else [])
    assert "theirs" in SOURCES.names()
    assert make_source(from_dict({"imaging": {"source": "theirs"}})) is made
    assert make_source(CellConfig()) is not made
    assert CellConfig().imaging.source in SOURCES.names()
