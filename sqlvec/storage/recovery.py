"""Recovery: the manifest's version, and the log's entries behind it applied again.

    1. the manifest says which files hold the database up to a seqno
    2. files of data/ that it does not name are orphans of an interrupted flush, and removed
    3. the log is read behind that seqno; its torn tail is cut off
    4. the entries are applied: rows that a segment already holds are skipped, a deletion is set
       once; what a rewritten shard's files hold is skipped too

The result is the state after the last whole entry, which holds every acknowledged commit (I6). Row
ids that no entry gives a row are dead. An entry about a shard that a later one drops is skipped. A shard
that the log says more of is opened, whatever the state of its tenant.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Table
from sqlvec.storage.batch import RowBatch
from sqlvec.storage.catalog_codec import apply_catalog_edit
from sqlvec.storage.manifest import SequenceValue, ShardFiles
from sqlvec.storage.marks import mark
from sqlvec.storage.part import vector_dims
from sqlvec.storage.records import (
    CommitTime,
    CreateShard,
    Delete,
    DropShards,
    EditCatalog,
    Insert,
    InsertVectors,
    Operation,
    SetFill,
    SetSequence,
    SetState,
    decode_array,
    decode_operations,
)
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.vectors import VectorBatch
from sqlvec.storage.visibility import LIVE
from sqlvec.types import by_oid

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)


def recover(store: Store) -> None:
    """Bring a store to the state of its directory."""
    store.manifest.open(store.identity)
    version = store.manifest.version
    store.restore(version)
    for (table_oid, attnum), value in version.fills.items():
        store.fills[table_oid, attnum] = decode_array(value)
    entries = store.wal.recover(after=version.seqno)
    _remove_orphans(store)
    decoded = [(entry.seqno, decode_operations(entry.body)) for entry in entries]
    dropped = {
        shard_id
        for _, operations in decoded
        for operation in operations
        if isinstance(operation, DropShards)
        for shard_id in operation.shard_ids
    }
    replay = _Replay(store, dropped)
    for seqno, operations in decoded:
        replay.apply(seqno, operations)
    replay.finish()
    for shard_id in dropped:
        mark("recovery.shard_dropped")
        store.forget_shard(shard_id)
    store.indexes_follow()
    if entries:
        log.info("recovered", extra={"seqno": store.read_seqno, "entries": len(entries)})


def _remove_orphans(store: Store) -> None:
    named = store.manifest.version.names()
    for name in store.vfs.list(DIRECTORY):
        if f"{DIRECTORY}/{name}" not in named:
            mark("recovery.orphan")
            log.info("orphan removed", extra={"file": name})
            store.vfs.remove(f"{DIRECTORY}/{name}")


class _Replay:
    """Applies what is about the database at once, and collects what is about rows by shard:
    transactions that ran side by side have their row ranges interleaved, while a shard's columns
    grow in row order."""

    def __init__(self, store: Store, dropped: set[int]) -> None:
        self._store = store
        self._dropped = dropped
        self._inserts: dict[int, list[tuple[int, Insert]]] = {}
        self._vectors: dict[int, list[InsertVectors]] = {}
        self._deletes: dict[int, list[tuple[int, Delete]]] = {}

    def apply(self, seqno: int, operations: list[Operation]) -> None:
        """Apply one entry; its rows are added by finish()."""
        store, catalog = self._store, self._store.catalog
        for operation in operations:
            if self._is_rewritten(seqno, operation):
                mark("recovery.rewritten")
                continue
            match operation:
                case EditCatalog(edit):
                    catalog = apply_catalog_edit(catalog, edit)
                case CreateShard(shard_id, table_oid, tenant):
                    self._create(ShardFiles(shard_id, table_oid, tenant))
                case Insert(shard_id):
                    self._inserts.setdefault(shard_id, []).append((seqno, operation))
                case InsertVectors(shard_id):
                    self._vectors.setdefault(shard_id, []).append(operation)
                case Delete(shard_id):
                    self._deletes.setdefault(shard_id, []).append((seqno, operation))
                case SetSequence(oid, last_value, is_called):
                    store.sequences.replay(oid, SequenceValue(last_value, is_called))
                case SetFill(table_oid, attnum, value):
                    store.put_fill(table_oid, attnum, decode_array(value))
                case CommitTime(time_us):
                    store.history.record(seqno, time_us)
                case SetState(shard_ids, state):
                    for shard_id in shard_ids:
                        store.set_state(shard_id, state)
                case DropShards():
                    pass
        store.replayed(seqno, catalog)

    def _is_rewritten(self, seqno: int, operation: Operation) -> bool:
        """Whether it speaks of rows by ids that they had before their shard was written anew."""
        if not isinstance(operation, Insert | InsertVectors | Delete):
            return False
        files = self._store.manifest.version.shards.get(operation.shard_id)
        return files is not None and seqno <= files.seqno

    def _create(self, files: ShardFiles) -> None:
        store = self._store
        store.take_shard_id(files.shard_id)  # a dropped one's too: the log knows it as dropped
        known = files.shard_id in store.known_shards or files.shard_id in store.open_shards
        if not known and files.shard_id not in self._dropped:
            store.make_shard(files, logged=True)

    def finish(self) -> None:
        """Add the rows in row-id order, then their vectors, then what ends them."""
        store = self._store
        for shard_id in dict.fromkeys([*self._inserts, *self._deletes]):
            known = shard_id in store.known_shards or shard_id in store.open_shards
            if shard_id in self._dropped or not known:
                continue  # it, or its table, is gone
            if store.files_of(shard_id).offloaded:
                continue  # it was closed before, and any later change brings it back first
            shard = store.shard_by_id(shard_id)
            table = store.catalog.relations.get(shard.table_oid)
            if not isinstance(table, Table):
                continue
            inserts = self._inserts.get(shard_id, [])
            for seqno, insert in sorted(inserts, key=lambda item: item[1].first_row_id):
                _insert(shard, insert, table, seqno)
            for vectors in self._vectors.get(shard_id, []):
                _insert_vectors(shard, vectors, table)
            for seqno, delete in self._deletes.get(shard_id, []):
                live = delete.row_ids[shard.times.ends[delete.row_ids] == LIVE]
                shard.times.end(live, seqno)
                shard.note_deleted(live)


def _insert(shard: Shard, operation: Insert, table: Table, seqno: int) -> None:
    first = max(operation.first_row_id, shard.memtable.low)
    last = operation.first_row_id + operation.row_count
    if first >= last:
        return  # a segment has them
    shard.skip_to(first)
    shard.columns.learn(table)
    types = {column.attnum: column.type.stored for column in table.columns}
    columns: dict[int, pa.Array] = {}
    for attnum, array in operation.columns.items():
        definition = by_oid(types[attnum].oid)
        assert definition is not None, types[attnum]
        wanted = definition.arrow(types[attnum].typmod)
        part = array.slice(first - operation.first_row_id)
        # The manifest's catalog may be newer than the entry: then the column was rewritten and
        # these rows died.
        columns[attnum] = part if part.type == wanted else pa.nulls(len(part), wanted)
    batch = RowBatch(last - first, columns, {}, {attnum: types[attnum] for attnum in columns})
    low = shard.append(batch)
    assert low == first, (low, first)
    shard.times.begin(first, last, seqno)


def _insert_vectors(shard: Shard, operation: InsertVectors, table: Table) -> None:
    vectors = operation.batch.vectors
    skipped = max(0, shard.memtable.low - operation.first_row_id)
    if skipped >= len(vectors):
        return
    dims = vectors.shape[1]
    if vector_dims(table.columns[operation.attnum - 1].type.stored) != dims:
        return
    present = operation.batch.present
    assert present is not None
    column = shard.directory.vectors_for(shard.columns, operation.attnum, dims)
    rest = VectorBatch(vectors[skipped:], np.ascontiguousarray(present[skipped:]))
    column.write(operation.first_row_id + skipped, rest)
