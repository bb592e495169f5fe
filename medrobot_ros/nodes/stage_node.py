"""One stage as a ROS 2 node: subscriptions, publishers and services follow from the interface table."""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from math import ceil
from typing import TYPE_CHECKING, Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from std_srvs.srv import Trigger

from medrobot_ros.cell import check_force, make_stage
from medrobot_ros.config import CellConfig
from medrobot_ros.description import cell_nodes, realtime_priority
from medrobot_ros.errors import MedrobotError
from medrobot_ros.interfaces import SERVICES, TOPICS, Topic
from medrobot_ros.messages import Codec, TruthMerge
from medrobot_ros.messages.cdr_reading import READABLE_TOPICS, from_bytes
from medrobot_ros.messages.cdr_writing import FIXED_TOPICS, to_bytes
from medrobot_ros.nodes.managed import ManagedNode
from medrobot_ros.nodes.polling import poll_periodically
from medrobot_ros.nodes.qos_overrides import offer, request
from medrobot_ros.signals import Event, Stamp, active_node, inactive
from medrobot_ros.stage import EventLog, Outputs

if TYPE_CHECKING:
    from medrobot_ros.nodes.together import Outbox

INACTIVE_BEAT_NS = 100_000_000
_LATCHED = frozenset(t.name for t in TOPICS if t.latched)
SPARE = 2  # ticks' worth of messages that a queue holds
SLOW_TICK_S = 0.1  # a tick that long is worth knowing of
JOINTED = ("joint_states", "forward_position_controller/commands", "motion/goal")


def message_type(name: str) -> type:
    """The class of a ROS type such as `std_msgs/msg/Header`."""
    package, _, kind = name.split("/")
    return getattr(import_module(f"{package}.msg"), kind)  # type: ignore[no-any-return]


def qos(topic: Topic, depth: int = 0) -> QoSProfile:
    """The profile that the table gives a topic."""
    return QoSProfile(
        depth=depth or topic.queue,
        reliability=ReliabilityPolicy.RELIABLE if topic.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if topic.latched else DurabilityPolicy.VOLATILE,
    )


