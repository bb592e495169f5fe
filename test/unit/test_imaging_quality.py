from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from medrobot_ros.config import QualitySection
from medrobot_ros.errors import ConfigError
from medrobot_ros.imaging.probe import load_probe, probe_names
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.imaging.verdict import RULES, judged
from medrobot_ros.signals import Image, ImageGeometry, ImageQuality

THRESHOLDS = QualitySection()
RANGE_DB = 60.0


def drawn(probe_name: str, echoes) -> tuple[Image, ImageGeometry]:
    """An image of scan lines that `echoes(share of the aperture, depth [m])` gives their mean grey value."""
    probe = load_probe(probe_name)
    scan = ScanLines.of_probe(probe, 512, 0.12)
    geometry = image_geometry(probe, scan)
    across, depth = np.meshgrid(np.linspace(0.0, 1.0, scan.lines), np.arange(512) * 0.12 / 512, indexing="ij")
    grain = np.random.default_rng(0).uniform(0.8, 1.2, across.shape)
    grey = (np.broadcast_to(echoes(across, depth), across.shape) * grain).astype(np.uint8)
    return Image(17, ScanConverter(scan, *pixel_centres(geometry))(grey)), geometry


def meter(geometry: ImageGeometry, **thresholds: float) -> QualityMeter:
    return QualityMeter(geometry, replace(THRESHOLDS, **thresholds), RANGE_DB)


def verdict(probe_name: str, echoes):
    image, geometry = drawn(probe_name, echoes)
    return QualityMeter(geometry, THRESHOLDS, RANGE_DB).assess(image), geometry


@pytest.mark.parametrize("probe", probe_names())
def test_a_full_bright_image_is_accepted_over_its_whole_aperture(probe):
    quality, geometry = verdict(probe, lambda across, depth: 90)
    assert quality.stamp_ns == 17 and quality.accepted and not quality.reasons
    assert quality.contact_share == 1.0 and quality.visibility > 0.85
    assert np.allclose(quality.coupled_m, (-0.5 * geometry.aperture_m, 0.5 * geometry.aperture_m))


@pytest.mark.parametrize("probe", probe_names())
def test_reverberation_over_darkness_is_no_contact(probe):
    quality, _ = verdict(probe, lambda across, depth: np.where(depth < 0.006, 200, 8))
    assert (quality.contact_share, quality.visibility, quality.coupled_m) == (0.0, 0.0, (0.0, 0.0))
    assert not quality.accepted and len(quality.reasons) == 2


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("probe", probe_names())
def test_the_side_that_touches_is_found(probe, share):
    quality, geometry = verdict(probe, lambda across, depth: np.where(across < share, 90, 4))
    assert quality.contact_share == pytest.approx(share, abs=0.04)
    assert quality.accepted == (share > THRESHOLDS.min_contact_share)
    half = 0.5 * geometry.aperture_m
    radius = geometry.face_radius_m
    angle = 0.5 * geometry.sector_rad or (np.arcsin(half / radius) if radius else 0.0)
    edge = half * np.sin((2.0 * share - 1.0) * angle) / np.sin(angle) if angle else (2.0 * share - 1.0) * half
    assert quality.coupled_m == pytest.approx((-half, edge), abs=0.002)


@pytest.mark.parametrize("probe", probe_names())
def test_visibility_is_the_share_of_depth_that_shows_something(probe):
    quality, _ = verdict(probe, lambda across, depth: np.where(depth < 0.045, 90, 5))
    assert quality.visibility == pytest.approx((0.045 - 0.008) / (0.12 - 0.008), abs=0.03)
    assert quality.contact_share == 1.0 and not quality.accepted and "visibility" in quality.reasons[0]


def test_a_narrow_dark_line_does_not_split_the_coupled_extent_but_a_wide_one_does():
    narrow, _ = verdict("curvilinear", lambda across, depth: np.where(np.abs(across - 0.5) < 0.0155, 4, 90))  # two sectors of 64
    assert narrow.contact_share == 62 / 64
    wide, geometry = verdict("curvilinear", lambda across, depth: np.where(np.abs(across - 0.6) < 0.06, 4, 90))
    assert narrow.coupled_m[1] - narrow.coupled_m[0] == pytest.approx(geometry.aperture_m, abs=1e-6)
    assert wide.coupled_m[1] < 0.01


def test_thresholds_decide():
    image, geometry = drawn("linear", lambda across, depth: np.where(across < 0.6, 90, 4))
    assert not meter(geometry, min_contact_share=0.7, min_visibility=0.35).assess(image).accepted
    assert meter(geometry, min_contact_share=0.5, min_visibility=0.35).assess(image).accepted
    assert not meter(geometry, min_contact_share=0.5, min_visibility=0.9).assess(image).accepted


