"""Closing shards: one that is closed has no memory, no file and no thread, and is opened again by its
next use.

Closed are shards of tenants: those not used for a while, those used longest ago when more are open than
should be, and those whose tenant is not active. What they have in memory is flushed first, many under one
sync. The store then lets go of the shard; if anybody still holds it, a reader or an open transaction,
it stays as it is. A table that is one shard is never closed.

Lookups only mark a shard as used. note_use() turns the marks into times, and keeps store.open_shards in
the order of last use.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Table
from sqlvec.errors import DatabaseError
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage import tombstones
from sqlvec.storage.flush import flush_shards, install_files
from sqlvec.storage.manifest import ShardFiles
from sqlvec.storage.marks import mark

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

SHARDS_AT_ONCE = 256
TRIED_FOR_ROOM = 8  # how many are asked whether they can go, when one is opened beyond the limit


def note_use(store: Store) -> list[Shard]:
    """The shards that were used since this was last called. The caller holds the lock."""
    used = [shard for shard in store.open_shards.values() if shard.used]
    now = store.clock.now_us()
    for shard in used:
        shard.used, shard.used_at = False, now
        store.open_shards[shard.shard_id] = store.open_shards.pop(shard.shard_id)
    return used


def due(store: Store) -> list[int]:
    """Shards to close, those used longest ago first. The caller holds the lock and has called note_use()."""
    found: list[int] = []
    before = store.clock.now_us() - int(store.settings.shard_idle_seconds * 1e6)
    surplus = len(store.open_shards) - store.settings.open_shards_max
    for shard in store.open_shards.values():
        idle = shard.resting or shard.used_at <= before
        if (idle or surplus > 0) and not shard.in_use and is_tenants(store, shard):
            found.append(shard.shard_id)
            surplus -= 1
    return found


def close_shards(store: Store, shard_ids: Sequence[int]) -> int:
    """Flush and close them; returns how many are closed now. One in use stays open."""
    closed = 0
    with store.maintenance:
        for first in range(0, len(shard_ids), SHARDS_AT_ONCE):
            some = shard_ids[first : first + SHARDS_AT_ONCE]
            _write_out(store, some)
            for shard_id in some:
                with store.lock:
                    closed += let_go(store, shard_id)
    return closed


def _write_out(store: Store, shard_ids: Sequence[int]) -> None:
    with store.lock:
        shards = [store.open_shards[i] for i in shard_ids if i in store.open_shards]
    flush_shards(store, shards, kept_open=False)
    with store.lock:
        captured = tombstones.capture(shards)
    if not captured:
        return
    made: list[tombstones.Tombstones] = []
    try:
        made = tombstones.write(store, captured)
        with store.lock:
            changed = {}
            for shard, _ in captured:
                if shard.shard_id in store.open_shards:
                    files = tombstones.with_tombstones(shard.directory.files, made)
                    changed[shard] = replace(files, rows=shard.live_rows)
            install_files(store, changed)
            tombstones.adopt(store, made)
    except DatabaseError:
        tombstones.put_back(captured)
        store.discard(one.name for one in made)
        raise


def make_room(store: Store) -> None:
    """Called before a shard is opened: lets go of those used longest ago that have nothing to write, when
    as many are open as may be. The caller holds the lock.
    """
    surplus = len(store.open_shards) + 1 - store.settings.open_shards_max
    if surplus <= 0:
        return
    note_use(store)
    oldest = [i for i, _ in zip(store.open_shards, range(TRIED_FOR_ROOM), strict=False)]
    for shard_id in oldest:
        surplus -= let_go(store, shard_id)
        if surplus <= 0:
            return


def let_go(store: Store, shard_id: int) -> bool:
    """Close a shard that is in files entirely and that nobody holds. The caller holds the lock, and no
    reference to the shard.
    """
    left = _left(store, shard_id)
    if left is None:
        return False
    held = weakref.ref(store.open_shards[shard_id])
    del store.open_shards[shard_id]
    shard = held()
    if shard is not None:
        store.open_shards[shard_id] = shard
        return False
    mark("shard.closed")
    store.known_shards[shard_id] = left.files
    store.used_at[shard_id] = left.used_at
    if not left.logged:  # made by a transaction that was rolled back
        store.forget_shard(shard_id)
    store.discard(left.unnamed)
    return True


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of a shard when it is closed."""

    files: ShardFiles
    used_at: int
    logged: bool
    unnamed: list[str]  # files that the next opening makes anew


def _left(store: Store, shard_id: int) -> _Left | None:
    """None when it is not to be closed."""
    shard = store.open_shards.get(shard_id)
    if shard is None or not _may_close(store, shard):
        return None
    files = shard.directory.files
    if files.rows != shard.live_rows:
        files = replace(files, rows=shard.live_rows)
    made = [vector.name for vector in shard.columns.vectors.values()]
    made += [rows.file_name() for rows in shard.index_rows.values() if rows.file_name()]
    unnamed = [name for name in made if name not in files.names()]
    return _Left(files, shard.used_at, shard.logged, unnamed)


def _may_close(store: Store, shard: Shard) -> bool:
    """Whether reopening gives the same shard to everyone. Which row replaced which is not in files: a
    transaction that could ask must not be there.
    """
    if shard.in_use or not is_tenants(store, shard):
        return False
    if not shard.logged:
        return not store.is_created(shard.shard_id)
    if shard.memtable.high > shard.memtable.low or shard.unsaved_deletes:
        return False
    unlogged_links = any(
        isinstance(graph, HnswGraph) and graph.linked and oid not in shard.link_logs
        for oid, graph in shard.indexes.items()
    )
    return not unlogged_links and shard.times.changed_at <= store.oldest_reader()


def is_tenants(store: Store, shard: Shard) -> bool:
    """Whether a shard is one of those that a table has by tenant."""
    table = store.catalog.relations.get(shard.table_oid)
    return isinstance(table, Table) and table.tenant_attnum > 0
