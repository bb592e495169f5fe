import numpy as np
from scipy.interpolate import RectBivariateSpline

from medrobot_ros.planning.spline import value_and_slopes


def test_values_and_slopes_are_those_of_fitpack_up_to_the_edges_and_on_the_knots():
    rng = np.random.default_rng(0)
    x, y = np.linspace(-0.13, 0.13, 12), np.sort(rng.uniform(-0.2, 0.2, 9))
    spline = RectBivariateSpline(x, y, rng.standard_normal((len(x), len(y))))
    a = np.concatenate((np.repeat(x, len(y)), rng.uniform(x[0], x[-1], 50)))
    b = np.concatenate((np.tile(y, len(x)), rng.uniform(y[0], y[-1], 50)))
    expected = [spline.ev(a, b), spline.ev(a, b, dx=1), spline.ev(a, b, dy=1)]
    for found, wanted in zip(value_and_slopes(spline, a, b), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())
