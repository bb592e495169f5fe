"""The planner against a scripted cell that answers as kinematics, contact, imaging and safety would."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import UnknownName
from medrobot_ros.geometry.coverage import covered
from medrobot_ros.geometry.pose import interpolate, inverse, pose
from medrobot_ros.geometry.reference import reference_spheres
from medrobot_ros.planning.gel import GelWatch
from medrobot_ros.planning.registry import TASKS, task_factory, task_settings
from medrobot_ros.planning.task import PlannerStage
from medrobot_ros.signals import (
    PUSHED_AWAY,
    ContactStatus,
    HardwareStatus,
    ImageGeometry,
    ImageQuality,
    MotionStatus,
    ProbeState,
    SafetyStatus,
    Wrench,
)
from medrobot_ros.stage import Stage
from medrobot_ros.twin.body import analytic_torso
from medrobot_ros.twin.camera import DepthCamera

TICK_NS = 50_000_000
DOWN = np.diag([1.0, -1.0, -1.0])
T_HOME = pose(DOWN, np.array([0.5, 0.0, 0.41]))
Q_HOME = np.array([0.1, 0.2, 0.3])
BODY = analytic_torso()
CAMERA = CellConfig().camera
SPHERES = reference_spheres(CellConfig().body, CAMERA)
MOVE_TICKS, APPROACH_TICKS, SEAT_TICKS, TARE_TICKS, RETREAT_TICKS, JOLT_TICKS = 10, 10, 10, 4, 10, 3
FAST = {"size_m": (0.06, 0.12), "line_spacing_m": 0.06, "speed_m_per_s": 0.05}  # three lines


def config(hardware="mock", **scan):
    base = CellConfig()
    return replace(base, scan=replace(base.scan, **{**FAST, **scan}), hardware=replace(base.hardware, name=hardware))


class Cell:
    """A cell that does what it is told, in whole ticks; tests make it misbehave through its attributes."""

    def __init__(self, **changes):
        self.planner = PlannerStage(config(**changes), Q_HOME, T_HOME)
        self.now_ns = 0
        self.heard = []  # (topic, signal) that the planner has sent
        self.T_probe, self.T_patient = T_HOME, pose(np.eye(3), np.array([0.55, 0.0, 0.06]))
        self.camera = DepthCamera(BODY, 1, SPHERES, CAMERA.sphere_radius_m)
        self.mode, self.state, self.reason, self.since = "off", "free", "", 0
        self.tared, self.reference, self.progress, self.started = False, None, 0.0, 0
        self.motion, self.goal, self.goal_since = MotionStatus(0), None, 0
        self.safety = SafetyStatus(0, "ok")
        # what may go wrong
        self.silent = set()
        self.accept = lambda cell: True
        self.give_up_at = None  # share of the first pass
        self.tares = True
        self.dry = False  # without gel
        self.refuses = ""
        self.weight_n = 0.0
        self.home_error_m = 0.0
        self.depth_error_m = 0.0
        self.jolt_m = None  # how deep the first touch of all is, which is none

    @property
    def ticks(self):
        return self.now_ns // TICK_NS

    @property
    def status(self):
        return self.of("task/state")[-1]

    def of(self, topic):
        return [s for t, s in self.heard if t == topic]

    @property
    def modes_asked(self):
        return [s.mode for s in self.of("contact/mode")]

    # --- one tick

    def step(self):
        self.now_ns += TICK_NS
        self.planner.now_ns = self.now_ns
        self._move()
        self._touch()
        for topic, signal in self._signals():
            if topic not in self.silent:
                self.planner.receive(topic, signal)
        out = list(self.planner.tick(self.now_ns))
        assert [t for t, _ in out].count("heartbeat") == 1
        self.heard += [(t, s) for t, s in out if t != "heartbeat"]
        for topic, signal in out:
            self._obey(topic, signal)

    def run(self, until, limit_s=120.0):
        for _ in range(round(limit_s * 1e9 / TICK_NS)):
            self.step()
            if until(self):
                return self
        pytest.fail(f"not within {limit_s} s: {self.planner._last_status}")
        return None

    def to_phase(self, phase):
        return self.run(lambda c: c.of("task/state") and c.status.phase == phase)

    def to_end(self):
        return self.run(lambda c: c.of("task/state") and c.status.outcome)

    def start(self):
        self.step()
        granted, why = self.planner.call("task/start")
        assert granted, why
        return self

    # --- what the others do

    def _obey(self, topic, signal):
        if topic.startswith("motion/"):
            assert self.mode == "off" and self.state == "free", "a motion goal while contact has the arm"
            if self.safety.state != "ok":
                self.motion = MotionStatus(self.now_ns, signal.goal_id, 0.0, "refused", f"safety is {self.safety.state}")
            elif self.refuses:
                self.motion = MotionStatus(self.now_ns, signal.goal_id, 0.0, "refused", self.refuses)
            else:
                self.goal, self.goal_since = signal, self.ticks
                self.motion = MotionStatus(self.now_ns, signal.goal_id, 0.0, "moving")
        elif topic == "scan/reference":
            self.reference, self.progress = signal, 0.0
        elif topic == "contact/mode":
            self._ask(signal.mode)

    def _ask(self, mode):
        self.mode, self.since, self.reason = mode, self.ticks, ""
        if mode == "off":
            self.state = "free"
        elif mode == "tare":
            self.tared = False
        elif mode == "approach":
            assert self.tared and self.reference is not None
            self.state = "approach"
        elif mode == "retreat" and self.state != "free":
            self.state = "retreat"

    def _move(self):
        if self.goal is not None and self.safety.state == "ok" and self.ticks - self.goal_since > MOVE_TICKS:
            T = self.goal.T_base_probe
            self.T_probe = T_HOME @ pose(np.eye(3), np.array([self.home_error_m, 0, 0])) if T is None else T
            self.motion = MotionStatus(self.now_ns, self.goal.goal_id, 1.0, "reached")
            self.goal = None

    def _touch(self):
        waited = self.ticks - self.since
        if self.safety.state != "ok":
            return
        if self.mode == "tare" and waited > TARE_TICKS:
            self.tared = self.tares
            self.reason = "" if self.tares else "tare refused: wrench not steady"
        elif self.mode == "approach" and self.state == "approach" and waited > APPROACH_TICKS:
            self.state, self.since, self.started = "seat", self.ticks, self.started + 1
            self._reach(0.006 + self.depth_error_m if self.jolt_m is None else self.jolt_m)
        elif self.state == "seat" and self.jolt_m is not None and waited > JOLT_TICKS:
            self.state, self.since, self.jolt_m = "lost", self.ticks, None
        elif self.state == "lost" and waited > APPROACH_TICKS:
            self.state, self.since = "seat", self.ticks
            self._reach(0.006)
        elif self.state == "seat" and waited > SEAT_TICKS:
            self.reason = "seated"
            if self.mode == "scan":
                self.state = "scan"
        elif self.state == "scan":
            self._scan()
        elif self.state == "retreat" and waited > RETREAT_TICKS:
            self.state, self.reason = "free", ""
            self.T_probe = self.T_probe @ pose(np.eye(3), np.array([0, 0, -0.06]))

    def _reach(self, depth_m):
        self.T_probe = self.reference.T_base_probe[0] @ pose(np.eye(3), np.array([0, 0, depth_m]))

    def _scan(self):
        r = self.reference
        self.progress = min(1.0, self.progress + 1e-9 * TICK_NS / r.time_s[-1])
        k = min(int(self.progress * len(r.time_s)), len(r.time_s) - 2)
        self.T_probe = interpolate(r.T_base_probe[k], r.T_base_probe[k + 1], 0.5)
        if self.started == 1 and self.give_up_at is not None and self.progress > self.give_up_at:
            self.state, self.since, self.reason = "retreat", self.ticks, "contact not found again within 30 mm"

    def _signals(self):
        now = self.now_ns
        yield "safety/state", self.safety
        yield "probe/pose", ProbeState(now, self.T_probe)
        yield "motion/state", replace(self.motion, stamp_ns=now)
        reference = self.reference.reference_id if self.reference else ""
        yield "contact/state", ContactStatus(
            now, self.mode, self.state, 5.0 if self.state == "scan" else None, tared=self.tared, reference_id=reference,
            progress=self.progress, reason=self.reason,
        )
        yield "contact/wrench", Wrench(now, "probe", np.array([0, self.weight_n, 0, 0, 0, 0]))
        yield "hardware/state", HardwareStatus(now)
        yield "image/geometry", ImageGeometry(now, "curvilinear", 480, 640, (1e-4, 1e-4), np.eye(4), 0.12, 0.056)
        seen = self.state == "scan"
        good = seen and self.accept(self) and not self.dry
        share, coupled_m = seen * (0.05 if self.dry else 1.0), (-0.0235, 0.0235) if seen else (0.0, 0.0)
        yield "image/quality", ImageQuality(now, share, 0.6 * seen, coupled_m, good)
        if self.ticks % 20 == 0:
            yield "surface", self.camera.surface(now, self.T_patient, 0.005 * np.sin(1.6e-9 * now), self.T_probe)

    def side_m(self):
        """The probe's place across the patient."""
        return float((inverse(self.T_patient) @ self.T_probe)[0, 3])


