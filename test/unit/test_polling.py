from types import SimpleNamespace

import pytest

from medrobot_ros.imaging.stage import ImagingStage
from medrobot_ros.nodes.polling import next_deadline_ns

PERIOD = 100


def deadlines(finished, behind=1):
    """When ticks are due that began at 0 and are finished at these times."""
    due, out = 0, []
    for now in finished:
        due = next_deadline_ns(due, PERIOD, now, behind)
        out.append(due)
    return out


def test_ticks_that_are_done_in_time_come_on_the_grid():
    assert deadlines([10, 199, 200, 301]) == [100, 200, 300, 400]


def test_a_tick_that_took_too_long_delays_the_next_and_not_those_after_it():
    assert deadlines([140, 190, 210]) == [100, 200, 300]


def test_what_whole_periods_went_by_over_is_skipped():
    assert deadlines([350, 360, 410]) == [300, 400, 500]
    assert deadlines([300]) == [300]


def test_a_few_ticks_are_made_up_for_where_that_is_asked():
    assert deadlines([350, 360, 370, 410], behind=3) == [100, 200, 300, 400]
    assert deadlines([650, 660, 670, 680, 690], behind=3) == [400, 500, 600, 700, 800]


def test_a_node_makes_up_for_as_many_ticks_as_its_stage_asks(monkeypatch):
    stage_node = pytest.importorskip("medrobot_ros.nodes.stage_node", reason="needs ROS 2")
    asked = []
    monkeypatch.setattr(stage_node, "poll_periodically", lambda node, rate_hz, tick, running, behind: asked.append((rate_hz, behind)))
    for stage in (SimpleNamespace(rate_hz=30.0, behind=ImagingStage.behind), SimpleNamespace(rate_hz=20.0)):
        stage_node.StageNode._work(SimpleNamespace(stage=stage, tick=None), None)
    assert asked == [(30.0, 3), (20.0, 1)]
