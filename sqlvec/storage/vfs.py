"""The file system as storage sees it: the only module that opens, maps, renames or removes a file.

Names are relative to the database directory, with "/" between parts. A new or renamed file is
durable only after sync_dir of its directory, bytes only after sync of their file. A mapped file is
written in place; its bytes become durable at sync like any others, in any order before.

Every OSError becomes a DatabaseError here: DiskFull (53100) when no space is left, UndefinedFile
(58P01) for a missing file, IoError (58030) for the rest.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence
from ctypes import CDLL, get_errno
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sqlvec.errors import DatabaseError, DiskFull, IoError, ObjectInUse, UndefinedFile

Bytes = npt.NDArray[np.uint8]
Writable = bytes | bytearray | memoryview | Bytes

LOCK_NAME = "lock"
SYNCED_SINGLY_MAX = 8
_LIBC = CDLL(None, use_errno=True)


class AppendFile(Protocol):
    """A file open for appending; not shared between threads but for sync()."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def descriptor(self) -> int: ...

    def append(self, data: Writable) -> None: ...

    def sync(self) -> None: ...

    def close(self) -> None: ...


class RandomFile(Protocol):
    """A file open for reading and writing at any place; closed when it is forgotten."""

    @property
    def size(self) -> int: ...

    def read_into(self, offset: int, target: Bytes) -> None:
        """Fill the array; IoError when the file ends before that."""

    def write(self, offset: int, data: Bytes) -> None: ...

    def extend(self, size: int) -> None:
        """Make a shorter file so long, with zeros; DiskFull here and not later."""


class DirectoryLock(Protocol):
    def release(self) -> None: ...


