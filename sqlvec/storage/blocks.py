"""A file of named arrays: written once and never changed.

    file     header, block*, directory, trailer
    header   magic "SVBK", u16 version (2; 1 is read too), u16 kind, 8 zero bytes   (16 bytes)
    block    the bytes of one array in C order, at an offset that is a multiple of 64
    directory  u32 count, entry*
    entry    u16 length + name (utf-8), u8 length + dtype (numpy's, ascii), u8 dimensions, u64 size
             of each, u64 offset, u64 byte length, u32 crc32c of the block
    trailer  u64 offset of the directory, u32 its length, u32 crc32c of the file's name and it, magic
             "SVBE"                                                          (20 bytes)

The directory is verified when the file is opened, a block when it is first read: opening a large
file touches two pages. The writer asserts the same facts that the reader checks.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlvec.errors import ConfigurationError, DatabaseError, DataCorrupted
from sqlvec.storage.checksum import crc32c
from sqlvec.storage.marks import mark
from sqlvec.storage.segment_io import block_source
from sqlvec.storage.vfs import Vfs

Array = npt.NDArray[Any]

MAGIC = b"SVBK"
END_MAGIC = b"SVBE"
VERSION = 2  # 2: segments have zones
HEADER = struct.Struct("<4sHH8s")
TRAILER = struct.Struct("<QII4s")
ENTRY_TAIL = struct.Struct("<QQI")
ALIGNMENT = 64
DIMENSIONS_MAX = 8


class FileKind(IntEnum):
    """What a block file holds. Numbers are never reused."""

    SEGMENT = 1
    TOMBSTONES = 2
    GRAPH = 3
    TIMES = 4


@dataclass(frozen=True, slots=True)
class Entry:
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int
    crc: int


def write_blocks(
    vfs: Vfs, name: str, kind: FileKind, arrays: Mapping[str, Array], *, durable: bool = True
) -> int:
    """Write and fsync a block file, and return its size. Its directory entry is the caller's to
    sync, and so are its bytes unless it is to be durable now.
    """
    file = vfs.create(name)
    try:
        file.append(HEADER.pack(MAGIC, VERSION, kind, bytes(8)))
        entries: list[tuple[str, Entry]] = []
        for block, array in arrays.items():
            flat = np.ascontiguousarray(array)
            data = flat.reshape(-1).view(np.uint8)
            file.append(bytes(-file.size % ALIGNMENT))
            entry = Entry(flat.dtype.str, flat.shape, file.size, data.size, crc32c(data))
            assert entry.offset % ALIGNMENT == 0 and flat.ndim <= DIMENSIONS_MAX, (block, entry)
            file.append(data)
            entries.append((block, entry))
        directory = _encode_directory(entries)
        trailer = TRAILER.pack(file.size, len(directory), _directory_crc(name, directory), END_MAGIC)
        file.append(directory + trailer)
        if durable:
            file.sync()
    except DatabaseError:
        mark("file.half_written")
        file.close()
        vfs.remove(name)
        raise
    file.close()
    return file.size


def _directory_crc(name: str, directory: bytes) -> int:
    """With the file's name: what was meant for another file is not taken for this one."""
    return crc32c(name.encode(), directory)


def _encode_directory(entries: list[tuple[str, Entry]]) -> bytes:
    out = bytearray(struct.pack("<I", len(entries)))
    for block, entry in entries:
        encoded = block.encode()
        dtype = entry.dtype.encode("ascii")
        out += struct.pack("<H", len(encoded)) + encoded
        out += struct.pack("<B", len(dtype)) + dtype
        out += struct.pack(f"<B{len(entry.shape)}Q", len(entry.shape), *entry.shape)
        out += ENTRY_TAIL.pack(entry.offset, entry.length, entry.crc)
    return bytes(out)


