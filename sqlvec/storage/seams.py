"""The four borders at which a single node ends: what a cluster will replace, as Protocols.

    Log         entries in one order, durable when synced      embedded: storage.wal.Wal
    BlobStore   immutable named blobs, put if absent           embedded: FileBlobs
    Membership  who owns this database, with a rising epoch    embedded: SingleNode
    Clock       what time it is                                embedded: SystemClock

Nothing outside these implementations and the Vfs asks who owns what or what time it is.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import Protocol

from sqlvec.errors import DatabaseError, DataCorrupted, DuplicateObject
from sqlvec.storage.checksum import crc32c
from sqlvec.storage.vfs import DirectoryLock, Vfs, Writable
from sqlvec.storage.wal import Entry

TEMPORARY_SUFFIX = ".new"
EPOCH = struct.Struct("<4sQ")
EPOCH_MAGIC = b"SVEP"
EPOCH_NAME = "epoch"


class Log(Protocol):
    """A totally ordered log with one writer."""

    durable_lsn: int

    def recover(self, *, after: int) -> list[Entry]: ...

    def append(self, seqno: int, parts: Sequence[Writable]) -> int: ...

    def sync(self) -> None: ...

    def truncate(self, *, through: int) -> list[str]: ...


class BlobStore(Protocol):
    """Blobs that are never overwritten."""

    def put_new(self, key: str, *parts: Writable) -> None:
        """Atomic and durable when it returns; DuplicateObject when the key exists."""

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes: ...

    def head(self, key: str) -> int | None:
        """The size, or None when there is no such blob."""

    def list(self, directory: str) -> list[str]: ...

    def delete(self, key: str) -> None: ...


class Membership(Protocol):
    """Which node may write."""

    def acquire(self) -> int:
        """Become the owner and return the epoch, greater than any before; ObjectInUse if another
        is.
        """

    def release(self) -> None: ...


class Clock(Protocol):
    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Seconds, only good for differences."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The clock of the machine; the one place that reads it."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class FileBlobs:
    """Blobs as files below a directory: written beside their name, synced, renamed, directory synced."""

    def __init__(self, vfs: Vfs, directory: str = "") -> None:
        self._vfs = vfs
        self._directory = directory

    def put_new(self, key: str, *parts: Writable) -> None:
        if self._vfs.exists(self._name(key)):
            raise DuplicateObject(f'file "{key}" already exists')
        replace_file(self._vfs, self._name(key), *parts)
        directory = self._name(key).rpartition("/")[0]
        while directory:  # a folder that is new has a name too
            directory = directory.rpartition("/")[0]
            self._vfs.sync_dir(directory)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        view = self._vfs.map(self._name(key))
        return view[start : None if length is None else start + length].tobytes()

    def head(self, key: str) -> int | None:
        name = self._name(key)
        return self._vfs.size(name) if self._vfs.exists(name) else None

    def list(self, directory: str) -> list[str]:
        names = self._vfs.list(self._name(directory))
        return [name for name in names if not name.endswith(TEMPORARY_SUFFIX)]

    def delete(self, key: str) -> None:
        self._vfs.remove(self._name(key))

    def _name(self, key: str) -> str:
        return f"{self._directory}/{key}".strip("/")


class SingleNode:
    """One process per directory, by a lock; the epoch is a file that counts the openings."""

    def __init__(self, vfs: Vfs) -> None:
        self._vfs = vfs
        self._lock: DirectoryLock | None = None

    def acquire(self) -> int:
        assert self._lock is None, "acquired twice"
        lock = self._vfs.lock()
        try:
            epoch = read_epoch(self._vfs) + 1
            body = EPOCH.pack(EPOCH_MAGIC, epoch)
            replace_file(self._vfs, EPOCH_NAME, body + struct.pack("<I", crc32c(body)))
        except DatabaseError:
            lock.release()
            raise
        self._lock = lock
        return epoch

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def read_epoch(vfs: Vfs) -> int:
    """How often the directory was opened."""
    if not vfs.exists(EPOCH_NAME):
        return 0
    data = vfs.read(EPOCH_NAME)
    if len(data) != EPOCH.size + 4:
        raise DataCorrupted(f'unexpected end of file "{EPOCH_NAME}" at offset {len(data)}')
    magic, epoch = EPOCH.unpack_from(data)
    (crc,) = struct.unpack_from("<I", data, EPOCH.size)
    if magic != EPOCH_MAGIC or crc != crc32c(data[: EPOCH.size]):
        raise DataCorrupted(f'checksum mismatch in file "{EPOCH_NAME}" at offset 0')
    return int(epoch)


def replace_file(vfs: Vfs, name: str, *parts: Writable) -> None:
    """Give a file new contents: whoever finds it, after a crash too, finds the old or the new
    whole.
    """
    put_in_place(vfs, write_temporary(vfs, name, *parts), name)


def write_temporary(vfs: Vfs, name: str, *parts: Writable) -> str:
    """The contents beside a file, synced; the temporary file's name."""
    temporary = name + TEMPORARY_SUFFIX
    file = vfs.create(temporary)
    try:
        for part in parts:
            file.append(part)
        file.sync()
    finally:
        file.close()
    return temporary


def put_in_place(vfs: Vfs, temporary: str, name: str) -> None:
    """Rename what write_temporary() wrote."""
    vfs.rename(temporary, name)
    vfs.sync_dir(name.rpartition("/")[0])
