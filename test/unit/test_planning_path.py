from dataclasses import replace

import numpy as np
import pytest
from test_planning_surface import BODY, found_at, patient_at

from medrobot_ros.config import ScanSection
from medrobot_ros.errors import DataError
from medrobot_ros.planning.path import (
    OVERRUN_M,
    SAMPLE_M,
    USABLE_APERTURE,
    CoverageMap,
    length_m,
    line_offsets,
    plan_raster,
    planned_points,
    runs_of,
    timed,
)
from medrobot_ros.signals import ImageQuality

APERTURE_M = 0.056
COUPLED_M = (-0.5 * USABLE_APERTURE * APERTURE_M, 0.5 * USABLE_APERTURE * APERTURE_M)
SCAN = ScanSection()


@pytest.fixture(scope="module")
def found():
    return found_at(patient_at(yaw=0.1))


@pytest.fixture(scope="module")
def raster(found):
    return plan_raster(found, SCAN, APERTURE_M)


def verdict(accepted=True, visibility=0.6):
    return ImageQuality(0, 1.0, visibility, COUPLED_M, accepted)


def test_one_unbroken_path_with_even_steps(raster):
    p = raster.T_base_probe[:, :3, 3]
    steps = np.linalg.norm(np.diff(p, axis=0), axis=1)
    assert steps.max() < 1.3 * SAMPLE_M and steps.min() > 0.3 * SAMPLE_M
    ahead = np.diff(p, axis=0) / steps[:, None]
    turn_deg = np.degrees(np.arccos(np.clip(np.sum(ahead[1:] * ahead[:-1], axis=1), -1.0, 1.0)))
    assert turn_deg.max() < 50.0  # a square corner would be 90


def test_poses_are_rigid_and_look_into_the_skin_across_the_body(found, raster):
    R = raster.T_base_probe[:, :3, :3]
    assert np.allclose(R @ R.transpose(0, 2, 1), np.eye(3), atol=1e-9) and np.allclose(np.linalg.det(R), 1.0)
    D = found.T_base_patient
    xy = ((raster.T_base_probe[:, :3, 3] - D[:3, 3]) @ D[:3, :3])[:, :2]
    inward = -found.normal(*xy.T) @ D[:3, :3].T
    assert np.allclose(R[:, :, 2], inward, atol=1e-9)
    assert (R[:, :, 0] @ D[:3, 0] > 0.9).all()


def test_orientation_never_jumps(raster):
    R = raster.T_base_probe[:, :3, :3]
    trace = np.einsum("nij,nij->n", R[1:], R[:-1])
    assert np.degrees(np.arccos(np.clip(0.5 * (trace - 1.0), -1.0, 1.0))).max() < 3.0


def test_the_times_keep_the_nominal_speed(raster):
    reference = timed(raster.T_base_probe, 0.02, 5)
    assert reference.stamp_ns == 5 and reference.reference_id == "5"
    assert reference.time_s[0] == 0.0 and (np.diff(reference.time_s) > 0.0).all()
    assert reference.time_s[-1] == pytest.approx(length_m(raster.T_base_probe) / 0.02)


@pytest.mark.parametrize("size", [(0.12, 0.08), (0.06, 0.04), (0.2, 0.12), (0.03, 0.03)])
def test_a_probe_that_follows_the_path_covers_the_region(found, size):
    scan = replace(SCAN, size_m=size)
    coverage = CoverageMap(planned_points(found, scan))
    raster = plan_raster(found, scan, APERTURE_M)
    for T in raster.T_base_probe:
        coverage.add(T, verdict())
    assert coverage.share == 1.0
    assert coverage.runs_to_repeat(raster) == []


def test_lines_that_were_not_seen_are_repeated_and_no_others(found):
    scan = replace(SCAN, size_m=(0.08, 0.12), line_spacing_m=0.06)
    coverage, raster = CoverageMap(planned_points(found, scan)), plan_raster(found, scan, APERTURE_M)
    assert len(raster.lines) == 3 and coverage.runs_to_repeat(raster) == [(0, 2)]
    for k in (0, 2):
        for T in raster.poses_of(k, k):
            coverage.add(T, verdict())
    assert coverage.runs_to_repeat(raster) == [(1, 1)]
    for T in raster.poses_of(1, 1):
        coverage.add(T, verdict(accepted=False))
    assert coverage.runs_to_repeat(raster) == [(1, 1)]
    for T in raster.poses_of(1, 1):
        coverage.add(T, verdict())
    assert coverage.share == 1.0


def test_the_best_image_of_a_point_counts(found, raster):
    coverage = CoverageMap(planned_points(found, SCAN))
    for visibility in (0.5, 0.8, 0.6):
        coverage.add(raster.T_base_probe[10], verdict(visibility=visibility))
    assert set(np.unique(coverage.quality[np.isfinite(coverage.quality)])) == {0.8}
    assert 0.0 < coverage.share < 0.2


def test_a_line_alone_is_straight_and_runs_over_the_region(raster):
    for k in range(len(raster.lines)):
        p = raster.poses_of(k, k)[:, :3, 3]
        straight = np.linalg.norm(p[-1] - p[0])
        assert length_m(raster.poses_of(k, k)) < 1.03 * straight
        assert straight > SCAN.size_m[0] + OVERRUN_M


def test_planned_points_lie_on_the_skin_over_the_region(found):
    points = planned_points(found, SCAN)
    D = patient_at(yaw=0.1)
    x, y, z = ((points - D[:3, 3]) @ D[:3, :3]).T
    assert np.abs(z - BODY.height(x, y)).max() < 0.003
    assert np.ptp(x) == pytest.approx(SCAN.size_m[1], abs=0.003) and np.ptp(y) == pytest.approx(SCAN.size_m[0], abs=0.003)


@pytest.mark.parametrize("changes", [{"size_m": (0.3, 0.08)}, {"size_m": (0.12, 0.25)}, {"center_m": (0.1, 0.0)}])
def test_a_region_beyond_the_skin_is_refused(found, changes):
    with pytest.raises(DataError, match="region"):
        plan_raster(found, replace(SCAN, **changes), APERTURE_M)


def test_a_region_that_an_arm_hides_is_refused(found):
    hidden = found.skin.seen.copy()
    hidden[found.skin.x > 0.0] = False
    blind = replace(found, skin=replace(found.skin, seen=hidden))
    with pytest.raises(DataError, match="out of the camera's sight"):
        plan_raster(blind, SCAN, APERTURE_M)


def test_runs_of_neighbours():
    assert runs_of([]) == []
    assert runs_of([0, 1, 3, 5, 6, 7]) == [(0, 1), (3, 3), (5, 7)]


def test_a_narrow_region_needs_one_line():
    assert line_offsets(0.03, 0.02, 0.045) == [0.0]
