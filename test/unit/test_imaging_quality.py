import numpy as np
import pytest

from medrobot_ros.imaging.probe import load_probe, probe_names
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.signals import Image, ImageGeometry

THRESHOLDS = (0.7, 0.35)


def drawn(probe_name: str, echoes) -> tuple[Image, ImageGeometry]:
    """An image of scan lines that `echoes(share of the aperture, depth [m])` gives their grey value."""
    probe = load_probe(probe_name)
    scan = ScanLines.of_probe(probe, 512, 0.12)
    geometry = image_geometry(probe, scan)
    across, depth = np.meshgrid(np.linspace(0.0, 1.0, scan.lines), np.arange(512) * 0.12 / 512, indexing="ij")
    grey = np.broadcast_to(echoes(across, depth), across.shape).astype(np.uint8)
    return Image(17, ScanConverter(scan, *pixel_centres(geometry))(grey)), geometry


def verdict(probe_name: str, echoes):
    image, geometry = drawn(probe_name, echoes)
    return QualityMeter(geometry, *THRESHOLDS).assess(image), geometry


@pytest.mark.parametrize("probe", probe_names())
def test_a_full_bright_image_is_accepted_over_its_whole_aperture(probe):
    quality, geometry = verdict(probe, lambda across, depth: 90)
    assert quality.stamp_ns == 17 and quality.accepted and not quality.reasons
    assert quality.contact_share == 1.0 and quality.visibility > 0.85
    assert np.allclose(quality.coupled_m, (-0.5 * geometry.aperture_m, 0.5 * geometry.aperture_m))


@pytest.mark.parametrize("probe", probe_names())
def test_reverberation_over_darkness_is_no_contact(probe):
    quality, _ = verdict(probe, lambda across, depth: np.where(depth < 0.006, 220, 8))
    assert (quality.contact_share, quality.visibility, quality.coupled_m) == (0.0, 0.0, (0.0, 0.0))
    assert not quality.accepted and len(quality.reasons) == 2


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("probe", probe_names())
def test_the_side_that_touches_is_found(probe, share):
    quality, geometry = verdict(probe, lambda across, depth: np.where(across < share, 90, 4))
    assert quality.contact_share == pytest.approx(share, abs=0.04)
    assert quality.accepted == (share > THRESHOLDS[0])
    half = 0.5 * geometry.aperture_m
    radius, angle = geometry.face_radius_m, np.arcsin(half / geometry.face_radius_m) if geometry.face_radius_m else 0.0
    edge = radius * np.sin((2.0 * share - 1.0) * angle) if radius else (2.0 * share - 1.0) * half
    assert quality.coupled_m == pytest.approx((-half, edge), abs=0.002)


@pytest.mark.parametrize("probe", probe_names())
def test_visibility_is_the_share_of_depth_that_shows_something(probe):
    quality, _ = verdict(probe, lambda across, depth: np.where(depth < 0.045, 90, 5))
    assert quality.visibility == pytest.approx((0.045 - 0.008) / (0.12 - 0.008), abs=0.03)
    assert quality.contact_share == 1.0 and not quality.accepted and "visibility" in quality.reasons[0]


def test_a_narrow_dark_line_does_not_split_the_coupled_extent_but_a_wide_one_does():
    narrow, _ = verdict("curvilinear", lambda across, depth: np.where(np.abs(across - 0.5) < 0.008, 4, 90))
    wide, geometry = verdict("curvilinear", lambda across, depth: np.where(np.abs(across - 0.6) < 0.06, 4, 90))
    assert narrow.coupled_m[1] - narrow.coupled_m[0] == pytest.approx(geometry.aperture_m, abs=1e-6)
    assert wide.coupled_m[1] < 0.01


def test_thresholds_decide():
    image, geometry = drawn("linear", lambda across, depth: np.where(across < 0.6, 90, 4))
    assert not QualityMeter(geometry, 0.7, 0.35).assess(image).accepted
    assert QualityMeter(geometry, 0.5, 0.35).assess(image).accepted
    assert not QualityMeter(geometry, 0.5, 0.9).assess(image).accepted
