import numpy as np
import pytest
from support import POINTING_DOWN, Gantry

from medrobot_ros.config import CellConfig
from medrobot_ros.contact import states
from medrobot_ros.contact.path_tracking import PathTracking
from medrobot_ros.contact.stage import ContactStage
from medrobot_ros.contact.tissue_estimate import DITHER_HZ
from medrobot_ros.contact.wrench_estimate import Tare, WrenchEstimate
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.geometry.wrench import accelerating_wrench, shift_wrench, weight_wrench
from medrobot_ros.signals import PUSHED_AWAY, ContactMode, ImageQuality, ProbeState, ProbeTwist, ScanReference, Wrench

DT = 0.002
ARM = Gantry()


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.4, 0, 0), (0.2, -0.5, 0.3)])
def test_weight_and_bias_vanish_and_the_tissue_remains(turn):
    bias = np.array([1.0, -2.0, 0.5, 0.02, 0.01, -0.03])
    estimate = WrenchEstimate(ARM.T_ft_probe, ARM.probe_mass_kg, ARM.p_ft_com, 1e6, DT)
    estimate.tare(bias + weight_wrench(POINTING_DOWN, ARM.probe_mass_kg, ARM.p_ft_com), POINTING_DOWN)
    R = rotation_from_vector(np.array(turn)) @ POINTING_DOWN
    F_tissue = np.array([0.3, -0.2, -5.0, 0.01, 0.02, 0.0])
    estimate.turn(R)
    raw = bias + weight_wrench(R, ARM.probe_mass_kg, ARM.p_ft_com) + shift_wrench(ARM.T_ft_probe, F_tissue)
    assert np.allclose(estimate.update(raw, np.zeros(6)), F_tissue, atol=1e-9)


def test_tare_takes_the_mean_of_a_steady_sensor_and_refuses_another():
    rng = np.random.default_rng(0)
    tare = Tare(500.0)
    verdicts = [tare.add(np.full(6, 3.0) + 0.05 * rng.standard_normal(6), 0.0) for _ in range(250)]
    assert verdicts[-1] == "done" and not any(verdicts[:-1])
    assert np.allclose(tare.mean(), 3.0, atol=0.02)
    touched = Tare(500.0)
    verdicts = [touched.add(np.full(6, 3.0 + 0.02 * k), 0.0) for k in range(250)]
    assert "not steady" in verdicts[-1]
    moving = Tare(500.0)
    assert not any(moving.add(np.zeros(6), 0.01) for _ in range(1000))


def test_path_tracking_follows_its_own_reference():
    T = np.stack([pose(POINTING_DOWN, np.array([0.5, y, 0.1])) for y in np.linspace(0, 0.1, 51)])
    path = PathTracking(ScanReference(0, "a", T, np.linspace(0, 5, 51)), 4.0, 4.0)
    probe = T[0] @ pose(rotation_from_vector(np.array([0.1, 0, 0])), np.array([0.005, 0.0, 0.02]))
    for _ in range(505):
        V = path.twist(probe, 1.0)
        assert V[2] == 0.0
        probe = probe @ pose(rotation_from_vector(V[3:] * 0.01), V[:3] * 0.01)
        path.time_s += 0.01
    assert np.hypot(*(probe[:2, 3] - T[-1][:2, 3])) < 2e-3
    assert path.progress == 1.0


