"""A file system in memory that loses what was not synced.

What a crash leaves, by crash(rng):

    bytes       all that were synced. Of what was appended since, a random prefix, perhaps with one
                flipped bit. Of what was written in place since (mapped files), each sector of 512
                bytes is the old one or the new one. A file that was cut since may have its old end
                again.
    names       all that were synced with their directory. Of the later creations, renames and
                removals in one directory, a random prefix in the order in which they happened.

A write that is misdirected by the device lands in another file, and not where it was meant to be; the page cache
shows what was meant until the file is read anew, so it is done to files at rest: misdirect().

Faults, by operation number: fail_at raises once, as a full disk or a failing device, with half of
an append written; crash_at raises Crashed, and so does every operation after it. rot(name, offset)
flips a bit at rest.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
import numpy.typing as npt

from sqlvec.errors import ObjectInUse
from sqlvec.storage.vfs import AppendFile, Bytes, DirectoryLock, RandomFile, Writable, io_error

SECTOR = 512
RESERVE = 1 << 21  # of address space per file: maps of a file that grows share one buffer


class Crashed(Exception):
    """The machine has lost power."""


@dataclass(eq=False)
class Node:
    """A file's bytes as they are, and as they are known to be on disk."""

    buffer: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(RESERVE, np.uint8))
    size: int = 0
    synced: bytes = b""

    def append(self, data: bytes) -> None:
        assert self.size + len(data) <= RESERVE, "file too large for the simulation"
        self.buffer[self.size : self.size + len(data)] = np.frombuffer(data, np.uint8)
        self.size += len(data)

    def sync(self) -> None:
        self.synced = self.buffer[: self.size].tobytes()

    def after_crash(self, rng: Random) -> Node:
        low, high = sorted((len(self.synced), self.size))
        kept = rng.randint(low, high)
        now = self.buffer[: max(self.size, kept)].tobytes()
        if self.size < len(self.synced):  # cut, and perhaps not
            now = now[: self.size] + self.synced[self.size :]
        out = bytearray(now[:kept])
        for at in range(0, min(len(self.synced), kept), SECTOR):
            old = self.synced[at : at + SECTOR]
            if out[at : at + len(old)] != old and rng.random() < 0.5:
                out[at : at + len(old)] = old[: kept - at]
        if kept > len(self.synced) and rng.random() < 0.3:
            out[rng.randrange(len(self.synced), kept)] ^= 1 << rng.randrange(8)
        node = Node()
        node.append(bytes(out))
        node.sync()
        return node


@dataclass
class SimLock:
    fs: SimFs

    def release(self) -> None:
        self.fs.locked = False


