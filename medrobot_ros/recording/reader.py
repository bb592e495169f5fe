"""Reading a run: its configuration and, topic by topic, the arrays and signals in its bag.

The bag is read from front to back without its index, so that a record that was cut off reads as far as it goes.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import SEEK_CUR, BytesIO
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Chunk
from mcap.stream_reader import get_chunk_data_stream
from mcap.writer import MCAP0_MAGIC
from numpy.typing import NDArray

from medrobot_ros.config import CellConfig, from_dict, load_yaml
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import interpolate
from medrobot_ros.interfaces import TOPICS, topic
from medrobot_ros.messages import Codec
from medrobot_ros.recording import columns
from medrobot_ros.recording.writer import BAG, CONFIG, message_class, typestore
from medrobot_ros.signals import Array, Image, ImageGeometry, ImageQuality, TrackedImage

Stamps = NDArray[np.int64]
Moved = Callable[[int, Array], Array | None]

LARGE = ("image", "surface")  # read from the disk each time they are asked for
_RECORD = Struct("<BQ")
_MESSAGE = Struct("<HIQQ")
_CHANNEL_ID = Struct("<H")
_MESSAGE_OPCODE, _CHANNEL_OPCODE = int(Opcode.MESSAGE), int(Opcode.CHANNEL)


def _last_before(sorted_ns: Stamps, stamps_ns: Stamps) -> "NDArray[np.intp]":
    """Index of the last of `sorted_ns` at or before each stamp; -1 where there is none."""
    return np.searchsorted(sorted_ns, stamps_ns, side="right") - 1


@dataclass(frozen=True)
class Series:
    """Values (N, ...) with their stamps (N,), which do not decrease."""

    stamps_ns: Stamps
    values: Array

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def before(self, stamps_ns: Stamps) -> "NDArray[np.intp]":
        """Index of the last value at or before each stamp; -1 where there is none."""
        return _last_before(self.stamps_ns, stamps_ns)

    def pose_at(self, stamp_ns: int) -> Array:
        """The pose (4, 4) at a stamp, interpolated; the first or last one outside the record."""
        k = int(np.searchsorted(self.stamps_ns, stamp_ns, side="right"))
        if k == 0 or k == len(self):
            nearest: Array = self.values[min(k, len(self) - 1)]
            return nearest
        t0, t1 = int(self.stamps_ns[k - 1]), int(self.stamps_ns[k])
        return interpolate(self.values[k - 1], self.values[k], (stamp_ns - t0) / (t1 - t0))


def unmoved(stamp_ns: int, T_base_probe: Array) -> Array:
    """The pose as it was measured."""
    return T_base_probe


class Run:
    """A run folder. `complete` says whether its record was closed in order.

    Raises: DataError where the folder holds no readable record; ConfigError for a broken configuration.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = sorted((folder / BAG).glob("*.mcap"))
        if not files:
            raise DataError(f"{folder}: no recorded run ({BAG}/*.mcap is missing)")
        if not (folder / CONFIG).exists():
            raise DataError(f"{folder}: {CONFIG} is missing")
        self.config: CellConfig = from_dict(load_yaml(folder / CONFIG), str(folder / CONFIG))
        self.complete = False
        self._file = files[0]
        self._codec = Codec(message_class)
        self._signals: dict[str, list[Any]] = {}
        self._small: dict[str, tuple[list[int], list[bytes]]] = {}
        for name, time_ns, data in self._messages({t.name for t in TOPICS} - set(LARGE)):
            times, messages = self._small.setdefault(name, ([], []))
            times.append(time_ns)
            messages.append(data)
        if not self._small:
            raise DataError(f"{self._file}: nothing was recorded")

    # --- raw messages -------------------------------------------------------------------------------------------------

    def _messages(self, wanted: Collection[str]) -> Iterator[tuple[str, int, bytes]]:
        """(topic, time [ns], CDR bytes) of the wanted topics, as they lie in the bag: chunk by chunk, channel by channel."""
        channels: dict[int, str] = {}
        end = self._file.stat().st_size
        with self._file.open("rb") as f:
            if f.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
                raise DataError(f"{self._file}: not an MCAP file")
            while len(head := f.read(_RECORD.size)) == _RECORD.size:
                opcode, size = _RECORD.unpack(head)
                if f.tell() + size > end:
                    return  # cut off: what came before is good
                if opcode == Opcode.CHUNK:
                    yield from _in_chunk(self._unpacked(f.read(size)), channels, wanted)
                else:
                    self.complete |= opcode == Opcode.FOOTER
                    f.seek(size, SEEK_CUR)

    def _unpacked(self, body: bytes) -> bytes:
        try:
            stream, size = get_chunk_data_stream(Chunk.read(ReadDataStream(BytesIO(body))), validate_crc=True)
            return stream.read(size)
        except Exception as e:  # each way of compression has errors of its own
            raise DataError(f"{self._file}: a broken chunk ({type(e).__name__})") from None

    def raw(self, name: str) -> tuple[Stamps, list[bytes]]:
        """Recorded times (N,) and CDR bytes of a topic."""
        if name in LARGE:
            found = [(t, m) for _, t, m in self._messages({name})]
            return np.array([t for t, _ in found], dtype=np.int64), [m for _, m in found]
        times, messages = self._small.get(name, ([], []))
        return np.array(times, dtype=np.int64), messages

    # --- signals and arrays -------------------------------------------------------------------------------------------

    def signals(self, name: str) -> list[Any]:
        """Every signal of a topic that can be decoded."""
        if name not in self._signals:
            self._signals[name] = list(self._decoded(name, self.raw(name)[1]))
        return self._signals[name]

    def signals_before(self, name: str, stamps_ns: Stamps) -> "NDArray[np.intp]":
        """Index of the topic's last signal at or before each stamp; -1 where there is none."""
        return _last_before(np.array([s.stamp_ns for s in self.signals(name)], dtype=np.int64), stamps_ns)

    def _decoded(self, name: str, messages: list[bytes]) -> Iterator[Any]:
        kind = topic(name).type
        for data in messages:
            try:
                yield self._codec.decode(name, typestore().deserialize_cdr(data, kind))
            except ValueError:
                continue

    def vectors(self, name: str) -> Series:
        """Wrenches or twists (N, 6) of a topic."""
        messages = self.raw(name)[1]
        return _series(messages, columns.vectors(messages, 6) if messages else np.empty((0, 6)))

    def poses(self, name: str) -> Series:
        """Poses (N, 4, 4) of a topic."""
        messages = self.raw(name)[1]
        return _series(messages, columns.poses(messages) if messages else np.empty((0, 4, 4)))

    def positions(self, name: str) -> Series:
        """Positions (N, n) of a topic of joint states."""
        messages = self.raw(name)[1]
        return _series(messages, columns.joint_positions(messages) if messages else np.empty((0, 0)))

    # --- images -------------------------------------------------------------------------------------------------------

    @cached_property
    def geometry(self) -> ImageGeometry | None:
        """How the images lie in the probe frame, where that was recorded."""
        found = self.signals("image/geometry")
        return found[-1] if found else None

    @cached_property
    def qualities(self) -> dict[int, ImageQuality]:
        """The verdicts by the stamps of their images."""
        return {q.stamp_ns: q for q in self.signals("image/quality")}

    def images(self) -> Iterator[Image]:
        """The images, one at a time."""
        for _, _, data in self._messages({"image"}):
            yield from self._decoded("image", [data])

    def tracked_images(
        self, moved: Moved = unmoved, latency_s: float = 0.0
    ) -> Iterator[TrackedImage]:
        """Accepted images with their measured poses.

        An image was taken `latency_s` before its stamp. `moved` says what to take for the probe's pose then; None leaves the image out.
        """
        probe, geometry = self.poses("probe/pose"), self.geometry
        if geometry is None or not len(probe):
            return
        column_m, row_m = geometry.spacing_m
        T_probe_pixel = geometry.T_probe_image @ np.diag([column_m, row_m, 1.0, 1.0])
        for image in self.images():
            quality = self.qualities.get(image.stamp_ns)
            if quality is not None and quality.accepted:
                taken_ns = image.stamp_ns - round(1e9 * latency_s)
                T_base_probe = moved(taken_ns, probe.pose_at(taken_ns))
                if T_base_probe is not None:
                    yield TrackedImage(taken_ns, image.pixels, T_base_probe @ T_probe_pixel)


