"""Merging: neighbouring segments written as one, with the same row ids.

All that is needed is in the plan and in files that do not change, so this can be done anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sqlvec.index.bm25.part import Part, join
from sqlvec.storage.growing import Mask, RowIds
from sqlvec.storage.manifest import SegmentFile
from sqlvec.storage.segment import Segment, SegmentRows, write_segment
from sqlvec.storage.shard_files import open_vectors
from sqlvec.storage.sources import Sources
from sqlvec.storage.vfs import Vfs
from sqlvec.types import SqlType


@dataclass(frozen=True, slots=True, eq=False)
class MergePlan:
    """name: of the segment to write; begins, ends and keep: of its rows."""

    sources: Sources
    name: str
    begins: RowIds
    ends: RowIds
    keep: Mask


def merge_segments(vfs: Vfs, plan: MergePlan) -> SegmentFile:
    """Write the plan's segment, synced; its directory entry is not."""
    sources = plan.sources
    segments = sources.open(vfs)
    low, high = segments[0].low, segments[-1].high
    columns: dict[int, tuple[SqlType, pa.Array]] = {}
    for attnum, type in sources.stored.items():
        arrays = [segment.column(attnum) for segment in segments]
        columns[attnum] = type, arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
    rows = SegmentRows(
        low=low,
        high=high,
        begins=plan.begins,
        ends=plan.ends,
        keep=plan.keep,
        columns=columns,
        vectors={file.attnum: open_vectors(vfs, segments, file) for file in sources.vectors},
        keys=sources.keys,
        bm25=_postings(sources, segments),
    )
    limit = sources.filter_text_bytes_max
    size = write_segment(
        vfs, plan.name, rows, filter_text_bytes_max=limit, zone_rows=sources.zone_rows
    )
    return SegmentFile(plan.name, low, high, size)


def _postings(sources: Sources, segments: list[Segment]) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {
        oid: part.arrays() for oid, (_, part) in sources.sealed_parts().items()
    }
    for oid, analysis in sources.texts.items():
        parts = [Part(s.low, s.high, s.bm25(oid), sealed=True) for s in segments]
        found[oid] = join(parts, segments[0].low, segments[-1].high, analysis).arrays()
    return found
