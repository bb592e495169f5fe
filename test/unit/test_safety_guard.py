import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import Gantry

from medrobot_ros.arms import load_arm
from medrobot_ros.config import SafetySection
from medrobot_ros.safety.braking import braked, stopping_distance
from medrobot_ros.safety.guard import RELIEF_M, RELIEF_M_PER_S, Guard
from medrobot_ros.safety.permit import RELIEF, RELIEVED_SHARE
from medrobot_ros.signals import SafetyStatus, Stamp, StopRequest, Wrench
from medrobot_ros.stage import EventLog

DT = 0.002
HIGH = np.array([0.5, 0.0, 0.5, 0.0, 0.0, 0.0])  # far from the patient


class Run:
    def __init__(self, q=HIGH, arm=Gantry):
        self.events = EventLog("kinematics")
        self.guard = Guard(arm(), SafetySection(), DT, self.events)
        self.q, self.now_ns, self.qd = q.copy(), 0, np.zeros(6)
        self.permit = True

    def step(self, target):
        self.now_ns += round(1e9 * DT)
        if self.permit:
            self.guard.receive(self.now_ns, "safety/permit", Stamp(self.now_ns, "safety#0"))
        sent = self.guard.clamp(self.now_ns, np.asarray(target, float), self.q)
        self.qd, self.q = (sent - self.q) / DT, sent
        return sent


def moving(run, v, steps=200):
    for _ in range(steps):
        run.step(run.q + np.asarray(v) * DT)
    return run


def test_the_first_answer_is_where_the_arm_is():
    run = Run()
    assert np.abs(run.step(HIGH + 1.0) - HIGH).max() <= Gantry.brake_rad_per_s2[0] * DT**2 + 1e-12


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_joint_that_is_beyond_its_limit_is_not_thrown_back(side):
    """As an arm whose maker's limits are wider: it is where it is, and may only come back."""
    run = Run()
    run.q[3] = beyond = side * (Gantry.q_upper[3] + 0.015)
    run.permit = False
    for _ in range(100):
        assert run.step(run.q)[3] == beyond
    run.permit = True
    for outwards in (1.0, -1.0):
        before = run.q[3]
        moving(run, [0.0, 0.0, 0.0, outwards * side * 0.1, 0.0, 0.0], 20)
        assert (run.q[3] == before) if outwards > 0.0 else (0.0 < side * (before - run.q[3]) <= 0.1 * 20 * DT + 1e-9)


def test_a_feasible_command_passes_as_it_is():
    run = moving(Run(), [0.1, 0, 0, 0, 0, 0])
    target = run.q + np.array([0.1, 0, 0, 0, 0, 0]) * DT
    assert np.allclose(run.step(target), target, atol=1e-12) and run.guard.reason == ""


def test_an_arm_that_does_not_follow_is_braked_and_told_of():
    run = moving(Run(), [0.2, 0, 0, 0, 0, 0], steps=50)
    held, config = run.q.copy(), SafetySection()
    assert not run.guard.distrusts()
    for _ in range(500):  # the arm stands, commands go on
        run.now_ns += round(1e9 * DT)
        run.guard.receive(run.now_ns, "safety/permit", Stamp(run.now_ns, "safety#0"))
        run.q = run.guard.clamp(run.now_ns, run.q + np.array([0.2, 0, 0, 0, 0, 0]) * DT, held)
    assert run.guard.distrusts() and not run.guard.distrusts()
    assert run.events.counts["arm_not_following"] >= 1
    stopping = stopping_distance(np.array([0.2]), Gantry.brake_rad_per_s2[:1], DT)[0]
    assert run.q[0] - held[0] < 0.2 * config.following_s + config.following_rad + stopping + 0.01


def felt_by(run, F_sensor_n, F_torque_n, seconds):
    """Both forces along the beam for a while."""
    for _ in range(round(100 * seconds)):
        run.now_ns += 10_000_000
        run.guard.receive(run.now_ns, "contact/wrench", Wrench(run.now_ns, "probe", F_sensor_n * np.eye(6)[2]))
        run.guard.feel(run.now_ns, F_torque_n * np.eye(6)[2])
    return run.guard.distrusts()


def test_a_sensor_that_the_motors_torques_do_not_agree_with_is_a_stop():
    gap_n = SafetySection().force_gap_n
    run = moving(Run(), [0.1, 0, 0, 0, 0, 0], steps=50)
    assert felt_by(run, -5.0, -5.0 - 0.99 * gap_n, 1.0) == ""
    assert felt_by(run, -5.0, -5.0 - 1.5 * gap_n, 0.08) == ""  # as what accelerates the arm
    assert felt_by(run, -5.0, -5.0, 0.01) == ""
    assert "N beside what the joints' torques tell" in felt_by(run, -5.0, -5.0 - 1.01 * gap_n, 0.2)
    assert not run.guard.permitted(run.now_ns) and run.events.counts["force_disagrees"] == 1
    assert run.guard.distrusts() == ""