# --- it goes well -----------------------------------------------------------------------------------------------------


def test_an_examination_is_accepted_in_one_unbroken_contact():
    cell = Cell().start().to_end()
    assert cell.status.outcome == "accepted" and cell.status.coverage == 1.0 and cell.status.repeats == 0
    assert (cell.status.mode, cell.status.phase, cell.status.reason) == ("concluded", "done", "")
    assert cell.started == 1
    phases = list(dict.fromkeys(s.phase for s in cell.of("task/state")))
    assert phases[-7:] == ["move", "approach", "seat", "scan", "retreat", "return", "done"]
    assert {"check", "home", "find"} <= set(phases[:-7])
    assert np.allclose(cell.T_probe, T_HOME)
    assert cell.modes_asked[-1] == "off"


def test_what_is_published_follows_the_interface():
    cell = Cell().start().to_end()
    (path,) = cell.of("scan/path")
    (reference,) = cell.of("scan/reference")
    assert np.array_equal(path.T_base_probe, reference.T_base_probe)
    (force,) = cell.of("scan/force_reference")
    assert force.frame == "probe" and np.array_equal(force.F, [0, 0, -5.0, 0, 0, 0])
    above, first = cell.of("motion/goal_pose")[1].T_base_probe, reference.T_base_probe[0]
    assert np.allclose(inverse(first) @ above, pose(np.eye(3), np.array([0, 0, -0.05])), atol=1e-9)
    assert np.array_equal(cell.of("motion/goal")[0].q, Q_HOME)
    assert all(g.goal_id == str(g.stamp_ns) for t in ("motion/goal", "motion/goal_pose") for g in cell.of(t))
    assert not cell.of("safety/stop") and not cell.of("events")


