from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medrobot_ros.planning.path import line_offsets, runs_of


@given(width=st.floats(0.02, 0.3), spacing=st.floats(0.005, 0.06), usable=st.floats(0.02, 0.06))
def test_lines_cover_the_width_and_keep_the_spacing(width, spacing, usable):
    spacing = min(spacing, usable)
    x = np.array(line_offsets(width, spacing, usable))
    assert (np.diff(x) <= spacing + 1e-9).all()
    assert x.min() - usable / 2 <= -width / 2 + 1e-9 and x.max() + usable / 2 >= width / 2 - 1e-9
    assert np.allclose(x, -x[::-1])


@given(st.sets(st.integers(0, 30)))
def test_runs_hold_each_line_once_and_never_touch(lines):
    runs = runs_of(sorted(lines))
    assert [k for first, last in runs for k in range(first, last + 1)] == sorted(lines)
    assert all(b[0] > a[1] + 1 for a, b in pairwise(runs))
