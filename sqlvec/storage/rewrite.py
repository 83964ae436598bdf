"""Rewrite: a shard whose row versions are mostly dead becomes one of the survivors alone.

Compaction drops the values of dead rows, but their row ids stay, and with them what is addressed by row id:
vectors, begins and ends, lengths of texts, nodes of graphs. Only new row ids bring that back:

    copy     the rows of segments that a snapshot can see are written to new files, with new row ids;
             graphs are copied with the rows renumbered, so that nothing is linked again
    follow   what was committed meanwhile is added to the new shard, which nobody knows yet
    swap     under an EXCLUSIVE lock of the table, which lets readers be and makes writers wait: follow
             once more, then one manifest edit puts the new shard in the place of the old one

A snapshot that was open before finds its rows in the new shard too; whoever holds the old one reads it
to the end, as its files stay mapped when their names are gone. The manifest keeps the seqno of the swap:
recovery skips what the log says of the shard's rows up to there. If writers do not let go of the table for a
moment, or somebody changed it, the copy is thrown away, and tried again later. See decision 0005.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import LockNotAvailable
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.batch import RowBatch
from sqlvec.storage.blocks import FileKind, write_blocks
from sqlvec.storage.flush import (
    current_vectors,
    flush_shard,
    freeze,
    kept_rows,
    take_written,
    with_written,
    write_frozen,
)
from sqlvec.storage.graph_cleanup import clean_graph
from sqlvec.storage.growing import RowIds
from sqlvec.storage.link_log import LinkLog
from sqlvec.storage.locks import LockOwner, LockWait, Mode
from sqlvec.storage.manifest import GraphFile, ShardFiles, VectorsFile
from sqlvec.storage.marks import mark
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.sources import fits, sources_of
from sqlvec.storage.survivors import SurvivorsPlan, write_survivors
from sqlvec.storage.tombstones import with_tombstones, write
from sqlvec.storage.vectors import VectorBatch
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

DEAD_SHARE_MIN = 0.5
ROUNDS_MAX = 8  # of following, while writers go on
ROUND_ROWS_MIN = 1_000  # so few are left for the swap
SWAPS_MAX = 3
LOCK_SECONDS_MAX = 0.1  # writers wait no longer for who does not let go of the table
LOCK_LOOK_SECONDS = 0.002
DELAY_SECONDS_MAX = 64.0


def wants_rewrite(store: Store, shard: Shard) -> bool:
    """Whether most of a shard may be dead, and now is a time to look. The caller holds store.lock."""
    dead = shard.deleted + shard.aborted
    enough = max(store.settings.dead_rows_min, DEAD_SHARE_MIN * shard.row_count)
    return dead >= enough and store.clock.monotonic() >= shard.rewrite.until


def rewrite_shard(store: Store, shard: Shard) -> bool:
    """Write it anew; False when that is not worth it, or not possible now. The caller holds
    store.maintenance."""
    if _is_worth_it(store, shard):
        flush_shard(store, shard)
        rewrite = _begin(store, shard)
        if rewrite is not None and rewrite.run():
            return True
    shard.rewrite.until = store.clock.monotonic() + shard.rewrite.delay
    shard.rewrite.delay = min(2 * shard.rewrite.delay, DELAY_SECONDS_MAX)
    return False


def _is_worth_it(store: Store, shard: Shard) -> bool:
    with store.lock:
        count = shard.row_count
        begins, ends = shard.times.begins[:count], shard.times.ends[:count]
        kept = kept_rows(begins, ends, store.horizon())
        dead = count - int(np.count_nonzero(kept))
        enough = max(store.settings.dead_rows_min, DEAD_SHARE_MIN * count)
        return store.holds(shard) and shard.logged and dead >= enough


@dataclass(slots=True, eq=False)
class _Rewrite:
    store: Store
    old: Shard
    table: Table
    indexes: tuple[Index, ...]
    plan: SurvivorsPlan
    high: int  # rows of the old shard's segments, from which the copy is made
    copied: int  # rows of the old shard that the new one has, dead ones left out or not
    made: list[str] = field(default_factory=list)  # files to remove if all was in vain

    def run(self) -> bool:
        done = False
        fresh: Shard | None = None
        try:
            fresh = self.store.open_copy(self._copy())
            self._follow_from_afar(fresh)
            done = self._swap(fresh)
        finally:
            if not done:
                made = fresh.file_names() if fresh is not None else set()
                self.store.discard(sorted(made | set(self.made)))
        return done

    # ------------------------------------------------------------ copy

    def _copy(self) -> ShardFiles:
        plan, vfs = self.plan, self.store.vfs
        self.made += [*plan.names, *(file.name for file in plan.vectors)]
        segments = self.store.workshop.run(write_survivors, plan, plan.sources.bytes)
        graphs = [
            copied
            for index_oid in list(self.old.indexes)
            if (copied := self._copy_graph(index_oid)) is not None
        ]
        vfs.sync_dir(DIRECTORY)
        old = self.old
        return ShardFiles(
            old.shard_id, old.table_oid, old.tenant, segments, plan.vectors, tuple(graphs)
        )

    def _copy_graph(self, index_oid: int) -> GraphFile | None:
        old, vfs = self.old, self.store.vfs
        graph = old.indexes.get(index_oid)
        if not isinstance(graph, HnswGraph) or not len(self.plan.row_ids):
            return None
        clean_graph(self.store, old, index_oid, lambda: False)
        with old.link_lock:
            arrays = graph.selected(self.plan.row_ids)
        if arrays is None or not len(arrays["levels"]):
            return None
        name, log_name = old.directory.new_name("graph"), old.directory.new_name("links")
        self.made += [name, log_name]
        size = write_blocks(vfs, name, FileKind.GRAPH, arrays)
        LinkLog.create(vfs, log_name, size)
        return GraphFile(index_oid, name, len(arrays["levels"]), log_name)

    # ------------------------------------------------------------ follow

    def _follow_from_afar(self, fresh: Shard) -> None:
        for _ in range(ROUNDS_MAX):
            self._follow(fresh)
            if self.old.row_count - self.copied < ROUND_ROWS_MIN:
                break

    def _follow(self, fresh: Shard) -> int:
        """Add what is committed, and write it to files; returns the newest seqno that it knows."""
        store, old, plan = self.store, self.old, self.plan
        with store.lock:
            high, known = old.settled, old.times.changed_at
            begins, ends = (
                np.concatenate([times[plan.row_ids], times[self.high : high]])
                for times in (old.times.begins, old.times.ends)
            )
            parts = old.memtable.parts(old.columns)
        for part in parts:
            low, last = max(part.low, self.copied), min(part.high, high)
            if low < last:
                columns = {
                    attnum: array.slice(low - part.low, last - low)
                    for attnum, array in part.stored_columns().items()
                }
                fresh.append(self._batch(columns, dict(part.types), low, last))
        self.copied = high
        fresh.take_times(begins, ends)
        assert fresh.row_count == fresh.memtable.high, (fresh.row_count, fresh.memtable.high)
        with store.lock:
            frozen = freeze(store, fresh)
        if frozen:
            written = write_frozen(store, fresh, frozen)
            fresh.directory.files = with_written(fresh, written)
            take_written(fresh, written)
        return known

    def _batch(
        self, columns: dict[int, pa.Array], types: dict[int, SqlType], low: int, high: int
    ) -> RowBatch:
        vectors = {
            attnum: VectorBatch(vector.rows(low, high), vector.present_mask(low, high))
            for attnum, vector in current_vectors(self.old).items()
        }
        return RowBatch(high - low, columns, vectors, types)

    # ------------------------------------------------------------ swap

    def _swap(self, fresh: Shard) -> bool:
        with _writers_held_up(self.store, self.table.oid) as held_up:
            for _ in range(SWAPS_MAX if held_up else 0):
                known = self._follow(fresh)
                made = write(self.store, [(fresh, fresh.times.ends)])
                self.made += [one.name for one in made]
                with self.old.link_lock, self.store.lock:
                    self.store.sync()
                    self.store.publish()
                    if not self._is_possible():
                        break
                    if self.old.times.changed_at == known:
                        files = with_tombstones(fresh.directory.files, made)
                        files = replace(files, seqno=self.store.read_seqno, rows=fresh.live_rows)
                        fresh.resting = self.old.resting
                        self._install(fresh, replace(files, state=self.old.directory.files.state))
                        for one in made:
                            one.segment.read_tombstones(self.store.vfs, one.name)
                        return True
                mark("rewrite.followed_again")
        mark("rewrite.given_up")
        return False

    def _is_possible(self) -> bool:
        """Whether nobody has changed the table, and nobody has written rows, or locked any, who goes on."""
        store, old = self.store, self.old
        return (
            store.holds(old)
            and not store.is_doomed(old)
            and store.catalog.relations.get(self.table.oid) == self.table
            and store.catalog.indexes(self.table.oid) == self.indexes
            and not old.in_use
            and old.shard_id not in store.locks.rows
        )

    def _install(self, fresh: Shard, files: ShardFiles) -> None:
        store, old = self.store, self.old
        version = store.manifest.version
        store.install(replace(version, shards={**version.shards, files.shard_id: files}))
        fresh.directory.files = files
        fresh.columns.fills = store.fills_of(fresh.table_oid)
        fresh.claims = old.claims.renumbered(self._numbers())
        store.open_shards[files.shard_id] = fresh
        names = old.file_names()
        old.retire()
        store.remove(sorted(names - set(files.names())))
        log.info(
            "rewritten",
            extra={"shard": files.shard_id, "rows": old.row_count, "kept": fresh.row_count},
        )


    def _numbers(self) -> RowIds:
        """The new row id of each of the old shard's rows, -1 for those left behind."""
        row_ids, high = self.plan.row_ids, self.high
        numbers = np.full(self.old.row_count, -1, np.int64)
        numbers[row_ids] = np.arange(len(row_ids))
        numbers[high : self.copied] = np.arange(self.copied - high) + len(row_ids)
        return numbers


