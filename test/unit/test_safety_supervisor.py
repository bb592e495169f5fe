import numpy as np
import pytest

from medrobot_ros.config import SafetySection
from medrobot_ros.safety.permit import RELIEF, RELIEVED_SHARE, PermitGate
from medrobot_ros.safety.supervisor import Supervisor
from medrobot_ros.signals import ContactStatus, JointState, SafetyStatus, Stamp, StopRequest, TaskStatus, Wrench, inactive

MS = 1_000_000
NODES = ("hardware", "kinematics", "contact", "imaging", "planner", "safety")
CONTROL = ("hardware", "kinematics", "contact")


class Bench:
    """A supervisor among nodes that are alive unless said to be silent."""

    def __init__(self, task_mode="idle"):
        self.begin()
        self.task_mode = task_mode
        self.now_ns = 0
        self.silent = set()
        self.q, self.qd, self.force_n = np.zeros(3), np.zeros(3), 0.0
        self.contact_state = "free"
        self.last_permit_ns, self.last_relief_ns, self.state, self.reasons = -1, -1, "", ()

    def begin(self):
        self.supervisor = Supervisor(SafetySection(), NODES, -np.ones(3), np.ones(3), np.ones(3), retreat_s=3.0)

    def run(self, ms):
        for _ in range(ms // 10):
            self.now_ns += 10 * MS
            for topic, signal in self.supervisor.tick(self.now_ns):
                if topic == "safety/permit" and signal.source == RELIEF:
                    self.last_relief_ns = self.now_ns
                elif topic == "safety/permit":
                    self.last_permit_ns = self.now_ns
                if isinstance(signal, SafetyStatus):
                    self.state, self.reasons = signal.state, signal.reasons
            for n in NODES:
                if n not in self.silent:
                    self.supervisor.receive("heartbeat", Stamp(self.now_ns, n))
            if not self.silent & {"joint_states", "hardware"}:
                self.supervisor.receive("joint_states", JointState(self.now_ns, self.q, self.qd, np.zeros(3)))
            if not self.silent & {"contact", "contact/wrench"}:
                self.supervisor.receive("contact/wrench", Wrench(self.now_ns, "probe", np.array([0, 0, -self.force_n, 0, 0, 0])))
            if "planner" not in self.silent:
                self.supervisor.receive("task/state", TaskStatus(self.now_ns, self.task_mode, ""))
            self.supervisor.receive("contact/state", ContactStatus(self.now_ns, "scan", self.contact_state))

    @property
    def permitted(self):
        return self.last_permit_ns == self.now_ns


@pytest.fixture
def bench():
    b = Bench()
    b.run(100)
    assert b.permitted and b.state == "ok"
    return b


def test_no_permit_before_every_node_is_heard():
    b = Bench()
    b.silent = {"planner"}
    b.run(500)
    assert not b.permitted
    b.silent = set()
    b.run(50)
    assert b.permitted


@pytest.mark.parametrize("node", [*CONTROL, "joint_states"])
def test_control_path_silence_takes_the_permit_within_60_ms(bench, node):
    bench.silent = {node}
    began = bench.now_ns
    bench.run(100)
    assert bench.state == "stopped" and any(n in bench.reasons[0] for n in {node, "hardware" if node == "joint_states" else node})
    assert bench.last_permit_ns - began <= 60 * MS


@pytest.mark.parametrize("node", ["imaging", "planner"])
def test_other_silence_retreats_first_then_stops(bench, node):
    bench.contact_state = "scan"
    bench.silent = {node}
    bench.run(480)
    assert bench.state == "ok"
    bench.run(60)
    assert bench.state == "retreat" and bench.permitted
    bench.contact_state = "free"
    bench.run(20)
    assert bench.state == "stopped" and not bench.permitted


def test_a_retreat_that_does_not_end_is_a_stop(bench):
    bench.contact_state, bench.force_n = "retreat", 26.0
    bench.run(2900)
    assert bench.state == "retreat"
    bench.run(300)
    assert bench.state == "stopped"


def test_a_probe_that_does_not_lift_off_is_a_stop(bench):
    bench.contact_state = "retreat"
    bench.run(2900)
    assert bench.state == "ok"
    bench.run(300)
    assert bench.state == "stopped" and "not lifted off in 3.0 s" in bench.reasons[0]


def test_force_above_the_limit_retreats(bench):
    bench.contact_state, bench.force_n = "scan", 24.9
    bench.run(100)
    assert bench.state == "ok"
    bench.force_n = 25.1
    bench.run(20)
    assert bench.state == "retreat" and "25.1 N" in bench.reasons[0]


@pytest.mark.parametrize("q", [[np.nan, 0, 0], [0, 1.1, 0], [0, 0, -1.1]])
def test_impossible_joints_stop(bench, q):
    bench.q = np.array(q)
    bench.run(20)
    assert bench.state == "stopped"


@pytest.mark.parametrize("speed", [1.21, -1.21])
def test_a_joint_beyond_its_speed_limit_either_way_stops(bench, speed):
    bench.qd[1] = speed
    bench.run(20)
    assert bench.state == "stopped" and "joint 2" in bench.reasons[0]


def test_skin_that_pulls_is_a_retreat_where_contact_is_engaged_alone(bench):
    bench.force_n = -1.1 * SafetySection().pull_n
    bench.run(50)
    assert bench.state == "ok"
    bench.contact_state = "scan"
    bench.run(30)
    assert bench.state == "retreat" and "skin cannot pull" in bench.reasons[0]


def test_contact_that_lives_but_tells_no_force_is_a_stop(bench):
    bench.contact_state = "scan"
    bench.run(50)
    bench.silent = {"contact/wrench"}
    bench.run(80)
    assert bench.state == "stopped" and "no contact force" in bench.reasons[0]


@pytest.mark.parametrize(("node", "state"), [("kinematics", "stopped"), ("imaging", "retreat")])
def test_a_node_that_says_it_is_inactive_is_given_up_at_once_and_no_reset_comes_before_it_works(bench, node, state):
    bench.contact_state = "scan"
    bench.run(20)
    bench.silent = {node}
    bench.supervisor.receive("heartbeat", Stamp(bench.now_ns, inactive(node)))
    bench.run(20)
    assert bench.state == state and node in bench.reasons[0]
    bench.supervisor.receive("safety/stop", StopRequest(True))
    granted, why = bench.supervisor.call("safety/reset")
    assert not granted and node in why
    bench.silent = set()
    bench.run(20)
    assert bench.supervisor.call("safety/reset")[0]


def test_a_reset_forgets_the_reasons_and_how_long_the_probe_has_been_lifting(bench):
    bench.contact_state = "retreat"
    bench.run(3300)
    assert bench.state == "stopped" and bench.reasons
    assert bench.supervisor.call("safety/reset")[0]
    bench.run(100)
    assert bench.state == "ok" and bench.reasons == ()


def test_the_stop_latches_until_reset_and_reset_needs_its_causes_gone(bench):
    bench.silent = {"contact"}
    bench.run(1000)
    assert bench.state == "stopped"
    granted, why = bench.supervisor.call("safety/reset")
    assert not granted and "contact" in why
    bench.silent = set()
    bench.run(200)
    assert bench.state == "stopped" and not bench.permitted  # alive again, but nothing resumes by itself
    assert bench.supervisor.call("safety/reset")[0]
    bench.run(20)
    assert bench.state == "ok" and bench.permitted
    assert not bench.supervisor.call("safety/reset")[0]


def test_anyone_may_stop_but_nobody_may_clear_it_by_topic(bench):
    bench.supervisor.receive("safety/stop", StopRequest(False))
    bench.run(20)
    assert bench.state == "ok"
    bench.supervisor.receive("safety/stop", StopRequest(True))
    bench.run(20)
    assert bench.state == "stopped"
    bench.supervisor.receive("safety/stop", StopRequest(False))
    bench.run(20)
    assert bench.state == "stopped"


def test_a_stopped_arm_that_is_pressed_may_lift_off_until_it_has(bench):
    slow_n = SafetySection().slow_n
    bench.force_n = slow_n + 0.1
    bench.run(100)
    assert bench.last_relief_ns < 0, "only where nothing else may move it"
    bench.force_n = 1.0
    bench.run(20)
    bench.supervisor.receive("safety/stop", StopRequest(True))
    for force_n, relieved in ((slow_n - 0.1, False), (slow_n + 0.1, True), (1.01 * RELIEVED_SHARE * slow_n, True), (1.0, False)):
        bench.force_n = force_n
        bench.run(50)
        assert (bench.last_relief_ns == bench.now_ns) == relieved and bench.state == "stopped" and not bench.permitted, force_n


@pytest.mark.parametrize("node", [*CONTROL, "joint_states"])
def test_a_stopped_arm_of_which_a_part_is_silent_stays_where_it_is(bench, node):
    bench.supervisor.receive("safety/stop", StopRequest(True))
    bench.force_n = 20.0
    bench.run(50)
    assert bench.last_relief_ns == bench.now_ns
    bench.silent = {node}
    bench.run(100)
    assert bench.last_relief_ns < bench.now_ns - 30 * MS


def test_relief_is_no_permit():
    gate = PermitGate(0.03)
    gate.receive(0, Stamp(0, RELIEF))
    assert gate.relieves(30 * MS) and gate.opens(30 * MS) and not gate.granted(30 * MS)
    assert not gate.relieves(31 * MS) and not gate.opens(31 * MS)
    gate.receive(40 * MS, Stamp(0, "safety#0"))
    assert gate.granted(40 * MS) and not gate.relieves(40 * MS), "nor is a permit relief: a stop would leave it open"


def test_a_permit_from_the_future_is_none_where_a_simulators_clock_was_set_back():
    gate = PermitGate(0.03)
    gate.receive(100_000 * MS, Stamp(0, "safety#0"))
    assert gate.granted(99_980 * MS) and not gate.granted(10 * MS)


def test_a_supervisor_that_is_made_anew_is_heard_by_those_who_refuse_the_permits_of_the_last(bench):
    gate = PermitGate(0.03)
    for k in range(3):
        for _, permit in (o for o in bench.supervisor.tick(bench.now_ns) if o[0] == "safety/permit"):
            gate.receive(bench.now_ns, permit)
        assert gate.granted(bench.now_ns), k
        bench.supervisor.receive("safety/stop", StopRequest(True))
        gate.revoke()
        bench.run(20)
        assert not gate.granted(bench.now_ns)
        if k == 1:
            bench.begin()
            bench.run(50)
        else:
            assert bench.supervisor.call("safety/reset")[0]


@pytest.mark.parametrize("mode", ["scanning", "paused", "retreating", "stopped", "ready"])
def test_a_supervisor_that_is_made_anew_while_a_task_is_under_way_begins_with_a_stop(mode):
    bench = Bench(mode)
    bench.run(100)
    assert bench.state == "stopped" and mode in bench.reasons[0] and bench.last_permit_ns < 0
    assert bench.supervisor.call("safety/reset")[0]
    bench.run(20)
    assert bench.permitted


def test_gate_ages_and_epochs():
    gate = PermitGate(0.03)
    assert not gate.granted(0)
    gate.receive(0, Stamp(0, "safety#0"))
    assert gate.granted(30 * MS) and not gate.granted(31 * MS)
    gate.revoke()
    gate.receive(40 * MS, Stamp(0, "safety#0"))
    assert not gate.granted(40 * MS)
    gate.receive(50 * MS, Stamp(0, "anybody"))
    assert not gate.granted(50 * MS)
    gate.receive(60 * MS, Stamp(0, "safety#1"))
    assert gate.granted(60 * MS)


def test_a_supervisor_that_was_frozen_itself_blames_nobody_but_issued_no_permit(bench):
    frozen_until = bench.now_ns + 200 * MS
    bench.now_ns = frozen_until - 10 * MS
    assert bench.last_permit_ns < frozen_until - 30 * MS
    bench.run(100)
    assert bench.state == "ok" and bench.permitted


def test_after_a_supervisor_stood_for_long_nothing_goes_on_by_itself(bench):
    bench.now_ns += 60_000 * MS
    bench.run(50)
    assert bench.state == "stopped" and "60.0 s" in bench.reasons[0] and not bench.permitted
    assert bench.supervisor.call("safety/reset")[0]
    bench.run(20)
    assert bench.permitted


def test_a_node_that_does_not_come_back_after_a_freeze_is_given_up(bench):
    bench.now_ns += 200 * MS
    bench.silent = {"contact"}
    bench.run(100)
    assert bench.state == "stopped" and "contact" in bench.reasons[0]
