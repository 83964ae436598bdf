"""Write-ahead log: every commit, in order, before anything else happens to it.

    name    wal/<first seqno, 20 digits>.wal
    file    header, frame*
    header  magic "SVWL", u16 version, u16 zero, u64 first seqno, u64 first lsn, u32 crc32c   (28
            bytes)
    frame   u32 crc32c(rest of the frame), u32 length, u64 seqno, u64 durable lsn, u8 continues, 3
            zero bytes, body                                                     (28 + length)

An entry is one frame, or several of one seqno of which all but the last say that it continues. An
lsn is a byte offset in the log as a whole, counted over all files.

A frame of the last file whose checksum fails ends the log: it and what follows are a torn write,
cut off and forgotten. It is corruption when a later whole frame says that the log was durable beyond
it, and in earlier files always, since each was synced before its successor was made. Invariants: entries are in seqno order (I1); an lsn is durable only after
sync() returned (I2). A failed fsync is never tried again: the kernel may have dropped the pages,
so the log takes no further entry.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from sqlvec.errors import ConfigurationError, DatabaseError, DataCorrupted, DiskFull, IoError
from sqlvec.storage.checksum import crc32c
from sqlvec.storage.marks import mark
from sqlvec.storage.vfs import AppendFile, Bytes, Vfs, Writable, io_error

log = logging.getLogger(__name__)

DIRECTORY = "wal"
MAGIC = b"SVWL"
VERSION = 1
HEADER = struct.Struct("<4sHHQQ")
HEADER_SIZE = HEADER.size + 4
FRAME = struct.Struct("<IQQB3s")
CRC = struct.Struct("<I")
FRAME_SIZE = 4 + FRAME.size
SMALL_ENTRY_BYTES = 1 << 16
FRAME_BODY_MAX = 1 << 30  # the length field has 32 bits; a reader checks one frame at a time


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit as it lies in the log; body: u8[n], a view of the mapped file where it is one
    frame.
    """

    seqno: int
    body: Bytes


@dataclass(frozen=True, slots=True)
class LogFile:
    name: str
    first_seqno: int
    first_lsn: int


