"""Sources: segments that are to be written again, and all that is needed to read them anywhere.

Segments and flushed rows of vector files do not change, so whoever has the names can read them, beside the
shard and in another process. What is not in the files yet, the postings of an index that is younger than one
of the segments, comes along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sqlvec.index.bm25 import PostingIndex
from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.part import Part
from sqlvec.storage.flush import shard_keys
from sqlvec.storage.keys import KeyDefinition
from sqlvec.storage.manifest import SegmentFile, VectorsFile
from sqlvec.storage.part import ShardColumns
from sqlvec.storage.segment import Segment
from sqlvec.storage.vfs import Vfs
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

Sealed = tuple[Analysis, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Segments of one shard, in order. stored: the columns that they hold, types: those of all; texts: the indexes of
    which every segment has the postings, sealed: the postings of others, over all the rows."""

    segments: tuple[SegmentFile, ...]
    vectors: tuple[VectorsFile, ...]
    types: Mapping[int, SqlType]
    stored: Mapping[int, SqlType]
    fills: Mapping[int, pa.Array]
    keys: tuple[KeyDefinition, ...]
    texts: Mapping[int, Analysis]
    sealed: Mapping[int, Sealed]
    filter_text_bytes_max: int
    zone_rows: int

    @property
    def bytes(self) -> int:
        return sum(segment.size for segment in self.segments)

    def open(self, vfs: Vfs) -> list[Segment]:
        columns = ShardColumns(types=dict(self.types), fills=self.fills)
        return [Segment(vfs, s.name, columns, tombstones=s.tombstones) for s in self.segments]

    def sealed_parts(self) -> dict[int, tuple[Analysis, Part]]:
        if not self.sealed:
            return {}
        low, high = self.segments[0].low, self.segments[-1].high
        return {oid: (a, Part(low, high, arrays)) for oid, (a, arrays) in self.sealed.items()}


def fits(shard: Shard, segment: Segment) -> bool:
    """Whether the segment's columns have the types they have today: not so before a column was
    rewritten.
    """
    types = shard.columns.types
    return all(segment.types.get(attnum, type) == type for attnum, type in types.items())


def sources_of(store: Store, shard: Shard, segments: Sequence[Segment]) -> Sources:
    """Of segments that fit. Not stored any more is what an aborted ALTER TABLE left behind."""
    files = {file.name: file for file in shard.directory.files.segments}
    types = dict(shard.columns.types)
    stored = {attnum for segment in segments for attnum in segment.types if attnum in types}
    texts: dict[int, Analysis] = {}
    sealed: dict[int, Sealed] = {}
    for oid, index in shard.indexes.items():
        if not isinstance(index, PostingIndex) or not segments:
            continue
        if all(index.fits(segment.bm25(oid)) for segment in segments):
            texts[oid] = index.analysis
        else:
            sealed[oid] = index.analysis, index.seal(segments[0].low, segments[-1].high)
    return Sources(
        segments=tuple(files[segment.name] for segment in segments),
        vectors=tuple(
            file for file in shard.directory.files.vectors if shard.columns.vector(file.attnum)
        ),
        types=types,
        stored={attnum: types[attnum] for attnum in sorted(stored)},
        fills=dict(shard.columns.fills),
        keys=tuple(shard_keys(store, shard)),
        texts=texts,
        sealed=sealed,
        filter_text_bytes_max=store.settings.filter_text_bytes_max,
        zone_rows=store.settings.zone_rows,
    )
