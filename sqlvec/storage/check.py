"""Check: read every byte of a database that is not open, and say what is wrong with it. Changes
nothing.

    manifest   its edits, and that every file it names exists
    segments   every block's checksum; rows as the manifest has them; begins before ends; key runs
               sorted; zone maps as the columns have it
    vectors    the checksum, kept in the segment, of its rows of the vector file
    graphs     every block's checksum
    blobs      that the files of offloaded tenants are there, and their checksums
    log        every entry's checksum and order, and that it goes back to the manifest's seqno

A torn tail of the manifest or of the last log file may be what a crash left, or damage of what was
written last: it is reported as torn, and opening cuts it off. Files that nothing names are reported
as orphans; opening removes them. Not read is what nobody reads: rows of a vector file that no segment
keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from sqlvec.errors import DatabaseError
from sqlvec.storage.blocks import BlockFile, FileKind
from sqlvec.storage.history import read_times
from sqlvec.storage.link_log import read_links
from sqlvec.storage.manifest import SegmentFile, ShardFiles, Version, read_manifest
from sqlvec.storage.offload import DIRECTORY as BLOBS
from sqlvec.storage.offload import blob_key, read_blob
from sqlvec.storage.part import ShardColumns
from sqlvec.storage.records import decode_operations
from sqlvec.storage.seams import BlobStore, FileBlobs, read_epoch
from sqlvec.storage.segment import Segment, zone_blocks
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.vectors import VectorColumn
from sqlvec.storage.vfs import Vfs
from sqlvec.storage.wal import last_file, read_log


@dataclass(frozen=True, slots=True)
class Finding:
    """severity: "damage", "torn" or "orphan"."""

    severity: str
    file: str
    message: str


def verify(vfs: Vfs, blobs: BlobStore | None = None) -> list[Finding]:
    """Everything that is wrong; ObjectInUse when a server has the directory. blobs: where offloaded tenants
    went, if not to the directory itself.
    """
    lock = vfs.lock()
    try:
        try:
            version, end = read_manifest(vfs)
        except DatabaseError as error:
            return [_damage("manifest", error.message)]
        return [
            *_torn("manifest", end, vfs.size("manifest")),
            *_guarded("epoch", partial(_check_epoch, vfs)),
            *_check_shards(vfs, version),
            *_check_times(vfs, version),
            *_check_orphans(vfs, version),
            *_check_blobs(blobs or FileBlobs(vfs, BLOBS), version),
            *_check_log(vfs, version),
        ]
    finally:
        lock.release()


def _check_shards(vfs: Vfs, version: Version) -> Iterator[Finding]:
    for files in version.shards.values():
        if files.offloaded:
            continue
        missing = [name for name in files.names() if not vfs.exists(name)]
        yield from (_damage(name, "file is missing") for name in missing)
        if missing:
            continue
        for file in files.segments:
            yield from _guarded(file.name, partial(_check_segment, vfs, files, file))
        for graph in files.graphs:
            if graph.name:
                yield from _guarded(graph.name, partial(_check_graph, vfs, graph.name))
            yield from _guarded(graph.log, partial(_check_links, vfs, graph.log))


def _guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """A check's findings; an error of reading is one."""
    try:
        return check()
    except DatabaseError as error:
        return [_damage(name, error.message)]