def test_status_comes_on_change_and_each_second_and_markers_at_most_twice_a_second():
    cell = Cell().start().to_end()
    stamps = np.array([s.stamp_ns for s in cell.of("task/state")])
    assert np.diff(stamps).max() <= 1_000_000_000
    skins = cell.of("scan/markers")
    assert len(skins) > 3 and np.diff([s.stamp_ns for s in skins]).min() >= 500_000_000
    assert all(not np.array_equal(a.quality, b.quality, equal_nan=True) for a, b in pairwise(skins))
    cell.run(lambda c: c.now_ns > stamps[-1] + 2_000_000_000)
    assert np.isfinite(cell.of("scan/markers")[-1].quality).all()


def test_the_time_left_falls_to_nothing():
    left = [s.time_left_s for s in Cell().start().to_end().of("task/state")]
    assert left[-1] is None
    scanning = [t for t in left if t is not None]
    assert scanning[0] > 20.0 and scanning[-1] < 8.0


def test_a_second_examination_follows_the_first():
    cell = Cell().start().to_end()
    assert cell.planner.call("task/start")[0]
    cell.step()
    assert cell.status.outcome == "" and cell.status.coverage == 0.0
    assert cell.to_end().status.outcome == "accepted" and cell.started == 2


# --- what is not good enough is repeated ------------------------------------------------------------------------------


