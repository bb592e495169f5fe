"""Writing a run: its folder, and its bag (rosbag2, MCAP, chunks compressed with zstd)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from shutil import disk_usage
from typing import Any, Literal

import yaml
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, WriterError
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode
from rosbags.typesys import Stores, get_typestore

from medrobot_ros import __version__
from medrobot_ros.config import CellConfig, as_dict
from medrobot_ros.errors import MachineError
from medrobot_ros.interfaces import NAMESPACE, Topic, recorded_topics
from medrobot_ros.messages import Codec
from medrobot_ros.messages.cdr_alike import ALIKE_TOPICS, SOURCED_TOPICS, to_bytes_alike
from medrobot_ros.messages.cdr_writing import FIXED_TOPICS, to_bytes
from medrobot_ros.recording.storage import ChunkedWriter
from medrobot_ros.signals import Event, Stamp, StopRequest
from medrobot_ros.stage import NOTHING, Outputs, Shown

BAG = "bag"
CONFIG = "config.yaml"
BEFORE_BYTES = 1_000_000_000  # free space that a run needs to begin
DURING_BYTES = 50_000_000  # free space that is left for its summary and report
BAG_VERSION: Literal[9] = 9  # ROS 2 Jazzy's
HEARTBEAT_HZ = 10.0
_FOREVER = QosTime(9223372036, 854775807)


@lru_cache(maxsize=1)
def typestore() -> Any:
    """The message types of ROS 2 Jazzy, without ROS."""
    return get_typestore(Stores.ROS2_JAZZY)


def message_class(name: str) -> Any:
    """rosbags' class of a ROS type such as `std_msgs/msg/Header`."""
    return typestore().types[name]


def run_beginning(now: datetime, config: CellConfig) -> Path:
    """`new_run` where the configuration wants it, named after the time."""
    return new_run(Path(config.recording.out), f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}", config)


def new_run(out: Path, utc: str, config: CellConfig) -> Path:
    """Makes `<out>/<utc>-<arm>-<task>/` with the configuration in it, numbered where that exists already.

    Raises: MachineError where the folder cannot be written or the disk is nearly full.
    """
    name = f"{utc}-{config.arm.label}-{config.task}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        taken = {p.name for p in out.iterdir()}
        count = 1
        while (folder := out / (name if count == 1 else f"{name}-{count}")).name in taken:
            count += 1
        folder.mkdir()
        (folder / CONFIG).write_text(yaml.safe_dump(as_dict(config), sort_keys=False))
        _check_space(folder, BEFORE_BYTES)
    except OSError as e:
        raise MachineError(f"cannot write to {out}: {e.strerror}") from None
    return folder


def _check_space(folder: Path, needed: int) -> None:
    free = disk_usage(folder).free
    if free < needed:
        raise MachineError(f"{folder}: {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB needed to record")


