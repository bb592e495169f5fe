import numpy as np
import pytest
from support import Gantry

from medrobot_ros.config import CellConfig, HardwareSection, parse_set, resolve
from medrobot_ros.errors import UnknownName
from medrobot_ros.geometry.wrench import shift_wrench, weight_wrench
from medrobot_ros.hardware import BACKENDS, hardware_factory
from medrobot_ros.hardware.servo import Servo
from medrobot_ros.safety.permit import RELIEF
from medrobot_ros.signals import JointCommand, Stamp, StopRequest
from medrobot_ros.stage import EventLog
from medrobot_ros.twin.mock import MockHardware

DT_NS = 2_000_000
ARM = Gantry()


class Bench:
    """The mock on simulated time, permitted unless said otherwise."""

    def __init__(self, *settings):
        self.config = resolve([("t", parse_set(settings))])
        self.mock = MockHardware(self.config, ARM)
        self.now_ns, self.permit = 0, True
        self.latest, self.events = {}, []

    def tick(self, q=None):
        self.now_ns += DT_NS
        if self.permit:
            self.mock.receive("safety/permit", Stamp(self.now_ns, "safety#0"))
        for topic, signal in self.mock.tick(self.now_ns):
            self.latest[topic] = signal
            if topic == "events":
                self.events.append(signal)
        if q is not None:
            self.mock.receive("forward_position_controller/commands", JointCommand(self.now_ns, np.asarray(q, float)))
        return self.latest["joint_states"]

    def ramp(self, v, seconds):
        q = self.latest["joint_states"].q.copy() if self.latest else ARM.q_home.copy()
        for _ in range(round(seconds / 0.002)):
            q = q + np.asarray(v) * 0.002
            self.tick(q)
        return q


QUIET = ("hardware.encoder_noise_rad=0", "hardware.force_noise_n=0", "hardware.torque_noise_nm=0", "hardware.jitter_s=0")


def test_it_follows_with_the_stated_lag_and_latency():
    bench = Bench(*QUIET, "hardware.latency_s=0.004", "hardware.servo_lag_s=0.01")
    q = bench.ramp([0.1, 0, 0, 0, 0, 0], 1.0)
    behind = q[0] - bench.tick(q + np.array([2e-4, 0, 0, 0, 0, 0])).q[0]
    assert behind == pytest.approx(0.1 * (0.01 + 2 * 0.004), abs=0.1 * 0.003)


@pytest.mark.parametrize("late", [1, 5, 9])
def test_commands_that_come_late_and_all_at_once_do_not_jolt_the_arm(late):
    bench, step = Bench(*QUIET), np.array([1e-4, 0, 0, 0, 0, 0])
    q, speeds = bench.ramp([0.05, 0, 0, 0, 0, 0], 0.2), []
    for k in range(100):
        q = q + step  # which comes `late` ticks late once, with those behind it; soon after, one comes a tick late
        if 20 <= k < 20 + late or k == 21 + late:
            bench.tick()
        else:
            behind = {20 + late: late, 22 + late: 1}.get(k, 0)
            bench.tick(q - behind * step)
            for i in range(behind - 1, -1, -1):
                bench.mock.receive("forward_position_controller/commands", JointCommand(bench.now_ns, q - i * step))
        speeds.append(bench.latest["joint_states"].qd[0])
    assert np.abs(np.diff(speeds)).max() <= 1.06 * ARM.brake_rad_per_s2[0] * 0.002
    assert bench.latest["joint_states"].q[0] == pytest.approx(q[0], abs=0.05 * 0.012)


def test_positions_and_speeds_beyond_limits_are_clamped_and_counted():
    bench = Bench(*QUIET)
    before = bench.tick().q
    bench.tick(before)
    for _ in range(10):
        bench.tick(before + 1.0)
    assert np.abs(bench.latest["joint_states"].qd).max() <= 1.06 * ARM.qd_max[0]
    for _ in range(5):
        bench.tick(before)
    assert any(e.kind == "clamped_command" for e in bench.events)


