"""Manifest: the log of edits that make the current version, that is, which files hold the database.

    name    manifest
    file    header, edit*
    header  magic "SVMF", u16 version, u16 zero                          (8 bytes)
    edit    u32 crc32c(length, body), u32 length, body: JSON object, utf-8

A torn last edit was never acted upon and is cut off. A file is written and synced before the edit
that names it and removed after the edit that forgets it, so every file that is named exists (I3,
I4) and every other file of the data directory is an orphan. The log is rewritten as one edit, and
renamed into place, when it has grown large.

Every commit with a seqno up to Version.seqno is in the files named here; later ones are in the WAL. A
shard that was written anew (rewrite.py) has a seqno of its own: what the log says of it up to there is
in its files, and speaks of row ids that it has no more.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlvec.catalog.objects import Catalog, empty_catalog
from sqlvec.catalog.tenants import ACTIVE
from sqlvec.errors import ConfigurationError, DatabaseError, DataCorrupted, DiskFull, IoError
from sqlvec.storage.catalog_codec import apply_catalog_edit, encode_catalog_edit
from sqlvec.storage.checksum import crc32c
from sqlvec.storage.history import TableChanges
from sqlvec.storage.marks import mark
from sqlvec.storage.seams import put_in_place, write_temporary
from sqlvec.storage.vfs import AppendFile, Vfs

NAME = "manifest"
MAGIC = b"SVMF"
VERSION = 5
HEADER = struct.Struct("<4sHH")
FRAME = struct.Struct("<II")
_EDIT_BEGINS = b'{"seqno":'


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """Rows [low, high) of a shard. tombstones names the file of their later deletions, or is
    empty.
    """

    name: str
    low: int
    high: int
    size: int
    tombstones: str = ""


@dataclass(frozen=True, slots=True)
class VectorsFile:
    attnum: int
    name: str
    dims: int


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A snapshot that has `linked` rows, with no file while it is empty, and the log of later links."""

    index_oid: int
    name: str
    linked: int
    log: str


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """The files of one shard. Segments are in row order and leave no gap between 0 and `high`.

    state: what its tenant is to be, one of catalog.tenants.STATES. rows: how many were alive when this was
    written. offloaded: the files are blobs, and none is in the data directory. seqno: that of the last
    rewrite, which gave the rows their ids.
    """

    shard_id: int
    table_oid: int
    tenant: str
    segments: tuple[SegmentFile, ...] = ()
    vectors: tuple[VectorsFile, ...] = ()
    graphs: tuple[GraphFile, ...] = ()
    seqno: int = 0
    state: str = ACTIVE
    rows: int = 0
    offloaded: bool = False

    def __post_init__(self) -> None:
        at = 0
        for segment in self.segments:
            assert segment.low == at < segment.high, (self.shard_id, segment, at)
            at = segment.high

    @property
    def high(self) -> int:
        return self.segments[-1].high if self.segments else 0

    def names(self) -> list[str]:
        """Those in the data directory."""
        return [] if self.offloaded else self._names()

    def blob_names(self) -> list[str]:
        """Those that are blobs."""
        return self._names() if self.offloaded else []

    def _names(self) -> list[str]:
        names = [segment.name for segment in self.segments]
        names += [vectors.name for vectors in self.vectors]
        names += [name for graph in self.graphs for name in (graph.name, graph.log) if name]
        return names + [s.tombstones for s in self.segments if s.tombstones]


@dataclass(frozen=True, slots=True)
class SequenceValue:
    """PostgreSQL's three fields; on disk last_value is what may have been handed out, not what
    was.
    """

    last_value: int
    is_called: bool


FillKey = tuple[int, int]  # table oid, attnum


