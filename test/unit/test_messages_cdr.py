"""The hand-made layouts are byte for byte what the generic serialiser writes, and read back."""

import numpy as np
import pytest

from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.interfaces import TOPICS, topic
from medrobot_ros.messages import Codec
from medrobot_ros.messages.cdr_alike import ALIKE_TOPICS, to_bytes_alike
from medrobot_ros.messages.cdr_reading import READABLE_TOPICS, from_bytes
from medrobot_ros.messages.cdr_writing import FIXED_TOPICS, to_bytes
from medrobot_ros.recording import columns
from medrobot_ros.recording.writer import message_class, typestore
from medrobot_ros.signals import (
    ContactMode,
    ContactStatus,
    Event,
    HardwareStatus,
    ImageGeometry,
    ImageQuality,
    JointCommand,
    JointState,
    MotionStatus,
    PatientTruth,
    PlannedSkin,
    ProbeState,
    SafetyStatus,
    Stamp,
    TaskStatus,
    TwistCommand,
    Wrench,
)

NAMES = tuple(f"fr3_joint{k}" for k in range(1, 8))
RNG = np.random.default_rng(3)


def random_pose():
    return pose(rotation_from_vector(RNG.standard_normal(3)), RNG.standard_normal(3))


STATUS = {
    "contact/mode": (ContactMode, "approach"),
    "contact/state": (ContactStatus, "scan", "lost", 4.875, None, 2, True, "5", 0.3, "weiß nicht"),
    "motion/state": (MotionStatus, "17", 0.25, "refused", "too far"),
    "hardware/state": (HardwareStatus,),
    "safety/state": (SafetyStatus, "stopped", ("contact is silent", "")),
    "image/geometry": (ImageGeometry, "linear", 20, 30, (1e-4, 2e-4), np.eye(4), 0.05, 0.04),
    "image/quality": (ImageQuality, 0.5, 0.25, (-0.01, 0.02), False, ("dark",), 0.1, None, 0.0, 0.05, 0.5, 0.1, (1.0, 2.5, -3.0, 0.0)),
    "task/state": (TaskStatus, "scanning", "scan", 0.5, 1, 20.0),
    "events": (Event, "contact", "lost_contact", "once", {"count": 3}),
}


def signal_on(name, stamp_ns):
    if name in STATUS:
        kind, *values = STATUS[name]
        return kind(stamp_ns, *values)
    if name.startswith("twin/"):
        yaw = pose(rotation_from_vector(np.array([0.0, 0.0, 0.4])), RNG.standard_normal(3))
        return PatientTruth(stamp_ns, RNG.standard_normal(6), random_pose(), random_pose(), yaw, *RNG.standard_normal(3).tolist())
    return {
        "joint_states": lambda: JointState(stamp_ns, *RNG.standard_normal((3, 7))),
        "forward_position_controller/commands": lambda: JointCommand(stamp_ns, RNG.standard_normal(7)),
        "wrench": lambda: Wrench(stamp_ns, "ft", RNG.standard_normal(6)),
        "contact/wrench": lambda: Wrench(stamp_ns, "probe", RNG.standard_normal(6)),
        "probe/twist_command": lambda: TwistCommand(stamp_ns, RNG.standard_normal(6)),
        "probe/pose": lambda: ProbeState(stamp_ns, random_pose(), RNG.standard_normal(6)),
        "probe/twist": lambda: ProbeState(stamp_ns, random_pose(), RNG.standard_normal(6)),
        "scan/markers": lambda: PlannedSkin(stamp_ns, RNG.standard_normal((5, 3)), np.array([0.0, np.nan, 0.7, 1.2, np.nan])),
        "safety/permit": lambda: Stamp(stamp_ns, "safety"),
        "heartbeat": lambda: Stamp(stamp_ns, "kinematics"),
    }[name]()


def generic(name, signal, names):
    message = Codec(message_class, names).encode(name, signal)
    return bytes(typestore().serialize_cdr(message, topic(name).type))


