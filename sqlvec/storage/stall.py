"""Write stall: who would write to a table waits while storage is too far behind with it.

    memtable   committed rows that are not flushed yet fill the memory
    segments   so many are not merged yet that every key is looked up in all of them
    graph      so many rows are not linked yet that scanning them exactly takes long

Whether a shard is behind is looked at when a commit is published, every so many rows. Statements wait before
they begin, as for a lock of the table, and go on once the jobs have caught up; so a transaction that has
begun to write is never held up for what only its own end can free. Readers do not notice.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.compaction import compactable
from sqlvec.storage.locks import LockOwner, Mode, Tag

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

LOOK_ROWS = 64


class WriteStall:
    """One a store; used under its lock, but for is_stalled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._behind: dict[int, set[Shard]] = {}  # by table oid
        self._owners: dict[int, LockOwner] = {}

    def is_stalled(self, table_oid: int) -> bool:
        return table_oid in self._owners

    def await_room(self, owner: LockOwner, table_oid: int) -> None:
        """LockWait while the table is stalled, once a transaction."""
        store = self._store
        with store.lock:
            if table_oid in self._owners:
                store.locks.acquire(owner, _tag(table_oid), Mode.SHARE)

    def look(self, shard: Shard) -> None:
        """Stall the shard's table if it is behind."""
        if not self._is_behind(shard):
            if not self._is_full(shard):  # else an open transaction keeps it so: look at every commit
                shard.stall_look_at = shard.row_count + LOOK_ROWS
            return
        oid = shard.table_oid
        self._behind.setdefault(oid, set()).add(shard)
        if oid not in self._owners:
            owner = self._owners[oid] = LockOwner()
            self._store.locks.grant(owner, _tag(oid), Mode.EXCLUSIVE)
            log.warning("writes stalled", extra={"table": oid, "tenant": shard.tenant})

    def review(self) -> None:
        """Let writers go on where the jobs have caught up."""
        if not self._owners:
            return
        with self._store.lock:
            for oid, shards in list(self._behind.items()):
                left = {shard for shard in shards if self._is_behind(shard)}
                if left:
                    self._behind[oid] = left
                    continue
                del self._behind[oid]
                self._store.locks.end(self._owners.pop(oid), 0)
                log.info("writes go on", extra={"table": oid})

    def _is_behind(self, shard: Shard) -> bool:
        store, settings = self._store, self._store.settings
        if not store.holds(shard) or store.failure is not None or store.disk.refusal is not None:
            return False  # gone, or the writers are to hear why nothing can be written
        settled = shard.settled
        if settled > shard.memtable.low and self._is_full(shard):
            return True
        if len(shard.segments) > settings.segments_stall and compactable(shard):
            return True
        return any(
            isinstance(graph, HnswGraph) and settled - graph.linked > settings.unlinked_rows_stall
            for graph in shard.indexes.values()
        )


    def _is_full(self, shard: Shard) -> bool:
        return shard.memtable.bytes > self._store.settings.memtable_bytes_stall


def _tag(table_oid: int) -> Tag:
    return ("stall", table_oid)
