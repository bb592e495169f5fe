import numpy as np
import pytest

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import inverse, pose, rotation_from_vector
from medrobot_ros.planning import surface
from medrobot_ros.planning.surface import find_again, find_patient, shift_of, shift_since, torso_in
from medrobot_ros.signals import Surface
from medrobot_ros.twin.body import analytic_torso
from medrobot_ros.twin.camera import DepthCamera

BODY = analytic_torso()
AMPLITUDE_M = 0.005


def patient_at(x=0.55, y=0.0, yaw=0.0):
    return pose(rotation_from_vector(np.array([0.0, 0.0, yaw])), np.array([x, y, 0.06]))


def moved(T, left=0.0, cranial=0.0, yaw=0.0):
    return T @ pose(rotation_from_vector(np.array([0.0, 0.0, yaw])), np.array([left, cranial, 0.0]))


def clouds(T, seed=0):
    """Five of a breathing patient, a second apart."""
    camera = DepthCamera(BODY, seed)
    return [camera.surface(k, T, AMPLITUDE_M * np.sin(0.5 * np.pi * k + 0.3), None) for k in range(5)]


def found_at(T, seed=0):
    return find_patient([torso_in(c) for c in clouds(T, seed)])


@pytest.fixture(scope="module")
def found():
    return found_at(patient_at())


@pytest.mark.parametrize("yaw", [0.0, 0.3, -0.3])
def test_the_patient_frame_is_found_however_the_patient_lies(yaw):
    T = patient_at(0.5, 0.04, yaw)
    error = inverse(T) @ found_at(T).T_base_patient
    assert np.abs(error[:3, 3]).max() < 0.004
    assert abs(np.arctan2(error[1, 0], error[0, 0])) < np.radians(1.0)


@pytest.mark.parametrize("table_yaw", [np.pi, -1.5, 2.5])
def test_head_and_feet_are_told_by_how_the_table_stands(table_yaw):
    T = patient_at(0.5, 0.04, table_yaw + 0.2)
    error = inverse(T) @ find_patient([torso_in(c) for c in clouds(T)], table_yaw).T_base_patient
    assert np.abs(error[:3, 3]).max() < 0.004
    assert abs(np.arctan2(error[1, 0], error[0, 0])) < np.radians(1.0)


def test_skin_and_normals_are_near_the_truth(found):
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(-0.04, 0.04, 9), np.linspace(-0.06, 0.06, 13)))
    D = inverse(patient_at()) @ found.T_base_patient
    p = np.column_stack((x, y, found.height(x, y))) @ D[:3, :3].T + D[:3, 3]
    assert np.abs(p[:, 2] - BODY.height(p[:, 0], p[:, 1])).max() < 0.0025
    cosine = np.sum(found.normal(x, y) @ D[:3, :3].T * BODY.normal(p[:, 0], p[:, 1]), axis=1)
    angle_deg = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    assert angle_deg.mean() < 1.0 and angle_deg.max() < 3.0
    assert found.seen(x, y).all()
    assert float(found.height(np.array(0.0), np.array(0.0))) == pytest.approx(0.0, abs=1e-9)


def test_height_above_the_skin(found):
    p = found.T_base_patient @ np.array([0.02, -0.03, 0.1, 1.0])
    assert found.above_skin_m(p[:3]) == pytest.approx(0.1 - float(found.height(0.02, -0.03)), abs=1e-9)


def table_only():
    xy = np.random.default_rng(0).uniform(-0.3, 0.3, (5000, 2))
    return np.column_stack((xy, np.full(5000, -0.16)))


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (np.empty((0, 3)), "0 points"),
        (np.full((5000, 3), np.nan), "0 points"),
        (np.zeros((200, 3)), "200 points"),
        (table_only(), "stand out of the table"),
        (np.vstack((table_only(), table_only()[:2000] * [0.1, 0.1, 0.0])), "too short for a body"),
    ],
)
def test_a_cloud_without_a_patient_says_why(points, why):
    with pytest.raises(DataError, match=why):
        find_patient([torso_in(Surface(0, points, np.zeros_like(points)))])


def test_a_body_across_the_table_is_refused():
    with pytest.raises(DataError, match="across the table"):
        found_at(patient_at(yaw=0.8))


@pytest.mark.parametrize("breath", [-AMPLITUDE_M, 0.0, AMPLITUDE_M])
@pytest.mark.parametrize(("left", "yaw"), [(0.0, 0.0), (0.010, 0.0), (-0.020, 0.0), (0.0, 0.08), (0.012, -0.05)])
def test_a_lateral_shift_and_a_turn_are_told_from_the_breath(found, left, yaw, breath):
    T = moved(patient_at(), left, 0.0, yaw)
    T_probe = pose(np.diag([1.0, -1.0, -1.0]), np.array([0.56, 0.01, 0.06]))
    shift = shift_since(found, DepthCamera(BODY, 5).surface(0, T, breath, T_probe))
    assert shift.offset_m[0] == pytest.approx(left, abs=0.0015)
    assert shift.yaw_rad == pytest.approx(yaw, abs=0.015)
    assert abs(shift.offset_m[1]) < 0.008


def test_a_cranial_shift_is_seen_less_sharply_and_says_so(found):
    shift = shift_since(found, DepthCamera(BODY, 5).surface(0, moved(patient_at(), cranial=0.02), 0.0, None))
    assert shift.offset_m[1] == pytest.approx(0.02, abs=0.006)
    assert shift.deviation_m[1] > 3.0 * shift.deviation_m[0]
    assert shift.size_m == pytest.approx(np.hypot(*shift.offset_m))


def test_a_shift_is_found_in_few_steps_and_more_would_not_change_it(found, monkeypatch):
    """Points that come and go at the edge of what is trusted must not keep it stepping to and fro."""
    seen = [DepthCamera(BODY, 100 + k).surface(0, moved(patient_at(), 0.001 * k), 0.003, None) for k in range(12)]
    bodies = [torso_in(cloud).points for cloud in seen]
    few = [shift_of(found, body).offset_m for body in bodies]
    monkeypatch.setattr(surface, "STEPS", 40)
    assert np.allclose([shift_of(found, body).offset_m for body in bodies], few, atol=surface.SETTLED)


def test_a_cloud_of_something_else_is_no_shift(found):
    with pytest.raises(DataError, match="no patient found"):
        shift_since(found, Surface(0, table_only(), table_only()))


def test_found_again_the_frame_has_moved_with_the_skin(found):
    T = moved(patient_at(), 0.03, -0.01, 0.05)
    again = find_again(found, [torso_in(c) for c in clouds(T, seed=2)])
    step = inverse(found.T_base_patient) @ again.T_base_patient
    assert step[0, 3] == pytest.approx(0.03, abs=0.0015)
    assert step[1, 3] == pytest.approx(-0.01, abs=0.006)
    assert np.arctan2(step[1, 0], step[0, 0]) == pytest.approx(0.05, abs=0.01)
