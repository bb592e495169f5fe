import numpy as np
import pytest

from medrobot_ros.imaging.holes import fill_holes


def filled_from(values: dict[tuple[int, int, int], float], shape: tuple[int, int, int], longest: int, count: int = 1) -> np.ndarray:
    volume, filled = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for at, value in values.items():
        volume[at], filled[at] = value, True
    return fill_holes(volume, filled, longest, count)


@pytest.mark.parametrize(("longest", "expected"), [(4, [10, 0, 0, 0, 50]), (5, [10, 20, 30, 40, 50])])
def test_a_stick_counts_both_of_its_filled_ends(longest, expected):
    assert filled_from({(0, 0, 0): 10, (0, 0, 4): 50}, (1, 1, 5), longest)[0, 0].tolist() == expected


def test_the_shortest_stick_decides():
    values = {(0, 0, 0): 10.0, (0, 0, 4): 10.0, (0, 1, 2): 90.0, (1, 0, 2): 5.0}
    assert filled_from({**values, (0, 3, 2): 30.0}, (2, 4, 5), 9)[0, 2, 2] == 60.0
    assert filled_from(values, (2, 4, 5), 9)[0, 0, 2] == 10.0


def test_equally_short_sticks_count_alike_and_more_on_request():
    values = {(0, 1, 0): 10.0, (0, 1, 2): 30.0, (0, 0, 1): 100.0, (0, 2, 1): 200.0, (0, 0, 0): 4.0, (0, 2, 2): 4.0}
    assert filled_from(values, (1, 3, 3), 9)[0, 1, 1] == pytest.approx((20.0 + 150.0) / 2)
    three = (20.0 + 150.0 + 4.0 / np.sqrt(2.0)) / (2.0 + 1.0 / np.sqrt(2.0))
    assert filled_from(values, (1, 3, 3), 9, count=3)[0, 1, 1] == pytest.approx(three, rel=1e-6)


def test_what_is_filled_stays_and_what_lies_outside_stays_empty():
    rng = np.random.default_rng(0)
    volume, filled = rng.uniform(1, 9, (6, 7, 8)).astype(np.float32), rng.uniform(size=(6, 7, 8)) < 0.5
    out = fill_holes(np.where(filled, volume, 0).astype(np.float32), filled, 9)
    assert np.array_equal(out[filled], volume[filled])
    assert filled_from({(0, 0, 1): 9.0}, (1, 3, 3), 9).sum() == 9.0
