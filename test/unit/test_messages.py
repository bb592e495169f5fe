"""Every topic's signal survives its message, in rclpy's classes and in rosbags'; bad messages are refused with a reason."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.interfaces import TOPICS
from medrobot_ros.messages import Codec, TruthMerge
from medrobot_ros.recording.writer import message_class, typestore
from medrobot_ros.signals import (
    ContactMode,
    ContactStatus,
    Event,
    HardwareStatus,
    Image,
    ImageGeometry,
    ImageQuality,
    JointCommand,
    JointState,
    MotionGoal,
    MotionStatus,
    PatientTruth,
    PlannedSkin,
    ProbeState,
    ProbeTwist,
    SafetyStatus,
    ScanReference,
    Stamp,
    StopRequest,
    Surface,
    TaskStatus,
    TwistCommand,
    VolumeCloud,
    Wrench,
)

STAMP_NS = 1_700_000_000_123_456_789
JOINTS = ("a", "b", "c")
RNG = np.random.default_rng(5)
T = pose(rotation_from_vector(np.array([2.9, 0.4, -0.3])), np.array([0.5, -0.1, 0.2]))
T2 = pose(rotation_from_vector(np.array([-0.2, 1.4, 0.3])), np.array([0.3, 0.2, 0.1]))
T_LYING = pose(rotation_from_vector(np.array([0.0, 0.0, 0.7])), np.array([0.5, 0.01, 0.06]))
F = RNG.standard_normal(6)
TRUTH = PatientTruth(STAMP_NS, F, T, T2, T_LYING, 1.25, -0.003, 0.006)
REFERENCE = ScanReference(STAMP_NS, "line-2", np.stack((T, T2)), np.array([0.0, 0.123456789]))

SIGNALS = {
    "joint_states": JointState(STAMP_NS, *RNG.standard_normal((3, 3))),
    "wrench": Wrench(STAMP_NS, "ft", F),
    "forward_position_controller/commands": JointCommand(0, RNG.standard_normal(3)),
    "probe/pose": ProbeState(STAMP_NS, T),
    "probe/twist": ProbeTwist(STAMP_NS, F),
    "probe/twist_command": TwistCommand(STAMP_NS, F),
    "contact/wrench": Wrench(STAMP_NS, "probe", F),
    "contact/mode": ContactMode(STAMP_NS, "scan"),
    "contact/state": ContactStatus(STAMP_NS, "scan", "lost", 0.1 + 0.2, None, 3, True, "line-2", 1 / 3, "why"),
    "scan/reference": REFERENCE,
    "scan/force_reference": Wrench(STAMP_NS, "probe", F),
    "motion/goal": MotionGoal(STAMP_NS, str(STAMP_NS), q=RNG.standard_normal(3)),
    "motion/goal_pose": MotionGoal(STAMP_NS, str(STAMP_NS), T_base_probe=T),
    "motion/state": MotionStatus(STAMP_NS, "7", 0.7, "refused", "joint 3: too far"),
    "hardware/state": HardwareStatus(STAMP_NS, 0.002, 0.0021, 0.0031, 1e-5, 4, 0.995, 1, 2, True, "ready"),
    "safety/permit": Stamp(STAMP_NS, "safety-0"),
    "heartbeat": Stamp(STAMP_NS, "imaging"),
    "safety/stop": StopRequest(True),
    "safety/state": SafetyStatus(STAMP_NS, "stopped", ("force 26.1 N", "retreated")),
    "surface": Surface(STAMP_NS, np.float32(RNG.random((40, 3))).astype(float), np.float32(RNG.random((40, 3))).astype(float)),
    "image": Image(STAMP_NS, RNG.integers(0, 256, (13, 17), dtype=np.uint8)),
    "image/compressed": Image(STAMP_NS, RNG.integers(0, 256, (13, 17), dtype=np.uint8)),
    "image/geometry": ImageGeometry(STAMP_NS, "curvilinear", 480, 400, (0.0003, 0.00025), T, 0.12, 0.06),
    "image/quality": ImageQuality(
        STAMP_NS, 0.8, 0.5, (-0.02, 0.03), False, ("dark", "half coupled"), -0.4, 0.6, 0.1, 0.11, 0.7, 0.2, (20.0, 12.5, 4.0, -3.0)
    ),
    "volume": VolumeCloud(STAMP_NS, np.float32(RNG.random((9, 3))).astype(float), RNG.integers(0, 256, 9, dtype=np.uint8)),
    "scan/path": replace(REFERENCE, reference_id=""),
    "scan/markers": PlannedSkin(STAMP_NS, RNG.random((3, 3)), np.array([0.5, np.nan, 0.25])),
    "task/state": TaskStatus(STAMP_NS, "scanning", "scan", 0.4, 1, None, "", ""),
    "events": Event(STAMP_NS, "contact", "lost", "for 0.2 s", {"count": 3}),
    "/diagnostics": Event(STAMP_NS, "contact", "lost", "for 0.2 s", {"count": 3}),
}
TWIN = ("twin/contact_wrench", "twin/probe_pose", "twin/skin_pose", "twin/patient")


def rclpy_class(name):
    package, _, kind = name.split("/")
    return getattr(pytest.importorskip(f"{package}.msg"), kind)


@pytest.fixture(params=[message_class, rclpy_class], ids=["rosbags", "rclpy"])
def codec(request):
    return Codec(request.param, JOINTS)


def assert_same(a, b):
    if is_dataclass(a):
        assert type(a) is type(b)
        for f in fields(a):
            assert_same(getattr(a, f.name), getattr(b, f.name))
    elif isinstance(a, np.ndarray):
        np.testing.assert_allclose(b, a, rtol=0.0, atol=1e-9 if a.dtype == np.float64 else 0.0)
        assert b.dtype == a.dtype
    else:
        assert a == b


def test_every_topic_has_an_example():
    assert set(SIGNALS) | set(TWIN) == {t.name for t in TOPICS}


@pytest.mark.parametrize("name", SIGNALS)
def test_round_trip(codec, name):
    assert_same(SIGNALS[name], codec.decode(name, codec.encode(name, SIGNALS[name])))


def test_both_families_have_one_wire_format():
    """What rosbags serialises is to rclpy the message that it would have sent itself."""
    serialization = pytest.importorskip("rclpy.serialization")
    ours, theirs = Codec(message_class, JOINTS), Codec(rclpy_class, JOINTS)
    for t in TOPICS:
        signal, kind = SIGNALS.get(t.name, TRUTH), rclpy_class(t.type)
        data = bytes(typestore().serialize_cdr(ours.encode(t.name, signal), t.type))
        sent = serialization.deserialize_message(serialization.serialize_message(theirs.encode(t.name, signal)), kind)
        assert serialization.deserialize_message(data, kind) == sent


def test_the_truth_is_put_together_from_its_four_messages(codec):
    merge = TruthMerge()
    merged = [merge.add(n, codec.decode(n, codec.encode(n, TRUTH))) for n in TWIN]
    assert merged[:3] == [None] * 3
    assert_same(TRUTH, merged[3])


def test_parts_of_two_truths_are_not_mixed(codec):
    merge = TruthMerge(("twin/probe_pose", "twin/patient"))
    later = replace(TRUTH, stamp_ns=TRUTH.stamp_ns + 10_000_000, indentation_m=2.0 * TRUTH.indentation_m)

    def add(name, truth):
        return merge.add(name, codec.decode(name, codec.encode(name, truth)))

    assert add("twin/probe_pose", TRUTH) is add("twin/probe_pose", later) is None
    first, second = add("twin/patient", TRUTH), add("twin/patient", later)
    assert (first.stamp_ns, first.indentation_m) == (TRUTH.stamp_ns, TRUTH.indentation_m)
    assert (second.stamp_ns, second.indentation_m) == (later.stamp_ns, later.indentation_m)


def test_a_lost_part_costs_one_truth_only(codec):
    merge = TruthMerge(("twin/probe_pose", "twin/patient"))
    for k in range(100):
        at_k = codec.encode("twin/probe_pose", replace(TRUTH, stamp_ns=k * 10_000_000))
        assert merge.add("twin/probe_pose", codec.decode("twin/probe_pose", at_k)) is None
    last = codec.encode("twin/patient", replace(TRUTH, stamp_ns=99 * 10_000_000))
    assert merge.add("twin/patient", codec.decode("twin/patient", last)).stamp_ns == 99 * 10_000_000


def test_a_part_of_the_truth_that_a_node_does_not_hear_is_nan(codec):
    merge = TruthMerge(("twin/probe_pose",))
    truth = merge.add("twin/probe_pose", codec.decode("twin/probe_pose", codec.encode("twin/probe_pose", TRUTH)))
    assert np.isnan(truth.T_base_skin).all()
    assert np.isnan(truth.F_tissue_on_probe_in_probe).all()


def test_twist_topic_takes_the_twist_of_a_probe_state(codec):
    message = codec.encode("probe/twist", ProbeState(STAMP_NS, T, F))
    assert_same(ProbeTwist(STAMP_NS, F), codec.decode("probe/twist", message))


def test_joints_are_put_into_order(codec):
    message = codec.encode("joint_states", SIGNALS["joint_states"])
    message.name = ["c", "a", "b"]
    np.testing.assert_array_equal(codec.decode("joint_states", message).q, SIGNALS["joint_states"].q[[1, 2, 0]])


FLAWS = {
    "frame": ("wrench", lambda m: setattr(m.header, "frame_id", "world"), "frame 'world' instead of 'ft'"),
    "nan": ("wrench", lambda m: setattr(m.wrench.force, "z", float("nan")), "not finite"),
    "inf": ("probe/twist_command", lambda m: setattr(m.twist.linear, "x", float("inf")), "not finite"),
    "names": ("joint_states", lambda m: setattr(m, "name", ["a", "b", "x"]), "instead of a, b, c"),
    "quaternion": ("probe/pose", lambda m: setattr(m.pose.orientation, "w", 3.0), "unit quaternion"),
    "encoding": ("image", lambda m: setattr(m, "encoding", "rgb8"), "encoding"),
    "no image": ("image/compressed", lambda m: setattr(m, "data", np.frombuffer(b"no PNG", np.uint8)), "no image"),
    "image size": ("image", lambda m: setattr(m, "height", 14), "size"),
    "cloud size": ("surface", lambda m: setattr(m, "width", 39), "size"),
    "missing value": ("contact/mode", lambda m: m.status[0].values.clear(), "no value for mode"),
    "not a number": ("task/state", lambda m: setattr(m.status[0].values[2], "value", "much"), "coverage"),
    "nan in a status": ("task/state", lambda m: setattr(m.status[0].values[2], "value", "NaN"), "finite"),
    "time order": ("scan/path", lambda m: setattr(m.poses[1].header.stamp, "sec", 3), "increase"),
    "no marker": ("scan/markers", lambda m: m.markers.clear(), "one marker"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_bad_message_is_refused_with_a_reason(codec, flaw):
    name, spoil, reason = FLAWS[flaw]
    message = codec.encode(name, SIGNALS[name])
    spoil(message)
    with pytest.raises(ValueError, match=reason):
        codec.decode(name, message)


def test_wrong_lengths_are_refused():
    seven = Codec(message_class, JOINTS).encode("forward_position_controller/commands", JointCommand(0, np.zeros(7)))
    with pytest.raises(ValueError, match="7 values instead of 3"):
        Codec(message_class, JOINTS).decode("forward_position_controller/commands", seven)


def test_a_goal_whose_id_would_be_lost_is_refused(codec):
    with pytest.raises(ValueError, match="goal id"):
        codec.encode("motion/goal_pose", MotionGoal(STAMP_NS, "home", T_base_probe=T))


def test_a_person_reads_the_status_in_a_viewer(codec):
    status = codec.encode("contact/state", SIGNALS["contact/state"]).status[0]
    values = {v.key: v.value for v in status.values}
    assert (values["force_n"], values["state"]) == ("0.30000000000000004", "lost")
    assert "stiffness_n_per_m" not in values
    assert status.level in (1, b"\x01")
    assert "lost" in status.message


def test_holes_in_a_cloud_are_dropped(codec):
    points = RNG.random((5, 3))
    points[2] = np.nan
    decoded = codec.decode("surface", codec.encode("surface", Surface(STAMP_NS, points, points)))
    assert len(decoded.points) == 4
    assert np.isfinite(decoded.points).all()
