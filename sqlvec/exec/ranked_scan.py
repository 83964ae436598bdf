"""Ranked scans: the best k members of a row set by distance or by BM25.

Every scan yields min(k, rows that can be ranked) rows (I7), ordered by the ranking key and, among equals, by
shard and row id. Rows that are committed but not yet linked into the graph are scanned exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlvec.exec.context import Context, Datum
from sqlvec.exec.placement import own_index
from sqlvec.exec.prefilter import ShardRows, query_vector, row_distances, vector_view
from sqlvec.exec.side_by_side import side_by_side
from sqlvec.exec.text_query import other_statistics, text_query
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.hnsw.recall import dynamic_ef
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.distance import flat_search
from sqlvec.plan.physical import TextLeg, VectorLeg

if TYPE_CHECKING:
    from sqlvec.storage.index_rows import IndexView
    from sqlvec.storage.vectors import VectorView

UNDEFINED = np.inf  # no distance between vectors is: their elements are single precision
PARALLEL_ROWS_MIN = 50_000  # of all shards; fewer are scanned one shard after the other
_EMPTY = np.empty(0, np.int64)
_SUMS = frozenset(["distances", "unlinked"])  # counters that add up over shards


@dataclass(slots=True)
class Ranked:
    """shards[i] and row_ids[i] of the i-th best row; keys[i] is its distance or score, UNDEFINED for one that
    is not a number, NaN for null."""

    shards: np.ndarray  # i64, position in the list of ShardRows
    row_ids: np.ndarray  # i64
    keys: np.ndarray  # f64


def key_datums(keys: np.ndarray) -> list[Datum]:
    """Distances or scores, best first, as they are returned."""
    found: list[Datum] = keys.tolist()
    if not found or math.isfinite(found[-1]):
        return found
    return [None if key != key else math.nan if key == UNDEFINED else key for key in found]


def rank_leg(
    leg: VectorLeg | TextLeg,
    rows: list[ShardRows],
    k: int,
    context: Context,
    counters: list[dict[str, Any]],
    ef_min: int = 0,
) -> Ranked:
    """The best k rows of all shards; counters gets what the scan counted."""
    settings = context.settings
    ef = int(settings.get("hnsw.ef_search"))  # type: ignore[call-overload]
    counter: dict[str, Any] = {"ef_search": max(dynamic_ef(k) if ef < 0 else ef, ef_min)}
    if target := settings.get("sqlvec.target_recall"):
        counter["target_recall"] = target
    counters.append(counter)
    scan: Any = _vector if isinstance(leg, VectorLeg) else _text
    if len(rows) == 1:
        return _merge([scan(leg, rows[0], k, context, counter)], k)
    counted = [counter.copy() for _ in rows]

    def work(shard: int) -> tuple[np.ndarray, np.ndarray]:
        found: tuple[np.ndarray, np.ndarray] = scan(leg, rows[shard], k, context, counted[shard])
        return found

    # The first shard of a text scan counts the terms of all.
    ahead = 1 if isinstance(leg, TextLeg) else 0
    parts = [work(shard) for shard in range(len(rows))[:ahead]]
    worthwhile = sum(part.rows.count for part in rows) >= PARALLEL_ROWS_MIN
    parts += side_by_side(work, range(len(rows))[ahead:], worthwhile=worthwhile)
    _add_up(counter, counted)
    return _merge(parts, k)


def _add_up(counter: dict[str, Any], counted: list[dict[str, Any]]) -> None:
    """What the scans of the shards counted, as of one scan."""
    for own in counted:
        for name, value in own.items():
            counter[name] = counter[name] + value if name in _SUMS and name in counter else value
    if counted and "ef_search" not in counted[0]:
        counter.pop("ef_search", None)


def _merge(parts: list[tuple[np.ndarray, np.ndarray]], k: int) -> Ranked:
    """Ascending by key; NaN, which stands for null, comes last."""
    if len(parts) == 1:
        ids, keys = parts[0]
        return Ranked(np.zeros(len(ids), np.int64), ids, keys)
    if not parts:
        return Ranked(_EMPTY, _EMPTY, np.empty(0, np.float64))
    shards = np.concatenate([np.full(len(ids), i) for i, (ids, _) in enumerate(parts)])
    ids = np.concatenate([ids for ids, _ in parts])
    keys = np.concatenate([keys for _, keys in parts])
    order = np.lexsort((ids, shards, keys))[:k]
    return Ranked(shards[order], ids[order], keys[order])


def _vector(
    leg: VectorLeg, part: ShardRows, k: int, context: Context, counter: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    shard, rows = part.shard, part.rows
    own = own_index(leg.index, shard, context)
    view = vector_view(shard, leg.distance, own)
    query = query_vector(leg.distance, view.dims, context)
    if query is None:
        ids = rows.ids()[:k]
        return ids, np.full(len(ids), np.nan)
    k = min(k, rows.count)
    graph = None if own is None or leg.exact else shard.index(own.oid)
    rankable = rows & view.present.extend(rows.row_count)  # a row without a vector is zeros there
    if isinstance(graph, HnswGraph) and graph.linked:
        ids, keys = _graph(graph, leg, rankable, view, query, k, counter)
    else:
        ids, keys = flat_search(
            view.array, query, leg.distance.metric, rankable.words, rows.row_count, k
        )
        counter["strategy"] = "exact"
        counter["distances"] = counter.get("distances", 0) + rankable.count
    if len(ids) < k:
        ids, keys = _complete(leg, part, ids, keys, k, context)
    return ids, keys


def _graph(
    graph: HnswGraph,
    leg: VectorLeg,
    rows: RowSet,
    view: VectorView | IndexView,
    query: np.ndarray,
    k: int,
    counter: dict[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """The graph answers for the rows it has linked, an exact scan for the queue behind them."""
    linked = graph.linked
    target = counter.get("target_recall", 0.0)
    if target:
        counter["ef_search"] = graph.recall.ef(target, rows.count / max(linked, 1), k)
    ef = max(counter["ef_search"], k)
    allowed = rows if linked >= rows.row_count else rows & _first(linked, rows.row_count)
    found = graph.search(view.array, query, k, ef, allowed, "auto")
    graph.recall.note(query, k, allowed, found.distances, target)
    counter["strategy"] = found.strategy
    counter["quantization"] = graph.walks_by
    if found.reason:
        counter["reason"] = found.reason
    counter["distances"] = counter.get("distances", 0) + found.distances_computed
    if linked >= rows.row_count:
        return found.row_ids, found.distances
    queue = rows - _first(linked, rows.row_count)
    ids, keys = flat_search(
        view.array, query, leg.distance.metric, queue.words, rows.row_count, k
    )
    counter["unlinked"] = queue.count
    ids = np.concatenate([found.row_ids, ids])
    keys = np.concatenate([found.distances, keys])
    order = np.lexsort((ids, keys))[:k]
    return ids[order], keys[order]


def _first(count: int, row_count: int) -> RowSet:
    """The row set of ids below count."""
    return RowSet.full(count).extend(row_count)


def _complete(
    leg: VectorLeg,
    part: ShardRows,
    ids: np.ndarray,
    keys: np.ndarray,
    k: int,
    context: Context,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that an index does not hold come last, as in PostgreSQL: undefined distances, then nulls."""
    left = part.rows - RowSet.from_ids(ids, part.rows.row_count)
    more, values = row_distances(part.shard, leg.distance, left, context, leg.index)
    values = np.where(np.isnan(values), UNDEFINED, values)
    order = np.lexsort((more, values))
    more, values = more[order], values[order]
    nulls = (left - RowSet.from_ids(more, part.rows.row_count)).ids()
    ids = np.concatenate([ids, more, nulls])[:k]
    keys = np.concatenate([keys, values, np.full(len(nulls), np.nan)])[:k]
    return ids, keys


def _text(
    leg: TextLeg, part: ShardRows, k: int, context: Context, counter: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that match the query, by negated score."""
    from sqlvec.index.bm25.query import terms_of

    counter.pop("ef_search", None)
    asked = text_query(leg.score, part, context)
    if asked is None:
        return _EMPTY, np.empty(0, np.float64)
    index, query = asked
    allowed = None if part.rows is part.visible else part.rows
    others = other_statistics(leg.score, part, context)
    ids, scores = index.search(query, k, part.visible, allowed, others)
    counter["terms"] = ", ".join(terms_of(query))
    return ids, -scores
