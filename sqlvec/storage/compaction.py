"""Compaction: neighbouring small segments become one.

Segments are in classes of size, each eight times the one before. When enough neighbours are of one
class, with smaller ones among them, they are written again as one segment, with the same row ids:
rows that no snapshot can see keep their place but lose their values. Vectors are not touched, they
are not in segments.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlvec.errors import DatabaseError
from sqlvec.storage.flush import attach_postings, install_files, kept_rows
from sqlvec.storage.growing import RowIds
from sqlvec.storage.manifest import SegmentFile
from sqlvec.storage.marks import mark
from sqlvec.storage.merging import MergePlan, merge_segments
from sqlvec.storage.segment import Segment
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.sources import fits, sources_of

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
            if _size_class(segment) > size_class or not fits(shard, segment):
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


def compact_shard(store: Store, shard: Shard) -> bool:
    """Merge one run of segments; False when there is none. The caller holds store.maintenance."""
    with store.lock:
        run = compactable(shard)
        if not run:
            return False
        plan = _merge_plan(store, shard, run)
    try:
        file = store.workshop.run(merge_segments, plan, plan.sources.bytes)
        store.vfs.sync_dir(DIRECTORY)
        segment = Segment(store.vfs, file.name, shard.columns)
        with store.lock:
            _install(store, shard, run, Merged(file, segment, plan.ends))
    except DatabaseError:
        store.discard([plan.name])
        raise
    log.info(
        "compacted",
        extra={"shard": shard.shard_id, "segments": len(run), "rows": file.high - file.low},
    )
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """A segment that is written and not named yet; ends: of its rows when that began."""

    file: SegmentFile
    segment: Segment
    ends: RowIds


def _merge_plan(store: Store, shard: Shard, run: Sequence[Segment]) -> MergePlan:
    low, high = run[0].low, run[-1].high
    begins, ends = shard.times.begins[low:high].copy(), shard.times.ends[low:high].copy()
    return MergePlan(
        sources=sources_of(store, shard, run),
        name=shard.directory.new_name("segment"),
        begins=begins,
        ends=ends,
        keep=kept_rows(begins, ends, store.reclaim_horizon()),
    )


def _install(store: Store, shard: Shard, run: Sequence[Segment], merged: Merged) -> None:
    if not store.holds(shard):
        mark("compaction.shard_dropped")
        store.discard([merged.file.name])
        return
    files, segment = shard.directory.files, merged.segment
    first = files.segments.index(next(f for f in files.segments if f.name == run[0].name))
    others = files.segments[:first], files.segments[first + len(run) :]
    files = replace(files, segments=(*others[0], merged.file, *others[1]))
    install_files(store, {shard: files})
    segments = shard.segments
    at = segments.index(run[0])
    if (shard.times.ends[segment.low : segment.high] != merged.ends).any():
        shard.unsaved_deletes = True
    segments = (*segments[:at], segment, *segments[at + len(run) :])
    shard.replace_parts(segments, shard.memtable.low)
    attach_postings(shard, [segment])