def test_a_line_with_poor_images_is_repeated_alone():
    cell = Cell()
    cell.accept = lambda c: c.started > 1 or abs(c.side_m()) > 0.015
    cell.start().to_end()
    assert cell.status.outcome == "accepted" and cell.status.repeats == 1 and cell.started == 2
    whole, repeat = cell.of("scan/reference")
    assert repeat.time_s[-1] < 0.5 * whole.time_s[-1]
    side = [(inverse(cell.T_patient) @ T)[0, 3] for T in repeat.T_base_probe]
    assert np.abs(side).max() < 0.005
    assert "repeat" in [s.phase for s in cell.of("task/state")]


def test_lines_that_do_not_neighbour_are_repeated_in_contacts_of_their_own():
    cell = Cell()
    cell.accept = lambda c: c.started > 1 or abs(c.side_m()) < 0.015
    cell.start().to_end()
    assert cell.status.outcome == "accepted" and cell.status.repeats == 1 and cell.started == 3


@pytest.mark.parametrize("rounds", [0, 2])
def test_lines_that_stay_poor_end_in_a_rejection(rounds):
    cell = Cell(max_repeats=rounds)
    cell.accept = lambda c: c.side_m() < 0.015
    cell.start().to_end()
    assert cell.status.outcome == "rejected" and "coverage" in cell.status.reason
    assert cell.status.repeats == rounds and cell.started == 1 + rounds
    assert np.allclose(cell.T_probe, T_HOME)


def test_the_coverage_that_is_needed_is_the_configured_one():
    cell = Cell(min_coverage=0.5, max_repeats=0)
    cell.accept = lambda c: c.side_m() < 0.015
    assert cell.start().to_end().status.outcome == "accepted"
    assert 0.5 < cell.status.coverage < 0.95


def test_contact_that_is_lost_for_good_is_made_up_for():
    cell = Cell()
    cell.give_up_at = 0.5
    cell.start().to_end()
    assert cell.status.outcome == "accepted" and cell.status.repeats == 1 and cell.started == 2


def test_the_reason_why_contact_gave_up_is_told():
    cell = Cell(max_repeats=0)
    cell.give_up_at = 0.5
    cell.start().to_end()
    assert cell.status.outcome == "rejected" and "contact not found again" in cell.status.reason


def test_the_greatest_time_in_contact_ends_the_scan():
    cell = Cell(max_contact_s=5.0).start().to_end()
    assert cell.status.outcome == "rejected" and "5 s in contact" in cell.status.reason
    assert 0.0 < cell.status.coverage < 0.95 and cell.started == 1
    assert "retreat" in cell.modes_asked and np.allclose(cell.T_probe, T_HOME)


# --- people -----------------------------------------------------------------------------------------------------------


def test_pause_lifts_the_probe_and_resume_scans_what_is_left():
    cell = Cell().start().to_phase("scan")
    cell.run(lambda c: c.progress > 0.5)
    assert cell.planner.call("task/pause") == (True, "paused")
    cell.run(lambda c: c.state == "free")
    for _ in range(200):
        cell.step()
    assert cell.status.mode == "paused" and cell.state == "free" and cell.mode == "off"
    before = cell.status.coverage
    assert cell.planner.call("task/resume")[0]
    cell.to_end()
    assert cell.status.outcome == "accepted" and before > 0.3 and cell.status.repeats == 0
    first, rest = cell.of("scan/reference")
    assert rest.time_s[-1] < first.time_s[-1]