class BagWriter:
    """Writes the recorded topics of the interface table to a new bag in `folder`, as `/<namespace>/<topic>`.

    `joint_names` are those of the joint states written in process; `about` is kept in the bag's metadata.
    Raises: MachineError where the bag cannot be written, now or later.
    """

    def __init__(
        self, folder: Path, namespace: str = NAMESPACE, joint_names: Sequence[str] = (), about: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._names = tuple(joint_names)
        self._codec = Codec(message_class, self._names)
        self._bag = ChunkedWriter(folder, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._bag.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        for key, value in (about or {}).items():
            self._bag.set_custom_data(key, value)
        self._last_ns = 0
        self._held: dict[str, list[tuple[int, Any]]] = {name: [] for name in ALIKE_TOPICS}  # until a chunk is written
        prefix = "/".join(["", *namespace.strip("/").split("/")]).rstrip("/")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _check_space(folder.parent, BEFORE_BYTES)
            self._bag.open()
            self._connections = {t.name: self._connect(prefix, t) for t in recorded_topics()}
            self._storage = self._bag.chunked
            self._storage.filling = self._write_held
            self._storage.flushed = lambda: _check_space(folder, DURING_BYTES)
        except (OSError, WriterError) as e:
            raise MachineError(f"cannot write to {folder}: {getattr(e, 'strerror', None) or e}") from None

    def _connect(self, prefix: str, t: Topic) -> Any:
        return self._bag.add_connection(f"{prefix}/{t.name}", t.type, typestore=typestore(), offered_qos_profiles=[_qos(t)])

    def write(self, topic: str, time_ns: int, signal: Any) -> None:
        """Records a signal of this process, whose arrays must not change any more."""
        if topic in self._held:
            if time_ns > self._last_ns:
                self._last_ns = time_ns
            self._held[topic].append((self._last_ns, signal))
            if self._last_ns >= self._storage.due_ns:
                self._on_disk(self._storage.flush, self._last_ns)
        elif topic in FIXED_TOPICS:
            self.write_raw(topic, time_ns, to_bytes(topic, signal, self._names))
        else:
            message = self._codec.encode(topic, signal)
            self.write_raw(topic, time_ns, typestore().serialize_cdr(message, message.__msgtype__))

    def _write_held(self) -> None:
        for topic, held in self._held.items():
            groups = _by_source(held) if topic in SOURCED_TOPICS else [held] if held else []
            for group in groups:
                times_ns, signals = zip(*group, strict=True)
                self._storage.add_alike(self._connections[topic], times_ns, to_bytes_alike(topic, signals, self._names))
            held.clear()

    def write_raw(self, topic: str, time_ns: int, data: bytes | memoryview) -> None:
        """Records the CDR bytes of a message. Times never run backwards in a bag: an older one takes the latest's."""
        if time_ns > self._last_ns:
            self._last_ns = time_ns
        self._on_disk(self._storage.write, self._connections[topic], self._last_ns, data)

    def _on_disk(self, act: Callable[..., None], *what: Any) -> None:
        try:
            act(*what)
        except OSError as e:
            raise MachineError(f"cannot write to {self._folder}: {e.strerror}") from None

    def close(self) -> None:
        """Writes the index and the metadata."""
        try:
            self._bag.close()
        except OSError as e:
            self.abort()
            raise MachineError(f"cannot write to {self._folder}: {e.strerror}") from None

    def abort(self) -> None:
        """Leaves the bag without an index, readable as far as it goes."""
        with suppress(OSError):
            self._bag.abort()


def _by_source(held: list[tuple[int, Any]]) -> Collection[list[tuple[int, Any]]]:
    """Held signals in groups that carry the same text."""
    groups: defaultdict[str, list[tuple[int, Any]]] = defaultdict(list)
    for time_ns, signal in held:
        groups[signal.source].append((time_ns, signal))
    return groups.values()


def _qos(t: Topic) -> Qos:
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=t.queue,
        reliability=QosReliability.RELIABLE if t.reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if t.latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


class RecorderStage:
    """Stage `recorder` in one process: writes every recorded topic that it receives into `<folder>/bag`.

    When writing fails it asks for a stop, once, and `close` says why. Raises: MachineError where it cannot begin.
    """

    name = "recorder"
    rate_hz = HEARTBEAT_HZ

    def __init__(self, folder: Path, config: CellConfig, joint_names: Sequence[str] = ()) -> None:
        about = {"software": __version__, "arm": config.arm.label, "probe": config.probe.name, "seed": str(config.seed)}
        self._bag = BagWriter(folder / BAG, joint_names=joint_names, about=about)
        self._recorded = frozenset(t.name for t in recorded_topics())
        self._shown = Shown()
        self._failure: MachineError | None = None
        self._now_ns = 0

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Records one signal at its own stamp."""
        if topic not in self._recorded or self._failure is not None or not self._shown.shows(topic, signal):
            return NOTHING
        stamp_ns = getattr(signal, "stamp_ns", 0)
        if stamp_ns > self._now_ns:
            self._now_ns = stamp_ns
        try:
            self._bag.write(topic, self._now_ns, signal)
        except MachineError as e:
            self._failure = e
            return [("events", Event(self._now_ns, self.name, "recording_failed", str(e))), ("safety/stop", StopRequest(True))]
        return NOTHING

    def tick(self, stamp_ns: int) -> Outputs:
        """A heartbeat while recording works."""
        return NOTHING if self._failure else [("heartbeat", Stamp(stamp_ns, self.name))]

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"recorder serves no '{service}'"

    def close(self) -> None:
        """Ends the record.

        Raises: MachineError where writing failed, now or before.
        """
        if self._failure is not None:
            self._bag.abort()
            raise self._failure
        self._bag.close()