class Wal:
    """The log of one database. append() belongs to one thread; sync() may run in another
    meanwhile.
    """

    def __init__(self, vfs: Vfs, *, file_bytes_max: int) -> None:
        self._vfs = vfs
        self._file_bytes_max = file_bytes_max
        self._files: list[LogFile] = []
        self._file: AppendFile | None = None
        self._retired: list[AppendFile] = []
        self._sync_lock = Lock()
        self._durable_lock = Lock()
        self._syncs = 0  # that hold a descriptor
        self._last_seqno = 0
        self.lsn = 0
        self.durable_lsn = 0
        self.failure: DatabaseError | None = None

    # ------------------------------------------------------------ opening

    def recover(self, *, after: int) -> list[Entry]:
        """Read the entries with a seqno above `after`, cut a torn tail, and make ready for
        append().
        """
        found = [_read_file(self._vfs, name) for name in _file_names(self._vfs)]
        if found and found[-1].header is None:
            mark("wal.unused_file")
            _check_unused(found, after)
            self._vfs.remove(found.pop().name)
            self._vfs.sync_dir(DIRECTORY)
        entries = _whole_log(found, after)
        if found and found[-1].end < found[-1].size:
            last = found[-1]
            mark("wal.torn_tail")
            log.warning("wal tail cut", extra={"file": last.name, "bytes": last.size - last.end})
            self._vfs.truncate(last.name, last.end)
        self._files = [file.header for file in found if file.header is not None]
        self._last_seqno = max([after, *(entry.seqno for entry in entries[-1:])])
        if self._files:
            self._file = self._vfs.open_append(self._files[-1].name)
            # What a killed process wrote and did not sync is read, and so shown, from here on.
            self._file.sync()
            self._vfs.sync_dir(DIRECTORY)
            self.lsn = self._files[-1].first_lsn + self._file.size - HEADER_SIZE
        else:
            self._start_file()
        self.durable_lsn = self.lsn
        return [entry for entry in entries if entry.seqno > after]

    # ------------------------------------------------------------ writing

    def append(self, seqno: int, parts: Sequence[Writable]) -> int:
        """Write an entry and return the lsn behind it; it is durable once durable_lsn has reached
        that.

        When the write fails (DiskFull, IoError) the log is as before, or closed if even that
        failed.
        """
        assert seqno > self._last_seqno, (seqno, self._last_seqno)  # I1
        self._check_open()
        if self._file is None or self._file.size >= self._file_bytes_max:
            self._start_file(seqno)
        assert self._file is not None
        start = self._file.size
        try:
            for chunk, continues in _frames(parts):
                self._append_frame(self._file, seqno, chunk, continues=continues)
        except DatabaseError:
            self._forget_from(start)
            raise
        self._last_seqno = seqno
        self.lsn += self._file.size - start
        return self.lsn

    def _append_frame(
        self, file: AppendFile, seqno: int, chunk: Sequence[Writable], *, continues: bool
    ) -> None:
        length = sum(len(part) for part in chunk)
        assert length <= FRAME_BODY_MAX, length
        head = FRAME.pack(length, seqno, self.durable_lsn, continues, bytes(3))
        if length <= SMALL_ENTRY_BYTES:  # one system call for a small commit
            frame = b"".join([head, *chunk])
            file.append(CRC.pack(crc32c(frame)) + frame)
            return
        file.append(CRC.pack(crc32c(head, *chunk)) + head)
        for part in chunk:
            file.append(part)

    def _forget_from(self, start: int) -> None:
        """Cut a half-written entry off, so that its bytes can never be taken for frames."""
        assert self._file is not None
        name = self._file.name
        mark("wal.entry_cut")
        try:
            self._file.close()
            self._vfs.truncate(name, start)
            self._file = self._vfs.open_append(name)
        except DatabaseError as error:
            self.failure = error

    def sync(self) -> None:
        """Make durable all that was appended before this call began. Safe beside append()."""
        with self._sync_lock:
            self._check_open()
            file, lsn = self._file, self.lsn
            if file is None or lsn <= self.durable_lsn:
                return
            self._count_sync(1)
            try:
                file.sync()
            except DatabaseError as error:
                self.failure = error
                raise
            finally:
                self._count_sync(-1)
            self._note_durable(lsn)

    def begin_sync(self) -> tuple[int, int]:
        """For an owner that calls fdatasync itself: the descriptor, and what to give to end_sync()."""
        self._check_open()
        assert self._file is not None
        self._count_sync(1)
        return self._file.descriptor, self.lsn

    def end_sync(self, lsn: int, number: int) -> None:
        """What fdatasync said: errno, or 0. A DatabaseError if it failed."""
        self._count_sync(-1)
        if number and self._file is not None:
            self.failure = io_error(OSError(number, os.strerror(number)), "fsync", self._file.name)
            raise self.failure
        self._note_durable(lsn)

    def _count_sync(self, change: int) -> None:
        with self._durable_lock:
            self._syncs += change

    def _note_durable(self, lsn: int) -> None:
        with self._durable_lock:
            self.durable_lsn = max(self.durable_lsn, lsn)
            while self._retired and not self._syncs:
                self._retired.pop().close()

    def _check_open(self) -> None:
        if self.failure is not None:
            raise IoError(
                "database is closed to writes after an earlier file system error",
                detail=self.failure.message,
            )

    # ------------------------------------------------------------ files

    def _start_file(self, first_seqno: int | None = None) -> None:
        """Begin a new file. The one before is synced first, so only the last file can have a torn
        tail. When the disk is full the one before stays the last.
        """
        try:
            if self._file is not None:
                self._file.sync()
                self._note_durable(self.lsn)
            seqno = self._last_seqno + 1 if first_seqno is None else first_seqno
            file = self._create_file(_file_name(seqno), seqno)
        except DiskFull:
            raise
        except DatabaseError as error:
            self.failure = error
            raise
        assert file.size == HEADER_SIZE, file.size
        if self._file is not None:
            # A sync() in another thread may hold its descriptor: it is closed by the next one.
            self._retired.append(self._file)
        self._file = file
        self._files.append(LogFile(file.name, seqno, self.lsn))

    def _create_file(self, name: str, first_seqno: int) -> AppendFile:
        head = HEADER.pack(MAGIC, VERSION, 0, first_seqno, self.lsn)
        try:
            file = self._vfs.create(name)
            file.append(head + struct.pack("<I", crc32c(head)))
            file.sync()
            self._vfs.sync_dir(DIRECTORY)
            self._vfs.sync_dir("")
        except DiskFull as error:
            mark("wal.no_room_for_a_file")
            try:
                self._vfs.remove(name)
                self._vfs.sync_dir(DIRECTORY)
            except DatabaseError:
                self.failure = error
            raise
        return file

    def truncate(self, *, through: int) -> list[str]:
        """Remove the files whose entries all have a seqno of at most `through`; returns their
        names.
        """
        self._check_open()
        if through >= self._last_seqno and self._file is not None and self._file.size > HEADER_SIZE:
            self._start_file()
        removed: list[str] = []
        while len(self._files) > 1 and self._files[1].first_seqno <= through + 1:
            removed.append(self._files.pop(0).name)
            self._vfs.remove(removed[-1])
        return removed

    @property
    def bytes(self) -> int:
        """Size of the log's files, about."""
        return self.lsn - self._files[0].first_lsn if self._files else 0

    def close(self) -> None:
        for file in [*self._retired, *([self._file] if self._file is not None else [])]:
            file.close()
        self._retired.clear()
        self._file = None


