"""The faults of the table, and those that only processes can have, in a running graph in each phase: half a minute a case."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from fault_outcome import FORCE_LIMIT_N, row
from faulty_graph import GRAPH_FAULTS, PHASES, case

ACT_S = {True: 0.15, False: 0.65}  # 50 ms and 500 ms, the supervisor's tick, contact's own 50 ms, and what this process hears late

CASES = [pytest.param(f, p, id=f"{f.name}, {p}") for p in PHASES for f in GRAPH_FAULTS]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("fault", "phase"), CASES)
def test_a_fault_in_the_graph_does_no_harm(fault, phase):
    o, complete = case(fault, phase)
    said = row(fault.name, phase, o)
    assert o.force_max_n < FORCE_LIMIT_N, said
    assert o.finite and o.recovered, said
    assert complete or "recorder" in fault.name, said
    assert not o.states or o.latched, said
    if phase == "scan" and fault.reaction in ("stop", "retreat"):
        assert o.states[-1] == "stopped" and o.acted_s <= ACT_S[fault.on_control_path], said
