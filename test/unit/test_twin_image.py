"""The twin's B-mode against closed forms, on simple blocks of tissue under flat skin."""

from dataclasses import replace

import numpy as np
import pytest
from support import POINTING_DOWN

from medrobot_ros.config import CellConfig, ImagingSection
from medrobot_ros.geometry.pose import inverse, pose, rotation_from_vector
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.signals import PatientTruth
from medrobot_ros.twin.anatomy import HIGH_M, LOW_M, MATERIALS, VOXEL_M, Anatomy, Tissue
from medrobot_ros.twin.body import Body
from medrobot_ros.twin.chart import INDENTATION_DECAY_M
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S
from medrobot_ros.twin.ultrasound import TwinUltrasound, make

SHAPE = tuple(round((high - low) / step) for low, high, step in zip(LOW_M, HIGH_M, VOXEL_M, strict=True))
SETTINGS = ImagingSection()
LINEAR = load_probe("linear")
MHZ = 1e-6 * SETTINGS.frequency_hz


def flat_body() -> Body:
    x, y = np.linspace(-0.2, 0.2, 101), np.linspace(-0.3, 0.3, 151)
    return Body(x, y, np.zeros((101, 151)), np.ones((101, 151)), -0.2)


def block(tissue: Tissue, *layers: tuple[Tissue, float, float]) -> np.ndarray:
    """A volume of one tissue with others between two depths [m]."""
    labels = np.full(SHAPE, tissue, np.uint8)
    for other, top, bottom in layers:
        labels[:, :, round(top / VOXEL_M[2]) : round(bottom / VOXEL_M[2])] = other
    return labels


def source(labels: np.ndarray, probe=LINEAR, **settings) -> TwinUltrasound:
    return TwinUltrasound(replace(SETTINGS, **settings), probe, flat_body(), labels, seed=0)