class Bench:
    """The contact stage over an ideal probe on flat linear skin at z = 0.1 m."""

    def __init__(self, stiffness=800.0):
        self.stage = ContactStage(CellConfig().contact, 15.0, 500.0, 0.008, ARM.T_ft_probe, ARM.probe_mass_kg, ARM.p_ft_com)
        self.T = pose(POINTING_DOWN, np.array([0.5, 0.0, 0.12]))
        self.stiffness, self.skin_m, self.now_ns = stiffness, 0.10, 0
        self.events, self.forces, self.twists, self.felt = [], [], [], []
        self.posed, self.stuck = True, False
        self.twists_come_after = False  # the wrenches they belong to
        self.late = 0  # periods by which the probe moves later than it is told to
        self.V, self._v_com = np.zeros(6), np.zeros(3)
        self.drift_n = 0.0
        self.hand = lambda T, t: np.zeros(3)  # force on the probe in probe axes

    def run(self, seconds):
        for k in range(round(seconds / DT)):
            self.now_ns += round(1e9 * DT)
            depth = self.skin_m - self.T[2, 3]
            force = max(0.0, self.stiffness * depth)
            hand = self.hand(self.T, 1e-9 * self.now_ns)
            self.forces.append(force - hand[2])
            F = weight_wrench(POINTING_DOWN, ARM.probe_mass_kg, ARM.p_ft_com) + np.array([1.0, 0, 2.0 + self.drift_n, 0, 0, 0])
            F += shift_wrench(ARM.T_ft_probe, np.array([hand[0], hand[1], hand[2] - force, 0, 0, 0]))
            F[5] += 1e-9 * (k % 2)  # no sensor that lives repeats itself to the last bit
            F -= self._accelerating()
            twist = ProbeTwist(self.now_ns, self.V)
            if self.posed and not self.twists_come_after:
                self.stage.receive("probe/twist", twist)
            if k % 5 == 0:
                if self.posed:
                    self.stage.receive("probe/pose", ProbeState(self.now_ns, self.T.copy(), np.zeros(6)))
                self.events += [s for t, s in self.stage.tick(self.now_ns) if t == "events"]
            for topic, signal in self.stage.receive("wrench", Wrench(self.now_ns, "ft", F)):
                if topic == "probe/twist_command":
                    self.twists.append(signal.V_base_probe_in_probe)
                    V = self.V = np.zeros(6) if self.stuck else self.twists[-1 - min(self.late, len(self.twists) - 1)]
                    self.T = self.T @ pose(rotation_from_vector(V[3:] * DT), V[:3] * DT)
            if self.posed and self.twists_come_after:
                self.stage.receive("probe/twist", twist)
            self.felt.append(self.stage.engagement.force_n)

    def _accelerating(self):
        """What of the wrench the probe's inertia takes; a gantry without limits is not taken for an arm."""
        v = self.V[:3] + np.cross(self.V[3:], ARM.p_ft_com - ARM.T_ft_probe[:3, 3])
        a, self._v_com = (v - self._v_com) / DT + np.cross(self.V[3:], v), v
        return accelerating_wrench(np.clip(a, -5.0, 5.0), ARM.probe_mass_kg, ARM.p_ft_com)

    def mode(self, mode):
        self.stage.receive("contact/mode", ContactMode(self.now_ns, mode))

    def seat(self):
        T = np.stack([pose(POINTING_DOWN, np.array([0.5, y, 0.1])) for y in np.linspace(0, 0.05, 26)])
        self.stage.receive("scan/reference", ScanReference(self.now_ns, "a", T, np.linspace(0, 2.5, 26)))
        self.run(0.02)
        self.mode("tare")
        self.run(0.6)
        self.mode("approach")
        self.run(4.0)
        return self

    @property
    def status(self):
        return self.stage.status(self.now_ns)


def test_an_examinations_course():
    bench = Bench().seat()
    assert (bench.status.state, bench.status.reason) == (states.SEAT, "seated")
    assert max(bench.forces) < 6.0  # little overshoot on first contact
    bench.mode("scan")
    bench.run(3.5)
    assert bench.status.state == states.SCAN and bench.status.progress == 1.0
    assert abs(bench.forces[-1] - 5.0) < 0.05
    bench.mode("retreat")
    bench.run(2.0)
    assert bench.status.state == states.FREE and bench.T[2, 3] > 0.14


def test_no_approach_without_tare():
    bench = Bench()
    bench.run(0.1)
    bench.mode("approach")
    bench.run(0.1)
    assert bench.status.state == states.FREE and bench.events[-1].kind == "refused_mode"


def test_no_tare_while_touching():
    bench = Bench().seat()
    assert bench.stage.call("contact/tare") == (False, "no tare while touching")
    before = bench.status.state
    bench.mode("tare")
    bench.run(0.1)
    assert bench.status.state == before and "touching" in bench.status.reason


