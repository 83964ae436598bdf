"""Flush: the memtable's settled rows become segments.

    freeze    under the lock: the rows below the first one of an open transaction, as immutable
              arrays
    write     segment files and vectors are written and synced, while commits go on
    install   under the lock: manifest edit, then the segments take the rows' place

Many shards are flushed together: their files are made durable at once, and one edit names them all.
Rows whose blocks have different columns go into different segments. Rows that were deleted between
freeze and install are noticed there and persisted by the next checkpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.errors import DatabaseError, DiskFull
from sqlvec.index.bm25 import PostingIndex
from sqlvec.storage.growing import Mask, RowIds
from sqlvec.storage.key_search import key_definitions
from sqlvec.storage.keys import KeyDefinition
from sqlvec.storage.manifest import SegmentFile, ShardFiles, VectorsFile
from sqlvec.storage.marks import mark
from sqlvec.storage.memtable import MemoryPart
from sqlvec.storage.segment import Segment, SegmentRows, write_segment
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.vectors import VectorColumn
from sqlvec.storage.visibility import ABORTED

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WrittenSegment:
    file: SegmentFile
    rows: SegmentRows
    segment: Segment


def wants_flush(store: Store, shard: Shard) -> bool:
    """Whether a memtable has reached its limits, and some of it can be flushed."""
    memtable, settings = shard.memtable, store.settings
    large = memtable.high - memtable.low > settings.memtable_rows_max
    large = large or memtable.bytes > settings.memtable_bytes_max
    return large and shard.settled > memtable.low


def must_flush(store: Store) -> bool:
    """Whether any shard wants to be flushed, or the log is too long: other work should make room."""
    if store.wal.bytes > store.settings.wal_bytes_max:
        return True
    return any(wants_flush(store, shard) for shard in list(store.open_shards.values()))


def flush_shard(store: Store, shard: Shard) -> bool:
    """Flush what is settled; False when there is nothing. The caller holds store.maintenance."""
    return flush_shards(store, [shard]) > 0


def flush_shards(store: Store, shards: Sequence[Shard], *, kept_open: bool = True) -> int:
    """Flush what is settled of each, and return how many had something. The caller holds
    store.maintenance. kept_open: the indexes are to read what was written instead of what they have.
    """
    written: dict[Shard, list[WrittenSegment]] = {}
    try:
        for shard in shards:
            with store.lock:
                frozen = freeze(store, shard)
            try:
                for rows in frozen:
                    written.setdefault(shard, []).append(write_rows(store, shard, rows, durable=False))
            except DatabaseError:
                if store.holds(shard):
                    raise
                store.discard(one.file.name for one in written.pop(shard, ()))
        if not written:
            return 0
        _make_durable(store, written)
        with store.lock:
            _install(store, written, kept_open=kept_open)
    except DatabaseError:
        store.discard(one.file.name for segments in written.values() for one in segments)
        raise
    files = [one for segments in written.values() for one in segments]
    rows_written = sum(one.rows.high - one.rows.low for one in files)
    size = sum(one.file.size for one in files)
    log.info("flushed", extra={"shards": len(written), "rows": rows_written, "bytes": size})
    return len(written)


def _make_durable(store: Store, written: dict[Shard, list[WrittenSegment]]) -> None:
    """Sync the segments, and the vector files that were written to."""
    while written:
        names: list[str] = []
        vectors: list[VectorColumn] = []
        try:
            for segments in written.values():
                names += [one.file.name for one in segments]
                for vector in segments[0].rows.vectors.values():
                    if vector.take_written():
                        vectors.append(vector)
            store.vfs.sync_many([*names, *(vector.name for vector in vectors)])
            return
        except DatabaseError as error:
            for vector in vectors:
                vector.mark_written()
            dropped = [shard for shard in written if shard.shard_id not in store.open_shards]
            if not dropped:
                if vectors and not isinstance(error, DiskFull):
                    store.fail(error)  # what the kernel has dropped no second fsync writes
                raise
            for shard in dropped:  # and their vector files with them
                store.discard(one.file.name for one in written.pop(shard))


def write_frozen(
    store: Store, shard: Shard, frozen: Sequence[SegmentRows]
) -> list[WrittenSegment]:
    """Write the segments, and make them and their rows of the vector files durable."""
    written: list[WrittenSegment] = []
    try:
        for rows in frozen:
            written.append(write_rows(store, shard, rows))
        for vector in frozen[0].vectors.values() if frozen else ():
            vector.sync()
        store.vfs.sync_dir(DIRECTORY)
    except DatabaseError:
        store.discard(one.file.name for one in written)
        raise
    return written


def shard_keys(store: Store, shard: Shard) -> list[KeyDefinition]:
    table = store.catalog.relations.get(shard.table_oid)
    return key_definitions(table, store.catalog) if isinstance(table, Table) else []


def current_vectors(shard: Shard) -> dict[int, VectorColumn]:
    """The vector files that the columns' present types name."""
    found = {attnum: shard.columns.vector(attnum) for attnum in shard.columns.types}
    return {attnum: vector for attnum, vector in found.items() if vector is not None}


