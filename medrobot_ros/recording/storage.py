"""rosbags' MCAP storage, quick enough for control rates and safe against being killed."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from struct import Struct, pack
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionMode
from rosbags.rosbag2.storage_mcap import McapWriter

FLUSH_NS = 1_000_000_000
CHUNK_BYTES = 2**20
LEVEL = -2  # of zstd: level 1 takes twice as long for 9 % less, level 3 four times as long for 11 %
_MESSAGE_RECORD, _CHUNK_RECORD, _INDEX_RECORD = 5, 6, 7
_MESSAGE = Struct("<BQHIQQ")  # opcode, size of what follows, channel, sequence, log time, publish time
_AFTER_SIZE = _MESSAGE.size - 9
_NEVER_NS = 2**63 - 1


@dataclass(slots=True)
class _Pending:
    """Message records of one channel, in pieces, and the time and size of each."""

    times: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    pieces: list[bytes | memoryview] = field(default_factory=list)


class ChunkedStorage(McapWriter):
    """Collects messages, lays a chunk and its index out at once, and puts it on the disk at least once a second of recorded time.

    In a chunk each channel's messages lie together, which packs them smaller; the index is in the order of time. `filling` is called
    before each chunk, and may add more to it; `flushed` after it. Records: https://mcap.dev/spec.
    """

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        super().__init__(path, compression)
        if compression == CompressionMode.STORAGE:
            self.compressor = partial(self.compressor, level=LEVEL)  # type: ignore[call-arg]
        self.filling: Callable[[], None] = lambda: None
        self.flushed: Callable[[], None] = lambda: None
        self.due_ns = FLUSH_NS  # from when on it is time to flush
        self._begin()

    def _begin(self) -> None:
        self._pending: defaultdict[int, _Pending] = defaultdict(_Pending)
        self._bytes = 0

    def write(self, connection: Any, timestamp: int, data: bytes | memoryview) -> None:
        """Adds one message to the chunk."""
        pending, size = self._pending[connection.id], _MESSAGE.size + len(data)
        pending.times.append(timestamp)
        pending.sizes.append(size)
        pending.pieces += (_MESSAGE.pack(_MESSAGE_RECORD, size - 9, connection.id, 0, timestamp, timestamp), data)
        self._bytes += size
        if self._bytes > CHUNK_BYTES or timestamp >= self.due_ns:
            self.flush(timestamp)

    def add_alike(self, connection: Any, times: Sequence[int], messages: NDArray[np.uint8]) -> None:
        """Adds `messages` (n, bytes) of one connection to the chunk, which may be older than others in it."""
        size = _MESSAGE.size + messages.shape[1]
        records = np.empty((len(times), size), np.uint8)
        records[:, : _MESSAGE.size] = np.frombuffer(_MESSAGE.pack(_MESSAGE_RECORD, size - 9, connection.id, 0, 0, 0), np.uint8)
        records[:, _MESSAGE.size - 16 : _MESSAGE.size] = np.repeat(np.array(times, "<u8"), 2).view(np.uint8).reshape(-1, 16)
        records[:, _MESSAGE.size :] = messages
        pending = self._pending[connection.id]
        pending.times += times
        pending.sizes += [size] * len(times)
        pending.pieces.append(records.data)

    def flush(self, timestamp: int) -> None:
        """Puts the chunk on the disk; the next is due a second later."""
        self.due_ns = timestamp + FLUSH_NS
        self.close_chunk()
        self.bio.flush()
        self.flushed()

    def close_chunk(self) -> None:
        """Ends the chunk: itself, the index of each channel, and what the summary will say of both."""
        self.filling()
        head, index, at = self.chunk.bio.getvalue(), {}, self.chunk.bio.tell()
        oldest_ns, newest_ns = _NEVER_NS, 0
        for channel, pending in self._pending.items():
            ends, times = at + np.cumsum(pending.sizes), np.array(pending.times, "<u8")
            own = np.column_stack((times, (ends - pending.sizes).astype("<u8")))[np.argsort(times, kind="stable")]
            index[channel], at = own, int(ends[-1])
            oldest_ns, newest_ns = min(oldest_ns, int(own[0, 0])), max(newest_ns, int(own[-1, 0]))
        data = b"".join(chain((head,), *(pending.pieces for pending in self._pending.values())))
        self.chunk.bio = BytesIO()
        self._begin()
        self._put(data, oldest_ns, newest_ns, index)
        self.message_start_time, self.message_end_time = min(self.message_start_time, oldest_ns), max(self.message_end_time, newest_ns)

    def _put(self, data: bytes, oldest_ns: int, newest_ns: int, index: dict[int, NDArray[np.uint64]]) -> None:
        """Writes a chunk of `data`, and the `index` (n, 2) of each channel's messages: their times and places."""
        compressed, name = self.compressor(data), _text(self.compression)
        span, sizes = pack("<QQ", oldest_ns, newest_ns), pack("<QQ", len(compressed), len(data))
        start = self.bio.tell()
        self._record(_CHUNK_RECORD, span + pack("<QI", len(data), crc32(data)) + name + sizes[:8], compressed)
        end, places = self.bio.tell(), b""
        for channel, own in index.items():
            places += pack("<HQ", channel, self.bio.tell())
            self._record(_INDEX_RECORD, pack("<HI", channel, own.nbytes), own.tobytes())
            self.channel_stats[channel] += len(own)
        summary = BytesIO()  # rosbags writes it when it closes, as long as its position says
        summary.write(span + pack("<QQI", start, end - start, len(places)) + places + pack("<Q", self.bio.tell() - end) + name + sizes)
        self.chunks.append(summary)

    def _record(self, opcode: int, head: bytes, content: bytes) -> None:
        self.bio.write(pack("<BQ", opcode, len(head) + len(content)) + head)
        self.bio.write(content)


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
