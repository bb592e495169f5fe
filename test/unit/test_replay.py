"""Every stage answers a recorded examination as it did when that was recorded; `python test/replay.py` records anew."""

from dataclasses import replace

import numpy as np
import pytest
import replay

from medrobot_ros.signals import Wrench

RECORD = replay.read(replay.FOLDER)


def stored(name):
    return {key: value for key, value in replay.stored().items() if key.startswith(f"{name}|")}


def changed(record, edit):
    return replace(record, said=[(t, name, edit(name, signal)) for t, name, signal in record.said])


@pytest.mark.parametrize("name", replay.STAGES)
def test_a_stage_answers_as_it_did(name):
    RECORD.check()
    assert replay.differences(stored(name), replay.answers(RECORD, name)) == []


def test_the_planner_went_all_the_way():
    said = [signal for topic, signal in replay.replay(RECORD, "planner") if topic == "task/state"]
    assert said[-1].outcome == "accepted" and {"find", "approach", "scan", "return"} <= {s.phase for s in said}


@pytest.mark.parametrize("lost", replay.MUST_HAVE)
def test_a_record_in_which_something_never_happened_is_refused(lost):
    with pytest.raises(replay.NotARecord, match=lost):
        replace(RECORD, said=[s for s in RECORD.said if s[1] != lost]).check()


def test_a_record_without_scanning_is_refused():
    with pytest.raises(replay.NotARecord, match="scan"):
        changed(RECORD, lambda name, s: replace(s, state="seat") if name == "contact/state" and s.state == "scan" else s).check()


def test_a_wrench_of_the_wrong_sign_shows():
    wrong = changed(RECORD, lambda name, s: Wrench(s.stamp_ns, s.frame, -s.F) if name == "wrench" else s)
    assert any("probe/twist_command" in d for d in replay.differences(stored("contact"), replay.answers(wrong, "contact")))


def test_a_gain_of_five_percent_shows():
    contact = replace(RECORD.config.contact, tilt_gain_per_s=1.05 * RECORD.config.contact.tilt_gain_per_s)
    other = replace(RECORD, config=replace(RECORD.config, contact=contact))
    assert any("probe/twist_command" in d for d in replay.differences(stored("contact"), replay.answers(other, "contact")))


def test_another_noise_of_the_image_shows():
    other = replace(RECORD, config=replace(RECORD.config, seed=RECORD.config.seed + 1))
    assert any("|image" in d for d in replay.differences(stored("imaging"), replay.answers(other, "imaging")))


def test_a_change_within_rounding_does_not_show():
    near = changed(RECORD, lambda name, s: Wrench(s.stamp_ns, s.frame, s.F * (1.0 + 1e-12)) if name == "wrench" else s)
    assert replay.differences(stored("contact"), replay.answers(near, "contact")) == []
    now = replay.answers(RECORD, "contact")
    key = next(k for k in now if k.endswith("probe/twist_command"))
    now[key] = now[key] + np.float64(1e-3)
    assert replay.differences(stored("contact"), now) != []