def sealed_postings(shard: Shard, low: int, high: int) -> dict[int, Mapping[str, Any]]:
    indexes = shard.indexes.items()
    return {oid: i.seal(low, high) for oid, i in indexes if isinstance(i, PostingIndex)}


def write_rows(
    store: Store, shard: Shard, rows: SegmentRows, *, durable: bool = True
) -> WrittenSegment:
    """Write one segment file and open it; it is not durable yet."""
    name = shard.directory.new_name("segment")
    size = write_segment(
        store.vfs,
        name,
        rows,
        filter_text_bytes_max=store.settings.filter_text_bytes_max,
        zone_rows=store.settings.zone_rows,
        durable=durable,
    )
    segment = Segment(store.vfs, name, shard.columns)
    assert (segment.low, segment.high) == (rows.low, rows.high), (segment.low, rows.low)
    return WrittenSegment(SegmentFile(name, rows.low, rows.high, size), rows, segment)


def attach_postings(shard: Shard, segments: Sequence[Segment]) -> None:
    """Let the text indexes read the segments' postings instead of their own."""
    for oid, index in shard.indexes.items():
        if not isinstance(index, PostingIndex):
            continue
        for segment in segments:
            arrays = segment.bm25(oid)
            if index.fits(arrays):
                index.attach(segment.low, segment.high, arrays)


def freeze(store: Store, shard: Shard) -> list[SegmentRows]:
    """The settled rows of the memtable, as they are. The caller holds store.lock."""
    if not shard.logged or shard.table_oid not in store.catalog.relations:
        return []  # made by a transaction that is open or was rolled back: no file may name it
    high = shard.settled
    groups: list[list[MemoryPart]] = []
    for part in shard.memtable.parts(shard.columns):
        if part.low >= high:
            break
        if groups and groups[-1][0].types == part.types and _is_small(store, groups[-1], part):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [_frozen_rows(store, shard, group, high) for group in groups]


def _is_small(store: Store, group: list[MemoryPart], part: MemoryPart) -> bool:
    return part.high - group[0].low <= store.settings.segment_rows_max


def _frozen_rows(store: Store, shard: Shard, group: list[MemoryPart], settled: int) -> SegmentRows:
    low, high = group[0].low, min(group[-1].high, settled)
    begins = shard.times.begins[low:high].copy()
    ends = shard.times.ends[low:high].copy()
    assert (begins <= ABORTED).all(), "an open transaction's row is not settled"
    columns = {
        attnum: (type, concatenated([part.column(attnum) for part in group]).slice(0, high - low))
        for attnum, type in group[0].types.items()
    }
    return SegmentRows(
        low=low,
        high=high,
        begins=begins,
        ends=ends,
        keep=kept_rows(begins, ends, store.reclaim_horizon()),
        columns=columns,
        vectors=current_vectors(shard),
        keys=shard_keys(store, shard),
        bm25=sealed_postings(shard, low, high),
    )


def _install(
    store: Store, written: Mapping[Shard, Sequence[WrittenSegment]], *, kept_open: bool
) -> None:
    changed: dict[Shard, ShardFiles] = {}
    for shard, segments in written.items():
        if store.holds(shard):
            changed[shard] = with_written(shard, segments)
        else:
            mark("flush.shard_dropped")
            store.discard(one.file.name for one in segments)
    install_files(store, changed)
    for shard in changed:
        for one in written[shard]:
            if (shard.times.ends[one.rows.low : one.rows.high] != one.rows.ends).any():
                shard.unsaved_deletes = True
        take_written(shard, written[shard], kept_open=kept_open)


def with_written(shard: Shard, written: Sequence[WrittenSegment]) -> ShardFiles:
    """The shard's files with those of segments that were written from its memtable."""
    files = shard.directory.files
    segments = (*files.segments, *(one.file for one in written))
    return replace(files, segments=segments, vectors=vector_files(shard), rows=shard.live_rows)


def take_written(
    shard: Shard, written: Sequence[WrittenSegment], *, kept_open: bool = True
) -> None:
    """Put segments in the place of the memtable's rows."""
    segments = (*shard.segments, *(one.segment for one in written))
    shard.replace_parts(segments, written[-1].rows.high)
    if kept_open:
        attach_postings(shard, [one.segment for one in written])


def vector_files(shard: Shard) -> tuple[VectorsFile, ...]:
    current = current_vectors(shard).items()
    return tuple(VectorsFile(attnum, vector.name, vector.dims) for attnum, vector in current)


def install_files(store: Store, changed: Mapping[Shard, ShardFiles]) -> None:
    """Edit the manifest: these are the shards' files now."""
    version = store.manifest.version
    edited = {files.shard_id: files for files in changed.values()}
    store.install(replace(version, shards={**version.shards, **edited}))
    for shard, files in changed.items():
        shard.directory.files = files


def kept_rows(begins: RowIds, ends: RowIds, horizon: int) -> Mask:
    """The rows that a snapshot can see, or will."""
    return np.asarray((begins < ABORTED) & (begins < ends) & (ends > horizon))


def concatenated(arrays: list[pa.Array]) -> pa.Array:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
