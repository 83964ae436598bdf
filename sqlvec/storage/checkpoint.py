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

from sqlvec.catalog.objects import Table
from sqlvec.errors import DatabaseError
from sqlvec.storage import tombstones
from sqlvec.storage.flush import flush_shards
from sqlvec.storage.graph_files import is_saved, save_graph_maintained
from sqlvec.storage.history import write_times
from sqlvec.storage.manifest import ShardFiles
from sqlvec.storage.records import encode_value
from sqlvec.storage.sequences import without_dropped
from sqlvec.storage.shard_files import DIRECTORY
from sqlvec.storage.tombstones import Tombstones
from sqlvec.storage.visibility import ABORTED

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

SHARDS_AT_ONCE = 256  # flushed under one sync


def flush_all(store: Store, *, save_graphs: bool) -> None:
    """Flush every open shard, write out the graphs that changed if so wanted, and checkpoint."""
    with store.maintenance:
        with store.lock:
            shards = list(store.open_shards.values())
        for first in range(0, len(shards), SHARDS_AT_ONCE):
            flush_shards(store, shards[first : first + SHARDS_AT_ONCE])
        for shard in shards if save_graphs else ():
            for index_oid in list(shard.indexes):
                if not is_saved(shard, index_oid):
                    save_graph_maintained(store, shard, index_oid)
        checkpoint(store)
    store.stall.review()


def checkpoint(store: Store) -> None:
    """See the module. The caller holds store.maintenance."""
    with store.lock:
        seqno = _covered_seqno(store)
        captured = tombstones.capture(list(store.open_shards.values()))
        store.history.first_seqno(store.clock.now_us())
        times = store.history.saved(seqno)
    made: list[Tombstones] = []
    times_name = f"{DIRECTORY}/{store.next_file():010d}.times" if len(times[0]) else ""
    try:
        made = tombstones.write(store, captured)
        if times_name:
            write_times(store.vfs, times_name, *times)
            store.vfs.sync_dir(DIRECTORY)
        with store.lock:
            _install(store, seqno, made, times_name)
            removed = store.wal.truncate(through=seqno)
    except DatabaseError:
        tombstones.put_back(captured)
        store.discard([*(one.name for one in made), *([times_name] if times_name else [])])
        raise
    log.info("checkpoint", extra={"seqno": seqno, "removed": len(removed)})


def _covered_seqno(store: Store) -> int:
    seqno = store.read_seqno
    for shard in store.open_shards.values():
        begins = shard.times.begins[shard.memtable.low : shard.row_count]
        committed = begins[begins < ABORTED]
        if len(committed):
            seqno = min(seqno, int(committed.min()) - 1)
    return max(seqno, store.manifest.version.seqno)


def _install(store: Store, seqno: int, made: list[Tombstones], times: str) -> None:
    shards, changed = dict(store.known_shards), []
    for shard in store.open_shards.values():
        if shard.logged and shard.table_oid in store.catalog.relations:
            files = _without_dropped(store, tombstones.with_tombstones(shard.directory.files, made))
            if files.rows != shard.live_rows:
                files = replace(files, rows=shard.live_rows)
            shards[shard.shard_id] = files
            changed.append(shard)
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
        sequences=without_dropped(store.sequences.logged, store.catalogs()),
        fills=fills,
        times=times,
        changes=store.history.saved_changes(store.catalog),
    )
    store.install(version)
    for shard in changed:
        shard.directory.files = shards[shard.shard_id]
    tombstones.adopt(store, made)


def _without_dropped(store: Store, files: ShardFiles) -> ShardFiles:
    """Without the graphs of dropped indexes."""
    kept = tuple(g for g in files.graphs if g.index_oid in store.catalog.relations)
    return files if kept == files.graphs else replace(files, graphs=kept)
