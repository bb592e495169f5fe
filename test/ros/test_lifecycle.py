"""The nodes as managed nodes: what they let in and out in each state, and how they end."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import ChangeState
from node_process import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, state_of

from medrobot_ros.interfaces import topic
from medrobot_ros.nodes.stage_node import message_type, qos


def sources(heard):
    return {m.frame_id for m in heard.get("heartbeat", ())}


def test_a_node_says_nothing_before_it_is_active_but_that_it_lives(watch):
    w = watch("imaging")
    assert w.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert w.listen(0.5) == {}
    assert w.change(CONFIGURE) and w.state() == State.PRIMARY_STATE_INACTIVE
    heard = w.listen(1.0)
    assert set(heard) == {"heartbeat"} and sources(heard) == {"imaging:inactive"}
    assert w.change(ACTIVATE)
    heard = w.listen(1.0)
    assert sources(heard) == {"imaging"} and "image/geometry" in w.heard
    assert w.change(DEACTIVATE)
    assert sources(w.listen(1.0)) == {"imaging:inactive"}
    assert w.change(CLEANUP) and w.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert w.listen(0.5) == {}
    assert w.change(CONFIGURE) and w.change(ACTIVATE), "it comes back"
    assert sources(w.listen(1.0)) == {"imaging"}
    assert w.close() == 0


def test_inactive_hardware_publishes_its_state_and_accepts_no_command(watch):
    w = watch("hardware")
    commands = w.node.create_publisher(message_type("std_msgs/msg/Float64MultiArray"), "forward_position_controller/commands",
                                       qos(topic("forward_position_controller/commands")))  # fmt: skip
    permits = w.node.create_publisher(message_type("std_msgs/msg/Header"), "safety/permit", qos(topic("safety/permit")))
    assert w.change(CONFIGURE)
    w.until(lambda: w.heard.get("joint_states"))
    at_first = list(w.heard["joint_states"][-1].position)

    def push(seconds):
        """Commands a step of the first joint, with a permit, and returns how far that moved."""
        target, end = [at_first[0] + 0.05, *at_first[1:]], time.monotonic() + seconds
        while time.monotonic() < end:
            permits.publish(message_type("std_msgs/msg/Header")(frame_id="safety#0"))
            commands.publish(message_type("std_msgs/msg/Float64MultiArray")(data=target))
            w.executor.spin_once(timeout_sec=0.005)
        return abs(w.heard["joint_states"][-1].position[0] - at_first[0])

    assert push(1.0) < 1e-3
    assert sources(w.listen(0.5)) == {"hardware:inactive"}
    assert w.change(ACTIVATE)
    assert push(2.0) > 0.04, "active, the same command moves it"


def test_settings_are_refused_with_a_reason(watch):
    w = watch("planner")
    assert w.set("contact.force_n", 30.0).successful is False
    assert w.set("scan.speed_m_per_s", 0.03).successful, "an unconfigured node takes it"
    assert w.change(CONFIGURE)
    refused = w.set("scan.speed_m_per_s", 0.02)
    assert not refused.successful and "clean the node up first" in refused.reason
    assert w.set("contact.force_n", 6.0).successful
    assert w.change(ACTIVATE)
    w.heard.clear()
    assert w.set("contact.force_n", 7.0).successful
    w.until(lambda: any(m.wrench.force.z == -7.0 for m in w.heard.get("scan/force_reference", ())))


def test_a_force_that_the_hardware_cannot_feel_is_refused_with_the_reason(watch):
    w = watch("planner", hardware__name="ros2_control", arm__name="iiwa7", hardware__rate_hz=100.0)
    assert w.change(CONFIGURE)
    refused = w.set("contact.force_n", 2.5)
    assert not refused.successful and "ask for at least 3 N" in refused.reason
    assert w.set("contact.force_n", 3.5).successful


def test_diagnostics_name_the_cell_and_say_what_is_silent(watch):
    w = watch("kinematics")
    rows = []
    array = message_type("diagnostic_msgs/msg/DiagnosticArray")
    w.node.create_subscription(array, "/diagnostics", lambda m: rows.extend(m.status), qos(topic("/diagnostics")))
    w.until(lambda: rows)
    assert (rows[-1].name, rows[-1].hardware_id, rows[-1].message) == ("cell/kinematics", "cell/fr3", "unconfigured")
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    w.until(lambda: "joint_states slow or silent" in rows[-1].message)
    assert rows[-1].level == b"\x01"
    values = {v.key: v.value for v in rows[-1].values}
    assert values["state"] == "active" and values["joint_states [Hz]"] == "0.0"


def test_with_a_simulators_clock_a_node_lives_by_it(watch):
    from rosgraph_msgs.msg import Clock

    w = watch("contact", use_sim_time="true", hardware__name="ros2_control", ros__executor="single")
    clock = w.node.create_publisher(Clock, "/clock", 1)
    assert w.change(CONFIGURE) and w.change(ACTIVATE)

    def state_at(seconds):
        """The stamp of the first state that contact publishes while the simulator's clock stands at `seconds`."""
        w.heard.clear()
        message = Clock()
        message.clock.sec = seconds

        def heard():
            clock.publish(message)
            return [m for m in w.heard.get("contact/state", ()) if m.header.stamp.sec == seconds]

        w.until(heard)

    state_at(100)
    state_at(200)