class Vfs(Protocol):
    """One database directory. OsFs is the real one; the tests have one in memory that crashes.

    segment_io: "mmap", or "pread" where no file is to be mapped, see segment_io.py.
    """

    segment_io: str

    def create(self, name: str) -> AppendFile:
        """A new empty file, replacing one of that name; its directory is made if missing."""

    def open_append(self, name: str) -> AppendFile: ...

    def exists(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes: ...

    def map(self, name: str, *, private: bool = False) -> Bytes:
        """The whole file as u8[size]: read-only, or private (copy on write: changes stay in
        memory). With pread, as it was when it was read.
        """

    def map_shared(self, name: str, size: int) -> Bytes:
        """The file as a writable u8[size], grown with zeros to `size` first. Earlier maps stay
        valid.
        """

    def open_random(self, name: str, *, create: bool = False) -> RandomFile:
        """create: an empty file if there is none."""

    def sync(self, name: str) -> None: ...

    def sync_dir(self, directory: str) -> None: ...

    def sync_many(self, names: Sequence[str]) -> None:
        """sync() of every file and sync_dir() of their directories, at the price of a few."""

    def truncate(self, name: str, size: int) -> None: ...

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error. Maps of it stay valid."""

    def list(self, directory: str) -> list[str]:
        """Sorted names of the files of a directory, without it; empty when there is no such
        directory.
        """

    def disk_use_percentage(self) -> float:
        """How full the disk is, for an ordinary user."""

    def lock(self) -> DirectoryLock:
        """Take the directory for this process; ObjectInUse (55006) when another has it."""


def io_error(error: OSError, action: str, name: str) -> DatabaseError:
    """The DatabaseError of a failed file operation, worded as PostgreSQL does (fd.c, xlog.c,
    md.c).
    """
    text = f'could not {action} file "{name}": {error.strerror}'
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(text, hint="Check free disk space.")
    if error.errno == errno.ENOENT:
        return UndefinedFile(text)
    return IoError(text)


class OsFs:
    """The files of one directory of the machine."""

    def __init__(self, root: str, *, segment_io: str = "mmap") -> None:
        self.root = os.path.abspath(root)
        self.segment_io = segment_io
        try:
            os.makedirs(self.root, exist_ok=True)
        except OSError as error:
            raise io_error(error, "create", self.root) from error

    def create(self, name: str) -> AppendFile:
        path = self._path(name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise io_error(error, "create", name) from error
        return OsAppendFile(name, descriptor, size=0)

    def open_append(self, name: str) -> AppendFile:
        try:
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CLOEXEC)
            size = os.lseek(descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise io_error(error, "open", name) from error
        return OsAppendFile(name, descriptor, size=size)

    def exists(self, name: str) -> bool:
        return os.path.exists(self._path(name))

    def size(self, name: str) -> int:
        try:
            return os.stat(self._path(name)).st_size
        except OSError as error:
            raise io_error(error, "stat", name) from error

    def read(self, name: str) -> bytes:
        try:
            with open(self._path(name), "rb") as file:
                return file.read()
        except OSError as error:
            raise io_error(error, "read", name) from error

    def map(self, name: str, *, private: bool = False) -> Bytes:
        if self.segment_io == "pread":
            data = self.read(name)
            return np.frombuffer(bytearray(data) if private else data, np.uint8)
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_READ
        flags = os.O_RDONLY | os.O_CLOEXEC
        return self._map(name, flags=flags, size=0, access=access)

    def map_shared(self, name: str, size: int) -> Bytes:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        return self._map(name, flags=flags, size=size, access=mmap.ACCESS_WRITE)

    def _map(self, name: str, *, flags: int, size: int, access: int) -> Bytes:
        """Map a file, extended to `size` first. Blocks are allocated, not left sparse: a full disk
        is an error here, and not a SIGBUS at the first store into the map.
        """
        path = self._path(name)
        try:
            if flags & os.O_CREAT:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, flags, 0o600)
            try:
                existing = os.fstat(descriptor).st_size
                if size > existing:
                    os.posix_fallocate(descriptor, existing, size - existing)
                length = size or existing
                if length == 0:
                    return np.zeros(0, np.uint8)
                return np.frombuffer(mmap.mmap(descriptor, length, access=access), np.uint8)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise io_error(error, "map", name) from error

    def open_random(self, name: str, *, create: bool = False) -> RandomFile:
        path, flags = self._path(name), os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
        try:
            if create:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            return OsRandomFile(name, os.open(path, flags | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise io_error(error, "open", name) from error

    def sync(self, name: str) -> None:
        self._sync(self._path(name), name, os.O_RDONLY)

    def sync_dir(self, directory: str) -> None:
        self._sync(self._path(directory), directory or ".", os.O_RDONLY | os.O_DIRECTORY)

    def sync_many(self, names: Sequence[str]) -> None:
        if len(names) > SYNCED_SINGLY_MAX and _can_sync_file_system():
            self._sync_file_system(names[0])
            return
        for name in names:
            self.sync(name)
        for directory in sorted({name.rpartition("/")[0] for name in names}):
            self.sync_dir(directory)

    def _sync_file_system(self, name: str) -> None:
        """One commit of the file system's journal, where a file at a time would be thousands."""
        try:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if _LIBC.syncfs(descriptor):
                    raise OSError(get_errno(), os.strerror(get_errno()))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise io_error(error, "fsync", name) from error

    def _sync(self, path: str, name: str, flags: int) -> None:
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise io_error(error, "fsync", name) from error

    def truncate(self, name: str, size: int) -> None:
        try:
            os.truncate(self._path(name), size)
        except OSError as error:
            raise io_error(error, "truncate", name) from error

    def rename(self, old: str, new: str) -> None:
        try:
            os.replace(self._path(old), self._path(new))
        except OSError as error:
            raise io_error(error, "rename", old) from error

    def remove(self, name: str) -> None:
        try:
            os.remove(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise io_error(error, "remove", name) from error

    def list(self, directory: str) -> list[str]:
        try:
            with os.scandir(self._path(directory)) as entries:
                return sorted(entry.name for entry in entries if entry.is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise io_error(error, "list", directory) from error

    def disk_use_percentage(self) -> float:
        try:
            found = os.statvfs(self.root)
        except OSError as error:
            raise io_error(error, "stat", self.root) from error
        used = found.f_blocks - found.f_bfree
        return 100.0 * used / max(used + found.f_bavail, 1)

    def lock(self) -> DirectoryLock:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._path(LOCK_NAME), flags, 0o600)
        except OSError as error:
            raise io_error(error, "open", LOCK_NAME) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise ObjectInUse(
                f'lock file "{LOCK_NAME}" is held by another process',
                hint=f'Is another server running in data directory "{self.root}"?',
            ) from error
        return OsLock(descriptor)

    def _path(self, name: str) -> str:
        return os.path.join(self.root, name) if name else self.root


def _can_sync_file_system() -> bool:
    """Linux tells of writes that failed since 5.8 (syncfs(2)); before, only fsync does."""
    if not hasattr(_LIBC, "syncfs") or os.uname().sysname != "Linux":
        return False
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (5, 8)


class OsAppendFile:
    """An open descriptor. A write that fails half-way leaves bytes past `size`; the owner cuts
    them.
    """

    def __init__(self, name: str, descriptor: int, *, size: int) -> None:
        self.name = name
        self.size = size
        self.descriptor = descriptor

    def append(self, data: Writable) -> None:
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        written = 0
        try:
            while written < len(view):
                written += os.pwrite(self.descriptor, view[written:], self.size + written)
        except OSError as error:
            raise io_error(error, "write to", self.name) from error
        self.size += written

    def sync(self) -> None:
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:
            raise io_error(error, "fsync", self.name) from error

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class OsRandomFile:
    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read_into(self, offset: int, target: Bytes) -> None:
        view, done = memoryview(target), 0
        try:
            while done < len(view):
                count = os.preadv(self._descriptor, [view[done:]], offset + done)
                if not count:
                    raise IoError(
                        f'could not read file "{self.name}": read {done} of {len(view)} bytes '
                        f"at offset {offset}"
                    )
                done += count
        except OSError as error:
            raise io_error(error, "read", self.name) from error

    def write(self, offset: int, data: Bytes) -> None:
        view, done = memoryview(data), 0
        try:
            while done < len(view):
                done += os.pwrite(self._descriptor, view[done:], offset + done)
        except OSError as error:
            raise io_error(error, "write to", self.name) from error

    def extend(self, size: int) -> None:
        if size <= self.size:
            return
        try:
            os.posix_fallocate(self._descriptor, self.size, size - self.size)
        except OSError as error:
            raise io_error(error, "extend", self.name) from error
        self.size = size

    def __del__(self) -> None:
        os.close(self._descriptor)


class OsLock:
    """An flock, held while the descriptor is open; the kernel frees it when the process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
