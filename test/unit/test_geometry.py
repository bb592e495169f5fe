import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medrobot_ros.geometry.coverage import covered
from medrobot_ros.geometry.pose import (
    angle_between,
    frame_from_z,
    interpolate,
    inverse,
    pose,
    quat_xyzw,
    rotation_from_quat_xyzw,
    rotation_from_vector,
    rotation_vector,
)
from medrobot_ros.geometry.turning import rotation_of, turned_back, vector_of
from medrobot_ros.geometry.wrench import shift_twist, shift_wrench, weight_wrench

vectors = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)


def poses() -> st.SearchStrategy:
    return st.builds(lambda r, p: pose(Rotation.from_rotvec(r).as_matrix(), p), vectors, vectors)


@given(vectors)
def test_exponential_and_quaternion_agree_with_scipy(r):
    R = Rotation.from_rotvec(r)
    assert np.allclose(rotation_from_vector(r), R.as_matrix(), atol=1e-9)
    assert np.allclose(rotation_from_vector(rotation_vector(R.as_matrix())), R.as_matrix(), atol=1e-6)
    assert np.allclose(rotation_from_quat_xyzw(*quat_xyzw(R.as_matrix())), R.as_matrix(), atol=1e-9)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-3, 1.0, 3.0, np.pi])
def test_compiled_turns_are_the_same(size):
    for r in np.random.default_rng(0).standard_normal((50, 3)):
        R = rotation_from_vector(size * r / np.linalg.norm(r))
        assert np.allclose(rotation_of(size * r / np.linalg.norm(r)), R, rtol=0.0, atol=1e-12)
        assert np.allclose(vector_of(R), rotation_vector(R), rtol=0.0, atol=1e-12)
        assert np.allclose(turned_back(R, r), R.T @ r) and np.allclose(turned_back(R, R.T), R.T @ R.T)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.8, 0), (-0.6, 0, 0.8), (0.48, -0.6, 0.64)])
@pytest.mark.parametrize("short_of_half_turn", [0.0, 1e-9, 1e-4, -1e-4])
def test_half_turns(axis, short_of_half_turn):
    R = Rotation.from_rotvec(np.array(axis) * (np.pi - short_of_half_turn)).as_matrix()
    assert np.allclose(rotation_from_quat_xyzw(*quat_xyzw(R)), R, atol=1e-7)
    assert np.allclose(rotation_from_vector(rotation_vector(R)), R, atol=1e-6)


@given(poses())
def test_inverse(T):
    assert np.allclose(inverse(T) @ T, np.eye(4), atol=1e-9)


@given(poses(), vectors, vectors, vectors, vectors)
def test_power_is_the_same_in_every_frame(T, f, m, v, w):
    F, V = np.concatenate((f, m)), np.concatenate((v, w))
    assert np.isclose(shift_wrench(T, F) @ shift_twist(T, V), F @ V, atol=1e-6)


def test_wrench_shift_by_hand():
    T_a_b = pose(np.eye(3), np.array([0.0, 0.0, 0.1]))
    assert np.allclose(shift_wrench(T_a_b, np.array([2.0, 0, 0, 0, 0, 0])), [2.0, 0, 0, 0, 0.2, 0])


def test_weight_pulls_down():
    F = weight_wrench(np.diag([1.0, -1.0, -1.0]), 0.5, np.array([0.0, 0.0, 0.1]))
    assert np.allclose(F, [0, 0, 0.5 * 9.80665, 0, 0, 0])  # the tool points down: gravity is along its +z


def test_interpolation_ends_and_middle():
    T_a, T_b = np.eye(4), pose(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([1.0, 0, 0]))
    assert np.allclose(interpolate(T_a, T_b, 0.0), T_a)
    assert np.allclose(interpolate(T_a, T_b, 1.0), T_b)
    middle = interpolate(T_a, T_b, 0.5)
    assert np.isclose(angle_between(middle[:3, 0], T_a[:3, 0]), np.pi / 4)
    assert np.allclose(middle[:3, 3], [0.5, 0, 0])


@given(vectors.filter(lambda z: np.linalg.norm(z) > 0.1 and abs(z[0]) < 0.9 * np.linalg.norm(z)))
def test_frame_from_z_is_right_handed(z):
    R = frame_from_z(z, np.array([1.0, 0.0, 0.0]))
    assert np.allclose(R.T @ R, np.eye(3), atol=1e-9) and np.isclose(np.linalg.det(R), 1.0)
    assert np.allclose(R[:, 2], z / np.linalg.norm(z))


def test_coverage_is_inside_the_coupled_aperture():
    T = pose(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.0, 0.06]))
    points = np.array([[0.5, 0, 0.06], [0.52, 0, 0.06], [0.48, 0, 0.06], [0.5, 0.01, 0.06], [0.5, 0, 0.12]])
    assert covered(T, (-0.01, 0.03), points).tolist() == [True, True, False, False, False]
