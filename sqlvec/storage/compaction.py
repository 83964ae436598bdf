"""Compaction: neighbouring small segments become one.

Segments are in classes of size, each eight times the one before. When enough neighbours are of one
class, with smaller ones among them, they are written again as one segment, with the same row ids:
rows that no snapshot can see keep their place but lose their values. Vectors are not touched, they
are not in segments.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlvec.errors import DatabaseError
from sqlvec.storage.flush import (
    WrittenSegment,
    attach_postings,
    concatenated,
    current_vectors,
    install_files,
    kept_rows,
    sealed_postings,
    shard_keys,
    write_rows,
)
from sqlvec.storage.marks import mark
from sqlvec.storage.segment import Segment, SegmentRows
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

CLASS_BITS = 3  # segments of one class differ by a factor of up to eight
SMALLEST_BITS = 10  # all below a thousand rows are one class


def compactable(shard: Shard) -> tuple[Segment, ...]:
    """The neighbours to merge next, or none."""
    settings = shard.directory.settings
    segments = shard.segments if shard.columns.types else ()
    for size_class in range(max(map(_size_class, segments), default=0) + 1):
        run: list[Segment] = []
        for segment in segments:
            if _size_class(segment) > size_class or not _fits(shard, segment):
                run = []
                continue
            run.append(segment)
            while run and _is_too_large(shard, run):
                run.pop(0)
            # Smaller ones ride along, but do not cause a larger one to be written again.
            if sum(_size_class(s) == size_class for s in run) >= settings.segments_merged:
                return tuple(run)
    return ()


def _is_too_large(shard: Shard, run: Sequence[Segment]) -> bool:
    settings = shard.directory.settings
    names = {segment.name for segment in run}
    size = sum(file.size for file in shard.directory.files.segments if file.name in names)
    rows = run[-1].high - run[0].low
    return rows > settings.segment_rows_max or size > settings.segment_bytes_max


def _size_class(segment: Segment) -> int:
    return max(0, len(segment).bit_length() - SMALLEST_BITS) // CLASS_BITS


def _fits(shard: Shard, segment: Segment) -> bool:
    """Whether the segment's columns have the types they have today: not so before a column was
    rewritten.
    """
    types = shard.columns.types
    return all(segment.types.get(attnum, type) == type for attnum, type in types.items())


def _merged_types(shard: Shard, run: Sequence[Segment]) -> dict[int, SqlType]:
    """The table's columns that any of the segments holds; not what an aborted ALTER TABLE left
    behind.
    """
    stored = {attnum for segment in run for attnum in segment.types}
    return {attnum: type for attnum, type in shard.columns.types.items() if attnum in stored}


def compact_shard(store: Store, shard: Shard) -> bool:
    """Merge one run of segments; False when there is none. The caller holds store.maintenance."""
    with store.lock:
        run = compactable(shard)
        if not run:
            return False
        rows = _merged_rows(store, shard, run)
    written = write_rows(store, shard, rows)
    try:
        store.vfs.sync_dir(DIRECTORY)
        with store.lock:
            _install(store, shard, run, written)
    except DatabaseError:
        store.discard([written.file.name])
        raise
    log.info(
        "compacted",
        extra={"shard": shard.shard_id, "segments": len(run), "rows": rows.high - rows.low},
    )
    return True


def _merged_rows(store: Store, shard: Shard, run: Sequence[Segment]) -> SegmentRows:
    low, high = run[0].low, run[-1].high
    begins, ends = shard.times.begins[low:high].copy(), shard.times.ends[low:high].copy()
    columns = {
        attnum: (type, concatenated([segment.column(attnum) for segment in run]))
        for attnum, type in _merged_types(shard, run).items()
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


def _install(store: Store, shard: Shard, run: Sequence[Segment], written: WrittenSegment) -> None:
    if not store.holds(shard):
        mark("compaction.shard_dropped")
        store.discard([written.file.name])
        return
    files = shard.directory.files
    first = files.segments.index(next(f for f in files.segments if f.name == run[0].name))
    merged = (*files.segments[:first], written.file, *files.segments[first + len(run) :])
    install_files(store, shard, replace(files, segments=merged))
    segments = shard.segments
    at = segments.index(run[0])
    rows = written.rows
    if (shard.times.ends[rows.low : rows.high] != rows.ends).any():
        shard.unsaved_deletes = True
    segments = (*segments[:at], written.segment, *segments[at + len(run) :])
    shard.replace_parts(segments, shard.memtable.low)
    attach_postings(shard, [written])
