import pytest

from medrobot_ros.nodes.loop_timing import LoopTiming


def test_percentiles_of_known_periods():
    timing = LoopTiming(0.002)
    assert timing.figures() == {}
    for k in range(1000):
        timing.add(0.002 if k % 100 else 0.0035, answered=k % 4 > 0)
    figures = timing.figures()
    assert figures["period_p50_s"] == pytest.approx(0.002, abs=4e-6)
    assert figures["period_max_s"] == 0.0035
    assert figures["period_error_p99_s"] == pytest.approx(0.0, abs=4e-6)
    assert (figures["overruns"], figures["answered"]) == (10, 0.75)