def test_a_probe_without_gel_pauses_until_the_operator_resumes():
    cell = Cell().start().run(lambda c: c.state == "scan")
    cell.dry = True
    began_ns = cell.now_ns
    cell.run(lambda c: c.status.mode == "paused")
    assert 1e-9 * (cell.now_ns - began_ns) == pytest.approx(CellConfig().scan.gel_s, abs=0.2)
    assert "apply gel" in cell.status.reason
    assert [e.kind for e in cell.of("events")] == ["gel_needed"]
    for _ in range(400):
        cell.step()
    assert cell.status.mode == "paused" and cell.state == "free"
    cell.dry = False
    assert cell.planner.call("task/resume")[0]
    assert cell.to_end().status.outcome == "accepted" and cell.status.reason == ""


def test_a_probe_that_was_pushed_away_waits_for_a_person():
    cell = Cell().start().run(lambda c: c.state == "scan")
    cell.state, cell.reason = "free", PUSHED_AWAY
    cell.run(lambda c: c.status.mode == "paused", limit_s=1.0)
    assert cell.status.reason == PUSHED_AWAY and [e.kind for e in cell.of("events")] == ["pushed_away"]
    cell.reason = ""  # as contact forgets it with the next mode
    for _ in range(400):
        cell.step()
    assert cell.status.mode == "paused"
    assert cell.planner.call("task/resume")[0]
    assert cell.to_end().status.outcome == "accepted" and cell.status.reason == ""


def test_gel_is_not_asked_for_while_the_probe_is_not_pressed():
    watch = GelWatch(CellConfig())
    for k in range(200):
        contact = ContactStatus(k, "scan", "scan", force_n=2.0) if k < 100 else ContactStatus(k, "approach", "seat", force_n=5.0)
        watch.hear(ImageQuality(k * 50_000_000, 0.0, 0.0, (0.0, 0.0), False), contact)
    assert watch.why == ""


def test_a_moment_of_coupling_starts_the_wait_for_gel_anew():
    watch, contact = GelWatch(CellConfig()), ContactStatus(0, "scan", "scan", force_n=5.0)
    for k in range(200):
        share = 1.0 if k % 60 == 0 else 0.0  # 3 s at most without
        watch.hear(ImageQuality(k * 50_000_000, share, 0.0, (0.0, 0.0), False), contact)
        assert watch.why == ""


@pytest.mark.parametrize("phase", ["check", "home", "find", "move", "approach", "seat", "scan", "return"])
def test_pause_and_resume_in_any_phase(phase):
    cell = Cell().start().to_phase(phase)
    assert cell.planner.call("task/pause")[0]
    for _ in range(60):
        cell.step()
    assert cell.status.mode == "paused" and cell.state == "free"
    assert cell.planner.call("task/resume")[0]
    assert cell.to_end().status.outcome == "accepted"


@pytest.mark.parametrize("phase", ["check", "home", "find", "move", "approach", "seat", "scan", "return"])
def test_abort_in_any_phase_retreats_and_concludes(phase):
    cell = Cell().start().to_phase(phase)
    assert cell.planner.call("task/abort")[0]
    cell.to_end()
    assert cell.status.outcome == "aborted" and cell.state == "free" and np.allclose(cell.T_probe, T_HOME)


def test_abort_before_anything_moved_moves_nothing():
    cell = Cell()
    cell.silent.add("surface")
    cell.start().to_phase("check")
    cell.planner.call("task/abort")
    cell.to_end()
    assert cell.status.outcome == "aborted" and not cell.of("motion/goal")


