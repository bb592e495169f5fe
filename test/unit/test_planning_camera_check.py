"""Where the camera sees the reference spheres, to a fraction of the 5 mm that are allowed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.geometry.reference import reference_spheres
from medrobot_ros.planning.camera_check import MAX_ERROR_M, camera_error
from medrobot_ros.twin.body import analytic_torso
from medrobot_ros.twin.camera import DepthCamera

CONFIG = CellConfig()
BODY, SPHERES, RADIUS_M = analytic_torso(), reference_spheres(CONFIG.body, CONFIG.camera), CONFIG.camera.sphere_radius_m
T_BASE_PATIENT = pose(np.eye(3), np.array(CONFIG.body.position_m))


def error_of(seed, T_base_seen, shift_m=(0.0, 0.0, 0.0)):
    cloud = DepthCamera(BODY, seed, SPHERES, RADIUS_M, T_base_seen).surface(0, T_BASE_PATIENT + pose_step(shift_m), 0.003, None)
    return camera_error(cloud.points, SPHERES, RADIUS_M)


def pose_step(shift_m):
    T = np.zeros((4, 4))
    T[:3, 3] = shift_m
    return T


@pytest.mark.parametrize("seed", range(20))
def test_a_camera_in_its_place_is_well_within_the_limit(seed):
    assert error_of(seed, np.eye(4)) < 0.5 * MAX_ERROR_M


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1), (-1, 1, 0)])
@pytest.mark.parametrize("distance_m", [0.003, 0.008, 0.02])
def test_its_error_is_measured_in_every_direction(direction, distance_m):
    offset_m = distance_m * np.array(direction) / np.linalg.norm(direction)
    assert error_of(1, pose(np.eye(3), offset_m)) == pytest.approx(distance_m, abs=0.0025)


@pytest.mark.parametrize("axis", np.eye(3))
def test_a_turned_camera_is_seen(axis):
    about = pose(np.eye(3), T_BASE_PATIENT[:3, 3])
    turned = about @ pose(Rotation.from_rotvec(0.04 * axis).as_matrix(), np.zeros(3)) @ np.linalg.inv(about)
    assert error_of(1, turned) > MAX_ERROR_M


def test_a_patient_who_lies_elsewhere_does_not_matter():
    assert error_of(1, np.eye(4), (0.03, -0.02, 0.0)) < 0.5 * MAX_ERROR_M


def test_spheres_follow_the_table():
    turned = reference_spheres(replace(CONFIG.body, yaw_rad=np.pi / 2, position_m=(1.0, 0.0, 0.5)), CONFIG.camera)
    x, y, z = np.reshape(CONFIG.camera.spheres_m, (3, 3)).T
    assert turned == pytest.approx(np.column_stack((1.0 - y, x, 0.5 + z)))


def test_a_cloud_without_points_names_the_sphere():
    with pytest.raises(DataError, match="does not see the reference sphere"):
        camera_error(np.zeros((0, 3)), SPHERES, RADIUS_M)
