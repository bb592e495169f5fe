"""What every registered arm must fulfil; a new one is picked up by itself."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import yourdfpy

from medrobot_ros.arms import arm_names, expand_urdf, ik, load_arm
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import pose, rotation_from_vector, rotation_vector
from medrobot_ros.geometry.wrench import STANDARD_GRAVITY
from medrobot_ros.signals import Array

PROBE = "curvilinear"
DOWN = np.diag([1.0, -1.0, -1.0])
FLANGE_AT_ZERO_M = {
    "fr3": (0.088, 0.0, 0.926),
    "fer": (0.088, 0.0, 0.926),
    "gen3": (0.0, -0.0249, 1.1874),
    "iiwa7": (0.0, 0.0, 1.266),
    "iiwa14": (0.0, 0.0, 1.306),
    "med7": (0.0, 0.0, 1.266),
    "med14": (0.0, 0.0, 1.3055),
}


@pytest.fixture(params=arm_names())
def model(request: pytest.FixtureRequest) -> ArmModel:
    return load_arm(request.param, PROBE)


def configurations(model: ArmModel, count: int) -> Array:
    """Random joint positions (count, n) [rad] within limits."""
    return np.random.default_rng(7).uniform(model.q_lower, model.q_upper, (count, model.n))


def test_forward_kinematics_equals_an_independent_loaders(model: ArmModel) -> None:
    urdf = io.BytesIO(expand_urdf(model.name, PROBE).encode())
    robot = yourdfpy.URDF.load(urdf, load_meshes=False, build_scene_graph=True)
    frames = {"probe": model.T_base_probe, "ft_sensor": model.T_base_ft, model.flange_link: model.T_base_flange}
    for q in configurations(model, 10):
        robot.update_cfg(dict(zip(model.joint_names, q, strict=True)))
        for link, forward in frames.items():
            assert forward(q) == pytest.approx(robot.get_transform(link, model.base_link), abs=1e-9)


@pytest.mark.parametrize("arm", FLANGE_AT_ZERO_M)
def test_the_flange_at_zero_is_where_the_vendor_says(arm: str) -> None:
    model = load_arm(arm, PROBE)
    assert model.T_base_flange(np.zeros(model.n))[:3, 3] == pytest.approx(FLANGE_AT_ZERO_M[arm], abs=1e-4)


def test_jacobian_equals_finite_differences(model: ArmModel) -> None:
    step = 1e-6
    for q in configurations(model, 5):
        J = model.jacobian_probe(q)
        for k in range(model.n):
            dq = step * np.eye(model.n)[k]
            T_before, T_after = model.T_base_probe(q - dq), model.T_base_probe(q + dq)
            moved = model.T_base_probe(q)[:3, :3].T @ (T_after[:3, 3] - T_before[:3, 3])
            turned = rotation_vector(T_before[:3, :3].T @ T_after[:3, :3])
            twist = np.concatenate((moved, turned)) / (2.0 * step)
            assert J[:, k] == pytest.approx(twist, abs=1e-7)


def test_gravity_torque_is_the_slope_of_potential_energy(model: ArmModel) -> None:
    robot = ET.fromstring(expand_urdf(model.name, PROBE))
    scene = yourdfpy.URDF.load(io.BytesIO(ET.tostring(robot)), load_meshes=False, build_scene_graph=True)
    inertials = {link.get("name"): link.find("inertial") for link in robot.findall("link")}

    def energy(q: Array) -> float:
        scene.update_cfg(dict(zip(model.joint_names, q, strict=True)))
        total = 0.0
        for link, inertial in inertials.items():
            if inertial is not None:
                com = np.array([float(v) for v in inertial.find("origin").get("xyz").split()] + [1.0])  # type: ignore[union-attr]
                mass = float(inertial.find("mass").get("value"))  # type: ignore[union-attr,arg-type]
                total += STANDARD_GRAVITY * mass * float((scene.get_transform(link, model.base_link) @ com)[2])
        return total

    step = 1e-5
    for q in configurations(model, 2):
        slope = [(energy(q + d) - energy(q - d)) / (2.0 * step) for d in step * np.eye(model.n)]
        assert model.gravity_torque(q) == pytest.approx(slope, abs=1e-4)


def test_home_is_inside_the_limits_and_points_down(model: ArmModel) -> None:
    T = model.T_base_probe(model.q_home)
    margin = np.minimum(model.q_home - model.q_lower, model.q_upper - model.q_home)
    assert margin.min() > 0.3
    assert T[2, 2] < -np.cos(np.radians(1.0))
    assert T[:3, 0] == pytest.approx([1.0, 0.0, 0.0], abs=0.02)
    assert 0.3 < T[2, 3] < 0.4


def test_limits_are_whole_and_ordered(model: ArmModel) -> None:
    bounds = (model.qd_max, model.qdd_max, model.qddd_max, model.brake_rad_per_s2, model.tau_max)
    assert all(b.shape == (model.n,) and np.isfinite(b).all() and (b > 0.0).all() for b in bounds)
    assert (np.isfinite(model.q_lower) & np.isfinite(model.q_upper) & (model.q_lower < model.q_upper)).all()
    assert (model.brake_rad_per_s2 >= model.qdd_max).all()


@pytest.mark.parametrize(("half_width_m", "tilt_deg"), [(0.04, 20.0), (0.06, 15.0)])
def test_the_abdomen_is_within_reach_from_home(model: ArmModel, half_width_m: float, tilt_deg: float) -> None:
    x0, y0, z0 = CellConfig().body.position_m
    tilt = np.radians(tilt_deg)
    tilts = np.array([(0, 0, 0), (tilt, 0, 0), (-tilt, 0, 0), (0, tilt, 0), (0, -tilt, 0)])
    for x in (x0 - half_width_m, x0, x0 + half_width_m):
        for y in (y0 - 0.06, y0, y0 + 0.06):
            for z in (z0, z0 + 0.04):
                for v in tilts:
                    T = pose(DOWN @ rotation_from_vector(v), np.array([x, y, z]))
                    found = ik.solve(model, T, model.q_home)
                    assert found.q is not None, f"({x:.2f}, {y:.2f}, {z:.2f}) m, {v} rad: {found.reason}"


def test_every_link_has_a_body_and_a_collision_shape(model: ArmModel) -> None:
    robot = ET.fromstring(expand_urdf(model.name, PROBE))
    seen = [link for link in robot.findall("link") if link.find("visual") is not None]
    assert len(seen) >= model.n + 2
    assert all(link.find("visual/material") is not None for link in seen)
    with_mass = [link for link in robot.findall("link") if link.find("inertial") is not None]
    assert all(link.find("collision") is not None for link in with_mass)
    assert {j.get("name") for j in robot.findall("ros2_control/joint")} == set(model.joint_names)