def _begin(store: Store, shard: Shard) -> _Rewrite | None:
    """What is to be done, as things are now."""
    with store.lock:
        table = store.catalog.relations.get(shard.table_oid)
        if not store.holds(shard) or not isinstance(table, Table):
            return None
        plan = _plan(store, shard)
        if plan is None:
            return None
        indexes = store.catalog.indexes(table.oid)
        high = shard.directory.files.high
        return _Rewrite(store, shard, table, indexes, plan, high, high)


def _plan(store: Store, shard: Shard) -> SurvivorsPlan | None:
    files = shard.directory.files
    begins, ends = shard.times.begins[: files.high], shard.times.ends[: files.high]
    kept = kept_rows(begins, ends, store.reclaim_horizon())
    row_ids = np.flatnonzero(kept).astype(np.int64)
    used = [segment for segment in shard.segments if kept[segment.low : segment.high].any()]
    if not all(fits(shard, segment) for segment in used):
        return None  # a snapshot sees rows from before a column's type was changed
    new_name = shard.directory.new_name
    vectors = current_vectors(shard).items() if used else ()
    return SurvivorsPlan(
        sources=sources_of(store, shard, used),
        row_ids=row_ids,
        begins=begins[row_ids],
        ends=ends[row_ids],
        vectors=tuple(
            VectorsFile(attnum, new_name("vectors"), vector.dims) for attnum, vector in vectors
        ),
        names=tuple(new_name("segment") for _ in range(_segment_count(store, files, row_ids))),
    )


def _segment_count(store: Store, files: ShardFiles, row_ids: np.ndarray) -> int:
    """As few as the limits of a segment allow; the survivors are no larger than all rows were."""
    size, settings = sum(segment.size for segment in files.segments), store.settings
    by_rows = -(-len(row_ids) // settings.segment_rows_max)
    by_bytes = -(-size // settings.segment_bytes_max) if len(row_ids) else 0
    return min(len(row_ids), max(by_rows, by_bytes))


@contextmanager
def _writers_held_up(store: Store, table_oid: int) -> Iterator[bool]:
    """An EXCLUSIVE lock of the table; False when its writers do not end soon."""
    owner, clock = LockOwner(), store.clock
    try:
        store.locks.lock_relation(owner, table_oid, Mode.EXCLUSIVE)
        granted = True
    except LockWait as wait:
        until = clock.monotonic() + LOCK_SECONDS_MAX
        while not wait.request.done and clock.monotonic() < until:
            clock.sleep(LOCK_LOOK_SECONDS)
        granted = wait.request.done or not store.locks.cancel(
            owner, LockNotAvailable("could not obtain lock on relation")
        )
    try:
        yield granted
    finally:
        with store.lock:
            store.locks.end(owner, 0)
