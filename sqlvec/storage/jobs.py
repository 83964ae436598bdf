"""Jobs: what storage would like to have done. Nothing runs by itself; the owner runs jobs when and
where it likes, in any order, and asks for the list again. A job that has become pointless does
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Index
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.hnsw.recall import RecallMeter
from sqlvec.storage.checkpoint import flush_all
from sqlvec.storage.compaction import compact_shard, compactable
from sqlvec.storage.flush import flush_shard, wants_flush
from sqlvec.storage.graph_cleanup import clean_graph, wants_cleanup
from sqlvec.storage.graph_files import give_codes, link_rows, save_graph, wants_saving
from sqlvec.storage.idle import close_shards, due, is_tenants, note_use
from sqlvec.storage.index_build import changed_texts, rebuild_texts
from sqlvec.storage.offload import offload_shard
from sqlvec.storage.quantization import (
    Choice,
    Limited,
    beyond_limit,
    choice,
    explain_codes,
    open_graphs,
    wants_codes,
)
from sqlvec.storage.rewrite import rewrite_shard, wants_rewrite

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

Cancelled = Callable[[], bool]
IDLE_SHARDS_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Job:
    """kind: flush, link, quantize, save_graph, clean_graph, recall, compact, rewrite, reindex, checkpoint, close or
    offload; the shard is named for the log.
    """

    kind: str
    table_oid: int
    tenant: str
    _work: Callable[[Cancelled], None] = field(repr=False, compare=False)

    def run(self, cancelled: Cancelled = lambda: False) -> None:
        """Do it; a cancelled job leaves what it has done so far."""
        self._work(cancelled)


def pending_jobs(store: Store, *, every: bool) -> list[Job]:
    store.workshop.rest()
    with store.lock:
        store.stall.review()
        if store.failure is not None or store.closed:
            return []
        used = note_use(store)
        found: list[Job] = []
        if store.wal.bytes > store.settings.wal_bytes_max:
            found.append(Job("checkpoint", 0, "", lambda _: flush_all(store, save_graphs=False)))
        limited = beyond_limit(store)
        for shard in list(store.open_shards.values()) if every else _looked_at(store, used):
            work = _shard_jobs(store, shard, limited)
            shard.busy = bool(work)
            found += work
        if idle := due(store):
            found.append(Job("close", 0, "", lambda _: _close(store, idle)))
        for shard_id in list(store.to_offload):
            found += _offloading(store, shard_id)
        return found


def _looked_at(store: Store, used: list[Shard]) -> list[Shard]:
    """Shards that were used, those that had work before, and some of the others in turn."""
    shards = list(store.open_shards.values())
    first = store.next_looked_at % max(len(shards), 1)
    turn = shards[first : first + IDLE_SHARDS_LOOKED_AT]
    store.next_looked_at = first + IDLE_SHARDS_LOOKED_AT
    return list(dict.fromkeys([*used, *(s for s in shards if s.busy), *turn]))


def _close(store: Store, shard_ids: list[int]) -> None:
    close_shards(store, shard_ids)


def _offloading(store: Store, shard_id: int) -> list[Job]:
    files = store.known_shards.get(shard_id)
    if files is None:
        return []  # still open: it is closed first

    def offload(cancelled: Cancelled) -> None:
        offload_shard(store, shard_id)

    return [Job("offload", files.table_oid, files.tenant, offload)]


@dataclass(frozen=True, slots=True)
class QueuedIndex:
    """An HNSW graph: rows that wait are committed and scanned exactly until they are linked."""

    table_oid: int
    index_oid: int
    tenant: str
    rows_linked: int
    rows_waiting: int


def index_queue(store: Store) -> list[QueuedIndex]:
    """The graphs of the open shards."""
    with store.lock:
        return [
            QueuedIndex(
                shard.table_oid,
                index_oid,
                shard.tenant,
                graph.linked,
                max(0, shard.settled - graph.linked),
            )
            for shard, index_oid, graph in open_graphs(store)
            if shard.settled >= _graph_rows_min(store, shard)
        ]


@dataclass(frozen=True, slots=True)
class IndexRecall:
    """What is known of how well a graph answers; see index.hnsw.recall."""

    table_oid: int
    index_oid: int
    tenant: str
    meter: RecallMeter


def index_recall(store: Store) -> list[IndexRecall]:
    """Of the graphs of the open shards."""
    with store.lock:
        return [
            IndexRecall(shard.table_oid, index_oid, shard.tenant, graph.recall)
            for shard, index_oid, graph in open_graphs(store)
        ]


@dataclass(frozen=True, slots=True)
class IndexMemory:
    """What a graph holds in memory; quantization: what its walks go by, reason: why, if not because the index
    says so."""

    table_oid: int
    index_oid: int
    tenant: str
    rows: int
    quantization: str
    reason: str
    rescore: int
    code_bytes: int
    link_bytes: int
    vector_bytes: int  # of the same rows in single precision, which are not held in memory


def index_memory(store: Store) -> list[IndexMemory]:
    """Of the graphs of the open shards."""
    with store.lock:
        limited = beyond_limit(store)
        return [
            IndexMemory(
                shard.table_oid, oid, shard.tenant, graph.linked, graph.quantizer.name,
                explain_codes(graph, _choice(shard, definition, graph, limited)), graph.rescore,
                *graph.memory(), 4 * graph.dims * graph.linked,
            )
            for shard, oid, graph in open_graphs(store)
            if isinstance(definition := store.catalog.relations.get(oid), Index)
        ]  # fmt: skip


def _choice(shard: Shard, index: Index, graph: HnswGraph, limited: Limited) -> Choice:
    return choice(index, graph, limited=(shard.shard_id, index.oid) in limited)


def _shard_jobs(store: Store, shard: Shard, limited: Limited) -> list[Job]:
    found: list[Job] = []
    oid, tenant = shard.table_oid, shard.tenant
    if wants_flush(store, shard):
        found.append(Job("flush", oid, tenant, lambda _: _maintain(store, shard, flush_shard)))
    rewrite = wants_rewrite(store, shard)
    if rewrite:
        found.append(Job("rewrite", oid, tenant, lambda _: _maintain(store, shard, rewrite_shard)))
    for index_oid, graph in shard.indexes.items():
        if not isinstance(graph, HnswGraph):
            continue
        definition = store.catalog.relations.get(index_oid)
        if isinstance(definition, Index):
            wanted = _choice(shard, definition, graph, limited)
            if wants_codes(shard, definition, wanted):
                work = _quantizing(store, shard, definition, wanted)
                found.append(Job("quantize", oid, tenant, work))
        if graph.linked < shard.settled and shard.settled >= _graph_rows_min(store, shard):
            found.append(Job("link", oid, tenant, _linking(store, shard, index_oid)))
        if definition is not None and wants_saving(shard, index_oid):
            found.append(Job("save_graph", oid, tenant, _saving(store, shard, index_oid)))
        if not rewrite and wants_cleanup(store, shard, index_oid):
            found.append(Job("clean_graph", oid, tenant, _cleaning(store, shard, index_oid)))
        if graph.recall.has_work(graph.linked):
            found.append(Job("recall", oid, tenant, _measuring(shard, index_oid)))
    for definition in changed_texts(store, shard):
        found.append(Job("reindex", oid, tenant, _reindexing(store, shard, definition)))
    if not rewrite and compactable(shard):
        found.append(Job("compact", oid, tenant, lambda _: _maintain(store, shard, compact_shard)))
    return found


def _graph_rows_min(store: Store, shard: Shard) -> int:
    return store.settings.flat_to_hnsw_rows if is_tenants(store, shard) else 0


def _maintain(store: Store, shard: Shard, work: Callable[[Store, Shard], bool]) -> None:
    with store.maintenance:
        if store.holds(shard):
            work(store, shard)
    store.stall.review()


def _linking(store: Store, shard: Shard, index_oid: int) -> Callable[[Cancelled], None]:
    return lambda cancelled: link_rows(store, shard, index_oid, cancelled)


def _quantizing(
    store: Store, shard: Shard, index: Index, wanted: Choice
) -> Callable[[Cancelled], None]:
    return lambda cancelled: give_codes(store, shard, index, wanted, cancelled)


def _reindexing(store: Store, shard: Shard, index: Index) -> Callable[[Cancelled], None]:
    return lambda cancelled: rebuild_texts(store, shard, index, cancelled)


def _cleaning(store: Store, shard: Shard, index_oid: int) -> Callable[[Cancelled], None]:
    return lambda cancelled: clean_graph(store, shard, index_oid, cancelled)


def _measuring(shard: Shard, index_oid: int) -> Callable[[Cancelled], None]:
    return lambda cancelled: shard.measure_recall(index_oid, cancelled)


def _saving(store: Store, shard: Shard, index_oid: int) -> Callable[[Cancelled], None]:
    def save(cancelled: Cancelled) -> None:
        if wants_saving(shard, index_oid):
            save_graph(store, shard, index_oid)

    return save
