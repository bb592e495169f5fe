"""Tool point, weight and hand-eye from poses with known truth and noise."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from medrobot_ros.calibration.force_sensor import tool_weight
from medrobot_ros.calibration.hand_eye import hand_eye
from medrobot_ros.calibration.pivot import tool_point
from medrobot_ros.errors import DataError, UnknownName
from medrobot_ros.geometry.pose import inverse, pose, rotation_vector
from medrobot_ros.geometry.wrench import weight_wrench

TIP_M, PIVOT_M = np.array([0.01, -0.02, 0.16]), np.array([0.5, 0.1, 0.05])
BIAS = np.array([1.0, -2.0, 0.5, 0.02, -0.01, 0.03])
MASS_KG, COM_M = 0.45, np.array([0.004, -0.003, 0.055])
T_X = pose(Rotation.from_rotvec((0.3, 2.9, -0.2)).as_matrix(), np.array([0.6, 0.1, 1.2]))
T_Z = pose(Rotation.from_rotvec((1.0, 0.0, 0.4)).as_matrix(), np.array([0.0, 0.02, 0.1]))
TRIALS = 300


def turned(rng, n, axes=(1.0, 1.0, 1.0)):
    """Rotations (n, 3, 3) by up to 0.6 rad about each of the base's axes that is 1."""
    return Rotation.from_rotvec(rng.uniform(-0.6, 0.6, (n, 3)) * axes).as_matrix() @ np.diag([1.0, -1.0, -1.0])


def pivoted(rng, R, noise_m=0.0):
    T = np.tile(np.eye(4), (len(R), 1, 1))
    T[:, :3, :3], T[:, :3, 3] = R, PIVOT_M - R @ TIP_M + noise_m * rng.standard_normal((len(R), 3))
    return T


def weighed(rng, R, noise_n=0.0, noise_nm=0.0):
    F = np.array([BIAS + weight_wrench(r, MASS_KG, COM_M) for r in R])
    return F + rng.standard_normal(F.shape) * np.repeat((noise_n, noise_nm), 3)


def seen(rng, R, mount, noise_rad=0.0, noise_m=0.0):
    """Flange poses and what a camera on `mount` sees of its marker."""
    T = np.tile(np.eye(4), (len(R), 1, 1))
    T[:, :3, :3], T[:, :3, 3] = R, np.array([0.5, 0.0, 0.4]) + rng.uniform(-0.1, 0.1, (len(R), 3))
    ideal = [inverse(T_X) @ (inverse(t) if mount == "flange" else t) @ T_Z for t in T]
    turns = Rotation.from_rotvec(noise_rad * rng.standard_normal((len(R), 3))).as_matrix()
    return T, np.array([N @ pose(turn, noise_m * rng.standard_normal(3)) for N, turn in zip(ideal, turns, strict=True)])


def normalised_squares(error, covariance):
    """Its mean over many trials is the number of unknowns where the covariance is what it says."""
    return float(error @ np.linalg.solve(covariance, error))


def test_the_tool_point_is_exact_without_noise(rng):
    found = tool_point(pivoted(rng, turned(rng, 6)))
    assert found.p_flange_tip_m == pytest.approx(TIP_M, abs=1e-12) and found.p_base_pivot_m == pytest.approx(PIVOT_M, abs=1e-12)
    assert found.residual_m < 1e-12 and found.samples == 6


def test_the_weight_is_exact_without_noise(rng):
    R = turned(rng, 6)
    found = tool_weight(R, weighed(rng, R))
    assert found.F_bias == pytest.approx(BIAS, abs=1e-9) and found.mass_kg == pytest.approx(MASS_KG, abs=1e-10)
    assert found.p_ft_com_m == pytest.approx(COM_M, abs=1e-10)


@pytest.mark.parametrize("mount", ["base", "flange"])
def test_hand_eye_is_exact_without_noise(rng, mount):
    found = hand_eye(*seen(rng, turned(rng, 8), mount), mount)
    assert found.T_mount_camera == pytest.approx(T_X, abs=1e-9) and found.T_other_marker == pytest.approx(T_Z, abs=1e-9)