def _frames(parts: Sequence[Writable]) -> Iterator[tuple[list[Writable], bool]]:
    """Cut an entry into bodies of at most FRAME_BODY_MAX bytes, and say of each whether more
    follow.
    """
    small = min(SMALL_ENTRY_BYTES, FRAME_BODY_MAX)
    if sum(map(len, parts)) <= small and all(type(part) is bytes for part in parts):
        yield list(parts), False
        return
    chunk: list[Writable] = []
    room = FRAME_BODY_MAX
    for part in parts:
        view = memoryview(part).cast("B")  # type: ignore[arg-type]
        while len(view) > room:
            chunk.append(np.frombuffer(view[:room], np.uint8))
            yield chunk, True
            view = view[room:]
            chunk, room = [], FRAME_BODY_MAX
        if len(view):
            chunk.append(np.frombuffer(view, np.uint8))
            room -= len(view)
    yield chunk, False


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A log file as it was found; header None: it was never used. end: behind its last whole
    entry.
    """

    name: str
    header: LogFile | None
    entries: tuple[Entry, ...]
    end: int
    size: int


def read_log(vfs: Vfs, *, after: int) -> list[Entry]:
    """The entries with a seqno above `after`. Changes nothing; the errors are those of recovery."""
    found = [_read_file(vfs, name) for name in _file_names(vfs)]
    if found and found[-1].header is None:
        _check_unused(found, after)
        found.pop()
    return [entry for entry in _whole_log(found, after) if entry.seqno > after]


def last_file(vfs: Vfs) -> ReadFile | None:
    """The log's last file, for its torn tail."""
    names = _file_names(vfs)
    return _read_file(vfs, names[-1]) if names else None


def _file_name(first_seqno: int) -> str:
    return f"{DIRECTORY}/{first_seqno:020d}.wal"


def _file_names(vfs: Vfs) -> list[str]:
    return [f"{DIRECTORY}/{name}" for name in vfs.list(DIRECTORY) if name.endswith(".wal")]


def _check_unused(found: Sequence[ReadFile], after: int) -> None:
    """A file without a header was never used, if what was before it is elsewhere: a header is durable before
    older files go."""
    name = found[-1].name
    if len(found) == 1 and int(name.rpartition("/")[2].partition(".")[0]) > after + 1:
        raise DataCorrupted(f'unexpected header in file "{name}" at offset 0')


def _whole_log(found: Sequence[ReadFile], after: int) -> list[Entry]:
    """All entries; DataCorrupted when something is missing between `after` and the end."""
    entries: list[Entry] = []
    for position, file in enumerate(found):
        last = position == len(found) - 1
        if file.header is None:
            raise DataCorrupted(f'unexpected header in file "{file.name}" at offset 0')
        if file.end < file.size and not last:
            raise DataCorrupted(f'checksum mismatch in file "{file.name}" at offset {file.end}')
        if entries and file.entries and file.entries[0].seqno <= entries[-1].seqno:
            raise DataCorrupted(f'unexpected seqno in file "{file.name}" at offset {HEADER_SIZE}')
        entries.extend(file.entries)
    first = found[0].header.first_seqno if found and found[0].header is not None else 1
    if first > after + 1 or (not found and after > 0):
        raise DataCorrupted(
            f"write-ahead log does not reach back to seqno {after + 1}",
            detail=f"Its first entry has seqno {first}." if found else "It has no file.",
        )
    return entries


