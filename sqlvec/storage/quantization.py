"""Quantization: which codes the graph of an index is to have, and giving them to it.

    WITH (quantization = ..., rescore = ...)   what the definition says, kept in the catalog alone
    index_memory_limit                         decides for indexes that do not say: int8, or bit where that is
                                               too much for all graphs together, the largest first

A graph whose codes are not those that it is to have is given them by a job: what they learn is learned from a
sample of the rows, every linked row is encoded beside the codes that answer, and then they change places; the
links stay. The snapshot that follows holds the new ones. A graph that was opened with other codes, because a
restart came in between, is simply given them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Index
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.hnsw.quantizer import (
    RESCORE_DEFAULTS,
    TRAINED,
    TRAINED_AGAIN,
    TRAINING_ROWS_MAX,
    TRAINING_ROWS_MIN,
    can_code,
    trained,
)
from sqlvec.index.warm import warm_codes
from sqlvec.kernels.codes import DIMENSIONS_MIN, code_width

if TYPE_CHECKING:
    from sqlvec.storage.index_rows import IndexView
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store
    from sqlvec.storage.vectors import VectorView

log = logging.getLogger(__name__)

BACK_SHARE = 0.8  # of the limit, below which an index goes back to bytes
BEYOND_LIMIT = "beyond index_memory_limit"
FEW_ROWS = "too few rows to train on"
NOT_YET = "others are being made"
NARROW = f"fewer than {DIMENSIONS_MIN} dimensions"
Limited = frozenset[tuple[int, int]]  # shard ids and oids of indexes that the limit asks to be small


@dataclass(frozen=True, slots=True)
class Choice:
    """The quantization that an index is to have, and why that; reason is empty for what it says itself."""

    name: str
    rescore: int
    reason: str = ""


def choice(index: Index, graph: HnswGraph, *, limited: bool = False) -> Choice:
    name, reason = index.options.get("quantization", "").lower(), ""
    if not can_code(graph.number, graph.dims):
        reason = NARROW if name not in ("", "none") else ""
        name = "none"
    elif not name:
        name, reason = ("bit", BEYOND_LIMIT) if limited else ("int8", "")
    return Choice(name, int(index.options.get("rescore", RESCORE_DEFAULTS[name])), reason)


def begin_with(graph: HnswGraph, index: Index) -> None:
    """What a graph that was just made or opened can take over of its definition at once."""
    wanted = choice(index, graph, limited=graph.quantizer.name == "bit")
    graph.set_rescore(wanted.rescore)
    graph.explain(explain_codes(graph, wanted))


def open_graphs(store: Store) -> Iterator[tuple[Shard, int, HnswGraph]]:
    """Those of the open shards, with the oids of their indexes; the caller holds the lock."""
    for shard in store.open_shards.values():
        for index_oid, graph in shard.indexes.items():
            if isinstance(graph, HnswGraph):
                yield shard, index_oid, graph


def beyond_limit(store: Store) -> Limited:
    """The graphs of the open shards that the memory limit asks to be small; the caller holds the lock."""
    limit = store.settings.index_memory_limit_bytes
    if not limit:
        return frozenset()
    total, free = 0, []
    for shard, oid, graph in open_graphs(store):
        definition = store.catalog.relations.get(oid, shard.definitions[oid])
        assert isinstance(definition, Index)
        if "quantization" not in definition.options and can_code(graph.number, graph.dims):
            size = _size_as_bytes(graph, shard.settled)
            free.append((size, shard.shard_id, oid, graph))
            total += size
        else:
            total += sum(graph.memory())
    found = set()
    for size, shard_id, oid, graph in sorted(free, key=lambda one: one[:3], reverse=True):
        allowed = limit * BACK_SHARE if graph.quantizer.name == "bit" else limit
        if total > allowed:
            found.add((shard_id, oid))
            total -= size * (code_width(graph.dims) - graph.dims // 8) // _row_bytes(graph)
    return frozenset(found)


def _row_bytes(graph: HnswGraph) -> int:
    return code_width(graph.dims) + 8 * graph.m + 8  # codes with their factors, and links


def _size_as_bytes(graph: HnswGraph, rows: int) -> int:
    """Of codes and links, with int8."""
    return max(rows, graph.linked) * _row_bytes(graph)


def wants_codes(shard: Shard, index: Index, wanted: Choice) -> bool:
    """Whether a job has something to do for the graph of the index; the caller holds store.lock."""
    graph = shard.indexes[index.oid]
    assert isinstance(graph, HnswGraph)
    return graph.rescore != wanted.rescore or _is_due(graph, wanted, shard.settled)


def _is_due(graph: HnswGraph, wanted: Choice, rows: int) -> bool:
    quantizer = graph.quantizer
    if wanted.name not in TRAINED:
        return quantizer.name != wanted.name
    if quantizer.name != wanted.name:
        return rows >= TRAINING_ROWS_MIN
    return rows >= TRAINED_AGAIN * quantizer.trained


def quantize(
    shard: Shard, index: Index, wanted: Choice, cancelled: Callable[[], bool]
) -> bool:
    """Gives the graph of an index the codes that it is to have; whether they changed."""
    graph = shard.indexes.get(index.oid)
    if not isinstance(graph, HnswGraph):
        return False
    with shard.lock:
        rows = shard.settled
    if not _is_due(graph, wanted, rows):
        graph.set_rescore(wanted.rescore)
        return False
    warm_codes(wanted.name)
    sample = np.zeros((0, 1), np.float32)
    if wanted.name in TRAINED:
        with shard.lock:
            if shard.indexes.get(index.oid) is not graph:
                return False
            view = shard.index_view(index.oid)
        sample = _sample(view)
    quantizer = trained(wanted.name, graph.number, graph.dims, sample, max(rows, 1), cancelled)
    if quantizer is None:
        return False

    def vectors() -> np.ndarray | None:
        with shard.lock:
            in_use = shard.indexes.get(index.oid) is graph
            return shard.index_view(index.oid).array if in_use else None

    if not graph.adopt(quantizer, wanted.rescore, vectors, cancelled):
        return False
    told = {"shard": shard.shard_id, "index": index.oid, "quantization": wanted.name}
    log.info("quantized", extra=told | {"rows": graph.linked})
    return True


def quantize_new(
    store: Store, shard: Shard, index: Index, cancelled: Callable[[], bool]
) -> None:
    """The same before the rows that there are get linked, so that no codes are made in vain."""
    graph = shard.indexes.get(index.oid)
    if isinstance(graph, HnswGraph):
        with store.lock:
            limited = (shard.shard_id, index.oid) in beyond_limit(store)
        wanted = choice(index, graph, limited=limited)
        quantize(shard, index, wanted, cancelled)
        graph.explain(explain_codes(graph, wanted))


def explain_codes(graph: HnswGraph, wanted: Choice) -> str:
    """Why walks go by the codes that they go by; empty where the definition says so."""
    if graph.quantizer.name == wanted.name:
        return wanted.reason
    few = wanted.name in TRAINED and graph.linked < TRAINING_ROWS_MIN
    return FEW_ROWS if few else NOT_YET


def _sample(view: VectorView | IndexView) -> np.ndarray:
    """Some of the vectors: f32[rows, padded]."""
    count, row_count = view.present.count, view.present.row_count
    ids = np.arange(row_count)
    if count > TRAINING_ROWS_MAX:
        dice = np.random.default_rng(row_count)
        drawn = dice.integers(0, row_count, TRAINING_ROWS_MAX * row_count // count)
        ids = np.unique(drawn)
    ids = ids[view.present.contains(ids)]
    sample: np.ndarray = view.array[ids]
    return sample