def test_the_mock_refuses_another_clock_than_its_own():
    line = [sys.executable, "-m", "medrobot_ros.nodes.entry", "hardware", "--ros-args", "-p", "use_sim_time:=true"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "the mock keeps its own time" in done.stderr and "Traceback" not in done.stderr


def test_a_transition_that_cannot_be_is_refused_and_the_node_lives(watch):
    w = watch("contact")
    assert not w.change(ACTIVATE), "it is not configured"
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    assert not w.change(CONFIGURE) and w.state() == State.PRIMARY_STATE_ACTIVE


@pytest.mark.parametrize("activate", [False, True])
def test_a_stage_that_raises_leads_through_error_processing_and_back(activate):
    import rclpy

    from medrobot_ros.nodes.realtime import prioritise
    from medrobot_ros.nodes.stage_node import StageNode

    rclpy.init()
    node = StageNode("contact")
    try:
        node.trigger_configure()
        if activate:
            node.trigger_activate()
        node.fail(ValueError("a fault of the stage"))
        assert node._state_machine.current_state[0] == State.PRIMARY_STATE_UNCONFIGURED and not node.configured
        node.trigger_configure()
        assert node._state_machine.current_state[0] == State.PRIMARY_STATE_INACTIVE and node.configured
    finally:
        prioritise(None)  # this is the tests' own process: whatever they start would inherit a real-time priority
        node.destroy_node()
        rclpy.try_shutdown()


def test_a_node_leaves_when_its_last_words_have_arrived(watch, monkeypatch):
    from medrobot_ros.nodes import managed

    monkeypatch.setattr(managed, "LAST_WORDS_S", 60.0)
    said, listener = topic("safety/state"), watch("contact")
    assert listener.change(CONFIGURE)
    node = managed.ManagedNode("speaker", None)
    publisher = node.create_publisher(message_type(said.type), f"/cell/{said.name}", qos(said))
    listener.until(publisher.get_subscription_count)
    listener.process.send_signal(signal.SIGSTOP)
    publisher.publish(message_type(said.type)())
    with subprocess.Popen(["sh", "-c", f"sleep 1; kill -CONT {listener.process.pid}"]):  # no thread: the node's wait keeps Python to itself
        node.destroy_node()
        state = state_of(listener.process.pid)
    assert state != "T", "the node left while a listener could not hear it"


@pytest.mark.parametrize("module", ["medrobot_ros.errors", "rclpy.node", "medrobot_ros.nodes.stage_node"])
def test_an_interrupt_while_modules_load_ends_clean(module):
    line = [sys.executable, "-X", "importtime", "-m", "medrobot_ros.nodes.entry", "contact"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for imported in process.stderr:
            if imported.split("|")[-1].strip() == module:
                break
        else:
            pytest.fail(f"ended before it loaded {module}")
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[1]
    finally:
        process.kill()
    assert process.returncode == 0 and "Traceback" not in rest


def test_an_interrupt_while_it_configures_ends_clean(watch):
    w = watch("kinematics")
    request = ChangeState.Request()
    request.transition.id = CONFIGURE
    client = w.node.create_client(ChangeState, "kinematics/change_state")
    w.until(client.service_is_ready)
    client.call_async(request)
    w.executor.spin_once(timeout_sec=0.1)
    assert w.close() == 0


def test_images_may_cross_the_network_compressed_and_are_recorded_as_they_were(watch, tmp_path):
    from medrobot_ros.messages import Codec
    from medrobot_ros.recording.reader import Run
    from medrobot_ros.signals import Image

    out = {"recording__out": str(tmp_path), "recording__compressed": "true"}
    w = watch("recorder", **out)
    codec, image = Codec(message_type), Image(5, np.arange(256, dtype=np.uint8).reshape(16, 16))
    row = topic("image/compressed")
    publisher = w.node.create_publisher(message_type(row.type), row.name, qos(row))
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    w.until(lambda: publisher.get_subscription_count() == 1)
    assert w.node.count_subscribers("image") == 0, "instead of the raw ones"
    publisher.publish(codec.encode(row.name, image))
    w.listen(1.0)
    assert w.change(DEACTIVATE) and w.close() == 0
    (folder,) = tmp_path.iterdir()
    (recorded,) = Run(folder).images()
    assert recorded.stamp_ns == 5 and np.array_equal(recorded.pixels, image.pixels)


def test_images_are_compressed_while_somebody_listens(watch):
    from medrobot_ros.interfaces import TOPICS
    from medrobot_ros.messages import Codec
    from medrobot_ros.signals import PatientTruth

    w = watch("imaging")
    names = [t.name for t in TOPICS if t.name.startswith("twin/") and "imaging" in t.readers]
    truth = {name: w.node.create_publisher(message_type(topic(name).type), name, qos(topic(name))) for name in names}
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    codec, far = Codec(message_type), np.eye(4)

    def both():
        now_ns = time.time_ns()
        for name in names:
            truth[name].publish(codec.encode(name, PatientTruth(now_ns, np.zeros(6), far, far, far, 0.0, 0.0, 0.0)))
        stamps = ({m.header.stamp.nanosec for m in w.heard.get(name, ())} for name in ("image", "image/compressed"))
        return set.intersection(*stamps)

    w.until(both)
    raw = {m.header.stamp.nanosec: codec.decode("image", m) for m in w.heard["image"]}
    packed = {m.header.stamp.nanosec: codec.decode("image/compressed", m) for m in w.heard["image/compressed"]}
    same = raw.keys() & packed.keys()
    assert same and all(np.array_equal(raw[t].pixels, packed[t].pixels) for t in same)