class BlockFile:
    """An open block file. Arrays are read-only, or when it is private the caller's own; views of the file where that
    is mapped."""

    def __init__(self, vfs: Vfs, name: str, kind: FileKind, *, private: bool = False) -> None:
        self.name = name
        self._source = block_source(vfs, name, private=private)
        self._entries = self._read_directory(kind)

    def __contains__(self, block: str) -> bool:
        return block in self._entries

    def is_held(self, block: str) -> bool:
        """Whether a block was read, and is at hand."""
        return block in self._source.held

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def array(self, block: str) -> Array:
        """The array of a block; DataCorrupted (XX001) when its checksum fails."""
        entry = self._entries[block]
        data = self._source.held.get(block)
        if data is None:
            data = self._source.read(entry.offset, entry.length)
            if crc32c(data) != entry.crc:
                raise self._corrupted(f'checksum mismatch in block "{block}"', entry.offset)
            self._source.held[block] = data
        return data.view(entry.dtype).reshape(entry.shape)

    def arrays(self, prefix: str) -> dict[str, Array]:
        """Every array whose name begins with the prefix, by the rest of its name."""
        names = [name for name in self._entries if name.startswith(prefix)]
        return {name[len(prefix) :]: self.array(name) for name in names}

    def verify_gaps(self) -> None:
        """That the bytes between blocks, which nobody reads, are zero."""
        places = [(entry.offset, entry.length) for entry in self._entries.values()]
        (directory,) = TRAILER.unpack(self._read(self._source.size - TRAILER.size, TRAILER.size))[:1]
        at = HEADER.size
        for offset, length in [*sorted(places), (directory, 0)]:
            if self._source.read(at, offset - at).any():
                raise self._corrupted("unexpected bytes between blocks", at)
            at = offset + length

    def _read_directory(self, kind: FileKind) -> dict[str, Entry]:
        size = self._source.size
        if size < HEADER.size + TRAILER.size:
            raise self._corrupted("file is too short", 0)
        magic, version, found, zeros = HEADER.unpack(self._read(0, HEADER.size))
        if magic != MAGIC or found != kind or any(zeros) or version == 0:
            raise self._corrupted("unexpected header", 0)
        if version > VERSION:
            raise ConfigurationError(
                f'file "{self.name}" has format version {version}, newest known is {VERSION}'
            )
        at = size - TRAILER.size
        offset, length, crc, end = TRAILER.unpack(self._read(at, TRAILER.size))
        if end != END_MAGIC or offset + length != at:
            raise self._corrupted("unexpected end of file", at)
        directory = self._read(offset, length)
        if _directory_crc(self.name, directory) != crc:
            raise self._corrupted("checksum mismatch in block directory", offset)
        entries = _decode_directory(directory)
        for entry in entries.values():
            width = np.dtype(entry.dtype).itemsize
            assert math.prod(entry.shape) * width == entry.length, entry
            assert entry.offset + entry.length <= offset, entry
        return entries

    def _read(self, offset: int, length: int) -> bytes:
        return self._source.read(offset, length).tobytes()

    def _corrupted(self, what: str, offset: int) -> DataCorrupted:
        return DataCorrupted(f'{what} in file "{self.name}" at offset {offset}')


def _decode_directory(directory: bytes) -> dict[str, Entry]:
    (count,) = struct.unpack_from("<I", directory)
    at = 4
    entries: dict[str, Entry] = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", directory, at)
        name = directory[at + 2 : at + 2 + length].decode()
        at += 2 + length
        length = directory[at]
        dtype = directory[at + 1 : at + 1 + length].decode("ascii")
        at += 1 + length
        dimensions = directory[at]
        shape = struct.unpack_from(f"<{dimensions}Q", directory, at + 1)
        at += 1 + 8 * dimensions
        entries[name] = Entry(dtype, shape, *ENTRY_TAIL.unpack_from(directory, at))
        at += ENTRY_TAIL.size
    assert at == len(directory), (at, len(directory))
    return entries
