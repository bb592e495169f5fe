"""Every registered arm as pinocchio, MuJoCo, yourdfpy and check_urdf understand it: the same machine to the last digit."""

import io
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import yourdfpy

from medrobot_ros.arms import arm_names, expand_urdf, load_arm
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.geometry.wrench import STANDARD_GRAVITY
from medrobot_ros.signals import Array

PROBE, COUNT = "linear", 1000


@pytest.fixture(params=arm_names())
def model(request: pytest.FixtureRequest) -> ArmModel:
    return load_arm(request.param, PROBE)


def configurations(model: ArmModel) -> Array:
    return np.random.default_rng(11).uniform(model.q_lower, model.q_upper, (COUNT, model.n))


def test_pinocchio_agrees(model: ArmModel) -> None:
    pin = pytest.importorskip("pinocchio", reason="pinocchio is not installed: pip install pin")
    theirs = pin.buildModelFromXML(expand_urdf(model.name, PROBE))
    theirs.gravity.linear = np.array([0.0, 0.0, -STANDARD_GRAVITY])
    data, tip = theirs.createData(), theirs.getFrameId("probe")
    assert list(theirs.names)[1:] == list(model.joint_names)
    for q in configurations(model):
        J = pin.computeFrameJacobian(theirs, data, _pinocchio(theirs, q), tip, pin.LOCAL)
        pin.framesForwardKinematics(theirs, data, _pinocchio(theirs, q))
        assert np.abs(model.T_base_probe(q) - data.oMf[tip].homogeneous).max() < 1e-9
        assert np.abs(model.jacobian_probe(q) - J).max() < 1e-9
        torque = pin.computeGeneralizedGravity(theirs, data, _pinocchio(theirs, q))
        assert np.abs(model.gravity_torque(q) - torque).max() < 1e-9
        upper = np.triu(pin.crba(theirs, data, _pinocchio(theirs, q)))
        assert np.abs(model.inertia_matrix(q) - upper - np.triu(upper, 1).T).max() < 1e-9


def _pinocchio(theirs: object, q: Array) -> Array:
    """Joints that turn without end are a cosine and a sine there."""
    parts = [
        [np.cos(angle), np.sin(angle)] if joint.nq == 2 else [angle]
        for joint, angle in zip(list(theirs.joints)[1:], q, strict=True)  # type: ignore[attr-defined]
    ]
    return np.concatenate(parts)


def test_mujoco_agrees(model: ArmModel) -> None:
    mujoco = pytest.importorskip("mujoco", reason="MuJoCo is not installed: pip install mujoco")
    robot = ET.fromstring(expand_urdf(model.name, PROBE))
    # The FER's published inertia of link 4 misses the triangle inequality by little, which MuJoCo would refuse.
    ET.SubElement(ET.SubElement(robot, "mujoco"), "compiler", fusestatic="false", balanceinertia="true")
    theirs = mujoco.MjModel.from_xml_string(ET.tostring(robot, encoding="unicode"))
    data, body = mujoco.MjData(theirs), mujoco.mj_name2id(theirs, mujoco.mjtObj.mjOBJ_BODY, "probe")
    linear, angular = np.zeros((3, theirs.nv)), np.zeros((3, theirs.nv))
    for q in configurations(model):
        data.qpos[:] = q
        mujoco.mj_kinematics(theirs, data)
        mujoco.mj_comPos(theirs, data)
        mujoco.mj_jacBody(theirs, data, linear, angular, body)
        T, R = model.T_base_probe(q), data.xmat[body].reshape(3, 3)
        assert np.abs(T[:3, :3] - R).max() < 1e-9 and np.abs(T[:3, 3] - data.xpos[body]).max() < 1e-9
        assert np.abs(model.jacobian_probe(q) - np.vstack((R.T @ linear, R.T @ angular))).max() < 1e-9


def test_yourdfpy_reads_limits_and_shapes(model: ArmModel) -> None:
    robot = yourdfpy.URDF.load(io.BytesIO(expand_urdf(model.name, PROBE).encode()), load_meshes=False)
    assert robot.validate()
    assert tuple(robot.actuated_joint_names) == model.joint_names
    moving = [robot.joint_map[name] for name in model.joint_names]
    assert [j.limit.velocity for j in moving] == pytest.approx(model.qd_max.tolist())
    assert [j.limit.effort for j in moving] == pytest.approx(model.tau_max.tolist())


def test_check_urdf_accepts_it(model: ArmModel, tmp_path: Path) -> None:
    """Found wherever liburdfdom-tools or a ROS installation has put it."""
    program = shutil.which("check_urdf")
    if program is None:
        pytest.skip("check_urdf is not installed: apt install liburdfdom-tools")
    file = tmp_path / "arm.urdf"
    file.write_text(expand_urdf(model.name, PROBE))
    done = subprocess.run([program, str(file)], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "Successfully Parsed XML" in done.stdout and model.base_link in done.stdout


def test_it_is_ready_for_rviz_and_ros2_control(model: ArmModel) -> None:
    robot = ET.fromstring(expand_urdf(model.name, PROBE))
    assert robot.findall("transmission") == []
    moved = {joint.find("child").get("link") for joint in robot.findall("joint") if joint.get("type") != "fixed"}  # type: ignore[union-attr]
    for link in robot.findall("link"):
        if link.get("name") in moved:
            assert all(link.find(part) is not None for part in ("visual", "collision", "inertial")), link.get("name")
    for joint in robot.findall("ros2_control/joint"):
        assert [c.get("name") for c in joint.findall("command_interface")] == ["position"]
        assert {s.get("name") for s in joint.findall("state_interface")} >= {"position", "velocity"}
