import numpy as np
import pytest

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.signals import PatientTruth
from medrobot_ros.twin.body import analytic_torso
from medrobot_ros.twin.camera import GRAZING, SHADOW_M, DepthCamera, make_surface

T_BASE_PATIENT = pose(rotation_from_vector(np.array([0.0, 0.0, 0.2])), np.array([0.55, 0.02, 0.06]))
BODY = analytic_torso()


def in_patient(points):
    return (points - T_BASE_PATIENT[:3, 3]) @ T_BASE_PATIENT[:3, :3]


def truth(stamp_ns=0, offset_m=0.0, height_m=0.35):
    T_probe = pose(np.diag([1.0, -1.0, -1.0]), T_BASE_PATIENT[:3, 3] + [0.0, 0.0, height_m])
    return PatientTruth(stamp_ns, np.zeros(6), T_probe, np.eye(4), T_BASE_PATIENT, 0.0, offset_m, 0.0)


def test_the_cloud_lies_on_body_and_table_with_noise_and_few_outliers():
    cloud = DepthCamera(BODY, 0).surface(7, T_BASE_PATIENT, 0.0, None)
    assert cloud.stamp_ns == 7 and 8000 < len(cloud.points) < 15000
    x, y, z = in_patient(cloud.points).T
    on_table = np.abs(z - BODY.table_z_m) < 0.03
    assert 0.3 < on_table.mean() < 0.7
    error = (z - BODY.height(x, y))[~on_table]
    error = error[np.isfinite(error)]
    assert np.median(np.abs(error)) == pytest.approx(0.6745 * 0.0015, rel=0.15)
    assert 0.001 < np.mean(np.abs(error) > 0.01) < 0.01


def test_grazing_skin_is_not_seen():
    cloud = DepthCamera(BODY, 0).surface(0, T_BASE_PATIENT, 0.0, None)
    x, y, z = in_patient(cloud.points).T
    on_body = np.isfinite(BODY.height(x, y)) & (z > BODY.table_z_m + 0.05)
    assert BODY.normal(x[on_body], y[on_body])[:, 2].min() > GRAZING


def test_breathing_moves_the_skin_and_not_the_table():
    camera = DepthCamera(BODY, 0)
    heights = []
    for offset_m in (-0.005, 0.005):
        x, y, z = in_patient(camera.surface(0, T_BASE_PATIENT, offset_m, None).points).T
        heights.append((np.median(z[np.hypot(x, y) < 0.03]), np.median(z[np.abs(x) > 0.25])))
    (skin_out, table_out), (skin_in, table_in) = heights
    assert skin_in - skin_out == pytest.approx(0.010, abs=0.0005)
    assert table_in == pytest.approx(table_out, abs=0.0003)


def test_a_lowered_probe_hides_a_disc_and_a_raised_one_nothing():
    camera = DepthCamera(BODY, 0)
    for height_m, hidden in ((0.02, True), (0.35, False)):
        t = truth(height_m=height_m)
        cloud = camera.surface(0, T_BASE_PATIENT, 0.0, t.T_base_probe)
        distance = np.hypot(*(cloud.points[:, :2] - t.T_base_probe[:2, 3]).T)
        assert (distance.min() > 0.9 * SHADOW_M) == hidden


def test_normals_are_estimated_from_the_points_and_near_the_true_ones():
    cloud = DepthCamera(BODY, 0).surface(0, T_BASE_PATIENT, 0.0, None)
    assert np.allclose(np.linalg.norm(cloud.normals, axis=1), 1.0)
    x, y, _ = in_patient(cloud.points).T
    inner = (np.abs(x) < 0.08) & (np.abs(y) < 0.1)
    true = BODY.normal(x[inner], y[inner]) @ T_BASE_PATIENT[:3, :3].T
    angle_deg = np.degrees(np.arccos(np.clip(np.sum(true * cloud.normals[inner], axis=1), -1.0, 1.0)))
    assert 0.5 < np.median(angle_deg) < 8.0


def test_a_seed_repeats_its_clouds_and_another_does_not():
    first, again, other = (DepthCamera(BODY, seed).surface(0, T_BASE_PATIENT, 0.0, None).points for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_stage_is_silent_without_a_patient_then_sends_a_cloud_a_second():
    stage = make_surface(CellConfig())
    assert [t for t, _ in stage.tick(0)] == ["heartbeat"]
    stage.receive("twin/patient", truth())
    sent = [[t for t, _ in stage.tick(100_000_000 * k)] for k in range(25)]
    assert sum("surface" in s for s in sent) == 3 and all("heartbeat" in s for s in sent)
    assert stage.call("anything")[0] is False
