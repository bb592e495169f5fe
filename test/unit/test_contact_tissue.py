import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from medrobot_ros.config import ContactSection
from medrobot_ros.contact.tissue_estimate import HighPass, TissueEstimate
from medrobot_ros.contact.wrench_estimate import low_pass_share


@pytest.mark.parametrize(("corner_hz", "rate_hz"), [(6.0, 500.0), (6.0, 100.0), (1.0, 1000.0)])
def test_the_high_pass_is_butterworths(corner_hz, rate_hz):
    x = np.random.default_rng(0).standard_normal(400)
    ours = HighPass(corner_hz, 1.0 / rate_hz)
    peer = sosfilt(butter(4, corner_hz, "highpass", fs=rate_hz, output="sos"), x)
    assert [ours.update(v) for v in x] == pytest.approx(peer.tolist(), abs=1e-9)


def felt(rate_hz, n_per_m, viscous_s, place, seconds):
    """An estimate after the tissue's force on a probe at `place(t)`, mean of a period and filtered, and the motion that was measured."""
    config, dt = ContactSection(), 1.0 / rate_hz
    estimate = TissueEstimate(2000.0, config.filter_hz, dt)
    share, filtered = low_pass_share(config.filter_hz, dt), None
    for k in range(round(seconds * rate_hz)):
        t = (k + np.arange(11) / 10.0) * dt
        z = place(t)
        mean_n = n_per_m * (np.trapezoid(z, t) / dt + viscous_s * (z[-1] - z[0]) / dt)
        filtered = mean_n if filtered is None else filtered + share * (mean_n - filtered)
        estimate.update(filtered, (z[-1] - z[0]) / dt)
    return estimate


def dither(t):
    return 1e-4 * np.sin(2.0 * np.pi * 8.0 * t)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 500.0, 1000.0])
@pytest.mark.parametrize(("n_per_m", "viscous_s"), [(300.0, 0.0), (800.0, 0.05), (2000.0, 0.02)])
def test_stiffness_and_viscosity_are_told_apart_at_every_rate(rate_hz, n_per_m, viscous_s):
    estimate = felt(rate_hz, n_per_m, viscous_s, dither, 4.0)
    assert estimate.n_per_m == pytest.approx(n_per_m, rel=0.05)
    assert estimate.viscous_s == pytest.approx(viscous_s, rel=0.05, abs=1e-3)


def test_a_touch_at_full_speed_does_not_make_tissue_look_soft():
    """The probe comes to rest out of 20 mm/s, whose viscous force was there when the signals began."""

    def place(t):
        return 0.02 * 0.03 * (1.0 - np.exp(-t / 0.03)) + dither(t)

    for seconds in (0.1, 0.2, 0.3, 0.5):
        assert felt(100.0, 2000.0, 0.02, place, seconds).n_per_m > 1700.0