def test_requests_that_make_no_sense_are_refused_with_a_reason():
    cell = Cell()
    assert cell.planner.call("task/start") == (False, "safety is 'silent'")
    cell.step()
    assert cell.planner.call("task/resume") == (False, "'resume' is refused while idle")
    assert cell.planner.call("task/shift") == (False, "planner serves no 'task/shift'")
    cell.start()
    assert cell.planner.call("task/start")[0] is False


# --- a patient who moves ----------------------------------------------------------------------------------------------


def test_a_shift_pauses_and_the_patient_is_found_again():
    cell = Cell().start().to_phase("scan")
    cell.run(lambda c: c.progress > 0.3)
    cell.T_patient = cell.T_patient @ pose(np.eye(3), np.array([0.025, 0.0, 0.0]))
    cell.run(lambda c: c.status.mode == "paused", 5.0)
    assert "moved +2" in cell.status.reason and "left" in cell.status.reason
    cell.to_end()
    assert cell.status.outcome == "accepted" and cell.status.repeats == 0
    before, after = cell.of("scan/path")
    assert np.mean(after.T_base_probe[:, 0, 3] - before.T_base_probe[:, 0, 3]) == pytest.approx(0.025, abs=0.003)


def test_what_was_imaged_after_a_shift_and_before_it_was_seen_is_scanned_again():
    cell, taken = Cell(speed_m_per_s=0.02).start().to_phase("scan"), []

    def judged(c):
        taken.append(inverse(c.T_patient) @ c.T_probe)
        return True

    cell.accept = judged
    cell.run(lambda c: c.progress > 0.85)
    cell.T_patient = cell.T_patient @ pose(np.eye(3), np.array([0.0, 0.03, 0.0]))
    cell.run(lambda c: c.status.mode == "paused")
    assert cell.to_end().status.outcome == "accepted"
    T = inverse(cell.T_patient)
    p_patient = cell.of("scan/markers")[-1].points @ T[:3, :3].T + T[:3, 3]
    done = np.any([covered(T_patient_probe, (-0.0235, 0.0235), p_patient) for T_patient_probe in taken], axis=0)
    assert done.mean() > 0.95


def test_a_breathing_patient_who_lies_still_is_not_found_to_shift():
    cell = Cell(speed_m_per_s=0.01).start().to_end()
    assert cell.status.outcome == "accepted" and len(cell.of("scan/path")) == 1
    assert "paused" not in {s.mode for s in cell.of("task/state")}


def test_a_patient_who_never_lies_still_ends_the_examination():
    cell = Cell().start().to_phase("scan")
    rest = cell.T_patient
    side = lambda c: 0.03 if c.now_ns // 1_000_000_000 % 2 else -0.03  # noqa: E731

    def restless(c):
        c.T_patient = rest @ pose(np.eye(3), np.array([side(c), 0.0, 0.0]))
        return bool(c.status.outcome)

    cell.run(restless)
    assert cell.status.outcome == "rejected" and "does not lie still" in cell.status.reason


def test_a_person_may_hold_a_pause_that_a_shift_began():
    cell = Cell().start().to_phase("scan")
    cell.T_patient = cell.T_patient @ pose(np.eye(3), np.array([0.03, 0.0, 0.0]))
    cell.run(lambda c: c.status.mode == "paused")
    assert cell.planner.call("task/pause")[0]
    for _ in range(400):
        cell.step()
    assert cell.status.mode == "paused"


# --- safety -----------------------------------------------------------------------------------------------------------


def test_a_safety_stop_concludes_and_nothing_resumes_by_itself():
    cell = Cell().start().to_phase("scan")
    cell.safety = SafetyStatus(cell.now_ns, "stopped", ("imaging silent for more than 500 ms",))
    cell.step()
    assert cell.status.outcome == "stopped" and cell.status.mode == "stopped" and "imaging silent" in cell.status.reason
    sent = len(cell.of("motion/goal") + cell.of("motion/goal_pose"))
    assert cell.planner.call("task/resume")[0] is False
    for _ in range(100):
        cell.step()
    cell.safety = SafetyStatus(cell.now_ns, "ok")
    for _ in range(100):
        cell.step()
    assert cell.status.mode == "ready"
    assert len(cell.of("motion/goal") + cell.of("motion/goal_pose")) == sent and cell.modes_asked[-1] == "off"