@pytest.mark.parametrize("bad", [np.full(6, np.nan), np.array([np.inf, 0, 0, 0, 0, 0]), np.zeros(5), np.zeros(0)])
def test_commands_that_are_not_commands_are_refused(bad):
    bench = Bench(*QUIET)
    held = bench.tick().q.copy()
    for _ in range(20):
        bench.tick(bad)
    assert np.allclose(bench.latest["joint_states"].q, held, atol=1e-12)
    assert bench.events[0].kind in ("non_finite_command", "wrong_length_command")


def test_silence_decelerates_to_a_hold():
    bench = Bench(*QUIET)
    bench.ramp([0.3, 0, 0, 0, 0, 0], 0.5)
    speeds = [bench.tick().qd[0] for _ in range(100)]
    assert speeds[-1] == pytest.approx(0.0, abs=1e-6)
    assert np.diff(speeds).min() > -5.0 * 0.002 * 2.5  # never faster than the arm's deceleration through the servo
    standing = next(k for k, v in enumerate(speeds) if v < 1e-3)
    assert standing * 0.002 < 0.02 + 0.3 / 5.0 + 0.05
    assert any(e.kind == "braked" for e in bench.events)


def servo_at_rest(**hardware):
    return Servo(ARM, HardwareSection(jitter_s=0.0, servo_lag_s=0.0, **hardware), ARM.q_home, EventLog("x"), np.random.default_rng(0))


def test_what_was_under_way_when_the_permit_ended_is_forgotten():
    servo, latency_ns = servo_at_rest(latency_s=0.008), 8_000_000
    servo.command(0, JointCommand(0, ARM.q_home + 1e-4))
    servo.plan(DT_NS, permitted=False)
    for now_ns in (latency_ns, latency_ns + DT_NS):
        servo.plan(now_ns, permitted=True)
        assert np.array_equal(servo.q_set, ARM.q_home)


def test_commands_after_a_silence_go_on_from_where_it_ended():
    servo, now_ns = servo_at_rest(latency_s=0.0), 0
    for k in range(100):
        servo.command(now_ns, JointCommand(now_ns, ARM.q_home + 4e-4 * k))
        servo.plan(now_ns, permitted=True)
        now_ns += DT_NS
    for _ in range(200):
        servo.plan(now_ns, permitted=True)
        now_ns += DT_NS
    held = servo.q_set.copy()
    assert (held - ARM.q_home).min() > 4e-4 * 99 + 1e-3  # it braked on the way
    for _ in range(10):
        servo.command(now_ns, JointCommand(now_ns, held))
        servo.plan(now_ns, permitted=True)
        now_ns += DT_NS
        assert np.allclose(servo.q_set, held, atol=1e-12)


def test_a_missing_permit_brakes_although_commands_come():
    bench = Bench(*QUIET)
    q = bench.ramp([0.1, 0, 0, 0, 0, 0], 0.2)
    bench.permit = False
    for _ in range(100):
        q = q + np.array([2e-4, 0, 0, 0, 0, 0])
        bench.tick(q)
    assert abs(bench.latest["joint_states"].qd[0]) < 1e-6


def test_a_stop_brakes_at_once_and_stays():
    bench = Bench(*QUIET)
    q = bench.ramp([0.1, 0, 0, 0, 0, 0], 0.2)
    bench.mock.receive("safety/stop", StopRequest(True))
    for _ in range(100):
        bench.tick(q)
    assert abs(bench.latest["joint_states"].qd[0]) < 1e-6


