"""The recorder node: every cell topic into the run's bag, as the bytes that arrived."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message

from medrobot_ros.description import realtime_priority
from medrobot_ros.errors import MachineError
from medrobot_ros.interfaces import Topic, recorded_topics, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.managed import ManagedNode
from medrobot_ros.nodes.polling import poll_periodically
from medrobot_ros.nodes.qos_overrides import request
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.recording.writer import BAG, BagWriter, run_beginning
from medrobot_ros.signals import Event, Stamp, inactive

QUEUE = 500
POLL_HZ = 20.0
IMAGE, COMPRESSED = "image", "image/compressed"


class RecorderNode(ManagedNode):
    """Subscribes best effort with a deep queue (latched topics as they are offered) and writes without decoding.

    A run lasts from configuring to cleaning up; while the node is inactive nothing is written. Its heartbeat ends when writing fails,
    upon which the supervisor retreats and stops the arm.
    """

    def __init__(self) -> None:
        super().__init__("recorder", realtime_priority("recorder"))
        self._writer: BagWriter | None = None
        self._codec = Codec(message_type)
        self._heartbeat: Any = None
        self._events: Any = None
        self._subs: list[Any] = []
        self._waiting: dict[str, bytes] = {}

    def _make(self) -> None:
        config = self.config
        folder = Path(config.recording.folder) if config.recording.folder else run_beginning(datetime.now(timezone.utc), config)
        self._writer = BagWriter(folder / BAG, self.get_namespace())
        self._heartbeat, self._events = (
            self.create_publisher(message_type(topic(n).type), n, qos(topic(n))) for n in ("heartbeat", "events")
        )
        smaller = (COMPRESSED,) if config.recording.compressed else ()
        self._subs = [self._subscribe(t, self._receiver(t)) for t in recorded_topics() if f"{t.name}/compressed" not in smaller]
        self._subs += [self._subscribe(topic(name), self._unpack) for name in smaller]
        self.get_logger().info(f"recording to {folder}")

    def _subscribe(self, t: Topic, receive: Callable[[bytes], None]) -> Any:
        options = request(t)
        return self.create_subscription(message_type(t.type), t.name, receive, _recording_qos(t), raw=True, qos_overriding_options=options)

    def _unpack(self, data: bytes) -> None:
        """A compressed image is recorded as it was."""
        self.heard(COMPRESSED)
        if self.active:
            try:
                image = self._codec.decode(COMPRESSED, deserialize_message(data, message_type(topic(COMPRESSED).type)))
            except ValueError as e:
                event = Event(self.clock.now_ns(), self.get_name(), "bad_message", f"{COMPRESSED}: {e}")
                self.diagnostics.happened(event)
                self._events.publish(self._codec.encode("events", event))
            else:
                self._write(IMAGE, serialize_message(self._codec.encode(IMAGE, image)))

    def drop(self) -> None:
        """Closes the bag."""
        for subscription in self._subs:
            self.destroy_subscription(subscription)
        self._subs = []
        for publisher in (self._heartbeat, self._events):
            if publisher is not None:
                self.destroy_publisher(publisher)
        self._heartbeat = self._events = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _receiver(self, t: Topic) -> Any:
        def receive(data: bytes) -> None:
            self.heard(t.name)
            if self.active:
                self._write(t.name, data)
            elif t.latched:
                self._waiting[t.name] = data

        return receive

    def _write(self, name: str, data: bytes) -> None:
        if self._writer is not None:
            try:
                self._writer.write_raw(name, self.clock.now_ns(), data)
            except (OSError, MachineError) as e:
                self._writer = None
                event = Event(self.clock.now_ns(), self.get_name(), "recording_failed", str(e))
                self.diagnostics.happened(event)
                self._events.publish(self._codec.encode("events", event))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begins to write, with what is latched already."""
        done = super().on_activate(state)
        for name, data in self._waiting.items():
            self._write(name, data)
        self._waiting = {}
        return done

    def _work(self, running: Callable[[], bool]) -> None:
        """Empties the queues until the end."""
        poll_periodically(self, POLL_HZ, self._beat, running)

    def _beat(self) -> None:
        self.diagnose()
        if self._writer is not None:
            name = self.get_name() if self.active else inactive(self.get_name())
            self._heartbeat.publish(self._codec.encode("heartbeat", Stamp(self.clock.now_ns(), name)))

    def destroy_node(self) -> None:
        """Closes the bag."""
        self.drop()
        super().destroy_node()


def _recording_qos(t: Topic) -> QoSProfile:
    return QoSProfile(
        depth=QUEUE,
        reliability=ReliabilityPolicy.RELIABLE if t.latched else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if t.latched else DurabilityPolicy.VOLATILE,
    )