class StageNode(ManagedNode):
    """Carries one stage's signals over topics; arrivals are answered inside their callback."""

    def __init__(self, name: str) -> None:
        super().__init__(name, realtime_priority(name))
        self._events = EventLog(name)
        self.stage: Any = None
        self._pubs: dict[str, Any] = {}
        self._subs: list[Any] = []
        self._servers: list[Any] = []
        self.outbox: Outbox | None = None  # where it shares a process

    def load(self) -> None:
        """Makes the stage once, so that all it needs is loaded; what is wrong with it is said when the node is configured."""
        with suppress(MedrobotError):
            make_stage(self.get_name(), self.config, cell_nodes(self.config))

    def _make(self) -> None:
        name, config = self.get_name(), self.config
        self._joint_names = self._joints()
        self.stage = make_stage(name, config, cell_nodes(config))
        self.codec = Codec(message_type, self._joint_names)
        self._truth = TruthMerge(t.name for t in TOPICS if name in t.readers and t.name.startswith("twin/"))
        self._pubs = {
            t.name: self.create_publisher(message_type(t.type), t.name, qos(t), qos_overriding_options=offer(t))
            for t in TOPICS if name in t.writers and t.name != "/diagnostics"
        }
        handed = self.outbox.handed_to(name) if self.outbox else ()
        self._subs = [self._subscribe(t) for t in TOPICS if name in t.readers and t.name not in handed]
        self._servers = [self.create_service(Trigger, s.name, self._server(s.name)) for s in SERVICES if s.server == name]
        self.diagnostics.expected = self._expected_rates()
        self._waiting: dict[str, Any] = {}
        self._beat_ns = 0

    def _joints(self) -> tuple[str, ...]:
        """The arm's joints from the base, for a node whose messages name them or have a value for each."""
        if not any(t.name in JOINTED and self.get_name() in (*t.writers, *t.readers) for t in TOPICS):
            return ()
        from medrobot_ros.arms import load_arm

        return load_arm(self.config.arm.name, self.config.probe.name).joint_names

    def _expected_rates(self) -> dict[str, float]:
        """How often the topics arrive that come steadily; of a sampled one only the latest is taken. The twin's come in pieces."""
        steady = (t for t in TOPICS if t.steady and t.rate_hz > 0.0 and not t.name.startswith("twin/"))
        heard = (t for t in steady if self.get_name() in t.readers)
        return {t.name: min(t.rate_hz, self.stage.rate_hz) if t.name in self._sampled() else t.rate_hz for t in heard}

    def _sampled(self) -> tuple[str, ...]:
        return getattr(self.stage, "sampled", ())

    def _subscribe(self, t: Topic) -> Any:
        kind, raw = message_type(t.type), t.name in READABLE_TOPICS
        receive = self._raw_receiver(t.name, kind) if raw else self._receiver(t.name)
        return self.create_subscription(kind, t.name, receive, self._inbox(t), raw=raw, qos_overriding_options=request(t))

    def drop(self) -> None:
        """Destroys what `_make` made."""
        for subscription in self._subs:
            self.destroy_subscription(subscription)
        for server in self._servers:
            self.destroy_service(server)
        for publisher in self._pubs.values():
            self.destroy_publisher(publisher)
        self.stage, self._subs, self._servers, self._pubs = None, [], [], {}

    def _work(self, running: Callable[[], bool]) -> None:
        poll_periodically(self, self.stage.rate_hz, self.tick, running, getattr(self.stage, "behind", 1))

    def _check(self, config: CellConfig) -> None:
        check_force(config)

    def _reconfigure(self, config: CellConfig) -> None:
        self.stage.reconfigure(config)

    def _receiver(self, topic: str) -> Any:
        merge = self._truth.add if topic.startswith("twin/") else None

        def receive(message: Any) -> None:
            try:
                signal = self.codec.decode(topic, message)
            except ValueError as e:
                self._events.add(self.clock.now_ns(), "bad_message", f"{topic}: {e}")
                return
            if merge is not None:
                signal = merge(topic, signal)
                if signal is None:
                    return
            self._arrived(topic, signal)

        return receive

    def _raw_receiver(self, topic: str, kind: type) -> Any:
        """Reads the bytes in place, and only what is laid out otherwise through a message: ten times as fast."""
        receive_message = self._receiver(topic)

        def receive(data: bytes) -> None:
            signal = from_bytes(topic, data, self._joint_names)
            if signal is None:
                receive_message(deserialize_message(data, kind))
            else:
                self._arrived(topic, signal)

        return receive

    def _arrived(self, topic: str, signal: Any) -> None:
        """What came over the graph, and not from hand to hand."""
        if self.outbox is not None:
            self.outbox.arrived(topic)
        self.receive(topic, signal)

    def _inbox(self, t: Topic) -> QoSProfile:
        """The table's profile, with room for what arrives between two ticks unless the latest is enough."""
        latest = t.name in self._sampled()
        return qos(t, 0 if latest or t.rate_hz == 0.0 else max(qos(t).depth, ceil(SPARE * t.rate_hz / self.stage.rate_hz)))

    def _server(self, service: str) -> Any:
        def serve(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            response.success, response.message = self.call(service)
            return response

        return serve

    def receive(self, topic: str, signal: Any) -> None:
        """One arrival, and the stage's answer to it. Nothing reaches a stage that is not active; what is latched waits until it is."""
        if not self.active:
            if topic in _LATCHED:
                self._waiting[topic] = signal
            return
        self.heard(topic, signal)
        self.stage.now_ns = self.clock.now_ns()
        if topic == "heartbeat":
            self.diagnostics.beat(active_node(signal.source)[0], 1e-9 * (self.stage.now_ns - signal.stamp_ns))
        try:
            self.send(self.stage.receive(topic, signal))
        except Exception as e:
            self.fail(e)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets signals in and out, those first that are latched."""
        done = super().on_activate(state)
        waiting, self._waiting = self._waiting, {}
        for topic, signal in waiting.items():
            self.receive(topic, signal)
        return done

    def call(self, service: str) -> tuple[bool, str]:
        """One service request."""
        return self.stage.call(service) if self.active else (False, f"{self.get_name()} is not active")  # type: ignore[no-any-return]

    def tick(self) -> None:
        """The stage's periodic work; an inactive one only says that it lives."""
        now_ns = self.clock.now_ns()
        self._beat_inactive(now_ns)
        self.diagnose()
        if not self.active:
            return
        self.stage.now_ns = now_ns
        try:
            self.send(self.stage.tick(now_ns))
        except Exception as e:
            self.fail(e)
            return
        took_s = 1e-9 * (self.clock.now_ns() - now_ns)
        if took_s > SLOW_TICK_S:
            self._events.add(now_ns, "slow_tick", f"{1e3 * took_s:.0f} ms")
        self.send(self._events.drain(now_ns))

    def _beat_inactive(self, now_ns: int) -> None:
        if self.configured and not self.active and "heartbeat" in self._pubs and now_ns - self._beat_ns >= INACTIVE_BEAT_NS:
            self._beat_ns = now_ns
            self.send([("heartbeat", Stamp(now_ns, inactive(self.get_name())))])

    def _note(self, topic: str, signal: Any) -> None:
        if isinstance(signal, Event):
            self.diagnostics.happened(signal)
        elif topic.startswith("safety/"):
            self.heard(topic, signal)

    def send(self, outputs: Outputs) -> None:
        """Publishes (topic, signal) pairs."""
        for topic, signal in outputs:
            if self.outbox is None:
                self.publish(topic, signal)
            else:
                self.outbox.put(self, topic, signal)

    def publish(self, topic: str, signal: Any) -> None:
        """Sends one signal to whoever subscribes."""
        self._note(topic, signal)
        fixed = topic in FIXED_TOPICS
        self._pubs[topic].publish(to_bytes(topic, signal, self._joint_names) if fixed else self.codec.encode(topic, signal))
        smaller = self._pubs.get(f"{topic}/compressed")
        if smaller is not None and smaller.get_subscription_count():
            smaller.publish(self.codec.encode(f"{topic}/compressed", signal))
