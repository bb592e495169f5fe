import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from medrobot_ros.contact.tissue_estimate import HighPass


@pytest.mark.parametrize(("corner_hz", "rate_hz"), [(6.0, 500.0), (6.0, 100.0), (1.0, 1000.0)])
def test_the_high_pass_is_butterworths(corner_hz, rate_hz):
    x = np.random.default_rng(0).standard_normal(400)
    ours = HighPass(corner_hz, 1.0 / rate_hz)
    peer = sosfilt(butter(4, corner_hz, "highpass", fs=rate_hz, output="sos"), x)
    assert [ours.update(v) for v in x] == pytest.approx(peer.tolist(), abs=1e-9)