@pytest.mark.parametrize("away_m", [0.015, 0.025, 0.03])
def test_skin_that_falls_away_is_found_again(away_m):
    bench = Bench().seat()
    bench.mode("scan")
    bench.run(0.5)
    bench.skin_m -= away_m
    bench.run(0.15)
    assert bench.status.state == states.LOST
    bench.run(0.85)
    assert bench.status.lost_count == 1 and bench.status.state == states.SEAT  # found within a second
    bench.run(2.0)
    assert bench.status.state == states.SCAN


@pytest.mark.parametrize("after", [False, True])
def test_what_sets_the_probe_off_is_not_felt_though_twists_come_after_their_wrenches(after):
    bench = Bench()
    bench.twists_come_after = after
    bench.T[2, 3] = 0.2
    bench.seat()
    assert bench.status.state in (states.APPROACH, states.RETREAT, states.FREE) and max(bench.forces) == 0.0
    assert np.abs([f for f in bench.felt if f is not None]).max() < 0.02


@pytest.mark.parametrize("swing_n", [0.0, 1.5])
def test_a_jolt_in_the_air_is_taken_for_skin_and_hurries_nothing(swing_n):
    bench, speed = Bench(), CellConfig().contact.approach_speed_m_per_s
    bench.T[2, 3] = 0.13

    def jolts(T, t):
        shaken = 1.0 < t < 1.5
        return np.array([0.0, 0.0, shaken * -(1.2 if t < 1.02 else swing_n * (round(t / 0.03) % 2))])

    bench.hand = jolts
    bench.seat()
    dithered = round(1.0 / DITHER_HZ / DT)
    paces = np.convolve([V[2] for V in bench.twists], np.full(dithered, 1.0 / dithered), "valid")
    assert paces.max() < 1.05 * speed
    assert bench.status.lost_count == 1 and bench.status.state == states.SEAT
    bench.run(2.0)
    assert bench.status.reason == "seated" and max(bench.forces) < 6.0


def test_skin_that_is_gone_ends_in_a_retreat():
    bench = Bench().seat()
    bench.mode("scan")
    bench.run(0.5)
    bench.skin_m -= 0.2
    bench.run(6.0)
    assert bench.status.state == states.FREE and bench.status.lost_count == 1
    assert bench.T[2, 3] > 0.09


def test_a_force_reference_that_is_too_small_is_refused_as_well():
    bench = Bench().seat()
    bench.stage.receive("scan/force_reference", Wrench(bench.now_ns, "probe", np.array([0, 0, -0.9, 0, 0, 0])))
    bench.run(1.0)
    assert bench.forces[-1] == pytest.approx(5.0, abs=0.3)
    assert (bench.events[-1].kind, bench.events[-1].detail) == ("refused_force", "0.9 N is not in 1 to 12 N")


def test_an_arm_that_is_later_than_the_settings_say_is_told_of_once():
    bench = Bench()
    bench.late = 10  # periods
    bench.seat().run(6.0)
    assert [e.kind for e in bench.events] == ["late_arm"] and bench.status.delay_s == pytest.approx(0.02, abs=0.003)
    assert Bench().seat().status.delay_s < 0.008


def test_over_force_yields_and_comes_back():
    bench = Bench(2000.0).seat()
    bench.skin_m += 0.012
    bench.run(0.05)
    assert bench.status.state == states.OVER_FORCE
    bench.run(1.0)
    assert bench.forces[-1] < 10.0 and bench.status.state == states.SEAT


def test_force_reference_is_ramped_and_refused_outside_its_range():
    bench = Bench().seat()
    bench.stage.receive("scan/force_reference", Wrench(bench.now_ns, "probe", np.array([0, 0, -8.0, 0, 0, 0])))
    bench.run(0.1)
    assert bench.forces[-1] < 6.0
    bench.run(2.0)
    assert bench.forces[-1] == pytest.approx(8.0, abs=0.3)
    bench.stage.receive("scan/force_reference", Wrench(bench.now_ns, "probe", np.array([0, 0, -13.0, 0, 0, 0])))
    bench.run(1.0)
    assert bench.forces[-1] == pytest.approx(8.0, abs=0.3)
    assert bench.events[-1].kind == "refused_force"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_wrench_that_is_not_finite_is_counted_and_never_passed_on(bad):
    bench = Bench().seat()
    outputs = list(bench.stage.receive("wrench", Wrench(bench.now_ns + 1, "ft", np.full(6, bad))))
    assert outputs == []
    bench.run(0.02)
    assert any(e.kind == "non_finite_wrench" for e in bench.events) and np.isfinite(bench.T).all()