def test_the_tool_points_error_is_within_its_covariance(rng):
    squares = []
    for _ in range(TRIALS):
        found = tool_point(pivoted(rng, turned(rng, 20), noise_m=5e-4))
        assert found.residual_m == pytest.approx(5e-4, rel=0.5)
        squares.append(normalised_squares(found.p_flange_tip_m - TIP_M, found.covariance_m2))
    assert np.mean(squares) == pytest.approx(3.0, rel=0.2)


def test_the_weights_error_is_within_its_covariance(rng):
    squares = []
    for _ in range(TRIALS):
        R = turned(rng, 20)
        found = tool_weight(R, weighed(rng, R, 0.02, 0.001))
        error = np.concatenate((found.F_bias - BIAS, [found.mass_kg - MASS_KG], found.p_ft_com_m - COM_M))
        squares.append(normalised_squares(error, found.covariance))
    assert np.mean(squares) == pytest.approx(10.0, rel=0.2)


@pytest.mark.parametrize("mount", ["base", "flange"])
def test_hand_eyes_error_is_within_its_covariance(rng, mount):
    squares = []
    for _ in range(TRIALS // 6):
        found = hand_eye(*seen(rng, turned(rng, 15), mount, 0.003, 0.001), mount)
        off = inverse(found.T_mount_camera) @ T_X
        squares.append(normalised_squares(np.concatenate((rotation_vector(off[:3, :3]), off[:3, 3])), found.covariance))
    assert np.mean(squares) == pytest.approx(6.0, rel=0.3)


@pytest.mark.parametrize(("axis", "name"), [((1, 0, 0), "base x"), ((0, 0, 1), "base z")])
def test_turning_about_one_axis_is_refused_and_the_axis_named(rng, axis, name):
    R = turned(rng, 10, axis)
    with pytest.raises(DataError, match=rf"rotate about a second axis: the poses turn only about {name}"):
        tool_point(pivoted(rng, R, 5e-4))
    with pytest.raises(DataError, match=rf"second axis.*{name}"):
        hand_eye(*seen(rng, R, "base", 0.003, 0.001), "base")


def test_weighing_says_which_tilt_is_missing(rng):
    about_x = turned(rng, 10, (0.3, 0, 0))
    with pytest.raises(DataError, match="tilt about a second axis, or further: the poses tilt only about ft x"):
        tool_weight(about_x, weighed(rng, about_x, 0.02, 0.001))
    about_vertical = turned(rng, 10, (0, 0, 1))
    with pytest.raises(DataError, match="the poses hardly tilt"):
        tool_weight(about_vertical, weighed(rng, about_vertical, 0.02, 0.001))


def test_poses_that_stand_still_or_are_too_few_are_refused(rng):
    still = turned(rng, 10, (0.01, 0.01, 0.01))
    with pytest.raises(DataError, match="hardly turn"):
        tool_point(pivoted(rng, still))
    with pytest.raises(DataError, match="3 poses: at least 4"):
        tool_point(pivoted(rng, turned(rng, 3)))


def test_a_wrench_of_the_wrong_sign_is_refused(rng):
    R = turned(rng, 10)
    with pytest.raises(DataError, match="frame and sign"):
        tool_weight(R, -weighed(rng, R, 0.02, 0.001))


def test_an_unknown_mount_names_the_valid_ones(rng):
    with pytest.raises(UnknownName, match="base, flange"):
        hand_eye(*seen(rng, turned(rng, 5), "base"), "ceiling")


@pytest.mark.parametrize("mount", ["base", "flange"])
def test_hand_eye_is_no_worse_than_opencvs(rng, mount):
    cv2 = pytest.importorskip("cv2")
    ours, theirs = [], []
    for _ in range(15):
        T, N = seen(rng, turned(rng, 12), mount, 0.003, 0.001)
        # OpenCV solves for a camera on the gripper; one on the base is the same problem with the gripper's poses inverted.
        M = T if mount == "flange" else np.linalg.inv(T)
        _, t = cv2.calibrateHandEye(M[:, :3, :3], M[:, :3, 3], N[:, :3, :3], N[:, :3, 3], method=cv2.CALIB_HAND_EYE_PARK)
        theirs.append(np.linalg.norm(t.ravel() - T_X[:3, 3]))
        ours.append(np.linalg.norm(hand_eye(T, N, mount).T_mount_camera[:3, 3] - T_X[:3, 3]))
    assert np.median(ours) <= np.median(theirs) < 0.02


@pytest.fixture
def rng():
    return np.random.default_rng(11)
