"""Link log: what linking did to one HNSW graph since its snapshot, batch by batch.

    name    data/N.links
    file    header, frame*
    header  magic "SVLL", u16 version, u16 zero                                          (8 bytes)
    frame   u32 crc32c(file name, rest of the frame), u32 length of the body, body
    body    i64 low, high, upper_low, entry, u32 rows, upper rows, width, upper width, scales
            then the arrays of GraphChanges in their order

Frames are written but not synced: a power loss may take the last of them, and their rows are linked
again. A frame that does not verify ends the log. The name is part of the checksum, so that a frame
which was meant for another file is none of this one's. Invariant: a frame is written after the
commits of its rows are durable, so it never speaks of rows that recovery does not find.
"""

from __future__ import annotations

import struct

import numpy as np

from sqlvec.errors import ConfigurationError, DatabaseError, DataCorrupted
from sqlvec.index.hnsw import GraphChanges
from sqlvec.storage.checksum import crc32c
from sqlvec.storage.vfs import AppendFile, Vfs

MAGIC = b"SVLL"
VERSION = 1
HEADER = struct.Struct("<4sHH")
FRAME = struct.Struct("<II")
HEAD = struct.Struct("<4q5I")


class LinkLog:
    """One log file. Its descriptor is open only between the first append() and close()."""

    def __init__(self, vfs: Vfs, name: str, size: int, snapshot_bytes: int) -> None:
        self.name = name
        self.size = size
        self.snapshot_bytes = snapshot_bytes  # of the graph that the log continues
        self._vfs = vfs
        self._file: AppendFile | None = None

    @classmethod
    def create(cls, vfs: Vfs, name: str, snapshot_bytes: int) -> LinkLog:
        """A new empty log, synced; its directory entry is the caller's to sync."""
        file = vfs.create(name)
        file.append(HEADER.pack(MAGIC, VERSION, 0))
        file.sync()
        file.close()
        return cls(vfs, name, HEADER.size, snapshot_bytes)

    @property
    def is_empty(self) -> bool:
        return self.size <= HEADER.size

    def append(self, changes: GraphChanges) -> None:
        """Write a frame; after an error the log is not to be used any more."""
        if self._file is None:
            self._file = self._vfs.open_append(self.name)
            assert self._file.size == self.size, (self._file.size, self.size)
        body = _encode(changes)
        length = struct.pack("<I", len(body))
        crc = crc32c(self.name.encode(), length, body)
        self._file.append(struct.pack("<I", crc) + length + body)
        self.size = self._file.size

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read_links(vfs: Vfs, name: str) -> tuple[list[GraphChanges], int, DatabaseError | None]:
    """The whole frames of a log, the offset behind them, and what is wrong with the rest, if
    anything follows. DataCorrupted when it is no link log at all.
    """
    data = vfs.map(name)
    if len(data) < HEADER.size:
        raise DataCorrupted(f'unexpected end of file "{name}" at offset {len(data)}')
    magic, version, zero = HEADER.unpack(data[: HEADER.size].tobytes())
    if magic != MAGIC or zero or version == 0:
        raise DataCorrupted(f'unexpected header in file "{name}" at offset 0')
    if version > VERSION:
        raise ConfigurationError(
            f'file "{name}" has format version {version}, newest known is {VERSION}'
        )
    found: list[GraphChanges] = []
    at = HEADER.size
    while at + FRAME.size <= len(data):
        crc, length = FRAME.unpack(data[at : at + FRAME.size].tobytes())
        end = at + FRAME.size + length
        if end > len(data) or crc32c(name.encode(), data[at + 4 : end]) != crc:
            break
        found.append(_decode(data[at + FRAME.size : end].tobytes()))
        at = end
    if at < len(data):
        return found, at, DataCorrupted(f'checksum mismatch in file "{name}" at offset {at}')
    return found, at, None


def _encode(changes: GraphChanges) -> bytes:
    head = HEAD.pack(
        changes.low,
        changes.high,
        changes.upper_low,
        changes.entry,
        len(changes.rows),
        len(changes.upper_rows),
        changes.links.shape[1],
        changes.upper.shape[1],
        len(changes.scales),
    )
    arrays = (changes.rows, changes.links, changes.upper_rows, changes.upper, changes.scales)
    return b"".join([head, *(array.tobytes() for array in arrays)])


def _decode(body: bytes) -> GraphChanges:
    low, high, upper_low, entry, rows, upper_rows, width, upper_width, scales = HEAD.unpack_from(
        body
    )
    at = HEAD.size
    arrays: list[np.ndarray] = []
    for dtype, *shape in (
        (np.int32, rows),
        (np.int32, rows, width),
        (np.int32, upper_rows),
        (np.int32, upper_rows, upper_width),
        (np.float32, scales),
    ):
        count = int(np.prod(shape))
        arrays.append(np.frombuffer(body, dtype, count, at).reshape(shape))
        at += count * 4
    assert at == len(body), (at, len(body))
    return GraphChanges(low, high, upper_low, entry, *arrays)
