"""How the files of shards are read: setting sqlvec.segment_io.

    mmap    mapped: bytes come from the disk as they are touched, and are the file system's to forget
    pread   read by pread into memory of the server's own, a block when it is asked for, the vectors of a column
            when they are first looked at; for file systems where a failing or vanishing device must not end the
            process (SIGBUS), or where mapped files are slow

Whoever reads gets the same arrays. What was read by pread is kept as long as somebody uses it: columns, filters
and postings by the segment that they are of, as long as its shard is open. Vectors are written in place when they
are mapped; otherwise to memory first, and to the file before it is synced.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Protocol
from weakref import WeakValueDictionary

import numpy as np

from sqlvec.storage.vfs import Bytes, Vfs


class BlockSource(Protocol):
    """The bytes of a file that does not change. held: what read() returned and somebody still uses, for who asks to
    note under what name."""

    size: int
    held: MutableMapping[str, Bytes]

    def read(self, offset: int, length: int) -> Bytes: ...


class MappedBlocks:
    def __init__(self, vfs: Vfs, name: str, *, private: bool) -> None:
        self._bytes = vfs.map(name, private=private)
        self.size = len(self._bytes)
        self.held: MutableMapping[str, Bytes] = {}

    def read(self, offset: int, length: int) -> Bytes:
        return self._bytes[offset : offset + length]


class ReadBlocks:
    def __init__(self, vfs: Vfs, name: str, *, private: bool) -> None:
        self._file = vfs.open_random(name)
        self._private = private
        self.size = self._file.size
        self.held: MutableMapping[str, Bytes] = WeakValueDictionary()

    def read(self, offset: int, length: int) -> Bytes:
        found = np.empty(max(0, min(length, self.size - offset)), np.uint8)
        self._file.read_into(offset, found)
        found.flags.writeable = self._private
        return found


def block_source(vfs: Vfs, name: str, *, private: bool) -> BlockSource:
    """private: arrays may be changed, which does not change the file."""
    kind = MappedBlocks if vfs.segment_io == "mmap" else ReadBlocks
    return kind(vfs, name, private=private)


class RowFile(Protocol):
    """A file of rows that are written in place, as one array."""

    def grow(self, size: int) -> Bytes:
        """An array of at least `size` bytes that has what the array before it had."""

    def load(self, size: int) -> None:
        """Have the first `size` bytes of the file in the array, read anew."""

    def save(self, low: int, high: int) -> None:
        """Have the bytes [low, high) of the array in the file; to sync it is the caller's."""


class MappedRows:
    def __init__(self, vfs: Vfs, name: str) -> None:
        self._vfs, self._name = vfs, name

    def grow(self, size: int) -> Bytes:
        return self._vfs.map_shared(self._name, size)

    def load(self, size: int) -> None:
        pass

    def save(self, low: int, high: int) -> None:
        pass


class OwnedRows:
    def __init__(self, vfs: Vfs, name: str) -> None:
        self._file = vfs.open_random(name, create=True)
        self._bytes: Bytes = np.zeros(0, np.uint8)

    def grow(self, size: int) -> Bytes:
        self._file.extend(size)
        larger = np.zeros(size, np.uint8)
        larger[: len(self._bytes)] = self._bytes
        self._bytes = larger
        return larger

    def load(self, size: int) -> None:
        self._file.read_into(0, self._bytes[:size])

    def save(self, low: int, high: int) -> None:
        self._file.write(low, self._bytes[low:high])


def row_file(vfs: Vfs, name: str) -> RowFile:
    return MappedRows(vfs, name) if vfs.segment_io == "mmap" else OwnedRows(vfs, name)
