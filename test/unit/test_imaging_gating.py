import numpy as np
import pytest

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import frame_from_z, pose
from medrobot_ros.imaging.gating import estimate_breathing

RADIUS_M = 0.15  # of a trunk that the probe rides on
RATE_HZ, SPEED_M_PER_S = 50.0, 0.012


def ridden(breath, seconds: float = 24.0, compliance_m_per_n: float = 0.0, lines: int = 3, apart_rad: float = 0.12):
    """Stamps, poses and push of a probe that goes up and down a cylinder along y, side by side, on a skin that breathes."""
    t = np.arange(0.0, seconds, 1.0 / RATE_HZ)
    turn = seconds / lines
    line = np.minimum((t // turn).astype(int), lines - 1)
    along = (t - line * turn) * SPEED_M_PER_S
    y = np.where(line % 2, turn * SPEED_M_PER_S - along, along) - 0.5 * turn * SPEED_M_PER_S
    angle = apart_rad * (line - 0.5 * (lines - 1)) + 0.1 * np.sin(3.0 * y / turn / SPEED_M_PER_S)
    push = 5.0 + 0.4 * np.sin(2.0 * np.pi * 1.1 * t)
    poses = []
    for k in range(len(t)):
        n = np.array([np.sin(angle[k]), 0.0, np.cos(angle[k])])
        height = RADIUS_M + breath(t[k]) - compliance_m_per_n * (push[k] - 5.0)
        poses.append(pose(frame_from_z(-n, np.array([1.0, 0.0, 0.0])), height * n + [0.5, y[k], 0.2 * y[k]]))
    return (1e9 * (t + 7.0)).astype(np.int64), np.array(poses), push


def sine(amplitude_m: float, frequency_hz: float):
    return lambda t: amplitude_m * np.sin(2.0 * np.pi * frequency_hz * t + 0.7)


@pytest.mark.parametrize(("amplitude_m", "frequency_hz"), [(0.005, 0.25), (0.012, 0.2), (0.003, 0.45), (0.008, 0.13)])
def test_the_skins_own_motion_is_found_on_a_curved_trunk(amplitude_m, frequency_hz):
    breath = sine(amplitude_m, frequency_hz)
    stamps, poses, push = ridden(breath, compliance_m_per_n=0.001)
    found = estimate_breathing(stamps, poses, push)
    truth = np.array([breath(1e-9 * s - 7.0) for s in stamps])
    error = found.offset_m(stamps) - truth
    assert found.frequency_hz == pytest.approx(frequency_hz, abs=0.005)
    assert found.amplitude_m == pytest.approx(amplitude_m, rel=0.05) and found.expired_m == pytest.approx(-amplitude_m, rel=0.1)
    assert error.std() < 0.05 * amplitude_m and np.abs(error).max() < 0.1 * amplitude_m


def test_where_the_trunk_slopes_its_height_over_one_place_breathes_more_than_the_skin_moves():
    """The skin moves along its normal: where that leans by 0.5 rad, the height over a place on the plane changes 1.14 times as much."""
    breath = sine(0.006, 0.25)
    stamps, poses, push = ridden(breath, seconds=40.0, lines=5, apart_rad=0.25)
    truth = np.array([breath(1e-9 * s - 7.0) for s in stamps])
    assert np.abs(estimate_breathing(stamps, poses, push).offset_m(stamps) - truth).max() < 5e-5


def test_unequal_in_and_expiration_are_followed():
    def breath(t):
        return 0.005 * (np.sin(2.0 * np.pi * 0.25 * t) + 0.3 * np.cos(4.0 * np.pi * 0.25 * t))

    stamps, poses, push = ridden(breath)
    truth = np.array([breath(1e-9 * s - 7.0) for s in stamps])
    assert np.abs(estimate_breathing(stamps, poses, push).offset_m(stamps) - truth).max() < 0.0005


def test_compensation_puts_the_probe_back_on_the_skin_at_mid_breath():
    stamps, poses, push = ridden(sine(0.006, 0.25))
    still = ridden(lambda t: 0.0)[1]
    found = estimate_breathing(stamps, poses, push)
    moved = np.array([found.compensated(int(s), T) for s, T in zip(stamps, poses, strict=True)])
    assert np.abs(poses - still).max() > 0.0055
    assert np.abs(moved - still).max() < 0.0006 and np.array_equal(moved[:, :3, :3], poses[:, :3, :3])


def test_a_gate_lets_through_the_end_of_expiration_alone():
    breath = sine(0.006, 0.25)
    stamps, poses, push = ridden(breath)
    found = estimate_breathing(stamps, poses, push)
    kept = np.array([found.gated(int(s), T, 0.001) is not None for s, T in zip(stamps, poses, strict=True)])
    offsets = np.array([breath(1e-9 * s - 7.0) for s in stamps])
    assert 0.15 < kept.mean() < 0.4 and offsets[kept].max() < -0.0045 and offsets[~kept].min() > -0.0055


def test_a_phantom_that_does_not_breathe_gets_no_breath():
    stamps, poses, push = ridden(lambda t: 0.0)
    assert estimate_breathing(stamps, poses, push).amplitude_m < 0.0003


def test_too_little_contact_is_one_line():
    stamps, poses, push = ridden(sine(0.005, 0.25), seconds=4.0, lines=1)
    with pytest.raises(DataError, match="too few to find the breathing"):
        estimate_breathing(stamps[:50], poses[:50], push[:50])
    stamps, poses, push = ridden(sine(0.005, 0.12), seconds=9.0)
    with pytest.raises(DataError, match=r"9\.0 s in contact hold .* breaths"):
        estimate_breathing(stamps, poses, push)