def _in_chunk(data: bytes, channels: dict[int, str], wanted: Collection[str]) -> Iterator[tuple[str, int, bytes]]:
    """The wanted messages of a chunk; channels that it declares are added to `channels`."""
    at, end = 0, len(data)
    while at < end:
        opcode, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if opcode == _MESSAGE_OPCODE:
            channel, _, time_ns, _ = _MESSAGE.unpack_from(data, at)
            name = channels[channel]
            if name in wanted:
                yield name, time_ns, data[at + _MESSAGE.size : at + size]
        elif opcode == _CHANNEL_OPCODE:
            key, absolute = _channel(data[at : at + size])
            channels[key] = _relative(absolute)
        at += size


def _channel(data: bytes) -> tuple[int, str]:
    """Id and topic of a channel record: id, schema id, topic, ..."""
    length = int.from_bytes(data[4:8], "little")
    return _CHANNEL_ID.unpack_from(data)[0], data[8 : 8 + length].decode()


def _relative(absolute: str) -> str:
    """The table's name of a topic in whatever namespace; '' for one that is not in the table."""
    return max((t.name for t in TOPICS if absolute.endswith("/" + t.name)), key=len, default="")


def _series(messages: list[bytes], values: Array) -> Series:
    """In the order of the stamps: messages of one topic may be recorded out of order."""
    stamps = columns.stamps_ns(messages) if messages else np.empty(0, dtype=np.int64)
    order = np.argsort(stamps, kind="stable")
    return Series(stamps[order], values[order])