def test_an_older_wrench_is_counted_and_dropped():
    bench = Bench().seat()
    assert list(bench.stage.receive("wrench", Wrench(bench.now_ns - 10_000_000, "ft", np.zeros(6)))) == []
    bench.run(0.02)
    assert any(e.kind == "stale_wrench" for e in bench.events)


def test_a_wrench_that_is_said_twice_counts_once():
    bench = Bench().seat()
    assert list(bench.stage.receive("wrench", Wrench(bench.now_ns, "ft", np.zeros(6)))) == []


def test_safety_retreat_overrides_the_planner():
    from medrobot_ros.signals import SafetyStatus

    bench = Bench().seat()
    bench.stage.receive("safety/state", SafetyStatus(bench.now_ns, "retreat", ("test",)))
    bench.mode("scan")
    bench.run(2.0)
    assert bench.status.state == states.FREE


def test_a_probe_that_cannot_lift_off_is_not_taken_for_lifted():
    """What was asked of an arm that stands has not happened."""
    bench = Bench().seat()
    bench.stuck = True
    bench.mode("retreat")
    bench.run(3.0)
    assert bench.status.state == states.RETREAT
    bench.stuck = False
    bench.run(3.0)
    assert bench.status.state == states.FREE and bench.T[2, 3] > 0.15


def test_an_unknown_mode_is_refused():
    bench = Bench().seat()
    bench.mode("dance")
    bench.run(0.05)
    assert bench.status.mode == "approach" and bench.events[-1].kind == "unknown_mode"


def test_the_heartbeat_ends_with_the_wrench():
    bench = Bench()
    bench.run(0.1)
    assert "heartbeat" in [t for t, _ in bench.stage.tick(bench.now_ns + 40_000_000)]
    assert "heartbeat" not in [t for t, _ in bench.stage.tick(bench.now_ns + 80_000_000)]


# --- a hand -----------------------------------------------------------------------------------------------------------


def pushing(bench, stiffness, speed_m_per_s, axis):
    """A hand like a spring that begins where the probe is and moves back along an axis of the probe, up to 0.15 m."""
    begin, T0 = 1e-9 * bench.now_ns, bench.T.copy()

    def push(T, t):
        moved = (T0[:3, :3].T @ (T[:3, 3] - T0[:3, 3]))[axis]
        way = min(speed_m_per_s * (t - begin), 0.15)
        F = np.zeros(3)
        F[axis] = -stiffness * max(0.0, moved + way)
        return F

    return push


@pytest.mark.parametrize(("axis", "speed"), [(2, 0.05), (2, 0.1), (0, 0.05), (1, 0.08)])
def test_a_hand_pushes_the_probe_away_and_a_person_lets_it_come_back(axis, speed):
    bench = Bench().seat()
    bench.mode("scan")
    bench.run(0.5)
    bench.forces.clear()
    bench.hand = pushing(bench, 2000.0, speed, axis)
    bench.run(1.8)
    across = [abs(f) for f in bench.forces]
    assert max(across) <= 20.0
    assert bench.status.state in (states.RETREAT, states.FREE) and bench.status.reason == PUSHED_AWAY
    bench.hand = lambda T, t: np.zeros(3)
    bench.run(3.0)
    assert bench.status.state == states.FREE and np.allclose(bench.twists[-1], 0.0)


def test_a_cough_is_no_hand():
    bench = Bench().seat()
    bench.mode("scan")
    bench.run(1.0)
    rest = bench.skin_m
    for k in range(100):  # 15 mm out in 0.2 s
        bench.skin_m = rest + 0.015 * k / 100
        bench.run(DT)
    for k in range(250):
        bench.skin_m = rest + 0.015 * (1 - k / 250)
        bench.run(DT)
    bench.run(2.0)
    assert bench.status.state == states.SCAN and max(bench.forces) < 25.0