@pytest.mark.parametrize("shaded", [0.25, 0.75])
@pytest.mark.parametrize("probe", probe_names())
def test_what_lies_behind_a_reflector_is_in_shadow_and_not_seen(probe, shaded):
    quality, _ = verdict(probe, lambda across, depth: np.where((across < shaded) & (depth > 0.04), 4, 90))
    share = shaded * (0.09 - 0.04) / (0.09 - 0.02)
    assert quality.shadow_share == pytest.approx(share, abs=0.03)
    assert quality.target_visibility == pytest.approx(1.0 - share, abs=0.03)
    assert quality.contact_share == 1.0 and quality.penetration_m == pytest.approx(0.12, abs=0.004)


def test_what_shows_below_where_nothing_touches_is_not_seen():
    quality, _ = verdict("linear", lambda across, depth: np.where((across < 0.5) | (depth > 0.03), 90, 4))
    assert quality.contact_share == pytest.approx(0.5, abs=0.04) and quality.target_visibility == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(("bright_to_m", "touching"), [(0.013, 0.0), (0.017, 1.0)])
def test_an_element_touches_where_half_of_what_lies_below_its_reverberation_shows_tissue(bright_to_m, touching):
    quality, _ = verdict("linear", lambda across, depth: np.where(depth < bright_to_m, 90, 4))
    assert quality.contact_share == touching


def test_a_vessel_is_no_shadow():
    quality, _ = verdict("linear", lambda across, depth: np.where(np.hypot(across - 0.5, (depth - 0.06) / 0.05) < 0.2, 2, 90))
    assert quality.shadow_share == 0.0 and quality.target_visibility == 1.0 and quality.accepted


def test_fading_signal_is_depth_that_is_not_reached_rather_than_shadow():
    quality, _ = verdict("linear", lambda across, depth: np.where(depth < 0.042, 90, 4))
    assert quality.penetration_m == pytest.approx(0.042, abs=0.002) and quality.shadow_share == 0.0
    assert any("signal ends" in r for r in quality.reasons)


def test_the_side_that_has_lost_contact_has_a_sign():
    left, _ = verdict("curvilinear", lambda across, depth: np.where(across < 0.6, 90, 4))
    right, _ = verdict("curvilinear", lambda across, depth: np.where(across > 0.4, 90, 4))
    assert left.imbalance == pytest.approx(-0.8, abs=0.05) and right.imbalance == pytest.approx(0.8, abs=0.05)


def test_confidence_counts_only_where_the_probe_touches():
    whole, _ = verdict("linear", lambda across, depth: 90)
    half, _ = verdict("linear", lambda across, depth: np.where(across < 0.5, 90, 4))
    assert whole.confidence > 0.8 and half.confidence < 0.6 * whole.confidence


def test_confidence_is_that_of_the_target_depths():
    image, geometry = drawn("linear", lambda across, depth: 90)
    near, deep = (meter(geometry, target_m=band).assess(image).confidence for band in ((0.005, 0.02), (0.09, 0.11)))
    assert near > 0.95 > 0.7 > deep > 0.0


def test_signal_to_noise_is_that_of_the_levels_drawn():
    """Grey values 20 dB above the noise that an image in air shows; 60 dB are 255 grey values."""
    air, geometry = drawn("linear", lambda across, depth: np.where(depth < 0.006, 200, 10))
    image, _ = drawn("linear", lambda across, depth: np.where(depth < 0.06, 95, 10))
    judge = meter(geometry)
    assert judge.assess(image).snr_db is None
    assert judge.assess(air).snr_db is None
    snr_db = judge.assess(image).snr_db
    assert snr_db[:2] == pytest.approx([20.0, 20.0], abs=0.5)
    assert max(snr_db[2:]) < 0.0


@pytest.mark.parametrize("axis", [0, 1])
def test_an_image_that_is_smeared_in_one_direction_is_blurred(axis):
    sharp, geometry = drawn("linear", lambda across, depth: 90)
    smeared = gaussian_filter1d(sharp.pixels, 12.0, axis=axis)
    judge = meter(geometry, max_blur=0.25)
    crisp, blurred = judge.assess(sharp), judge.assess(Image(18, smeared))
    assert crisp.accepted and crisp.blur < 0.2
    assert blurred.blur > 0.25 and blurred.reasons == (f"blur {blurred.blur:.2f}, 0.25 allowed",)


def test_an_image_in_air_has_no_figures_but_those_of_contact():
    quality, _ = verdict("linear", lambda across, depth: np.where(depth < 0.006, 200, 4))
    assert (quality.confidence, quality.blur, quality.shadow_share, quality.target_visibility) == (None,) * 4


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.setting)
def test_every_rule_rejects_on_its_own_side_of_its_bound(rule):
    good = ImageQuality(1, 1.0, 1.0, (-0.02, 0.02), True, (), 0.0, 1.0, 0.0, 0.12, 1.0, 0.0)
    bound = getattr(THRESHOLDS, rule.setting)
    step = 0.01 if rule.at_most else -0.01
    assert judged(replace(good, **{rule.figure: bound}), THRESHOLDS).accepted
    bad = judged(replace(good, **{rule.figure: bound + step}), THRESHOLDS)
    assert not bad.accepted and len(bad.reasons) == 1


def test_the_target_must_have_depth():
    with pytest.raises(ConfigError, match="target_m"):
        replace(THRESHOLDS, target_m=(0.05, 0.05))