def test_a_retreat_is_not_stopped_on_the_skin():
    run = moving(Run(), [0.1, 0, 0, 0, 0, 0], steps=50)
    run.guard.receive(run.now_ns, "safety/state", SafetyStatus(run.now_ns, "retreat", ()))
    assert felt_by(run, 5.0, -10.0, 1.0) == ""
    run.guard.receive(run.now_ns, "safety/state", SafetyStatus(run.now_ns, "stopped", ()))
    assert felt_by(run, 5.0, -10.0, 1.0) != ""


def test_nobody_is_judged_by_a_wrench_that_is_old():
    run = moving(Run(), [0.1, 0, 0, 0, 0, 0], steps=50)
    for _ in range(100):
        run.now_ns += 10_000_000
        run.guard.feel(run.now_ns, 50.0 * np.eye(6)[2])
    assert run.guard.distrusts() == ""


@pytest.mark.parametrize("lag_periods", [1, 10, 50])
def test_an_arm_that_lags_within_what_is_known_follows(lag_periods):
    run, sent = Run(), [HIGH] * lag_periods
    for k in range(1000):
        run.now_ns += round(1e9 * DT)
        run.guard.receive(run.now_ns, "safety/permit", Stamp(run.now_ns, "safety#0"))
        target = HIGH + 0.1 * np.sin(2.0 * np.pi * k * DT) * np.eye(6)[0]
        sent.append(run.guard.clamp(run.now_ns, target, sent[-lag_periods]))
    assert not run.guard.distrusts()


def test_near_a_stop_the_fr3_is_held_to_its_makers_speed():
    arm, events = load_arm("fr3", "linear"), EventLog("kinematics")
    near, guard, now_ns = arm.near_stops, Guard(arm, SafetySection(), DT, events), 0
    q = arm.q_home.copy()
    q[6] = near.upper_rad[6] - 0.3
    for _ in range(2000):
        now_ns += round(1e9 * DT)
        guard.receive(now_ns, "safety/permit", Stamp(now_ns, "safety#0"))
        sent = guard.clamp(now_ns, q + np.array([0, 0, 0, 0, 0, 0, 2.0]) * DT, q)
        allowed = np.sqrt(near.slope_rad_per_s2[6] * (near.upper_rad[6] - q[6])) - near.offset_rad_per_s[6]
        assert (sent[6] - q[6]) / DT <= allowed + 1e-9
        q = sent
    assert events.counts["clamped_joint_rate"] > 0 and q[6] > near.upper_rad[6] - 0.02


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_command_that_is_not_finite_brakes(bad):
    run = moving(Run(), [0.1, 0, 0, 0, 0, 0])
    for _ in range(20):
        assert np.isfinite(run.step(np.full(6, bad))).all()
    assert np.allclose(run.qd, 0.0) and run.events.counts["non_finite_command"] == 1


def test_no_permit_brakes_within_its_timeout_and_the_arms_deceleration():
    run = moving(Run(), [0.2, 0, 0, 0, 0, 0])
    run.permit = False
    began = run.now_ns
    while np.abs(run.qd).max() > 0.0:
        run.step(run.q + np.array([0.2, 0, 0, 0, 0, 0]) * DT)
        assert run.now_ns - began < 200_000_000
    assert run.now_ns - began <= (0.03 + 0.2 / 5.0 + 2 * DT) * 1e9


def test_a_stop_revokes_the_permit_at_once():
    run = moving(Run(), [0.2, 0, 0, 0, 0, 0])
    run.guard.receive(run.now_ns, "safety/stop", StopRequest(True))
    before = run.qd[0]
    run.step(run.q + np.array([0.2, 0, 0, 0, 0, 0]) * DT)
    assert run.qd[0] < before and run.guard.reason == "no_permit"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-20, 20)] * 6), min_size=5, max_size=20))
def test_no_command_breaks_a_bound(targets):
    run, arm = Run(), Gantry()
    for target in targets:
        for _ in range(5):
            before = run.qd
            run.step(target)
            assert (run.q >= arm.q_lower - 1e-9).all() and (run.q <= arm.q_upper + 1e-9).all()
            assert (np.abs(run.qd) <= arm.qd_max + 1e-9).all()
            assert np.linalg.norm(run.qd[:3]) <= 0.4 + 1e-9
            growing = np.abs(run.qd) > np.abs(before)
            assert (np.abs(run.qd - before)[growing] <= arm.brake_rad_per_s2[growing] * DT + 1e-6).all()


