import numpy as np
import pytest

from medrobot_ros.arms import arm_names, load_arm
from medrobot_ros.arms.toolbox import elementary_transforms, probe_pose


@pytest.mark.parametrize("name", arm_names())
def test_an_arm_is_the_same_in_the_toolboxs_terms(name):
    model, rng = load_arm(name, "curvilinear"), np.random.default_rng(1)
    ets = elementary_transforms(model)
    for _ in range(20):
        q = rng.uniform(np.maximum(model.q_lower, -3.0), np.minimum(model.q_upper, 3.0))
        assert np.allclose(ets.eval(q), probe_pose(model, q).A, atol=1e-12)
        assert np.allclose(ets.jacobe(q), model.jacobian_probe(q), atol=1e-12)