def at(depth_m: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """`T_patient_probe` of a probe that points down with its tip `depth_m` below the skin."""
    return pose(POINTING_DOWN, np.array([x, y, -depth_m]))


def echoes_db(labels: np.ndarray, depth_m: float = 0.0005, x: float = 0.0, **settings) -> np.ndarray:
    """Echo level (lines, samples) [dB] against full scale."""
    twin = source(labels, **settings)
    grey = twin.echoes(0, at(depth_m, x), 0.0)
    return (grey / 255.0 - 1.0) * settings.get("dynamic_range_db", SETTINGS.dynamic_range_db)


def rows(top_m: float, bottom_m: float, depth_m: float = SETTINGS.depth_m) -> slice:
    return slice(round(top_m / depth_m * 512), round(bottom_m / depth_m * 512))


def test_speckle_is_fully_developed():
    amplitude = 10.0 ** (echoes_db(block(Tissue.LIVER), dynamic_range_db=90.0)[:, rows(0.02, 0.08)] / 20.0)
    assert amplitude.mean() / amplitude.std() == pytest.approx(1.91, rel=0.1)


@pytest.mark.parametrize("tissue", [Tissue.LIVER, Tissue.MUSCLE, Tissue.BOWEL, Tissue.KIDNEY])
def test_attenuation_is_two_way_and_made_up_for_by_the_gain_over_depth(tissue):
    m = MATERIALS[tissue]
    levels = echoes_db(block(tissue), gain_db=-5.0, dynamic_range_db=90.0)[:, rows(0.01, 0.09)].mean(axis=0)
    depth_cm = 100.0 * SETTINGS.depth_m / 512 * np.arange(len(levels))
    expected = 2.0 * MHZ * (SETTINGS.tgc_db_per_cm_mhz - m.attenuation_db_per_cm_mhz * m.speed_m_per_s / ASSUMED_SPEED_M_PER_S)
    assert np.polyfit(depth_cm, levels, 1)[0] == pytest.approx(expected, abs=0.25)


def test_below_fluid_it_is_brighter_by_what_the_fluid_does_not_absorb():
    labels = block(Tissue.LIVER)
    labels[: SHAPE[0] // 2, :, 30:50] = Tissue.BILE
    levels = echoes_db(labels, dynamic_range_db=90.0, gain_db=-10.0)
    below = levels[:, rows(0.06, 0.08)]
    expected = 2.0 * MHZ * 2.0 * (MATERIALS[Tissue.LIVER].attenuation_db_per_cm_mhz - MATERIALS[Tissue.BILE].attenuation_db_per_cm_mhz)
    assert below[:80].mean() - below[-80:].mean() == pytest.approx(expected, rel=0.1)
    assert levels[:80, rows(0.035, 0.045)].mean() < levels[-80:, rows(0.035, 0.045)].mean() - 20.0


def test_below_a_stone_lies_its_shadow():
    labels = block(Tissue.LIVER)
    labels[: SHAPE[0] // 2, :, 30:38] = Tissue.STONE
    levels = echoes_db(labels)
    assert levels[:80, rows(0.05, 0.08)].mean() < levels[-80:, rows(0.05, 0.08)].mean() - 20.0
    assert levels[:80, rows(0.029, 0.031)].max() > -6.0


def test_an_interface_echoes_as_strongly_as_the_impedances_differ():
    def reflection(a: Tissue, b: Tissue) -> float:
        za, zb = MATERIALS[a].impedance_mrayl, MATERIALS[b].impedance_mrayl
        return abs(zb - za) / (zb + za)

    def peak_db(below: Tissue) -> float:
        levels = echoes_db(block(Tissue.BLOOD, (below, 0.03, 0.2)), gain_db=-30.0, dynamic_range_db=100.0)
        return float(levels[:, rows(0.028, 0.032)].max(axis=1).mean())

    expected = 20.0 * np.log10(reflection(Tissue.BLOOD, Tissue.BONE) / reflection(Tissue.BLOOD, Tissue.FAT))
    assert peak_db(Tissue.BONE) - peak_db(Tissue.FAT) == pytest.approx(expected, abs=0.5)


def test_an_oblique_interface_echoes_less():
    straight = block(Tissue.BLOOD, (Tissue.BILE, 0.04, 0.2))
    oblique = block(Tissue.BLOOD)
    x = LOW_M[0] + VOXEL_M[0] * np.arange(SHAPE[0])
    depth = VOXEL_M[2] * np.arange(SHAPE[2])
    oblique[depth[None, None, :] * np.ones(SHAPE) > 0.04 + 0.7 * x[:, None, None]] = Tissue.BILE
    peak = [echoes_db(labels)[:, rows(0.02, 0.06)].max(axis=1).mean() for labels in (straight, oblique)]
    assert peak[1] < peak[0] - 5.0


@pytest.mark.parametrize("tissue", [Tissue.FAT, Tissue.MUSCLE])
def test_depth_is_drawn_with_the_assumed_speed(tissue):
    levels = echoes_db(block(tissue, (Tissue.BONE, 0.05, 0.2)))
    drawn_m = np.argmax(levels.mean(axis=0)) * SETTINGS.depth_m / 512
    assert drawn_m == pytest.approx((0.05 - 0.0005) * ASSUMED_SPEED_M_PER_S / MATERIALS[tissue].speed_m_per_s, abs=0.0008)


def test_without_coupling_there_is_reverberation_and_darkness():
    grey = source(block(Tissue.LIVER)).echoes(0, at(-0.005), 0.0)
    assert grey[:, rows(0.0, 0.003)].mean() > 60.0
    assert grey[:, rows(0.01, 0.09)].mean() < 5.0


def test_gel_couples_and_only_the_lifted_side_goes_dark():
    twin = source(block(Tissue.LIVER))
    assert twin.echoes(0, at(-0.002), 0.0)[:, rows(0.02, 0.05)].mean() > 100.0
    tilted = pose(POINTING_DOWN @ rotation_from_vector(np.array([0.0, 0.2, 0.0])), np.array([0.0, 0.0, -0.001]))
    grey = twin.echoes(0, tilted, 0.0)[:, rows(0.02, 0.05)].mean(axis=1)
    assert {bool(grey[:30].mean() > 100.0), bool(grey[-30:].mean() > 100.0)} == {True, False}


def interface_m(twin: TwinUltrasound, T_patient_probe: np.ndarray, offset_m: float = 0.0) -> float:
    grey = twin.echoes(0, T_patient_probe, offset_m).astype(float)
    return float(np.argmax(grey[:, rows(0.02, 0.1)].mean(axis=0)) + rows(0.02, 0.1).start) * SETTINGS.depth_m / 512


def test_pressing_brings_deep_tissue_nearer():
    twin = source(block(Tissue.BOWEL, (Tissue.BONE, 0.06, 0.2)))
    moved = interface_m(twin, at(0.010)) - interface_m(twin, at(0.0))
    assert moved == pytest.approx(-0.010 * (1.0 - np.exp(-0.06 / INDENTATION_DECAY_M)), abs=0.0006)


def test_breathing_carries_the_tissue_along():
    twin = source(block(Tissue.BOWEL, (Tissue.BONE, 0.06, 0.2)))
    still = twin.echoes(0, at(0.001), 0.0)
    assert np.array_equal(twin.echoes(0, at(-0.004), 0.005), still)
    assert interface_m(twin, at(-0.001), 0.001) - interface_m(twin, at(-0.001), 0.0) == pytest.approx(-0.001, abs=0.0015)


def truth(T_base_patient: np.ndarray, T_patient_probe: np.ndarray, stamp_ns: int = 5_000_000) -> PatientTruth:
    return PatientTruth(stamp_ns, np.zeros(6), T_base_patient @ T_patient_probe, np.eye(4), T_base_patient, 0.0, 0.002, 0.0)


def test_the_image_is_stamped_with_its_truth_and_comes_once():
    twin = source(block(Tissue.LIVER))
    image = twin.acquire(7_000_000, truth(np.eye(4), at(0.001)))
    assert image is not None and image.stamp_ns == 5_000_000
    assert twin.acquire(8_000_000, truth(np.eye(4), at(0.001))) is None
    assert twin.acquire(8_000_000, None) is None
    assert twin.acquire(9_000_000, truth(np.eye(4), at(0.001), 6_000_000)) is not None


def test_the_same_truth_gives_the_same_image_and_time_changes_only_noise():
    labels = Anatomy(3).labels
    one, two = (source(labels).acquire(0, truth(np.eye(4), at(0.004))) for _ in range(2))
    later = source(labels).acquire(0, truth(np.eye(4), at(0.004), 55_000_000))
    assert np.array_equal(one.pixels, two.pixels)
    assert not np.array_equal(one.pixels, later.pixels)
    assert np.abs(one.pixels.astype(int) - later.pixels).mean() < 1.5


def test_moving_probe_and_patient_together_changes_nothing():
    labels, T = Anatomy(1).labels, pose(rotation_from_vector(np.array([0.3, -0.2, 1.1])), np.array([0.6, -0.1, 0.2]))
    here, there = (source(labels).acquire(0, truth(T_base_patient, at(0.003))) for T_base_patient in (np.eye(4), T))
    assert np.abs(here.pixels.astype(int) - there.pixels).mean() < 0.1
    moved = source(labels).acquire(0, truth(np.eye(4), at(0.003, x=0.01)))
    assert np.abs(here.pixels.astype(int) - moved.pixels).mean() > 5.0


def test_speckle_stays_with_the_tissue_and_decorrelates_across_it():
    twin = source(block(Tissue.LIVER))
    part = rows(0.02, 0.08)

    def correlation(y: float) -> float:
        a, b = (twin.echoes(0, at(0.001, y=v), 0.0)[:, part].ravel().astype(float) for v in (0.0, y))
        return float(np.corrcoef(a, b)[0, 1])

    assert correlation(0.0001) > 0.85
    assert abs(correlation(0.010)) < 0.15


def test_speckle_moves_sideways_with_the_tissue():
    twin = source(block(Tissue.LIVER))
    step_m = 5 * LINEAR.width_m / (LINEAR.elements - 1)
    a, b = (twin.echoes(0, at(0.001, x=v), 0.0)[:, rows(0.02, 0.08)].astype(float) for v in (0.0, step_m))
    assert np.corrcoef(a[5:].ravel(), b[:-5].ravel())[0, 1] > 0.99
    assert np.corrcoef(a[5:].ravel(), b[5:].ravel())[0, 1] < 0.3


def test_gain_and_range_scale_the_grey_values():
    labels, part = block(Tissue.LIVER), rows(0.02, 0.08)
    grey = {g: source(labels, gain_db=g, dynamic_range_db=80.0).echoes(0, at(0.001), 0.0)[:, part].mean() for g in (0.0, 6.0)}
    assert grey[6.0] - grey[0.0] == pytest.approx(6.0 / 80.0 * 255.0, rel=0.05)


def test_a_higher_frequency_sees_less_deep():
    labels, part = block(Tissue.LIVER), rows(0.09, 0.11)
    low, high = (source(labels, frequency_hz=f).echoes(0, at(0.001), 0.0)[:, part].mean() for f in (2.5e6, 7e6))
    assert high < low - 20.0


def test_the_configured_patient_is_drawn():
    config = CellConfig()
    twin = make(config)
    body_pose = at(0.005)
    image = twin.acquire(0, truth(np.eye(4), body_pose))
    geometry = twin.geometry()
    assert image.pixels.shape == (geometry.rows, geometry.columns) and image.pixels.dtype == np.uint8
    assert (image.pixels > 60).mean() > 0.3 and np.allclose(inverse(geometry.T_probe_image) @ geometry.T_probe_image, np.eye(4))
    other = make(replace(config, seed=5)).acquire(0, truth(np.eye(4), body_pose))
    assert not np.array_equal(image.pixels, other.pixels)