def test_slow_near_the_patient():
    run = Run(np.array([0.5, 0.0, 0.10, 0, 0, 0]))
    for _ in range(100):
        run.step(run.q + np.array([0.4, 0, 0, 0, 0, 0]) * DT)
        assert np.linalg.norm(run.qd[:3]) <= 0.1 + 1e-9
    assert run.events.counts["clamped_tip_speed"] >= 1


@pytest.mark.parametrize(("axis", "outwards"), [(0, -1), (0, 1), (1, -1), (1, 1), (2, 1)])  # the table lies above the sixth face
def test_it_is_slow_up_to_each_face_of_the_patients_zone_and_not_beyond(axis, outwards):
    zone = np.array([SafetySection().patient_zone_low_m, SafetySection().patient_zone_high_m])
    q, along = np.concatenate((zone.mean(axis=0), np.zeros(3))), np.eye(6)[(axis + 1) % 2]
    for inside_m, speed in ((0.001, SafetySection().patient_speed_m_per_s), (-0.001, 0.2)):
        q[axis] = zone[max(outwards, 0), axis] - outwards * inside_m
        run = moving(Run(q), 0.2 * along, 60)
        assert np.linalg.norm(run.qd[:3]) == pytest.approx(speed)


def test_the_workspace_is_left_inwards_only():
    run = Run(np.array([0.5, 0.49, 0.5, 0, 0, 0]))
    for _ in range(300):
        run.step(run.q + np.array([0, 0.2, 0, 0, 0, 0]) * DT)
    assert run.q[1] < 0.51 and run.guard.reason == "outside_workspace"
    moving(run, [0, -0.1, 0, 0, 0, 0], 100)
    assert run.q[1] < 0.5


PRESSING = np.array([0.5, 0.0, 0.10, 0.0, 0.0, 0.0])


def test_above_the_slow_force_nothing_presses_deeper():
    run = moving(Run(np.array([0.5, 0, 0.10, 0, 0, 0])), [0, 0, -0.05, 0, 0, 0], 20)
    for _ in range(30):
        run.guard.receive(run.now_ns, "contact/wrench", Wrench(run.now_ns, "probe", np.array([0, 0, -15.5, 0, 0, 0])))
        run.step(run.q + np.array([0, 0, -0.05, 0, 0, 0]) * DT)
    assert run.qd[2] == pytest.approx(RELIEF_M_PER_S, rel=1e-3) and run.guard.reason == "over_force", "a patient may breathe in"
    run.guard.receive(run.now_ns, "contact/wrench", Wrench(run.now_ns, "probe", np.array([0, 0, -15.5, 0, 0, 0])))
    run.step(run.q + np.array([0, 0, 0.05, 0, 0, 0]) * DT)
    assert run.qd[2] > 0.0  # it may always lift


def test_an_arm_that_still_moves_deeper_lifts_off_although_it_is_asked_to_stand():
    run = moving(Run(PRESSING.copy()), [0, 0, -0.05, 0, 0, 0], 20)
    run.guard.receive(run.now_ns, "contact/wrench", Wrench(run.now_ns, "probe", np.array([0, 0, -15.5, 0, 0, 0])))
    before = run.qd[2]
    run.step(run.q)
    assert run.guard.reason == "over_force" and run.qd[2] > before


@pytest.mark.parametrize("push_n", [0.0, 7.5, 12.0])
def test_the_speed_into_the_tissue_falls_to_nothing_on_the_way_to_the_slow_force_and_lifting_is_free(push_n):
    run, felt = Run(PRESSING), Wrench(0, "probe", np.array([0, 0, -push_n, 0, 0, 0]))
    for way, speed in ((-1.0, 0.1 * (1.0 - push_n / SafetySection().slow_n)), (1.0, 0.1)):
        for _ in range(50):
            run.guard.receive(run.now_ns, "contact/wrench", felt)
            run.step(run.q + np.array([0, 0, way * 0.3, 0, 0, 0]) * DT)
        assert way * run.qd[2] == pytest.approx(speed)


def relieved(run, push_n, asked, steps, permit=RELIEF):
    """A stopped arm that is pressed, whatever is asked of it; how far it has gone, (6,)."""
    run.step(run.q)
    began, run.permit = run.q.copy(), False
    run.guard.receive(run.now_ns, "safety/stop", StopRequest(True))
    for _ in range(steps):
        run.guard.receive(run.now_ns, "safety/permit", Stamp(run.now_ns, permit))
        run.guard.receive(run.now_ns, "contact/wrench", Wrench(run.now_ns, "probe", np.array([0, 0, -push_n, 0, 0, 0])))
        run.step(run.q + np.asarray(asked) * DT)
    return run.q - began


