"""Checkpoint: make the files hold every commit up to a seqno, say so in the manifest, and drop the
log before it.

The seqno is the newest that everything up to it is in files: rows that are still in a memtable
hold it back, and so does a long open transaction, behind whose rows nothing can be flushed.
Deletions of segment rows are persisted here, as tombstones, before the log that told of them goes.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Table
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.flush import flush_shard, install_files
from sqlvec.storage.growing import RowIds
from sqlvec.storage.manifest import SegmentFile, ShardFiles
from sqlvec.storage.records import encode_value
from sqlvec.storage.segment import write_tombstones
from sqlvec.storage.sequences import without_dropped
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.visibility import ABORTED

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)


def flush_all(store: Store) -> None:
    """Flush every open shard, write out the graphs that changed, and checkpoint."""
    with store.maintenance:
        with store.lock:
            shards = list(store.open_shards.values())
        for shard in shards:
            flush_shard(store, shard)
            for index_oid in list(shard.indexes):
                save_graph(store, shard, index_oid)
        checkpoint(store)


def save_graph(store: Store, shard: Shard, index_oid: int) -> bool:
    """Write a graph's snapshot if it has linked more rows; the caller holds maintenance."""
    graph = shard.indexes.get(index_oid)
    if not isinstance(graph, HnswGraph) or graph.linked == saved_linked(shard, index_oid):
        return False
    with store.lock:
        # A graph of an index, or a shard, that is not committed must not get into the manifest.
        if index_oid not in store.catalog.relations or not shard.directory.files.segments:
            return False
    with shard.link_lock:
        file = shard.directory.write_graph(index_oid, graph)
    for vector in shard.columns.vectors.values():
        vector.sync()
    store.vfs.sync_dir(DIRECTORY)
    with store.lock:
        if shard.shard_id not in store.open_shards:
            store.vfs.remove(file.name)
            return False
        files = shard.directory.files
        others = tuple(g for g in files.graphs if g.index_oid != index_oid)
        install_files(store, shard, replace(files, graphs=(*others, file)))
    return True


def saved_linked(shard: Shard, index_oid: int) -> int:
    """How many rows the graph in the files has linked; 0 without one."""
    for file in shard.directory.files.graphs:
        if file.index_oid == index_oid:
            return file.linked
    return 0


def checkpoint(store: Store) -> None:
    """See the module. The caller holds store.maintenance."""
    with store.lock:
        seqno = _covered_seqno(store)
        shards = [shard for shard in store.open_shards.values() if shard.unsaved_deletes]
        captured = [(shard, shard.times.ends[: shard.memtable.low].copy()) for shard in shards]
        for shard in shards:
            shard.unsaved_deletes = False
    files = [_save_tombstones(store, shard, ends) for shard, ends in captured]
    if files:
        store.vfs.sync_dir(DIRECTORY)
    with store.lock:
        for shard, changed in zip(shards, files, strict=True):
            shard.directory.files = changed
        _install(store, seqno)
        removed = store.wal.truncate(through=seqno)
    log.info("checkpoint", extra={"seqno": seqno, "removed": len(removed)})


def _covered_seqno(store: Store) -> int:
    seqno = store.read_seqno
    for shard in store.open_shards.values():
        begins = shard.times.begins[shard.memtable.low : shard.row_count]
        committed = begins[begins < ABORTED]
        if len(committed):
            seqno = min(seqno, int(committed.min()) - 1)
    return max(seqno, store.manifest.version.seqno)


def _save_tombstones(store: Store, shard: Shard, ends: RowIds) -> ShardFiles:
    segments: list[SegmentFile] = []
    for segment, file in zip(shard.segments, shard.directory.files.segments, strict=True):
        assert segment.name == file.name, (segment.name, file.name)
        now = ends[segment.low : segment.high]
        if not np.array_equal(now, segment.ends()):
            name = shard.directory.new_name("tombstones")
            write_tombstones(store.vfs, name, segment, now)
            segment.read_tombstones(store.vfs, name)
            file = replace(file, tombstones=name)
        segments.append(file)
    return replace(shard.directory.files, segments=tuple(segments))


def _install(store: Store, seqno: int) -> None:
    shards = dict(store.known_shards)
    for shard in store.open_shards.values():
        if shard.logged and shard.table_oid in store.catalog.relations:
            shards[shard.shard_id] = _without_dropped(store, shard.directory.files)
            shard.directory.files = shards[shard.shard_id]
    relations = store.catalog.relations
    fills = {
        key: encode_value(value)
        for key, value in store.fills.items()
        if isinstance(table := relations.get(key[0]), Table) and len(table.columns) >= key[1]
    }
    version = replace(
        store.manifest.version,
        seqno=seqno,
        catalog=store.catalog,
        shards=shards,
        sequences=without_dropped(store.sequences.logged, relations),
        fills=fills,
    )
    store.install(version)


def _without_dropped(store: Store, files: ShardFiles) -> ShardFiles:
    """Without the graphs of dropped indexes."""
    kept = tuple(g for g in files.graphs if g.index_oid in store.catalog.relations)
    return files if kept == files.graphs else replace(files, graphs=kept)
