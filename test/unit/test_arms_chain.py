import numpy as np
import pytest

from medrobot_ros.arms import arm_names, load_arm


@pytest.mark.parametrize("name", arm_names())
def test_compiled_kinematics_are_roboticstoolboxs(name):
    arm, rng = load_arm(name, "curvilinear"), np.random.default_rng(0)
    for q in rng.uniform(arm.q_lower, arm.q_upper, (20, arm.n)):
        assert np.allclose(arm.T_base_probe(q), arm.ets.eval(q), atol=1e-12)
        assert np.allclose(arm.jacobian_probe(q), arm.ets.jacobe(q), atol=1e-12)
