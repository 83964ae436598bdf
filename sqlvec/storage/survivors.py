"""Survivors: the rows of a shard that a snapshot can still see, written to files of their own.

All that is needed is in the plan and in files that do not change, so this can be done anywhere. Row ids
are given anew, from 0 on in the order of the old ones. Columns that a segment answers with a fill are
stored from here on; postings are picked out, not analyzed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.part import Part as PostingsPart
from sqlvec.index.bm25.part import join, select
from sqlvec.storage.growing import RowIds
from sqlvec.storage.manifest import SegmentFile, VectorsFile
from sqlvec.storage.segment import Segment, SegmentRows, write_segment
from sqlvec.storage.shard_files import open_vectors
from sqlvec.storage.sources import Sources
from sqlvec.storage.vectors import VectorColumn
from sqlvec.storage.vfs import Vfs
from sqlvec.types import SqlType

Chosen = list[tuple[Segment, RowIds]]  # of each segment, the offsets of rows


@dataclass(frozen=True, slots=True, eq=False)
class SurvivorsPlan:
    """row_ids: the rows to keep, ascending; begins, ends: theirs. vectors, names: of the files to write."""

    sources: Sources
    row_ids: RowIds
    begins: RowIds
    ends: RowIds
    vectors: tuple[VectorsFile, ...]
    names: tuple[str, ...]


def write_survivors(vfs: Vfs, plan: SurvivorsPlan) -> tuple[SegmentFile, ...]:
    """Write the plan's segments and vector files, synced; their directory entries are not."""
    segments = plan.sources.open(vfs)
    vectors = _copied_vectors(vfs, plan, segments)
    sealed = plan.sources.sealed_parts()
    written: list[SegmentFile] = []
    cuts = np.linspace(0, len(plan.row_ids), len(plan.names) + 1).astype(np.int64).tolist()
    for name, low, high in zip(plan.names, cuts, cuts[1:], strict=False):
        row_ids = plan.row_ids[low:high]
        chosen = list(_chosen(segments, row_ids))
        bm25: dict[int, Mapping[str, np.ndarray]] = {
            oid: select(whole, row_ids - whole.low, low, analysis).arrays()
            for oid, (analysis, whole) in sealed.items()
        }
        for oid, analysis in plan.sources.texts.items():
            bm25[oid] = _postings(oid, analysis, chosen, low)
        rows = SegmentRows(
            low=low,
            high=high,
            begins=plan.begins[low:high],
            ends=plan.ends[low:high],
            keep=np.ones(high - low, np.bool_),
            columns=_columns(plan, chosen),
            vectors=vectors,
            keys=plan.sources.keys,
            bm25=bm25,
        )
        limit = plan.sources.filter_text_bytes_max
        size = write_segment(
            vfs, name, rows, filter_text_bytes_max=limit, zone_rows=plan.sources.zone_rows
        )
        written.append(SegmentFile(name, low, high, size))
    return tuple(written)


def _copied_vectors(
    vfs: Vfs, plan: SurvivorsPlan, segments: list[Segment]
) -> dict[int, VectorColumn]:
    sources = {(file.attnum, file.dims): file for file in plan.sources.vectors}
    made: dict[int, VectorColumn] = {}
    for file in plan.vectors:
        made[file.attnum] = VectorColumn(vfs, file.name, file.dims)
        source = open_vectors(vfs, segments, sources[file.attnum, file.dims])
        made[file.attnum].copy_rows(source, plan.row_ids)
        made[file.attnum].sync()
    return made


def _chosen(segments: list[Segment], row_ids: RowIds) -> Iterator[tuple[Segment, RowIds]]:
    for segment in segments:
        first, last = np.searchsorted(row_ids, (segment.low, segment.high)).tolist()
        if first < last:
            yield segment, row_ids[first:last] - segment.low


def _columns(plan: SurvivorsPlan, chosen: Chosen) -> dict[int, tuple[SqlType, pa.Array]]:
    columns: dict[int, tuple[SqlType, pa.Array]] = {}
    for attnum, type in plan.sources.stored.items():
        taken = [segment.column(attnum).take(pa.array(offsets)) for segment, offsets in chosen]
        columns[attnum] = type, taken[0] if len(taken) == 1 else pa.concat_arrays(taken)
    return columns


def _postings(
    index_oid: int, analysis: Analysis, chosen: Chosen, low: int
) -> Mapping[str, np.ndarray]:
    parts: list[PostingsPart] = []
    at = low
    for segment, offsets in chosen:
        whole = PostingsPart(segment.low, segment.high, segment.bm25(index_oid), sealed=True)
        parts.append(select(whole, offsets, at, analysis))
        at += len(offsets)
    return join(parts, low, at, analysis).arrays()
