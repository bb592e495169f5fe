"""The cell in front of the makers' drivers, each with the mock arm and patient behind it."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from vendor_plant import VendorPlant

from medrobot_ros.arms import load_arm
from medrobot_ros.cell import Cell, check_force, make_stage, run_examination, simulated_stages
from medrobot_ros.config import CellConfig
from medrobot_ros.description import write_controllers
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.geometry.wrench import weight_wrench
from medrobot_ros.hardware.ros2_control import Ros2Control, vendor_of
from medrobot_ros.hardware.vendor import FAULT, JOINTS, POSITIONS, TRAJECTORY, WRENCH, controllers, load_vendor, read_vendor, vendor_names
from medrobot_ros.options import cell_config
from medrobot_ros.safety.permit import RELIEF
from medrobot_ros.signals import ContactMode, Fault, JointCommand, NamedJoints, Stamp, StopRequest, Wrench

SHORT = ["scan.size_m=0.04,0.03", "scan.speed_m_per_s=0.03"]
VENDOR = {"fr3": "franka", "gen3": "kinova", "iiwa7": "kuka"}
MS = 1_000_000


def configured(arm, *pairs):
    return cell_config({"arm": arm, "hardware": "ros2_control", "yes": True}, pairs=[*SHORT, *pairs])


# --- whole examinations -----------------------------------------------------------------------------------------------


def plant_of(config):
    behind = {"rate_hz": load_vendor(VENDOR[config.arm.name]).rate_hz, "latency_s": 0.001, "servo_lag_s": 0.005}
    return VendorPlant(config, replace(config, hardware=replace(config.hardware, **behind)))


@pytest.mark.parametrize("arm", [pytest.param("fr3", marks=pytest.mark.slow), pytest.param("gen3", marks=pytest.mark.slow), "iiwa7"])
def test_an_examination_through_each_makers_driver(arm):
    config = configured(arm)
    plant, truth = plant_of(config), []
    mock = replace(config, hardware=replace(config.hardware, name="mock"))
    stages = {**simulated_stages(mock), "hardware": plant, "contact": make_stage("contact", config)}
    cell = Cell(stages, lambda t, s: truth.append(s) or () if t == "twin/contact_wrench" else ())
    for _ in run_examination(cell, 120.0):
        pass
    assert cell.task.outcome == "accepted", cell.task
    assert 4.0 < max(-s.F_tissue_on_probe_in_probe[2] for s in truth) < 15.0
    assert plant.controller.refused == [] and plant.commands > 100


# --- one rule at a time -----------------------------------------------------------------------------------------------


class Bench:
    """The stage alone, its driver at rest at `q`."""

    def __init__(self, arm_name, *pairs):
        self.config = configured(arm_name, *pairs)
        self.arm = load_arm(arm_name, "curvilinear")
        self.stage = Ros2Control(self.config, self.arm, vendor_of(self.config, self.arm))
        self.q, self.now_ns = self.arm.q_home.copy(), 1000 * MS

    def joints(self, q=None, names=None, **other):
        q, names = self.q if q is None else q, self.stage.joint_names if names is None else names
        self.now_ns = self.stage.now_ns = self.now_ns + 10 * MS
        values = {"qd": np.zeros(len(q)), "tau": np.zeros(len(q)), **other}
        return self.stage.receive(JOINTS, NamedJoints(self.now_ns, tuple(names), q, **values))

    def permit(self):
        self.stage.receive("safety/permit", Stamp(self.now_ns, "safety#0"))

    def command(self, q):
        return self.stage.receive("forward_position_controller/commands", JointCommand(self.now_ns, q))

    def stream(self, steps, step_rad):
        """Commands the first joint along; what went to the driver."""
        out = []
        for _ in range(steps):
            self.joints()
            self.permit()
            self.q = self.q + np.eye(self.arm.n)[0] * step_rad
            out += self.command(self.q)
        return out

    def ticks(self, count):
        out = []
        for _ in range(count):
            self.now_ns += 10 * MS
            out += self.stage.tick(self.now_ns)
        return out

    @property
    def events(self):
        return {s.kind for t, s in self.ticks(1) if t == "events"}


@pytest.fixture(params=VENDOR)
def bench(request):
    return Bench(request.param)


def test_joints_come_by_name_in_any_order_among_others(bench):
    q = bench.arm.q_home + 0.01 * np.arange(bench.arm.n)
    names = ("gripper", *reversed(bench.stage.joint_names))
    state = dict(bench.joints(np.r_[9.0, q[::-1]], names))["joint_states"]
    assert np.allclose(state.q, q)


@pytest.mark.parametrize("fault", ["missing", "nan", "no velocities"])
def test_bad_joints_are_an_event_and_the_cell_hears_nothing(bench, fault):
    names = bench.stage.joint_names[1:] if fault == "missing" else bench.stage.joint_names
    q = bench.q[: len(names)] * (np.nan if fault == "nan" else 1.0)
    out = bench.joints(q, names, **({"qd": np.zeros(0)} if fault == "no velocities" else {}))
    assert "joint_states" not in dict(out)
    assert bench.events & {"mismatched_joints", "bad_joint_state"}


def test_gen3_joints_that_wrap_do_not_jump_and_are_commanded_in_their_own_turn():
    bench = Bench("gen3")
    bench.q[0] = np.pi - 0.001
    bench.joints()
    bench.q[0] = -np.pi + 0.001
    state = dict(bench.joints())["joint_states"]
    assert state.q[0] == pytest.approx(np.pi + 0.001)
    bench.permit()
    ((_, sent),) = bench.command(state.q)
    assert sent.q[0][0] == pytest.approx(-np.pi + 0.001)


def test_the_first_command_must_be_where_the_arm_is(bench):
    bench.joints()
    bench.permit()
    assert bench.command(bench.q + 0.02) == ()
    assert "refused_start" in bench.events
    bench.joints()
    bench.permit()
    assert bench.command(bench.q)


def test_an_arm_beyond_its_limits_does_not_start(bench):
    bench.q[1] = bench.arm.q_upper[1] + 0.05
    bench.joints()
    bench.permit()
    assert bench.command(bench.q) == () and "refused_start" in bench.events


def test_nothing_is_sent_without_joints_a_permit_or_numbers(bench):
    bench.permit()
    assert bench.command(bench.q) == (), "no joints yet"
    bench.ticks(10)
    bench.joints()
    assert bench.command(bench.q) == (), "the permit is old"
    bench.permit()
    assert bench.command(bench.q * np.nan) == () and bench.command(bench.q[1:]) == ()
    assert bench.stage.refused == 2


def test_a_stopped_arm_takes_commands_under_relief_alone(bench):
    bench.stream(5, 0.0)
    bench.stage.receive("safety/stop", StopRequest(True))
    bench.ticks(20)
    bench.joints()
    bench.permit()
    assert bench.command(bench.q) == ()
    bench.stage.receive("safety/permit", Stamp(bench.now_ns, RELIEF))
    assert bench.command(bench.q)
    bench.ticks(5)
    assert bench.command(bench.q) == ()


def test_a_stream_that_ceases_ends_at_rest(bench):
    sent = bench.stream(20, 0.002)
    kind = TRAJECTORY if bench.stage.vendor.command.kind == "trajectory" else POSITIONS
    assert sent and {t for t, _ in sent} == {kind}
    if kind == TRAJECTORY:
        assert all(not s.qd[-1].any() and (np.diff(s.times_s) > 0).all() for _, s in sent)
        last = sent[-1][1]
        speed, travel_s = last.qd[0][0], last.times_s[-1] - last.times_s[0]
        assert speed == pytest.approx(0.2, rel=0.01)
        assert last.q[-1][0] - last.q[0][0] == pytest.approx(0.5 * speed * travel_s)
        assert speed / travel_s <= bench.arm.brake_rad_per_s2[0] * 1.001
    else:
        positions = [s.q[0] for t, s in bench.ticks(200) if t == POSITIONS]
        steps = np.diff([bench.q[0], *positions]) / 0.01
        assert steps[0] == pytest.approx(0.2 - bench.arm.brake_rad_per_s2[0] * 0.01)
        assert len(positions) > 2 and steps[-1] == 0.0 and (np.diff(steps) <= 1e-12).all()
        assert np.abs(np.diff(steps)).max() <= bench.arm.brake_rad_per_s2[0] * 0.01 * 1.001


@pytest.mark.parametrize("arm_name", ["fr3", "gen3"])
def test_trajectories_go_out_at_the_controllers_own_rate(arm_name):
    bench, sent = Bench(arm_name), []
    bench.joints()
    for _ in range(100):  # the cell's 500 Hz
        bench.now_ns = bench.stage.now_ns = bench.now_ns + 2 * MS
        bench.permit()
        sent += bench.command(bench.q)
    assert len(sent) == 20


def test_after_a_pause_a_stream_begins_anew_where_the_arm_is(bench):
    bench.stream(5, 0.0)
    bench.ticks(20)
    bench.joints()
    bench.permit()
    assert bench.command(bench.q + 0.02) == ()


def positions(outputs):
    """Where the first joint was sent, whatever the controller."""
    return [q[0] for t, s in outputs if t in (POSITIONS, TRAJECTORY) for q in np.atleast_2d(s.q)]


def test_a_stream_begins_at_rest_even_where_no_second_command_follows(bench):
    bench.joints()
    bench.permit()
    first = bench.q + 0.009
    sent = positions([*bench.command(first), *bench.ticks(50)])
    assert sent and np.allclose(sent, first[0], atol=1e-9)


def test_a_stream_that_was_left_alone_is_over_however_far_the_arm_was_moved_meanwhile(bench):
    """As of a node that is deactivated and activated again, or that stood."""
    bench.stream(20, 0.002)
    bench.now_ns += 5000 * MS
    bench.q = bench.q + 0.5
    bench.joints()
    bench.permit()
    assert bench.command(bench.q - 0.5) == () and positions(bench.ticks(50)) == []
    bench.joints()
    bench.permit()
    assert np.allclose(positions(bench.command(bench.q)), bench.q[0])


def test_a_command_that_the_arm_cannot_reach_in_time_is_refused_and_ends_the_stream_at_rest(bench):
    """As those of a second publisher."""
    bench.stream(20, 0.001)
    bench.joints()
    bench.permit()
    assert bench.command(bench.q + 0.1) == () and "refused_jump" in bench.events
    bench.permit()
    assert bench.command(bench.q + np.eye(bench.arm.n)[0] * 0.001), "those that go on are taken"
    assert np.abs(np.diff(positions(bench.ticks(100)))).max(initial=0.0) < 0.0021


def test_a_stream_that_has_begun_to_brake_takes_no_further_command_before_it_has_come_to_rest():
    bench = Bench("iiwa7")
    bench.stream(20, 0.01)
    braking = positions(bench.ticks(8))
    bench.permit()
    assert len(braking) > 2 and bench.command(bench.q + np.eye(7)[0] * 0.08) == ()
    steps = np.diff([*braking, *positions(bench.ticks(200))])
    assert (np.diff(steps) <= 1e-12).all() and steps[-1] == 0.0


def test_a_fault_of_the_driver_stops_the_cell_and_blocks_until_it_has_gone(bench):
    bench.stream(5, 0.0)
    raised = bench.stage.receive(FAULT, Fault(bench.now_ns, "collision", True))
    assert raised == [("safety/stop", StopRequest(True))]
    assert bench.stage.receive(FAULT, Fault(bench.now_ns, "collision", True)) == (), "said once"
    bench.stage.receive("safety/permit", Stamp(bench.now_ns, "safety#1"))
    assert bench.command(bench.q) == ()
    bench.stage.receive(FAULT, Fault(bench.now_ns, "collision", False))
    bench.joints()
    bench.stage.receive("safety/permit", Stamp(bench.now_ns, "safety#1"))
    assert bench.command(bench.q)


def push_on_tip(arm, q, F_tip):
    """What an ideal F/T sensor reads: the push on the probe's tip, and the probe's weight."""
    from medrobot_ros.geometry.wrench import shift_wrench

    R_base_ft = arm.T_base_probe(q)[:3, :3] @ arm.T_ft_probe[:3, :3].T
    return shift_wrench(arm.T_ft_probe, F_tip), weight_wrench(R_base_ft, arm.probe_mass_kg, arm.p_ft_com)


@pytest.mark.parametrize("arm_name", ["fr3", "iiwa7"])
def test_a_makers_wrench_becomes_that_of_the_tissue_with_the_probes_weight(arm_name):
    from medrobot_ros.geometry.wrench import shift_wrench

    bench, arm = Bench(arm_name), load_arm(arm_name, "curvilinear")
    push, weight = push_on_tip(arm, bench.q, np.array([0.3, -0.2, -5.0, 0.0, 0.1, 0.0]))
    at_flange = shift_wrench(arm.T_flange_ft, push)
    bench.joints()
    if arm_name == "fr3":  # libfranka: the robot's force on its environment
        reported, felt = -at_flange, push
    else:  # an LBR's estimator: nothing below 2 N and 0.5 Nm, that much less above
        reported, felt = np.array([0.0, 0.0, -3.0, 0.0, 0.0, 0.0]), np.array([0.0, 0.0, -5.0, 0.0, 0.0, 0.0])
        assert np.abs(at_flange)[:3] == pytest.approx([0.3, 0.2, 5.0]) and np.abs(at_flange[3:]).max() < 0.5
    ((_, wrench),) = bench.stage.receive(WRENCH, Wrench(bench.now_ns, "flange", reported))
    assert np.allclose(wrench.F, felt + weight) and wrench.frame == "ft"


def test_a_force_that_a_driver_cannot_tell_from_none_is_refused():
    with pytest.raises(ConfigError, match="reads forces below 2 N as 0; ask for at least 3 N"):
        Bench("iiwa7", "contact.force_n=2.5")
    for arm_name, force in (("iiwa7", 3), ("fr3", 1)):
        Bench(arm_name, f"contact.force_n={force}")


def light(force_n):
    return Wrench(0, "probe", np.array([0.0, 0.0, -force_n, 0.0, 0.0, 0.0]))


def test_so_is_one_that_is_asked_for_while_the_cell_runs():
    stage = make_stage("contact", configured("iiwa7"))
    for force_n, kept_n in ((2.5, 5.0), (3.5, 3.5), (2.9, 3.5)):
        stage.receive("scan/force_reference", light(force_n))
        assert stage.engagement.target_n == kept_n
    (event,) = (s for t, s in stage.tick(MS) if t == "events")
    assert event.kind == "refused_force" and "2.9 N: vendor kuka's driver reads forces below 2 N as 0; ask for at least 3 N" in event.detail
    make_stage("contact", configured("fr3")).receive("scan/force_reference", light(1.5))


def test_so_is_an_approach_to_it():
    config = configured("iiwa7")
    stage = make_stage("contact", replace(config, contact=replace(config.contact, force_n=2.0)))
    stage._tared, stage.engagement.path = True, object()
    stage.receive("contact/mode", ContactMode(0, "approach"))
    assert (stage.engagement.mode, stage.engagement.state) == ("off", "free") and "ask for at least 3 N" in stage.engagement.reason


def test_a_live_setting_of_it_is_refused_as_well():
    with pytest.raises(ConfigError, match=r"contact\.force_n = 2\.5 N: vendor kuka's driver reads forces below 2 N as 0"):
        check_force(replace(configured("iiwa7"), contact=replace(CellConfig().contact, force_n=2.5)))
    check_force(configured("iiwa7"))
    check_force(replace(CellConfig(), contact=replace(CellConfig().contact, force_n=1.0)))


def test_gen3s_efforts_make_the_wrench():
    bench, arm = Bench("gen3"), load_arm("gen3", "curvilinear")
    F_tip = np.array([0.3, -0.2, -5.0, 0.0, 0.1, 0.0])
    push, weight = push_on_tip(arm, bench.q, F_tip)
    tau = arm.gravity_torque(bench.q) - arm.jacobian_probe(bench.q).T @ F_tip
    assert np.allclose(dict(bench.joints(tau=tau))["wrench"].F, push + weight)


def test_gen3s_own_inertia_is_not_taken_for_the_patients_push():
    bench, arm = Bench("gen3"), load_arm("gen3", "curvilinear")
    F_tip, qdd, forces = np.array([0.3, -0.2, -5.0, 0.0, 0.1, 0.0]), np.array([0.2, -0.4, 0.1, 0.5, 0.3, -0.6, 0.2]), []
    for k in range(3):
        tau = arm.gravity_torque(bench.q) + arm.inertia_matrix(bench.q) @ qdd - arm.jacobian_probe(bench.q).T @ F_tip
        bench.now_ns = 2000 * MS + (2 * k - 10) * MS
        forces.append(dict(bench.joints(qd=0.002 * k * qdd, tau=tau))["wrench"].F)
    push, weight = push_on_tip(arm, bench.q, F_tip)
    assert np.linalg.norm((forces[0] - push - weight)[:3]) > 0.5  # the first speed tells no acceleration
    assert np.allclose(forces[1], push + weight) and np.allclose(forces[2], push + weight)


def test_the_joints_come_at_the_cells_rate():
    bench = Bench("fr3")
    heard = 0
    for k in range(100):
        bench.now_ns = bench.stage.now_ns = (2000 + k) * MS
        heard += bool(bench.stage.receive(JOINTS, NamedJoints(bench.now_ns, bench.stage.joint_names, bench.q, bench.q * 0, bench.q * 0)))
    assert heard == 50


def test_the_wrench_is_the_mean_of_what_a_faster_driver_tells():
    def told(pushes_n):
        bench, out = Bench("fr3"), []
        bench.joints()
        for k, push_n in enumerate(pushes_n):
            out += bench.stage.receive(WRENCH, Wrench(bench.now_ns + k * MS, "flange", np.array([0.0, 0.0, push_n, 0.0, 0.0, 0.0])))
        return [-w.F[2] for _, w in out]

    uneven, even = told([4.0, 4.0, 6.0, 4.0, 6.0]), told([5.0] * 5)
    assert len(uneven) == len(even) == 3 and np.allclose(uneven[1:], even[1:])


def test_a_drivers_clock_that_is_set_back_is_followed():
    bench = Bench("fr3")
    bench.joints()
    bench.now_ns -= 10_000 * MS
    told = ["joint_states" in dict(bench.joints()) for _ in range(20)]
    assert not any(told[:9]) and all(told[9:])


def test_a_silent_driver_is_no_heartbeat(bench):
    bench.joints()
    assert "heartbeat" in dict(bench.ticks(1))
    bench.ticks(20)
    assert "heartbeat" not in dict(bench.ticks(1))


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_wrong_vendor_is_one_line():
    with pytest.raises(UnknownName, match="valid: franka, kinova, kuka"):
        configured("fr3", "hardware.vendor=ur")
    with pytest.raises(ConfigError, match="its driver has no fr3; valid arms: gen3"):
        configured("fr3", "hardware.vendor=kinova")
    with pytest.raises(ConfigError, match="must divide franka's 1000 Hz"):
        configured("fr3", "hardware.rate_hz=300")


def test_every_arm_has_a_driver_and_every_file_is_whole():
    arms = [arm for name in vendor_names() for arm in load_vendor(name).arms]
    assert sorted(arms) == ["fer", "fr3", "gen3", "iiwa14", "iiwa7", "med14", "med7"]


def test_a_file_that_is_not_whole_names_the_key(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("arms: [fr3]\nrate_hz: 1000\n")
    with pytest.raises(ConfigError, match="missing"):
        read_vendor(file)
    file.write_text("arms: [fr3]\nrat_hz: 1000\n")
    with pytest.raises(ConfigError, match="rat_hz"):
        read_vendor(file)


def test_the_controllers_that_are_spawned_have_the_drivers_joints(tmp_path):
    names, manager = write_controllers(configured("med7", "hardware.namespace=left"), tmp_path / "c.yaml")
    values = yaml.safe_load((tmp_path / "c.yaml").read_text())
    assert (names, manager) == (("forward_position_controller",), "/left/controller_manager")
    assert values["/**/forward_position_controller"]["ros__parameters"]["joints"] == [f"lbr_A{k}" for k in range(1, 8)]


@pytest.mark.parametrize("name", vendor_names())
def test_the_spawner_finds_each_controllers_type_in_its_own_section(name):
    """So reads controller_manager's spawner of Jazzy; the types are those that the controllers' plugin descriptions declare."""
    declared = ("joint_trajectory_controller/JointTrajectoryController", "forward_command_controller/ForwardCommandController")
    vendor = load_vendor(name)
    values = controllers(vendor, vendor.joint_names(vendor.arms[0], 7))
    assert list(values) == [f"/**/{controller}" for controller in vendor.spawn]
    assert all(section["ros__parameters"]["type"] in declared for section in values.values())
