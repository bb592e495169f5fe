import numpy as np
import pytest

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.rf import RF_I_LINE_Q_LINE, RF_IQ_LINE, RF_REAL, Compression, brightness, compensated, compressed, envelope

SAMPLES, PERIOD = 2048, 8.0
K = np.arange(SAMPLES)
KNOWN = 12000.0 * (np.exp(-(((K - 600) / 90.0) ** 2)) + 0.4 * np.exp(-(((K - 1400) / 150.0) ** 2)))  # a slow envelope of fast echoes
PHASE = 2 * np.pi * K / PERIOD


def recorded(image_type: str) -> np.ndarray:
    """Two int16 lines whose envelope is KNOWN, and half of it."""
    i, q = (np.rint(np.outer((1.0, 0.5), KNOWN * f(PHASE))).astype(np.int16) for f in (np.cos, np.sin))
    if image_type == RF_REAL:
        return i
    return np.stack((i, q), axis=2).reshape(2, -1) if image_type == RF_IQ_LINE else np.stack((i, q), axis=1).reshape(4, -1)


@pytest.mark.parametrize("image_type", [RF_REAL, RF_IQ_LINE, RF_I_LINE_Q_LINE])
def test_the_envelope_of_known_echoes_is_found(image_type):
    found = envelope(recorded(image_type), image_type)
    assert found.shape == (2, SAMPLES)
    assert np.abs(found - np.outer((1.0, 0.5), KNOWN)).max() < 2e-4 * KNOWN.max()


def test_compression_is_linear_in_decibels_between_black_and_white():
    amplitude = 1000.0 * 10.0 ** (-np.array([[-10.0, 0.0, 15.0, 30.0, 60.0, 90.0]]) / 20.0)
    assert compressed(amplitude, 1000.0, 60.0).tolist() == [[255, 255, 191, 128, 0, 0]]
    assert compressed(np.zeros((1, 2)), 1000.0, 60.0).tolist() == [[0, 0]]


def test_gain_with_depth_undoes_attenuation():
    depth_cm = 6.0 / SAMPLES * K
    attenuated = np.tile(500.0 * 10.0 ** (-4.2 * depth_cm / 20.0), (3, 1))
    assert np.allclose(compensated(attenuated, 0.06, 4.2), 500.0)


def test_brightness_of_int16_echoes_follows_their_known_envelope():
    shown = brightness(recorded(RF_REAL)[None], RF_REAL, 0.06, Compression(dynamic_range_db=40.0))
    expected = compressed(np.outer((1.0, 0.5), KNOWN), KNOWN.max(), 40.0)
    assert shown.dtype == np.uint8 and np.abs(shown[0].astype(int) - expected).max() <= 1
    assert shown[0, 0].max() == 255 and shown[0, 1].max() == round(255 * (1 - 20 * np.log10(2.0) / 40.0))


def test_depth_gain_brightens_what_lies_deep():
    plain, gained = (brightness(recorded(RF_REAL)[None], RF_REAL, 0.06, Compression(60.0, g))[0, 0].astype(int) for g in (0.0, 5.0))
    assert gained[1400] - gained[600] > plain[1400] - plain[600] + 40


@pytest.mark.parametrize("how", [(0.0, 0.0), (-3.0, 0.0), (float("nan"), 0.0), (60.0, float("inf"))])
def test_settings_that_mean_nothing_are_refused(how):
    with pytest.raises(DataError, match="dynamic range"):
        Compression(*how)


def test_silent_or_uneven_echoes_and_unknown_types_say_so():
    with pytest.raises(DataError, match="all zero"):
        brightness(np.zeros((1, 2, 64), np.int16), RF_REAL, 0.06, Compression())
    with pytest.raises(DataError, match="not equally many"):
        envelope(np.zeros((3, 64), np.int16), RF_I_LINE_Q_LINE)
    with pytest.raises(DataError, match="RF_UNKNOWN: must be one of RF_REAL"):
        envelope(np.zeros((2, 64), np.int16), "RF_UNKNOWN")