@dataclass(frozen=True, slots=True)
class Version:
    """What the files hold; a fill is the Arrow IPC stream of the one value of an added column.

    history: snapshots before that seqno may have lost rows; times: the file of the commits' times, or
    empty; changes: of tables since history began (storage.history).

    identity: what the database calls itself, chosen when it is made; its blobs are named by it.
    """

    identity: str = ""
    seqno: int = 0
    next_file: int = 1
    next_shard: int = 1
    catalog: Catalog = field(default_factory=empty_catalog)
    shards: Mapping[int, ShardFiles] = field(default_factory=dict)
    sequences: Mapping[int, SequenceValue] = field(default_factory=dict)
    fills: Mapping[FillKey, bytes] = field(default_factory=dict)
    history: int = 0
    times: str = ""
    changes: Mapping[int, TableChanges] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Every file."""
        found = {name for files in self.shards.values() for name in files.names()}
        return found | {self.times} if self.times else found

    def blob_names(self) -> set[str]:
        return {name for files in self.shards.values() for name in files.blob_names()}


class _NotWritten(DiskFull):
    """The disk was full, and the manifest is as before."""


class Manifest:
    """The open manifest: its version, and the file that edits are appended to."""

    def __init__(self, vfs: Vfs, *, bytes_max: int) -> None:
        self._vfs = vfs
        self._bytes_max = bytes_max
        self._file: AppendFile | None = None
        self._rewritten_size = 0
        self.version = Version()
        self.failure: DatabaseError | None = None

    @property
    def is_new(self) -> bool:
        return not self._vfs.exists(NAME)

    def open(self, identity: str = "") -> None:
        """Read the version; DataCorrupted, or ConfigurationError when a newer sqlvec wrote it. A new
        database gets the identity.
        """
        if self.is_new:
            self.version = replace(self.version, identity=identity)
            self._rewrite(self.version)
            return
        self.version, end = read_manifest(self._vfs)
        if end < self._vfs.size(NAME):
            mark("manifest.torn_tail")
            self._vfs.truncate(NAME, end)
        self._file = self._vfs.open_append(NAME)
        self._file.sync()  # its last edit may have been written and not synced
        self._vfs.sync_dir("")
        self._rewritten_size = self._file.size

    def apply(self, version: Version) -> None:
        """Make `version` the current one, durably. After an error but DiskFull nothing more can be
        changed."""
        if self.failure is not None:
            raise IoError(
                "database is closed to writes after an earlier file system error",
                detail=self.failure.message,
            )
        assert self._file is not None
        try:
            if self._file.size > self._bytes_max + 2 * self._rewritten_size:
                mark("manifest.rewritten")
                self._rewrite(version)
            else:
                self._append(self._file, _frame(_encode_edit(self.version, version)))
        except _NotWritten:
            raise
        except DatabaseError as error:
            self.failure = error
            raise
        self.version = version

    def _append(self, file: AppendFile, frame: bytes) -> None:
        size = file.size
        try:
            file.append(frame)
        except DiskFull as error:
            mark("manifest.edit_cut")
            self.close()
            self._vfs.truncate(NAME, size)
            self._file = self._vfs.open_append(NAME)
            raise _NotWritten(error.message, hint=error.hint) from error
        file.sync()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rewrite(self, version: Version) -> None:
        header = HEADER.pack(MAGIC, VERSION, 0)
        frame = _frame(_encode_edit(Version(), version))
        try:
            temporary = write_temporary(self._vfs, NAME, header, frame)
        except DiskFull as error:
            raise _NotWritten(error.message, hint=error.hint) from error
        put_in_place(self._vfs, temporary, NAME)
        self.close()
        self._file = self._vfs.open_append(NAME)
        self._rewritten_size = self._file.size


def read_manifest(vfs: Vfs) -> tuple[Version, int]:
    """The version of a directory, and the offset behind its last whole edit. Changes nothing."""
    data = vfs.read(NAME)
    if len(data) < HEADER.size:
        raise DataCorrupted(f'unexpected end of file "{NAME}" at offset {len(data)}')
    magic, format_version, _ = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise DataCorrupted(f'unexpected magic number in file "{NAME}" at offset 0')
    if format_version > VERSION:
        raise ConfigurationError(
            f'file "{NAME}" has format version {format_version}, newest known is {VERSION}'
        )
    if format_version < VERSION:  # none was in any release
        raise ConfigurationError(
            f'file "{NAME}" has format version {format_version}, oldest known is {VERSION}'
        )
    version, at = Version(), HEADER.size
    while at + FRAME.size <= len(data):
        crc, length = FRAME.unpack_from(data, at)
        end = at + FRAME.size + length
        if end > len(data) or crc32c(data[at + 4 : end]) != crc:
            break
        version = _apply_edit(version, json.loads(data[at + FRAME.size : end]))
        at = end
    if at == HEADER.size or _has_frame_behind(data, at):
        # The first edit was durable before the file had its name, and each one before the next.
        raise DataCorrupted(f'checksum mismatch in file "{NAME}" at offset {at}')
    return version, at


def _has_frame_behind(data: bytes, at: int) -> bool:
    """Whether a whole edit lies behind the one that is broken: then that is no torn tail."""
    place = data.find(_EDIT_BEGINS, at + FRAME.size + 1)
    while place >= 0:
        crc, length = FRAME.unpack_from(data, place - FRAME.size)
        if crc32c(data[place - FRAME.size + 4 : place + length]) == crc:
            return True
        place = data.find(_EDIT_BEGINS, place + 1)
    return False


def _frame(body: bytes) -> bytes:
    length = struct.pack("<I", len(body))
    return struct.pack("<I", crc32c(length, body)) + length + body


def _encode_edit(old: Version, new: Version) -> bytes:
    edit: dict[str, Any] = {
        "seqno": new.seqno,
        "next_file": new.next_file,
        "next_shard": new.next_shard,
        "history": new.history,
        "times": new.times,
        "shards": [_encode_shard(s) for k, s in new.shards.items() if _differs(old.shards.get(k), s)],
        "dropped_shards": [k for k in old.shards if k not in new.shards],
    }
    if new.identity != old.identity:
        edit["identity"] = new.identity
    if new.catalog is not old.catalog:
        edit["catalog"] = json.loads(encode_catalog_edit(old.catalog, new.catalog))
    if new.sequences != old.sequences:
        edit["sequences"] = [[k, v.last_value, v.is_called] for k, v in new.sequences.items()]
    if new.fills != old.fills:
        edit["fills"] = [[*k, base64.b64encode(v).decode()] for k, v in new.fills.items()]
    if new.changes != old.changes:
        edit["changes"] = [[k, c.created, c.retyped] for k, c in new.changes.items()]
    return json.dumps(edit, ensure_ascii=False, separators=(",", ":")).encode()


def _differs(old: ShardFiles | None, new: ShardFiles) -> bool:
    return old is not new and old != new


def _apply_edit(version: Version, edit: Mapping[str, Any]) -> Version:
    shards = dict(version.shards)
    for shard_id in edit["dropped_shards"]:
        shards.pop(shard_id, None)
    for item in edit["shards"]:
        shards[item["shard_id"]] = _decode_shard(item)
    version = replace(
        version,
        identity=edit.get("identity", version.identity),
        seqno=edit["seqno"],
        next_file=edit["next_file"],
        next_shard=edit["next_shard"],
        history=edit["history"],
        times=edit["times"],
        shards=shards,
    )
    if "catalog" in edit:
        catalog = apply_catalog_edit(version.catalog, json.dumps(edit["catalog"]).encode())
        version = replace(version, catalog=catalog)
    if "sequences" in edit:
        values = {oid: SequenceValue(value, called) for oid, value, called in edit["sequences"]}
        version = replace(version, sequences=values)
    if "fills" in edit:
        fills = {(oid, attnum): base64.b64decode(v) for oid, attnum, v in edit["fills"]}
        version = replace(version, fills=fills)
    if "changes" in edit:
        changes = {oid: TableChanges(*seqnos) for oid, *seqnos in edit["changes"]}
        version = replace(version, changes=changes)
    return version


def _encode_shard(shard: ShardFiles) -> dict[str, Any]:
    return {
        "shard_id": shard.shard_id,
        "table_oid": shard.table_oid,
        "tenant": shard.tenant,
        "segments": [[s.name, s.low, s.high, s.size, s.tombstones] for s in shard.segments],
        "vectors": [[v.attnum, v.name, v.dims] for v in shard.vectors],
        "graphs": [[g.index_oid, g.name, g.linked, g.log] for g in shard.graphs],
        "seqno": shard.seqno,
        "state": shard.state,
        "rows": shard.rows,
        "offloaded": shard.offloaded,
    }


def _decode_shard(item: Mapping[str, Any]) -> ShardFiles:
    return ShardFiles(
        shard_id=item["shard_id"],
        table_oid=item["table_oid"],
        tenant=item["tenant"],
        segments=tuple(SegmentFile(*s) for s in item["segments"]),
        vectors=tuple(VectorsFile(*v) for v in item["vectors"]),
        graphs=tuple(GraphFile(*g) for g in item["graphs"]),
        seqno=item["seqno"],
        state=item["state"],
        rows=item["rows"],
        offloaded=item["offloaded"],
    )
