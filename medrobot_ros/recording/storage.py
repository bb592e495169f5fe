"""rosbags' MCAP storage, quick enough for control rates and safe against being killed."""

from pathlib import Path
from struct import Struct
from typing import Any

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionMode
from rosbags.rosbag2.storage_mcap import McapWriter

FLUSH_NS = 1_000_000_000
CHUNK_BYTES = 2**20
_MESSAGE = Struct("<BQHIQQ")  # opcode, size of what follows, channel, sequence, log time, publish time
_OPCODE, _AFTER_SIZE = 5, _MESSAGE.size - 9


class ChunkedStorage(McapWriter):
    """Packs a message's record at once, and puts a chunk on the disk at least once a second of recorded time.

    Times must not decrease.
    """

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        super().__init__(path, compression)
        self._flushed_ns = 0

    def write(self, connection: Any, timestamp: int, data: bytes | memoryview) -> None:
        """Adds one message to the chunk."""
        channel, chunk = connection.id, self.chunk
        chunk.msgs[channel].append((timestamp, chunk.bio.tell()))
        chunk.bio.write(_MESSAGE.pack(_OPCODE, _AFTER_SIZE + len(data), channel, 0, timestamp, timestamp))
        chunk.bio.write(data)
        if timestamp < chunk.message_start_time:
            chunk.message_start_time = timestamp
            self.message_start_time = min(timestamp, self.message_start_time)
        chunk.message_end_time = self.message_end_time = timestamp
        self.channel_stats[channel] += 1
        if timestamp - self._flushed_ns >= FLUSH_NS or chunk.bio.tell() > CHUNK_BYTES:
            self._flushed_ns = timestamp
            self.close_chunk()
            self.bio.flush()


class ChunkedWriter(Writer):
    """rosbags' writer on that storage, without its search for the connection in a list at every message."""

    STORAGE_PLUGINS = {StoragePlugin.MCAP: ChunkedStorage}

    def write(self, connection: Any, timestamp: int, data: bytes | memoryview) -> None:
        """Adds one message of a connection that this writer made. Times must not decrease."""
        assert self.storage is not None
        self.storage.write(connection, timestamp, data)
        self.counts[connection.id] += 1
        if timestamp < self.min_timestamp:
            self.min_timestamp = timestamp
        self.max_timestamp = timestamp