def test_after_a_reset_a_person_resumes_and_the_probe_first_leaves_the_skin():
    cell = Cell().start().to_phase("scan")
    cell.run(lambda c: c.progress > 0.5)
    cell.safety = SafetyStatus(cell.now_ns, "stopped", ("stop requested",))
    cell.step()
    cell.safety = SafetyStatus(cell.now_ns, "ok")
    cell.step()
    T_stopped, sent = cell.T_probe, len(cell.of("motion/goal_pose"))
    assert cell.planner.call("task/resume")[0]
    cell.to_end()
    assert cell.status.outcome == "accepted"
    step = inverse(T_stopped) @ cell.of("motion/goal_pose")[sent].T_base_probe
    assert np.allclose(step, pose(np.eye(3), np.array([0, 0, -0.06])), atol=1e-6)


def stopped_on_the_way_home():
    """From an examination that a step's failure had ended."""
    cell = Cell()
    cell.depth_error_m = 0.03
    cell.start().run(lambda c: c.status.mode == "retreating")
    cell.safety = SafetyStatus(cell.now_ns, "stopped", ("stop requested",))
    cell.step()
    return cell


def test_what_failed_before_a_stop_does_not_reject_what_a_person_resumes():
    cell = stopped_on_the_way_home()
    cell.safety, cell.depth_error_m = SafetyStatus(cell.now_ns, "ok"), 0.0
    cell.step()
    assert cell.planner.call("task/resume")[0]
    cell.step()
    assert cell.to_end().status.outcome == "accepted" and cell.status.coverage == 1.0


def test_an_abort_after_a_stop_keeps_the_outcome():
    cell = Cell().start().to_phase("scan")
    cell.safety = SafetyStatus(cell.now_ns, "stopped", ("stop requested",))
    cell.step()
    assert cell.planner.call("task/abort") == (True, "concluded")
    cell.step()
    assert cell.status.outcome == "stopped" and cell.status.mode == "concluded"


def test_a_stop_on_the_way_home_is_the_outcome_whatever_was_to_be_concluded():
    cell = stopped_on_the_way_home()
    cell.safety = SafetyStatus(cell.now_ns, "ok")
    cell.step()
    assert cell.planner.call("task/abort")[0]
    cell.run(lambda c: c.status.mode == "concluded")
    assert (cell.status.outcome, cell.status.reason) == ("stopped", "stop requested")


def test_a_safety_retreat_asks_contact_to_retreat_before_the_stop():
    cell = Cell().start().to_phase("scan")
    cell.safety = SafetyStatus(cell.now_ns, "retreat", ("imaging silent",))
    cell.step()
    assert cell.modes_asked[-1] == "retreat" and cell.status.outcome == ""
    cell.safety = SafetyStatus(cell.now_ns, "stopped", ("imaging silent", "retreated"))
    cell.step()
    assert cell.status.outcome == "stopped"


# --- what is checked before and while moving --------------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["surface", "image/quality", "image/geometry", "contact/state", "hardware/state", "probe/pose"])
def test_a_missing_input_stops_before_motion_and_is_named(topic):
    cell = Cell()
    cell.silent.add(topic)
    cell.start().to_end()
    assert cell.status.outcome == "rejected" and topic in cell.status.reason
    assert not cell.of("motion/goal")


def test_a_real_arm_waits_for_the_region_to_be_confirmed():
    assert "confirmed" in Cell(hardware="ros2_control").start().to_end().status.reason
    assert Cell(hardware="ros2_control", confirmed=True).start().to_end().status.outcome == "accepted"