def test_every_topic_at_the_control_rate_has_a_fixed_layout():
    assert {t.name for t in TOPICS if t.rate_hz >= 100} <= set(FIXED_TOPICS)


@pytest.mark.parametrize("names", [NAMES, NAMES[:3], ("a",), ()], ids=len)
@pytest.mark.parametrize("name", sorted(FIXED_TOPICS))
@pytest.mark.parametrize("stamp_ns", [0, 1_999_999_999, 1_700_000_000_000_000_001])
def test_fixed_layout_equals_the_generic_serialiser(name, stamp_ns, names):
    signal = signal_on(name, stamp_ns)
    if name == "joint_states" and names:
        signal = JointState(stamp_ns, *(v[: len(names)] for v in (signal.q, signal.qd, signal.tau)))
    if name.endswith("commands"):
        names = ()
    assert to_bytes(name, signal, names) == generic(name, signal, names)


@pytest.mark.parametrize("name", sorted(ALIKE_TOPICS))
def test_many_at_once_are_the_same_bytes(name):
    signals = [signal_on(name, stamp_ns) for stamp_ns in (0, 1_999_999_999, 1_700_000_000_000_000_001)]
    rows = to_bytes_alike(name, signals, NAMES)
    assert [row.tobytes() for row in rows] == [to_bytes(name, s, NAMES) for s in signals]


def test_arrays_read_back():
    stamps = [5, 10**9, 2 * 10**18]
    wrenches = [signal_on("wrench", t) for t in stamps]
    states = [signal_on("joint_states", t) for t in stamps]
    truths = [signal_on("twin/skin_pose", t) for t in stamps]
    data = [generic("wrench", s, ()) for s in wrenches]
    np.testing.assert_array_equal(columns.stamps_ns(data), stamps)
    np.testing.assert_array_equal(columns.vectors(data, 6), [s.F for s in wrenches])
    np.testing.assert_array_equal(columns.joint_positions([generic("joint_states", s, NAMES) for s in states]), [s.q for s in states])
    poses = columns.poses([generic("twin/skin_pose", s, ()) for s in truths])
    np.testing.assert_allclose(poses, [s.T_base_skin for s in truths], atol=1e-12)


@pytest.mark.parametrize("name", sorted(READABLE_TOPICS))
def test_one_message_reads_back_as_the_codec_reads_it(name):
    signal = signal_on(name, 1_700_000_000_000_000_001)
    data = generic(name, signal, NAMES)
    read = from_bytes(name, data, NAMES)
    expected = Codec(message_class, NAMES).decode(name, typestore().deserialize_cdr(data, topic(name).type))
    assert type(read) is type(expected)
    for field in read.__slots__:
        np.testing.assert_array_equal(getattr(read, field), getattr(expected, field))


@pytest.mark.parametrize("name", sorted(READABLE_TOPICS))
def test_what_is_laid_out_otherwise_is_left_to_the_generic_way(name):
    data = bytearray(generic(name, signal_on(name, 5), NAMES))
    assert from_bytes(name, bytes(data[:-8]), NAMES) is None  # cut off
    assert from_bytes(name, b"\x00\x00" + bytes(data[2:]), NAMES) is None  # big endian
    data[-8:] = np.array([np.nan]).tobytes()
    assert from_bytes(name, bytes(data), NAMES) is None  # not finite
    if name != "forward_position_controller/commands":
        head = bytes(data[:16]) + b"zz" + bytes(data[18:])
        assert from_bytes(name, head, NAMES) is None  # another frame, or other joints


def test_other_joints_in_a_joint_state_are_noticed():
    data = generic("joint_states", signal_on("joint_states", 5), NAMES)
    assert from_bytes("joint_states", data, NAMES[::-1]) is None


@pytest.mark.parametrize("from_end", [128, 64])
def test_speeds_or_efforts_of_fewer_joints_are_noticed(from_end):
    data = bytearray(generic("joint_states", signal_on("joint_states", 5), NAMES))
    assert data[-from_end] == len(NAMES)
    data[-from_end] -= 1
    assert from_bytes("joint_states", bytes(data), NAMES) is None