class SimFs:
    """Implements Vfs."""

    def __init__(self) -> None:
        self.names: dict[str, Node] = {}
        self.synced_names: dict[str, Node] = {}
        self.pending: dict[str, list[tuple[str, Node | None, str]]] = {}  # name, node, renamed from
        self.locked = False
        self.operations = 0
        self.fail_at: int | None = None
        self.fail_errno = errno.EIO
        self.crash_at: int | None = None
        self.meanwhile: Callable[[], None] | None = None  # done before rows are next written
        self.full = False  # nothing can be created or written
        self.segment_io = "mmap"
        self.trace: list[str] = []
        self.writes: deque[tuple[str, int, int]] = deque(maxlen=200)  # appends: name, offset, length

    # ------------------------------------------------------------ faults

    def crash(self, rng: Random) -> SimFs:
        """What the next process finds."""
        after = SimFs()
        names = dict(self.synced_names)
        for changes in self.pending.values():
            for name, node, old in changes[: rng.randint(0, len(changes))]:
                names.pop(old, None)
                if node is None:
                    names.pop(name, None)
                else:
                    names[name] = node
        for name, node in names.items():
            after.names[name] = after.synced_names[name] = node.after_crash(rng)
        return after

    def kill(self) -> SimFs:
        """What the next process finds when this one was killed: everything that was written."""
        after = SimFs()
        after.names, after.synced_names, after.pending = self.names, self.synced_names, self.pending
        return after

    def clone(self) -> SimFs:
        """A copy of the files at rest."""
        after = SimFs()
        for name, node in self.names.items():
            copied = Node()
            copied.append(node.buffer[: node.size].tobytes())
            copied.sync()
            after.names[name] = after.synced_names[name] = copied
        return after

    def rot(self, name: str, offset: int) -> None:
        self.names[name].buffer[offset] ^= 1

    def misdirect(self, write: tuple[str, int, int], name: str, offset: int) -> None:
        """Let an append of before have landed in another file."""
        meant, at, length = write
        source, target = self.names[meant], self.names[name]
        length = min(length, target.size - offset)
        data = source.buffer[at : at + length].copy()
        source.buffer[at : at + length] = 0
        target.buffer[offset : offset + length] = data

    def operate(self, what: str, name: str) -> None:
        """Count an operation; fail or crash when it is its turn."""
        if self.meanwhile is not None and name.endswith((".segment", ".tombstones")):
            work, self.meanwhile = self.meanwhile, None
            work()
        self.operations += 1
        self.trace.append(f"{what} {name}")
        if self.crash_at is not None and self.operations >= self.crash_at:
            raise Crashed(f"{what} {name}")
        if self.full and what in ("create", "write to", "extend"):
            raise io_error(OSError(errno.ENOSPC, "injected"), what, name)
        if self.operations == self.fail_at:
            error = OSError(self.fail_errno, "injected")
            raise io_error(error, what, name)

    def _change(self, name: str, node: Node | None, old: str = "") -> None:
        self.pending.setdefault(name.rpartition("/")[0], []).append((name, node, old))

    # ------------------------------------------------------------ Vfs

    def create(self, name: str) -> AppendFile:
        self.operate("create", name)
        node = self.names[name] = Node()
        self._change(name, node)
        return SimAppendFile(self, name, node)

    def open_append(self, name: str) -> AppendFile:
        self.operate("open", name)
        return SimAppendFile(self, name, self._node(name))

    def exists(self, name: str) -> bool:
        return name in self.names

    def size(self, name: str) -> int:
        return self._node(name).size

    def read(self, name: str) -> bytes:
        self.operate("read", name)
        node = self._node(name)
        return node.buffer[: node.size].tobytes()

    def map(self, name: str, *, private: bool = False) -> Bytes:
        self.operate("map", name)
        node = self._node(name)
        view = node.buffer[: node.size]
        if private:
            return view.copy()
        if self.segment_io == "pread":
            view = view.copy()
        view.flags.writeable = False
        return view

    def map_shared(self, name: str, size: int) -> Bytes:
        self.operate("map", name)
        node = self.names.get(name)
        if node is None or size > node.size:
            self.operate("extend", name)
        if node is None:
            node = self.names[name] = Node()
            self._change(name, node)
        assert size <= RESERVE, "file too large for the simulation"
        node.size = max(node.size, size)
        return node.buffer[: size or node.size]

    def open_random(self, name: str, *, create: bool = False) -> RandomFile:
        self.operate("open", name)
        if create and name not in self.names:
            node = self.names[name] = Node()
            self._change(name, node)
        return SimRandomFile(self, name, self._node(name))

    def sync(self, name: str) -> None:
        self.operate("fsync", name)
        self._node(name).sync()

    def sync_dir(self, directory: str) -> None:
        self.operate("fsync", directory or ".")
        for name, node, old in self.pending.pop(directory, []):
            self.synced_names.pop(old, None)
            if node is None:
                self.synced_names.pop(name, None)
            else:
                self.synced_names[name] = node

    def sync_many(self, names: Sequence[str]) -> None:
        for name in names:
            self.sync(name)
        for directory in sorted({name.rpartition("/")[0] for name in names}):
            self.sync_dir(directory)

    def truncate(self, name: str, size: int) -> None:
        self.operate("truncate", name)
        node = self._node(name)
        node.buffer[size : node.size] = 0
        node.size = size

    def rename(self, old: str, new: str) -> None:
        self.operate("rename", old)
        node = self.names.pop(old)
        self.names[new] = node
        self._change(new, node, old)

    def remove(self, name: str) -> None:
        self.operate("remove", name)
        if self.names.pop(name, None) is not None:
            self._change(name, None)

    def list(self, directory: str) -> list[str]:
        found = [name.rpartition("/") for name in self.names]
        return sorted(name for parent, _, name in found if parent == directory)

    def disk_use_percentage(self) -> float:
        return 100.0 if self.full else 10.0

    def lock(self) -> DirectoryLock:
        if self.locked:
            raise ObjectInUse('lock file "lock" is held by another process')
        self.locked = True
        return SimLock(self)

    def _node(self, name: str) -> Node:
        if name not in self.names:
            raise io_error(OSError(errno.ENOENT, "No such file or directory"), "open", name)
        return self.names[name]


class SimAppendFile:
    descriptor = -1  # nobody syncs it but by sync()

    def __init__(self, fs: SimFs, name: str, node: Node) -> None:
        self.name = name
        self.size = node.size
        self._fs = fs
        self._node = node

    def append(self, data: Writable) -> None:
        content = bytes(memoryview(data).cast("B")) if len(data) else b""
        self._node.size = self.size  # as pwrite at the known end
        try:
            self._fs.operate("write to", self.name)
        except Exception:
            self._node.append(content[: len(content) // 2])
            raise
        self._node.append(content)
        self._fs.writes.append((self.name, self.size, len(content)))
        self.size = self._node.size

    def sync(self) -> None:
        self._fs.operate("fsync", self.name)
        self._node.sync()

    def close(self) -> None:
        pass


class SimRandomFile:
    def __init__(self, fs: SimFs, name: str, node: Node) -> None:
        self._fs, self._name, self._node = fs, name, node

    @property
    def size(self) -> int:
        return self._node.size

    def read_into(self, offset: int, target: Bytes) -> None:
        self._fs.operate("read", self._name)
        assert offset + len(target) <= self._node.size, (self._name, offset, len(target))
        target[:] = self._node.buffer[offset : offset + len(target)]

    def write(self, offset: int, data: Bytes) -> None:
        """Half of it is written when it fails."""
        target = self._node.buffer[offset : offset + len(data)]
        try:
            self._fs.operate("write to", self._name)
        except Exception:
            target[: len(data) // 2] = data[: len(data) // 2]
            raise
        target[:] = data

    def extend(self, size: int) -> None:
        if size > self._node.size:
            self._fs.operate("extend", self._name)
            assert size <= RESERVE, "file too large for the simulation"
            self._node.size = size
