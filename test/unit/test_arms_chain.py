"""The compiled kinematics against roboticstoolbox's, which reads the URDF by itself."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.arms import arm_names, expand_urdf, load_arm


@pytest.mark.parametrize("name", arm_names())
def test_compiled_kinematics_are_roboticstoolboxs(name: str, tmp_path: Path) -> None:
    import roboticstoolbox

    file = tmp_path / "arm.urdf"
    file.write_text(expand_urdf(name, "curvilinear"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ets = roboticstoolbox.Robot.URDF(str(file)).ets(end="probe")
    arm, rng = load_arm(name, "curvilinear"), np.random.default_rng(0)
    for q in rng.uniform(arm.q_lower, arm.q_upper, (20, arm.n)):
        assert np.allclose(arm.T_base_probe(q), ets.eval(q), atol=1e-12)
        assert np.allclose(arm.jacobian_probe(q), ets.jacobe(q), atol=1e-12)


def test_many_poses_are_each_pose() -> None:
    arm, rng = load_arm("gen3", "linear"), np.random.default_rng(0)
    Q = rng.uniform(arm.q_lower, arm.q_upper, (30, arm.n))
    assert np.array_equal(arm.T_base_probe_many(Q), [arm.T_base_probe(q) for q in Q])
