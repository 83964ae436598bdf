"""Indexes over the rows there are, built while others read and write.

Nothing is held for longer than a step takes. What an index knows of rows - postings, values of its own - is made
beside the shard, step by step; the rows that came meanwhile are taken last, under the lock, under which the index
is put in place. From then on whoever appends rows adds to it, also when its definition is not committed yet. A
graph is linked in place, since rows that it does not have are scanned; one that answers already goes on until
another, linked beside it, takes its place.

A bm25 index whose options were changed is built anew in the same way, by a job. Searches go by the index that they
find, with the analysis that it was made by, so an answer is never of two. What segments hold is of the old analysis
until they are written anew; a restart analyzes them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Index, Table
from sqlvec.index.bm25 import Bm25Index
from sqlvec.index.bm25.posting_index import PostingIndex
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.index_rows import IndexRows
from sqlvec.storage.part import Part
from sqlvec.storage.quantization import quantize_new
from sqlvec.storage.shard_files import make_bm25

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

LINK_ROWS = 2_000  # between two looks at cancelled()
TAKEN_ROWS = 4_096  # the same, and at most so many under the lock
Told = Callable[[int], None]  # how many rows are left


@dataclass(frozen=True, slots=True)
class _Taker:
    """What is being made of rows, in the order of their ids; take: the rows [low, high) of a part."""

    made: PostingIndex | IndexRows
    take: Callable[[Part, int, int], None]

    @property
    def row_count(self) -> int:
        return self.made.row_count


def build_index(
    store: Store,
    shard: Shard,
    index: Index,
    table: Table,
    *,
    threads: int,
    cancelled: Callable[[], bool],
    told: Told,
) -> None:
    """Of the rows there are, or anew; told() may raise, and ends it."""
    with shard.lock:
        shard.columns.learn(table)
        made = shard.directory.make_index(index, shard)
        known = index.oid in shard.indexes
    if isinstance(made, PostingIndex):
        taker = _postings(shard, index, made)
        _take_all(shard, taker, told)
        with shard.lock:
            _take(shard, taker)
            shard.put_index(index, made)
    elif isinstance(made, HnswGraph):
        if known:
            _link(shard, index, made, threads, cancelled, told)
            with shard.link_lock, shard.lock:
                shard.put_index(index, made)
            quantize_new(store, shard, index, cancelled)
            return
        _put_graph(shard, index, made, told)
        quantize_new(store, shard, index, cancelled)
        _link(shard, index, made, threads, cancelled, told)


def changed_texts(store: Store, shard: Shard) -> list[Index]:
    """Definitions whose options are not those that the shard's index was made by."""
    found = []
    for oid, index in shard.indexes.items():
        definition = store.catalog.relations.get(oid)
        if isinstance(index, Bm25Index) and isinstance(definition, Index):
            if definition.options != shard.definitions[oid].options:
                found.append(definition)
    return found


def rebuild_texts(
    store: Store, shard: Shard, index: Index, cancelled: Callable[[], bool]
) -> None:
    """Builds a bm25 index by its new options, unless it is dropped or changed again meanwhile."""
    table = store.catalog.relations.get(shard.table_oid)
    if not isinstance(table, Table):
        return
    made = make_bm25(index, table)
    taker = _postings(shard, index, made)
    while not cancelled() and _left(shard, taker) > TAKEN_ROWS:
        _take_step(shard, taker)
    if cancelled():
        return
    made.settle()
    with store.lock:
        if store.catalog.relations.get(index.oid) is not index or index.oid not in shard.indexes:
            return
        _take(shard, taker)
        shard.put_index(index, made)
    log.info("reindexed", extra={"shard": shard.shard_id, "index": index.oid, "rows": made.row_count})


def _put_graph(shard: Shard, index: Index, graph: HnswGraph, told: Told) -> None:
    """An empty graph, with the values of its rows if they are its own."""
    with shard.lock:
        rows = shard.new_index_rows(index)
    if rows is None:
        shard.put_index(index, graph)
        return
    taker = _values(shard, index, rows)
    try:
        _take_all(shard, taker, told)
        with shard.lock:
            _take(shard, taker)
            shard.put_index(index, graph, rows)
    except BaseException:
        if rows.file_name():
            shard.directory.vfs.remove(rows.file_name())
        raise


def _link(
    shard: Shard,
    index: Index,
    graph: HnswGraph,
    threads: int,
    cancelled: Callable[[], bool],
    told: Told,
) -> None:
    while left := shard.link_graph(graph, index.oid, LINK_ROWS, threads, cancelled):
        told(left)


def _take_all(shard: Shard, taker: _Taker, told: Told) -> None:
    while (left := _left(shard, taker)) > TAKEN_ROWS:
        told(left)
        _take_step(shard, taker)


def _left(shard: Shard, taker: _Taker) -> int:
    return shard.row_count - taker.row_count


def _take(shard: Shard, taker: _Taker) -> None:
    while _left(shard, taker):
        _take_step(shard, taker)


def _take_step(shard: Shard, taker: _Taker) -> None:
    with shard.lock:
        part = next(part for part in shard.parts() if part.high > taker.row_count)
    low = max(taker.row_count - part.low, 0)
    taker.take(part, low, min(low + TAKEN_ROWS, len(part)))


def _postings(shard: Shard, index: Index, made: PostingIndex) -> _Taker:
    def take(part: Part, low: int, high: int) -> None:
        made.add(part.low + low, shard.part_texts(index, part, low, high))

    return _Taker(made, take)


def _values(shard: Shard, index: Index, rows: IndexRows) -> _Taker:
    return _Taker(rows, lambda part, low, high: rows.add(shard.part_values(index, part, low, high)))