DEEPER = [0.1, 0.0, -0.1, 0.0, 0.0, 0.0]


def test_a_stopped_arm_lifts_off_a_patient_who_presses_and_does_nothing_else_that_is_asked():
    moved = relieved(Run(PRESSING), 16.0, DEEPER, 200)
    assert moved[2] == pytest.approx(200 * DT * RELIEF_M_PER_S, rel=0.1) and np.abs(np.delete(moved, 2)).max() < 1e-6


@pytest.mark.parametrize(
    ("push_n", "permit"),
    [(0.99 * RELIEVED_SHARE * SafetySection().slow_n, RELIEF), (16.0, "safety#0"), (16.0, "anybody")],
    ids=("not pressed", "a permit that was revoked", "no permit"),
)
def test_a_stopped_arm_stands(push_n, permit):
    assert not relieved(Run(PRESSING), push_n, DEEPER, 200, permit).any()


def test_relief_ends_with_its_travel_and_begins_anew_after_a_reset():
    run = Run(PRESSING)
    assert relieved(run, 30.0, DEEPER, 2000)[2] == pytest.approx(RELIEF_M, rel=0.02)
    run.guard.receive(run.now_ns, "safety/permit", Stamp(run.now_ns, "safety#1"))
    run.step(run.q)
    assert relieved(run, 30.0, DEEPER, 100)[2] > 0.9 * 100 * DT * RELIEF_M_PER_S


def test_relief_needs_a_force_that_is_fresh():
    run = Run(PRESSING)
    relieved(run, 16.0, DEEPER, 50)
    before = run.q[2]
    for _ in range(200):
        run.guard.receive(run.now_ns, "safety/permit", Stamp(run.now_ns, RELIEF))
        run.step(run.q)
    assert run.q[2] - before < 0.06 * RELIEF_M_PER_S and not run.qd.any()


class NearlyAtItsLimit(Gantry):
    """Its first axis has little way left."""

    def probe_and_limits_at(self, q):
        T, J, (low, high) = super().probe_and_limits_at(q)
        return T, J, np.stack((low, [0.005, *high[1:]]))


def test_relief_keeps_to_the_beam_where_a_joint_is_nearly_at_its_limit():
    tilt = 0.5
    moved = relieved(Run(PRESSING + np.array([0.0, 0.0, 0.0, 0.0, tilt, 0.0]), NearlyAtItsLimit), 16.0, DEEPER, 200)
    assert moved[0] == pytest.approx(200 * DT * 0.005, rel=0.1)
    assert moved[2] == pytest.approx(moved[0] / np.tan(tilt), rel=1e-6) and np.abs(moved[[1, 3, 4, 5]]).max() < 1e-9


@pytest.mark.parametrize("name", ["fr3", "gen3", "iiwa7"])
def test_relief_of_an_arm_goes_along_the_beam(name):
    arm = load_arm(name, "linear")
    guard, q, now_ns = Guard(arm, SafetySection(), DT, EventLog("kinematics")), arm.q_home.copy(), 0
    before = arm.T_base_probe(q)
    for _ in range(200):
        now_ns += round(1e9 * DT)
        guard.receive(now_ns, "safety/permit", Stamp(now_ns, RELIEF))
        guard.receive(now_ns, "contact/wrench", Wrench(now_ns, "probe", np.array([0, 0, -16.0, 0, 0, 0])))
        q = guard.clamp(now_ns, q, q)
    T = np.linalg.inv(before) @ arm.T_base_probe(q)
    assert T[2, 3] == pytest.approx(-200 * DT * RELIEF_M_PER_S, rel=0.15)
    assert np.abs(T[:2, 3]).max() < 5e-4 and np.abs(T[:3, :3] - np.eye(3)).max() < 5e-3


def test_braking_keeps_the_direction_and_the_deceleration():
    qd, brake = np.array([0.4, -0.2, 0.0]), np.array([2.0, 4.0, 1.0])
    after = braked(qd, brake, DT)
    assert np.allclose(after / after[0], qd / qd[0]) and np.isclose(qd[0] - after[0], 2.0 * DT)
    assert np.all(braked(1e-4 * qd, brake, DT) == 0.0)


def test_stopping_distance_by_hand():
    assert np.isclose(stopping_distance(0.1, 1.0, 0.05), 0.005 + 0.005)