# --- modes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "axis"), [("fan", 3), ("rock", 4)])
def test_fan_and_rock_turn_about_the_contact_point_to_both_sides_and_back(mode, axis):
    bench = Bench().seat()
    T0, config = bench.T.copy(), CellConfig().contact
    bench.mode(mode)
    bench.twists.clear()
    bench.run(0.3 + 2 * np.pi * (config.fan_rad if mode == "fan" else config.rock_rad) / config.sweep_rad_per_s)
    turned = np.cumsum([V[axis] for V in bench.twists]) * DT
    limit = config.fan_rad if mode == "fan" else config.rock_rad
    assert turned.max() == pytest.approx(limit, rel=0.1) and turned.min() == pytest.approx(-limit, rel=0.1)
    assert max(abs(V[axis]) for V in bench.twists) <= config.sweep_rad_per_s * 1.001
    assert abs(turned[-1]) < 0.02 and bench.status.progress > 0.97
    assert np.abs(bench.T[:2, 3] - T0[:2, 3]).max() < 1e-3  # the tip stays


def test_a_dwell_presses_without_moving_on():
    bench = Bench().seat()
    bench.mode("dwell")
    bench.run(1.0)
    assert bench.status.state == states.SCAN and bench.status.progress == 0.0
    assert abs(bench.forces[-1] - 5.0) < 0.2
    bench.mode("hold")
    bench.run(0.1)
    assert bench.status.state == states.SEAT


def test_poor_images_slow_the_path():
    def progress(accepted):
        bench = Bench().seat()
        bench.mode("scan")
        bench.run(0.3)
        bench.stage.receive("image/quality", ImageQuality(bench.now_ns, 0.9, 0.9, (-0.02, 0.02), accepted))
        bench.run(1.0)
        return bench.status.progress

    assert progress(False) < 0.75 * progress(True)


def test_a_force_far_from_the_reference_slows_the_path():
    def progress(swing_n):
        bench = Bench().seat()
        bench.mode("scan")
        bench.run(0.3)
        bench.hand = lambda T, t: np.array([0.0, 0.0, -swing_n * np.sin(20.0 * np.pi * t)])
        bench.run(1.0)
        assert bench.status.state == states.SCAN
        return bench.status.progress

    assert progress(6.0) < 0.75 * progress(0.0)


@pytest.mark.parametrize("mode", ["scan", "fan", "rock"])
def test_a_probe_whose_pose_falls_silent_presses_where_it_is(mode):
    bench = Bench()
    bench.seat()
    bench.mode(mode)
    bench.run(0.5)
    assert np.abs(bench.twists[-1][[0, 1, 3, 4, 5]]).max() > 1e-3
    bench.posed, progress = False, bench.stage.engagement.progress
    bench.run(0.08)
    since = len(bench.twists)
    bench.run(1.0)
    blind = np.array(bench.twists[since:])
    assert not blind[:, [0, 1, 3, 4, 5]].any() and abs(bench.forces[-1] - 5.0) < 0.2
    assert [e.kind for e in bench.events] == ["silent_pose"] and bench.stage.engagement.progress < progress + 0.05
    bench.posed = True
    bench.run(0.1)
    assert np.abs(bench.twists[-1][[0, 1, 3, 4, 5]]).max() > 1e-3


def test_a_drift_is_told_once_in_free_space_and_a_tare_ends_it():
    bench = Bench().seat()
    bench.drift_n = 0.5
    bench.run(2.0)
    assert bench.events == []  # pressing, nobody can tell
    bench.mode("retreat")
    bench.run(4.0)
    assert [(e.kind, e.detail) for e in bench.events] == [("force_drift", "0.50 N in free space since the tare")]
    bench.mode("tare")
    bench.run(2.0)
    assert len(bench.events) == 1
    bench.drift_n = 0.9  # 0.4 N since then
    bench.run(2.0)
    assert bench.events[-1].detail.startswith("0.40 N")