@pytest.mark.parametrize(
    ("fault", "value", "why"),
    [
        ("weight_n", 0.9, "is it the right probe"),
        ("home_error_m", 0.006, "6.0 mm"),
        ("tares", False, "tare refused"),
        ("refuses", "no IK solution", "refused: no IK solution"),
        ("depth_error_m", 0.03, "is the tool point or the camera wrong"),
        ("depth_error_m", -0.03, "is the tool point or the camera wrong"),
    ],
)
def test_what_is_implausible_ends_the_examination_with_its_reason(fault, value, why):
    cell = Cell()
    setattr(cell, fault, value)
    cell.start().to_end()
    assert cell.status.outcome == "rejected" and why in cell.status.reason
    assert cell.state == "free"


def test_a_jolt_in_the_air_on_the_way_to_the_skin_is_no_misplaced_skin():
    cell = Cell()
    cell.jolt_m = -0.032
    assert cell.start().to_end().status.outcome == "accepted"
    assert cell.started == 1 and cell.jolt_m is None


@pytest.mark.parametrize("offset_m", [(0.008, 0.0, 0.0), (0.0, -0.006, 0.0), (0.0, 0.0, 0.007)])
def test_a_camera_that_is_not_where_it_should_be_moves_nothing(offset_m):
    cell = Cell()
    cell.camera = DepthCamera(BODY, 1, SPHERES, CAMERA.sphere_radius_m, pose(np.eye(3), np.array(offset_m)))
    cell.start().to_end()
    assert cell.status.outcome == "rejected" and "calibrate camera to base" in cell.status.reason
    assert not cell.of("motion/goal")


def test_spheres_that_are_not_there_are_named():
    cell = Cell()
    cell.camera = DepthCamera(BODY, 1, SPHERES[:2], CAMERA.sphere_radius_m)
    cell.start().to_end()
    assert "does not see the reference sphere at (0.82, 0.00, -0.15) m" in cell.status.reason


@pytest.mark.parametrize(
    ("phase", "topic", "why"),
    [("home", "motion/state", "home: not done within 40 s"), ("approach", "contact/state", "approach: not done within 25 s")],
)
def test_a_step_that_is_never_answered_ends_with_its_name(phase, topic, why):
    cell = Cell().start().to_phase(phase)
    cell.silent.add(topic)
    assert why in cell.to_end().status.reason and cell.status.outcome == "rejected"


def test_clouds_that_stop_are_missed():
    cell = Cell().start().to_phase("home")
    cell.silent.add("surface")
    assert "point clouds came" in cell.to_end().status.reason


def test_no_patient_on_the_table():
    cell = Cell()
    cell.camera = DepthCamera(replace(BODY, inside=np.zeros_like(BODY.inside)), 1, SPHERES, CAMERA.sphere_radius_m)
    assert "no patient found" in cell.start().to_end().status.reason
    assert cell.started == 0


def test_a_region_beside_the_body_is_not_scanned():
    cell = Cell(size_m=(0.1, 0.24)).start().to_end()
    assert cell.status.outcome == "rejected" and "region" in cell.status.reason and cell.started == 0


def test_an_old_stamp_is_a_counted_event_and_changes_nothing():
    cell = Cell().start().to_phase("find")
    cell.planner.receive("probe/pose", ProbeState(1, np.full((4, 4), np.nan)))
    cell.step()
    assert [e.kind for e in cell.of("events")] == ["stale_probe_pose"]
    assert cell.to_end().status.outcome == "accepted"


# --- the registry -----------------------------------------------------------------------------------------------------


def test_the_task_is_registered():
    assert "ultrasound" in TASKS.names()
    assert task_settings("ultrasound") == {"task": "ultrasound"}
    planner = task_factory("ultrasound")(config(), Q_HOME, T_HOME)
    assert isinstance(planner, Stage) and planner.name == "planner"
    for ask in (task_settings, task_factory):
        with pytest.raises(UnknownName, match="ultrasound"):
            ask("ultrasonic")
