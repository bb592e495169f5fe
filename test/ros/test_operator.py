"""The operator's side of `medrobot cell` when a person interrupts it, against an operator and processes that only count."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from medrobot_ros.cli import main
from medrobot_ros.cli.status import INTERRUPTED
from medrobot_ros.config import CellConfig
from medrobot_ros.nodes import operator


class Person:
    """A task that concludes `takes_s` after it was asked to, and interrupts at these times [s]."""

    def __init__(self, takes_s, *interrupts_s):
        self.now_s, self.abort_s, self.takes_s, self.interrupts_s = 0.0, None, takes_s, interrupts_s
        self.ended = []

    @property
    def count(self):
        return sum(self.now_s >= t for t in self.interrupts_s)

    def spin(self, seconds):
        self.now_s += seconds

    def call(self, service):
        assert service == "task/abort"
        self.abort_s = self.now_s

    def concluded(self):
        return self.abort_s is not None and self.now_s >= self.abort_s + self.takes_s

    def close(self):
        pass

    def dead(self):
        return []

    def kill(self):
        self.ended.append("killed")

    def end(self, concluded):
        self.ended.append("concluded" if concluded else "not concluded")


@pytest.mark.parametrize(
    ("person", "ended", "after_s"),
    [
        (Person(3.0, 5.0), "concluded", 8.0),
        (Person(3.0, 5.0, 6.0), "killed", 6.0),
        (Person(99.0, 5.0), "not concluded", 5.0 + operator.ABORT_S),
    ],
)
def test_an_interrupt_ends_the_cell_once_the_task_has_retreated_and_a_second_one_at_once(person, ended, after_s, tmp_path, monkeypatch):
    monkeypatch.setattr(operator, "Processes", lambda *_: person)
    monkeypatch.setattr(operator, "Operator", lambda *_: person)
    monkeypatch.setattr(operator, "wait_ready", lambda *_: None)
    monkeypatch.setattr(operator, "time", SimpleNamespace(monotonic=lambda: person.now_s))
    operator.keep_up(CellConfig(), tmp_path, person)
    assert person.ended == [ended] and person.now_s == pytest.approx(after_s, abs=0.2)


def test_an_interrupt_before_anything_was_recorded_is_no_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(operator, "examine", lambda config, folder, progress, interrupts, namespace: interrupts._add())
    assert main(["scan", "--out", str(tmp_path)]) == INTERRUPTED
    assert capsys.readouterr().err == ""
