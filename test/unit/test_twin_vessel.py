"""Blood flow in a tube."""

import numpy as np
import pytest

from medrobot_ros.twin.vessel import Vessel

AORTA = Vessel("aorta", (0.01, 0.0, 0.09), (0.0, -2.0, 0.0), 0.009, 0.2, pulsatility=3.0, pulse_share=0.05)


def test_flow_is_twice_its_mean_on_the_axis_and_none_at_the_wall():
    assert AORTA.velocity(np.array([0.01, 0.13, 0.09])) == pytest.approx([0.0, -0.4, 0.0])
    assert not AORTA.velocity(np.array([[0.019, 0.0, 0.09], [0.03, 0.0, 0.09]])).any()


@pytest.mark.parametrize("phase", [0.0, 1.5, 4.7])
def test_the_mean_over_the_lumen_is_what_it_says(phase):
    edge = np.linspace(-0.011, 0.011, 301)
    x, d = np.meshgrid(0.01 + edge, 0.09 + edge)
    inside = np.hypot(x - 0.01, d - 0.09) < AORTA.radius_at(phase)
    along = AORTA.velocity(np.stack((x, np.zeros_like(x), d), axis=-1), phase) @ AORTA.axis
    assert along[inside].mean() == pytest.approx(AORTA.mean_speed_at(phase), rel=0.01)


def test_the_pulsatility_index_is_goslings():
    speeds = [AORTA.mean_speed_at(phase) for phase in np.linspace(0.0, 2.0 * np.pi, 1000)]
    assert (max(speeds) - min(speeds)) / np.mean(speeds) == pytest.approx(3.0, rel=0.01)
    assert min(speeds) < 0.0