def test_relief_lets_a_stopped_arm_move_while_it_is_fresh():
    bench = Bench(*QUIET)
    q = bench.ramp([0, 0, 0, 0, 0, 0], 0.1)
    bench.mock.receive("safety/stop", StopRequest(True))
    bench.permit = False
    for relieved in (True, False):
        before = bench.latest["joint_states"].q[0]
        for _ in range(100):
            q = q + np.array([6e-5, 0, 0, 0, 0, 0])
            if relieved:
                bench.mock.receive("safety/permit", Stamp(bench.now_ns, RELIEF))
            bench.tick(q)
        assert (bench.latest["joint_states"].q[0] - before > 5e-3) == relieved


def test_the_sensor_reads_bias_weight_and_tissue():
    bench = Bench(*QUIET, "hardware.force_bias_n=3")
    for _ in range(20):
        bench.tick(ARM.q_home)
    truth, raw = bench.latest["twin/contact_wrench"], bench.latest["wrench"].F
    R = truth.T_base_probe[:3, :3]
    rest = raw - weight_wrench(R, ARM.probe_mass_kg, ARM.p_ft_com) - shift_wrench(ARM.T_ft_probe, truth.F_tissue_on_probe_in_probe)
    assert np.linalg.norm(rest[:3]) == pytest.approx(3.0)


def test_noise_has_the_stated_size():
    bench = Bench("hardware.force_noise_n=0.2", "hardware.encoder_noise_rad=0.001")
    forces, joints = [], []
    for _ in range(2000):
        bench.tick(ARM.q_home)
        forces.append(bench.latest["wrench"].F[:3])
        joints.append(bench.latest["joint_states"].q)
    assert np.std(forces, axis=0) == pytest.approx(0.2, rel=0.1)
    assert np.std(joints, axis=0) == pytest.approx(0.001, rel=0.1)


def test_pressing_into_the_patient_pushes_back_and_loads_the_joints():
    bench = Bench(*QUIET, "twin.breathing.amplitude_m=0")
    q = ARM.q_home.copy()
    while q[2] > 0.05:
        q[2] -= 2e-5
        bench.tick(q)
    F = bench.latest["twin/contact_wrench"].F_tissue_on_probe_in_probe
    assert F[2] < -2.0
    assert bench.latest["joint_states"].tau[2] == pytest.approx(F[2], rel=0.05)  # base z is minus probe z: motors push down


def test_a_joint_at_its_torque_limit_lets_go():
    class Weak(Gantry):
        tau_max = np.array([500.0, 500, 6.0, 500, 500, 500])

    bench = Bench(*QUIET, "twin.breathing.amplitude_m=0")
    bench.mock = MockHardware(bench.config, Weak())
    q = ARM.q_home.copy()
    for _ in range(5000):
        q[2] -= 2e-5
        bench.tick(q)
    assert -bench.latest["twin/contact_wrench"].F_tissue_on_probe_in_probe[2] < 7.5
    assert any(e.kind == "torque_limit" for e in bench.events)


def test_same_seed_same_readings():
    a, b, c = Bench("seed=3"), Bench("seed=3"), Bench("seed=4")
    for bench in (a, b, c):
        bench.ramp([0.01, 0, 0, 0, 0, 0], 0.1)
    assert np.array_equal(a.latest["wrench"].F, b.latest["wrench"].F)
    assert not np.array_equal(a.latest["wrench"].F, c.latest["wrench"].F)


def test_a_servo_without_lag_is_exact():
    servo = Servo(ARM, HardwareSection(servo_lag_s=0.0, latency_s=0.0, jitter_s=0.0), ARM.q_home, EventLog("x"), np.random.default_rng(0))
    servo.command(0, JointCommand(0, ARM.q_home + 2e-5))
    servo.plan(0, True)
    servo.advance(0.002, servo.q_set[None])
    assert np.allclose(servo.q, ARM.q_home + 2e-5, atol=1e-12)


def test_backends_are_listed_and_unknown_ones_refused():
    assert "mock" in BACKENDS.names()
    assert CellConfig().hardware.name in BACKENDS.names()
    with pytest.raises(UnknownName, match=r"valid: .*mock"):
        hardware_factory("mok")
