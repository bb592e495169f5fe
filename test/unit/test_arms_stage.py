"""The kinematics stage: what it sends, what it refuses, and that it never jumps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.controller import SILENT_PERIODS, ArmStage
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import Obstacles
from medrobot_ros.arms.speed import SpeedLimits
from medrobot_ros.geometry.pose import pose
from medrobot_ros.signals import (
    Array,
    ContactMode,
    JointState,
    MotionGoal,
    MotionStatus,
    SafetyStatus,
    StopRequest,
    TwistCommand,
)
from medrobot_ros.stage import Stage

PERIOD_S = 0.002
PERIOD_NS = 2_000_000
NO_OBSTACLES = Obstacles()
COMMANDS = "forward_position_controller/commands"
INTO = np.array([0.0, 0.0, 0.02, 0.0, 0.0, 0.0])


class OpenGuard:
    """Lets everything pass that `rule` does not change."""

    def __init__(self) -> None:
        self.rule: Callable[[Array], Array] = lambda q: q
        self.heard: list[str] = []
        self.why_stop = ""

    def distrusts(self) -> str:
        return self.why_stop

    def feel(self, now_ns: int, F_tip: Array) -> None:
        self.heard.append("feel")

    def receive(self, now_ns: int, topic: str, signal: Any) -> None:
        self.heard.append(topic)

    def clamp(self, now_ns: int, q: Array, q_measured: Array) -> Array:
        return self.rule(q)


class Rig:
    """A stage whose joints follow its commands at once."""

    def __init__(self, arm: str = "fr3", obstacles: Obstacles = NO_OBSTACLES, zone_m: Array | None = None) -> None:
        self.model: ArmModel = load_arm(arm, "curvilinear")
        self.guard = OpenGuard()
        self.cell = CollisionModel(self.model, obstacles, 0.01, PERIOD_S)
        limits = None if zone_m is None else SpeedLimits(self.cell.bodies, zone_m, 0.1, 0.4)
        self.stage = ArmStage(self.model, PERIOD_S, self.guard, self.cell, limits)
        self.q = self.model.q_home.copy()
        self.now_ns = 0
        self.sent: list[Array] = []
        self.status = MotionStatus(0)
        self.events: list[str] = []
        self.twist: Array | None = None

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.now_ns += PERIOD_NS
            if self.now_ns % (5 * PERIOD_NS) == 0:
                self.hear(self.stage.tick(self.now_ns))
            self.hear(self.stage.receive("joint_states", self.state()))
            if self.twist is not None:
                self.hear(self.stage.receive("probe/twist_command", TwistCommand(self.now_ns, self.twist)))

    def state(self) -> JointState:
        return JointState(self.now_ns, self.q, np.zeros(self.model.n), self.model.gravity_torque(self.q))

    def hear(self, outputs: Any) -> None:
        for topic, signal in outputs:
            if topic == COMMANDS:
                self.sent.append(signal.q)
                self.q = signal.q
            elif topic == "motion/state":
                self.status = signal
            elif topic == "events":
                self.events.append(signal.kind)

    def goal(self, goal_id: str = "a", **where: Any) -> None:
        self.stage.receive("motion/goal", MotionGoal(self.now_ns, goal_id, **where))

    def mode(self, mode: str) -> None:
        self.stage.receive("contact/mode", ContactMode(self.now_ns, mode))

    def velocities(self) -> Array:
        return np.diff(np.array(self.sent), axis=0) / PERIOD_S

    def accelerations(self) -> Array:
        return np.diff(self.velocities(), axis=0) / PERIOD_S


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.step()
    return rig


def test_it_is_a_stage(rig: Rig) -> None:
    assert isinstance(rig.stage, Stage)
    assert rig.stage.call("task/start") == (False, "kinematics serves no 'task/start'")


def test_the_first_command_is_where_the_arm_stands(rig: Rig) -> None:
    assert rig.sent[0] == pytest.approx(rig.model.q_home, abs=0.0)


def test_it_holds_with_one_command_a_state(rig: Rig) -> None:
    rig.step(20)
    assert len(rig.sent) == 21
    assert np.ptp(rig.sent, axis=0).max() == 0.0


def test_the_probes_pose_is_reported_at_100_hz_and_its_twist_with_every_state(rig: Rig) -> None:
    seen = []
    for k in range(1, 51):
        state = JointState(rig.now_ns + k, rig.q, np.full(7, 0.1), np.zeros(7))
        seen += [(topic, s) for topic, s in rig.stage.receive("joint_states", state) if topic.startswith("probe/")]
    assert [topic for topic, _ in seen].count("probe/pose") == 10
    assert [s.stamp_ns - rig.now_ns for topic, s in seen if topic == "probe/twist"] == list(range(1, 51))
    probe = [s for topic, s in seen if topic == "probe/pose"][-1]
    assert probe.stamp_ns == rig.now_ns + 49
    assert probe.T_base_probe == pytest.approx(rig.model.T_base_probe(rig.q))
    assert probe.V_base_probe_in_probe == pytest.approx(rig.model.jacobian_probe(rig.q) @ np.full(7, 0.1))


# --- goals ------------------------------------------------------------------------------------------------------------


def test_a_joint_goal_is_reached_within_limits(rig: Rig) -> None:
    goal = rig.model.q_home + np.array([0.3, -0.2, 0.1, 0.2, -0.1, 0.2, 0.4])
    rig.goal(q=goal)
    rig.step(50)
    assert rig.status.result == "moving" and 0.0 < rig.status.progress < 1.0
    rig.step(2000)
    assert (rig.status.goal_id, rig.status.result, rig.status.progress) == ("a", "reached", 1.0)
    assert rig.q == pytest.approx(goal, abs=1e-9)
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.001 + 1e-6).all()


def test_a_pose_goal_is_reached(rig: Rig) -> None:
    T = pose(np.diag([1.0, -1.0, -1.0]), np.array([0.55, 0.05, 0.2]))
    rig.goal(T_base_probe=T)
    rig.step(3000)
    assert rig.status.result == "reached"
    assert rig.model.T_base_probe(rig.q) == pytest.approx(T, abs=1e-4)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"q": np.full(7, np.nan)}, "not finite"),
        ({"q": np.zeros(6)}, "6 joint positions for 7 joints"),
        ({"q": np.array([3.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0])}, "fr3_joint1 = 3.000 rad lies 0.257 rad beyond"),
        ({"T_base_probe": np.full((4, 4), np.nan)}, "not finite"),
        ({"T_base_probe": 2.0 * np.eye(4)}, "rotation is not one"),
        ({"T_base_probe": pose(np.diag([1.0, -1.0, -1.0]), np.array([2.0, 0.0, 0.2]))}, "does not reach"),
        ({}, "either joint positions or a probe pose"),
    ],
)
def test_a_bad_goal_is_refused_and_nothing_moves(rig: Rig, where: dict[str, Array], reason: str) -> None:
    rig.goal(**where)
    rig.step(10)
    assert rig.status.result == "refused"
    assert reason in rig.status.reason
    assert np.ptp(rig.sent, axis=0).max() == 0.0


def test_a_goal_before_any_joint_state_is_refused() -> None:
    rig = Rig()
    rig.goal(q=rig.q)
    rig.hear(rig.stage.tick(0))
    assert (rig.status.result, rig.status.reason) == ("refused", "no joint state has arrived yet")


def test_a_bad_goal_leaves_the_motion_under_way(rig: Rig) -> None:
    rig.goal(q=rig.model.q_home + 0.2)
    rig.step(20)
    rig.goal("b", q=np.full(7, np.nan))
    rig.step(2000)
    assert (rig.status.goal_id, rig.status.result) == ("a", "reached")
    assert "refused_goal" in rig.events


def test_a_new_goal_replaces_the_old_one_smoothly(rig: Rig) -> None:
    rig.goal(q=rig.model.q_home + 0.4)
    rig.step(150)
    rig.goal("b", q=rig.model.q_home - 0.1)
    rig.step(3000)
    assert (rig.status.goal_id, rig.status.result) == ("b", "reached")
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.01 + 1e-3).all()


def test_joints_that_do_not_follow_end_the_goal(rig: Rig) -> None:
    rig.goal(q=rig.model.q_home + 0.05)
    rig.hear = lambda outputs: [setattr(rig, "status", s) for t, s in outputs if t == "motion/state"]  # type: ignore[assignment]
    rig.step(1500)
    assert rig.status.result == "stopped"
    assert "0.050 rad from the goal" in rig.status.reason


# --- contact ----------------------------------------------------------------------------------------------------------


def test_a_twist_moves_the_probe_as_asked(rig: Rig) -> None:
    rig.mode("approach")
    rig.twist = INTO
    T = rig.model.T_base_probe(rig.q)
    rig.step(500)
    moved = rig.model.T_base_probe(rig.q)[:3, 3] - T[:3, 3]
    assert moved == pytest.approx([0.0, 0.0, -0.02], abs=5e-4)
    assert len(rig.sent) == 2 + 500  # two holds before the first twist, then one command a twist


def test_it_integrates_what_was_sent_not_what_was_measured(rig: Rig) -> None:
    rig.mode("approach")
    rig.twist = INTO
    rig.step(5)
    rig.q = rig.q + 0.01
    rig.step(2)
    assert np.abs(rig.velocities()).max() < 0.1


def test_it_goes_on_from_what_the_guard_sent(rig: Rig) -> None:
    rig.mode("approach")
    rig.twist = INTO
    rig.step(50)
    held = rig.q
    rig.guard.rule = lambda q: held
    rig.step(50)
    rig.guard.rule = lambda q: q
    rig.step(1)
    assert (np.abs(rig.sent[-1] - held) <= rig.model.qdd_max * PERIOD_S**2 + 1e-12).all()


def test_twists_are_ignored_while_the_mode_is_off(rig: Rig) -> None:
    rig.twist = INTO
    rig.step(20)
    assert np.ptp(rig.sent, axis=0).max() == 0.0


def test_goals_are_refused_while_contact_has_the_arm(rig: Rig) -> None:
    rig.mode("scan")
    rig.goal(q=rig.model.q_home + 0.1)
    rig.step(10)
    assert (rig.status.result, rig.status.reason) == ("refused", "contact mode is 'scan'")


def test_silent_twists_bring_a_smooth_stop(rig: Rig) -> None:
    rig.mode("approach")
    rig.twist = INTO
    rig.step(200)
    rig.twist = None
    sent = len(rig.sent)
    rig.step(SILENT_PERIODS)
    assert len(rig.sent) == sent
    rig.step(500)
    assert "silent_twist_command" in rig.events
    assert np.abs(rig.velocities()[-1]).max() == 0.0
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.01).all()


@pytest.mark.parametrize("mode", ["hold", "scan"])
def test_a_mode_change_in_motion_stops_smoothly_and_ends_the_goal(rig: Rig, mode: str) -> None:
    rig.goal(q=rig.model.q_home + 0.4)
    rig.step(200)
    assert np.abs(rig.velocities()[-1]).max() > 0.1
    rig.mode(mode)
    rig.twist = np.zeros(6)
    rig.step(800)
    assert (rig.status.result, rig.status.reason) == ("stopped", f"contact mode '{mode}'")
    assert np.abs(rig.velocities()[-1]).max() < 0.11  # what remains is the posture's drift
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.01 + 1e-3).all()


def test_leaving_contact_in_motion_stops_smoothly(rig: Rig) -> None:
    rig.mode("approach")
    rig.twist = INTO
    rig.step(200)
    rig.twist = None
    rig.mode("off")
    rig.step(500)
    assert np.abs(rig.velocities()[-1]).max() == 0.0
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.01).all()


@pytest.mark.parametrize(
    ("twist", "kind"),
    [
        (TwistCommand(10**12, np.full(6, np.nan)), "bad_twist_command"),
        (TwistCommand(10**12, np.zeros(5)), "bad_twist_command"),
        (TwistCommand(1, INTO), "stale_twist_command"),
    ],
)
def test_a_bad_twist_is_counted_and_ignored(rig: Rig, twist: TwistCommand, kind: str) -> None:
    rig.mode("approach")
    rig.twist = INTO
    rig.step(20)
    assert list(rig.stage.receive("probe/twist_command", twist)) == []
    rig.step(10)
    assert kind in rig.events


# --- joints -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "age_ns", "kind"),
    [
        (np.full(7, np.nan), 0, "bad_joint_state"),
        (np.zeros(6), 0, "bad_joint_state"),
        (np.zeros(7), 1, "stale_joint_state"),
    ],
)
def test_a_bad_joint_state_is_counted_and_ignored(rig: Rig, q: Array, age_ns: int, kind: str) -> None:
    state = JointState(rig.now_ns - age_ns, q, np.zeros(len(q)), np.zeros(len(q)))
    assert list(rig.stage.receive("joint_states", state)) == []
    rig.step(10)
    assert rig.events == [kind]


def test_wrapped_readings_are_continued() -> None:
    rig = Rig("gen3")
    rig.q[6] = np.pi - 0.01
    rig.step()
    beyond = rig.q + 0.02 * np.eye(7)[6]
    wrapped = beyond - 2.0 * np.pi * np.eye(7)[6]
    rig.stage.receive("joint_states", JointState(rig.now_ns + 1, wrapped, np.zeros(7), np.zeros(7)))
    assert rig.stage._reading.q == pytest.approx(beyond, abs=1e-12)


def test_heartbeat_only_while_joint_states_arrive(rig: Rig) -> None:
    def beats(now_ns: int) -> bool:
        return "heartbeat" in [topic for topic, _ in rig.stage.tick(now_ns)]

    rig.step(10)
    assert beats(rig.now_ns + 40_000_000)
    assert not beats(rig.now_ns + 100_000_000)
    rig.stage.receive("joint_states", JointState(rig.now_ns + 1, rig.q, np.zeros(7), np.zeros(7)))
    assert beats(rig.now_ns + 110_000_000)


# --- safety -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "signal"), [("safety/stop", StopRequest(True)), ("safety/state", SafetyStatus(0, "stopped", ("force",)))]
)
def test_a_stop_brakes_and_latches_until_reset(rig: Rig, topic: str, signal: Any) -> None:
    rig.goal(q=rig.model.q_home + 0.4)
    rig.step(200)
    rig.stage.receive(topic, signal)
    rig.step(800)
    assert rig.status.result == "stopped"
    assert np.abs(rig.velocities()[-1]).max() == 0.0
    rig.goal("b", q=rig.model.q_home)
    rig.step(10)
    assert (rig.status.result, rig.status.reason) == ("refused", "safety is stopped")
    rig.stage.receive("safety/state", SafetyStatus(1, "stopped", ("force",)))
    rig.stage.receive("safety/state", SafetyStatus(2, "ok"))
    rig.step(100)
    assert np.abs(rig.velocities()[-1]).max() == 0.0  # nothing resumes by itself
    rig.goal("c", q=rig.model.q_home)
    rig.step(2000)
    assert (rig.status.goal_id, rig.status.result) == ("c", "reached")


def test_after_a_stop_contact_needs_a_new_mode(rig: Rig) -> None:
    rig.mode("approach")
    rig.twist = INTO
    rig.step(50)
    rig.stage.receive("safety/state", SafetyStatus(0, "stopped", ("x",)))
    rig.stage.receive("safety/state", SafetyStatus(1, "ok"))
    rig.step(300)
    assert np.abs(rig.velocities()[-1]).max() == 0.0
    rig.mode("approach")
    rig.step(50)
    assert np.abs(rig.velocities()[-1]).max() > 0.0


def test_retreat_ends_a_free_motion(rig: Rig) -> None:
    rig.goal(q=rig.model.q_home + 0.4)
    rig.step(100)
    rig.stage.receive("safety/state", SafetyStatus(0, "retreat", ("imaging is silent",)))
    rig.step(500)
    assert (rig.status.result, rig.status.reason) == ("stopped", "safety: imaging is silent")


def test_the_guard_hears_permits_and_stops(rig: Rig) -> None:
    rig.stage.receive("safety/permit", object())
    rig.stage.receive("safety/stop", StopRequest(False))
    assert rig.guard.heard == ["safety/permit", "safety/stop"]
    rig.goal(q=rig.model.q_home + 0.1)
    rig.step(10)
    assert rig.status.result == "moving"  # False is never obeyed


def test_a_guard_that_slows_does_not_keep_the_goal_from_being_reached(rig: Rig) -> None:
    largest = 0.2 * PERIOD_S

    def slow(q: Array) -> Array:
        step = q - rig.q
        return rig.q + step * min(1.0, largest / max(float(np.abs(step).max()), 1e-12))

    rig.guard.rule = slow
    rig.goal(q=rig.model.q_home + 0.3)
    rig.step(2500)
    assert rig.status.result == "reached"
    assert np.abs(rig.velocities()).max() <= 0.2 + 1e-9


def test_a_stream_of_jumping_twists_keeps_the_jerk() -> None:
    """The acceleration of what was sent is what the next step goes on from."""
    rig, rng = Rig("iiwa7"), np.random.default_rng(2)
    rig.step()
    rig.mode("scan")
    for _ in range(200):
        rig.twist = 0.02 * rng.normal(size=6)
        rig.step()
    jerk = np.abs(np.diff(rig.accelerations(), axis=0)) / PERIOD_S
    assert jerk.max() > 400.0
    assert (jerk <= rig.model.stream_jerk_rad_per_s3 * (1.0 + 1e-6)).all()


def test_an_arm_that_does_not_follow_asks_for_a_stop(rig: Rig) -> None:
    rig.guard.why_stop = "it does not follow"
    said = list(rig.stage.tick(rig.stage.now_ns + 10_000_000))
    assert ("safety/stop", StopRequest(True)) in said


def test_torques_tell_of_force_in_contact_alone_and_at_a_singularity_too() -> None:
    rig = Rig()
    rig.step(20)
    assert "feel" not in rig.guard.heard
    rig.hear(rig.stage.receive("contact/mode", ContactMode(rig.now_ns, "approach")))
    rig.step(20)
    assert "feel" in rig.guard.heard
    stretched = np.zeros(7)
    assert np.isfinite(load_arm("iiwa7", "linear").tip_wrench(stretched, np.ones(7))).all()