def _check_segment(vfs: Vfs, files: ShardFiles, file: SegmentFile) -> list[Finding]:
    found: list[Finding] = []
    segment = Segment(vfs, file.name, ShardColumns(), tombstones=file.tombstones)
    if (segment.low, segment.high) != (file.low, file.high):
        found.append(_damage(file.name, f"holds rows {segment.low} to {segment.high}"))
        return found
    segment.file.verify_gaps()
    blocks = {name: segment.file.array(name) for name in segment.file.names}
    if file.tombstones:
        BlockFile(vfs, file.tombstones, FileKind.TOMBSTONES).verify_gaps()
    begins, ends = segment.begins, segment.ends()
    if (begins > ends).any():
        found.append(_damage(file.name, "a row ends before it begins"))
    for name, block in blocks.items():
        if name.startswith("key/") and name.endswith("/hashes") and (block[1:] < block[:-1]).any():
            found.append(_damage(file.name, f'run "{name}" is not sorted'))
    found += _check_zones(segment)
    for vectors in files.vectors:
        vector = VectorColumn(vfs, vectors.name, vectors.dims)
        checks = segment.vector_checks(vectors.attnum, vectors.dims)
        vector.load(np.zeros(-(-file.high // 64), np.uint64), file.high, checks)
        found += _guarded(vectors.name, partial(_verify_vectors, vector))
    return found


def _check_zones(segment: Segment) -> list[Finding]:
    """What the zone maps say against the columns; a segment of an older version has none."""
    found = segment.zone_maps()
    columns = {attnum: (type, segment.column(attnum)) for attnum, type in segment.types.items()}
    right = zone_blocks(columns, segment.kept(), segment.zone_rows()) if found else {}
    return [
        _damage(segment.name, f'block "{name}" does not agree with the column')
        for name in sorted(found.keys() | right.keys())
        if name not in found or name not in right or found[name].tobytes() != right[name].tobytes()
    ]


def _verify_vectors(vector: VectorColumn) -> list[Finding]:
    vector.verify()
    return []


def _check_graph(vfs: Vfs, name: str) -> list[Finding]:
    blocks = BlockFile(vfs, name, FileKind.GRAPH)
    blocks.verify_gaps()
    blocks.arrays("")
    return []


def _check_times(vfs: Vfs, version: Version) -> list[Finding]:
    def check() -> list[Finding]:
        BlockFile(vfs, version.times, FileKind.TIMES).verify_gaps()
        if any((np.diff(column) <= 0).any() for column in read_times(vfs, version.times)):
            return [_damage(version.times, "times are not in order")]
        return []

    if not version.times:
        return []
    if not vfs.exists(version.times):
        return [_damage(version.times, "file is missing")]
    return _guarded(version.times, check)


def _check_epoch(vfs: Vfs) -> list[Finding]:
    read_epoch(vfs)
    return []


def _check_links(vfs: Vfs, name: str) -> list[Finding]:
    _, _, error = read_links(vfs, name)
    return [] if error is None else [_damage(name, error.message)]


def _check_orphans(vfs: Vfs, version: Version) -> Iterator[Finding]:
    named = version.names()
    for name in vfs.list(DIRECTORY):
        if f"{DIRECTORY}/{name}" not in named:
            yield Finding("orphan", f"{DIRECTORY}/{name}", "no manifest edit names it")


def _check_blobs(blobs: BlobStore, version: Version) -> Iterator[Finding]:
    for name in sorted(version.blob_names()):
        key = blob_key(version.identity, name)
        yield from _guarded(f"blob {key}", partial(_check_blob, blobs, key))
    named = {blob_key(version.identity, name) for name in version.blob_names()}
    for found in blobs.list(version.identity):
        key = blob_key(version.identity, found)
        if key not in named:
            yield Finding("orphan", f"blob {key}", "no manifest edit names it")


def _check_blob(blobs: BlobStore, key: str) -> list[Finding]:
    read_blob(blobs, key)
    return []


def _check_log(vfs: Vfs, version: Version) -> list[Finding]:
    def check() -> list[Finding]:
        for entry in read_log(vfs, after=version.seqno):
            decode_operations(entry.body)
        last = last_file(vfs)
        return [] if last is None else _torn(last.name, last.end, last.size)

    return _guarded("wal", check)


def _torn(name: str, end: int, size: int) -> list[Finding]:
    if end == size:
        return []
    return [Finding("torn", name, f"{size - end} bytes do not verify at offset {end}")]


def _damage(file: str, message: str) -> Finding:
    return Finding("damage", file, message)
