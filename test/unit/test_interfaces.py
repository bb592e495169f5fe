from pathlib import Path

import pytest

from medrobot_ros.interfaces import NODES, SERVICES, TOPICS, USER, as_markdown, topic

ROOT = Path(__file__).parents[2]


def test_the_page_is_the_table():
    assert (ROOT / "docs" / "interfaces.md").read_text() == as_markdown()


def test_every_name_is_once_and_every_node_is_known():
    assert len({t.name for t in TOPICS}) == len(TOPICS)
    for t in TOPICS:
        assert set(t.writers) | set(t.readers) <= {*NODES, USER}, t.name
    assert {s.server for s in SERVICES} <= set(NODES)


def test_the_truth_reaches_nobody_who_controls():
    for t in TOPICS:
        if t.name.startswith("twin/"):
            assert t.writers == ("hardware",)
            assert set(t.readers) <= {"imaging", "surface", "recorder"}, t.name


def test_unknown_topics_raise():
    with pytest.raises(KeyError):
        topic("nothing")
