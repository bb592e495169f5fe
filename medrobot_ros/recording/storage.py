"""rosbags' MCAP storage, quick enough for control rates and safe against being killed."""

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from struct import Struct, pack
from typing import Any
from zlib import crc32

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionMode
from rosbags.rosbag2.storage_mcap import McapWriter

FLUSH_NS = 1_000_000_000
CHUNK_BYTES = 2**20
LEVEL = 1  # of zstd: level 3 takes half as long again for 3 % less
_MESSAGE_RECORD, _CHUNK_RECORD, _INDEX_RECORD = 5, 6, 7
_MESSAGE = Struct("<BQHIQQ")  # opcode, size of what follows, channel, sequence, log time, publish time
_AFTER_SIZE = _MESSAGE.size - 9
_NEVER_NS = 2**63 - 1


class ChunkedStorage(McapWriter):
    """Collects messages, lays a chunk and its index out at once, and puts it on the disk at least once a second of recorded time.

    Times must not decrease. `filling` is called before each chunk, and may add more to it; `flushed` after it. Records: https://mcap.dev/spec.
    """

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        super().__init__(path, compression)
        if compression == CompressionMode.STORAGE:
            self.compressor = partial(self.compressor, level=LEVEL)  # type: ignore[call-arg]
        self.filling: Callable[[], None] = lambda: None
        self.flushed: Callable[[], None] = lambda: None
        self._begin()
        self._due_ns = FLUSH_NS

    def _begin(self) -> None:
        self._times: list[int] = []
        self._channels: list[int] = []
        self._messages: list[bytes | memoryview] = []
        self._bytes = 0

    def write(self, connection: Any, timestamp: int, data: bytes | memoryview) -> None:
        """Adds one message to the chunk."""
        self.add(connection, (timestamp,), (data,))
        if self._bytes > CHUNK_BYTES or timestamp >= self._due_ns:
            self._due_ns = timestamp + FLUSH_NS
            self.close_chunk()
            self.bio.flush()
            self.flushed()

    def add(self, connection: Any, times: Sequence[int], messages: Sequence[bytes | memoryview]) -> None:
        """Adds messages of one connection to the chunk, which may be older than others in it."""
        self._times += times
        self._channels += [connection.id] * len(times)
        self._messages += messages
        self._bytes += len(messages) * len(messages[0])

    def close_chunk(self) -> None:
        """Ends the chunk: itself, the index of each channel, and what the summary will say of both."""
        self.filling()
        times, channels = np.array(self._times, np.uint64), np.array(self._channels, np.uint16)
        order = np.argsort(times, kind="stable")
        times, channels = times[order], channels[order]
        records = [self._message(k) for k in order.tolist()]
        places = self.chunk.bio.tell() + np.cumsum([0, *map(len, records)], dtype=np.uint64)[:-1]
        data, self.chunk.bio = self.chunk.bio.getvalue() + b"".join(records), BytesIO()
        self._begin()
        oldest_ns, newest_ns = (int(times[0]), int(times[-1])) if len(times) else (_NEVER_NS, 0)
        self._put(data, oldest_ns, newest_ns, channels, np.column_stack((times, places)))
        self.message_start_time, self.message_end_time = min(self.message_start_time, oldest_ns), max(self.message_end_time, newest_ns)

    def _message(self, k: int) -> bytes:
        message, time_ns = self._messages[k], self._times[k]
        return _MESSAGE.pack(_MESSAGE_RECORD, _AFTER_SIZE + len(message), self._channels[k], 0, time_ns, time_ns) + message

    def _put(self, data: bytes, oldest_ns: int, newest_ns: int, channels: Any, index: Any) -> None:
        """Writes a chunk of `data`, and the index (n, 2) of its messages by channel (n,): their times and places."""
        compressed, name = self.compressor(data), _text(self.compression)
        span, sizes = pack("<QQ", oldest_ns, newest_ns), pack("<QQ", len(compressed), len(data))
        start = self.bio.tell()
        self._record(_CHUNK_RECORD, span + pack("<QI", len(data), crc32(data)) + name + sizes[:8] + compressed)
        end, places = self.bio.tell(), b""
        for channel in np.unique(channels).tolist():
            own = index[channels == channel].astype("<u8")
            places += pack("<HQ", channel, self.bio.tell())
            self._record(_INDEX_RECORD, pack("<HI", channel, own.nbytes) + own.tobytes())
            self.channel_stats[channel] += len(own)
        summary = BytesIO()  # rosbags writes it when it closes, as long as its position says
        summary.write(span + pack("<QQI", start, end - start, len(places)) + places + pack("<Q", self.bio.tell() - end) + name + sizes)
        self.chunks.append(summary)

    def _record(self, opcode: int, content: bytes) -> None:
        self.bio.write(pack("<BQ", opcode, len(content)) + content)


def _text(text: str) -> bytes:
    return pack("<I", len(text)) + text.encode()


class ChunkedWriter(Writer):
    """rosbags' writer on that storage, which counts for it: no search for the connection in a list at every message."""

    STORAGE_PLUGINS = {StoragePlugin.MCAP: ChunkedStorage}

    @property
    def chunked(self) -> ChunkedStorage:
        """The storage, once open: its `write` takes the place of this writer's."""
        assert isinstance(self.storage, ChunkedStorage)
        return self.storage

    def close(self) -> None:
        """Writes the index and the metadata."""
        if isinstance(self.storage, ChunkedStorage):
            self.storage.close_chunk()
            self.counts.update(self.storage.channel_stats)
            self.min_timestamp, self.max_timestamp = self.storage.message_start_time, self.storage.message_end_time
        super().close()