def _read_file(vfs: Vfs, name: str) -> ReadFile:
    data = vfs.map(name)
    header = _decode_header(name, data)
    if header is None:
        # The header is synced before the first frame: a short file with a bad one was never used.
        if len(data) > HEADER_SIZE:
            raise DataCorrupted(f'unexpected header in file "{name}" at offset 0')
        return ReadFile(name, None, (), 0, len(data))
    entries, end = _read_entries(data)
    if end < len(data) and _was_durable(data, end, header.first_lsn + end - HEADER_SIZE):
        raise DataCorrupted(f'checksum mismatch in file "{name}" at offset {end}')
    return ReadFile(name, header, tuple(entries), end, len(data))


def _decode_header(name: str, data: Bytes) -> LogFile | None:
    if len(data) < HEADER_SIZE:
        return None
    head = data[: HEADER.size].tobytes()
    (crc,) = struct.unpack("<I", data[HEADER.size : HEADER_SIZE].tobytes())
    magic, version, _, first_seqno, first_lsn = HEADER.unpack(head)
    if magic != MAGIC or crc != crc32c(head) or name != _file_name(first_seqno):
        return None
    if version > VERSION:
        raise ConfigurationError(
            f'file "{name}" has format version {version}, newest known is {VERSION}'
        )
    return LogFile(name, first_seqno, first_lsn)


def _read_entries(data: Bytes) -> tuple[list[Entry], int]:
    """The whole entries of a file, and the offset behind the last of them."""
    entries: list[Entry] = []
    pending: list[Bytes] = []
    at = end = HEADER_SIZE
    last_seqno = 0
    while (frame := _read_frame(data, at)) is not None:
        if frame.seqno <= last_seqno:
            break
        at += FRAME_SIZE + len(frame.body)
        pending.append(frame.body)
        if frame.continues:
            continue
        body = pending[0] if len(pending) == 1 else np.concatenate(pending)
        entries.append(Entry(frame.seqno, body))
        pending, last_seqno, end = [], frame.seqno, at
    return entries, end


@dataclass(frozen=True, slots=True)
class _Frame:
    seqno: int
    durable_lsn: int
    continues: bool
    body: Bytes


def _read_frame(data: Bytes, at: int) -> _Frame | None:
    """The frame at an offset; None when none verifies there."""
    body_at = at + FRAME_SIZE
    if body_at > len(data):
        return None
    crc = int.from_bytes(data[at : at + 4].tobytes(), "little")
    length, seqno, durable, continues, _ = FRAME.unpack(data[at + 4 : body_at].tobytes())
    body = data[body_at : body_at + length]
    if len(body) != length or crc32c(data[at + 4 : body_at + length]) != crc:
        return None
    return _Frame(seqno, durable, bool(continues), body)


def _was_durable(data: Bytes, end: int, lsn: int) -> bool:
    """Whether a frame behind `end`, the offset of `lsn`, says that the log was durable beyond it."""
    for at in _frame_places(data, end + 1):
        frame = _read_frame(data, at)
        if frame is not None and frame.durable_lsn > lsn:
            return True
    return False


def _frame_places(data: Bytes, start: int) -> list[int]:
    """Offsets where a frame may begin: continues is 0 or 1, three zeros follow, the length fits."""
    count = len(data) - start - FRAME_SIZE + 1
    if count <= 0:
        return []
    tail = data[start:]
    likely = tail[24 : 24 + count] <= 1
    for place in (25, 26, 27):
        likely &= tail[place : place + count] == 0
    offsets = np.flatnonzero(likely).astype(np.int64)
    lengths = sum(tail[offsets + 4 + i].astype(np.int64) << (8 * i) for i in range(4))
    fits = offsets + FRAME_SIZE + lengths <= len(tail)
    return (offsets[fits] + start).tolist()
