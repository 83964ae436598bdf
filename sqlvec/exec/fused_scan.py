"""Fused scans: legs ranked over one row set under one snapshot, and their fusion or diversification.

A row's order and score depend on the row set and the pool, never on how many rows are asked for (index.fusion's
deepen), and ties go by primary key: so pages neither repeat nor lose a row. A row that no leg ranks, because it
has neither a vector nor a term of the query, is not in the list.

A place is shard position << 40 | row id.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlvec import types
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.exec.placement import own_index
from sqlvec.exec.prefilter import ShardRows, vector_view
from sqlvec.exec.ranked_scan import Ranked, rank_leg
from sqlvec.exec.side_by_side import side_by_side
from sqlvec.index.fusion import Leg as RankedLeg
from sqlvec.index.fusion import Listed, autocut, deepen, fuse, normalised
from sqlvec.index.mmr import diversify
from sqlvec.plan.physical import FusionLeg, MmrLeg, VectorLeg
from sqlvec.sql import bound
from sqlvec.sql.bind_fusion import check_option, check_weights

# How deep each leg is ranked unless the statement says otherwise: enough that the legs can meet, few enough
# that the tail of the weaker leg does not outvote the head of the better one. Reciprocal ranks fall off so
# slowly that theirs has to be short (tests/recall measures both).
POOLS = {"rrf": 20, "relative_score": 60}
MMR_POOL = 100
EF_MIN = 400  # a fused rank is only as good as the leg's ranking down to the pool's end
EF_FACTOR = 4
PARALLEL_ROWS_MIN = 500_000  # of 120,000, both legs take 0.7 ms, and a thread more is no gain
PLACE_SHIFT = np.int64(40)

Counters = list[dict[str, Any]]


def fused_list(
    leg: FusionLeg | MmrLeg, rows: list[ShardRows], count: int, context: Context, counters: Counters
) -> Listed:
    """At least `count` places, best first, where there are as many; counters is of the deepest pool."""
    if isinstance(leg, MmrLeg):
        pool = _option("pool", leg.mmr.pool, MMR_POOL, context)
        return deepen(
            lambda pool: _diversified(leg, rows, pool, count, context, counters), pool, count
        )
    fusion = leg.fusion
    pool = _option("pool", fusion.pool, POOLS[fusion.kind], context)
    jumps = _option("autocut", fusion.autocut, context.settings.get("sqlvec.autocut"), context)
    if jumps == 0:
        return deepen(lambda pool: _fused(leg, rows, pool, context, counters), pool, count)
    places, scores, _ = _fused(leg, rows, pool, context, counters)
    cut = autocut(scores, jumps)
    return Listed(places[:cut], scores[:cut], np.full(cut, pool), True)


def ranked_legs(
    leg: FusionLeg, rows: list[ShardRows], pool: int, context: Context, counters: Counters
) -> tuple[list[RankedLeg], bool]:
    """Each leg's places and values down to the pool's end, and whether no deeper pool has more."""
    ef = max(EF_MIN, EF_FACTOR * pool)
    own: list[Counters] = [[] for _ in leg.legs]

    def rank(number: int) -> Ranked:
        return rank_leg(leg.legs[number], rows, pool, context, own[number], ef)

    worthwhile = sum(part.rows.count for part in rows) >= PARALLEL_ROWS_MIN
    ranked_legs = side_by_side(rank, range(len(leg.legs)), worthwhile=worthwhile)
    counters[:] = [counter for some in own for counter in some]
    found: list[RankedLeg] = []
    whole = True
    for ranked in ranked_legs:
        whole = whole and len(ranked.keys) < pool
        known = np.isfinite(ranked.keys)
        places = (ranked.shards[known] << PLACE_SHIFT) | ranked.row_ids[known]
        found.append((places, ranked.keys[known], False))
    return found, whole


def rank_constant(fusion: bound.Fusion, context: Context) -> float:
    return float(_option("k", fusion.k, 60.0, context))


def weights(fusion: bound.Fusion, context: Context) -> list[float]:
    """A number for each leg."""
    given = fusion.weights
    if len(given) == 1 and types.element_of(given[0].type) is not None:
        found = constant(given[0], context)
    else:
        found = [constant(weight, context) for weight in given]
    check_weights(found, len(fusion.legs))
    return list(found)


def _option(
    name: str, expression: bound.Expression | None, default: Any, context: Context
) -> Any:
    if expression is None:
        return default
    value = constant(expression, context)
    check_option(name, value)
    return value


def _fused(
    leg: FusionLeg, rows: list[ShardRows], pool: int, context: Context, counters: Counters
) -> tuple[np.ndarray, np.ndarray, bool]:
    legs, whole = ranked_legs(leg, rows, pool, context, counters)
    k = rank_constant(leg.fusion, context)
    places, scores = fuse(leg.fusion.kind, legs, weights(leg.fusion, context), k)
    return _ties_by_key(places, scores, rows, context), scores, whole


def _ties_by_key(
    places: np.ndarray, scores: np.ndarray, rows: list[ShardRows], context: Context
) -> np.ndarray:
    """The places, those of equal scores in the order of the primary key, where the table has one."""
    equal = scores[1:] == scores[:-1]
    if not equal.any():
        return places
    key = context.catalog.table(rows[0].shard.table_oid).primary_key
    if not key:
        return places
    tied = np.zeros(len(scores), bool)
    tied[1:] |= equal
    tied[:-1] |= equal
    at = np.flatnonzero(tied)
    keys = [_key_column(attnum, places[at], rows) for attnum in key]
    order = sorted(range(len(at)), key=lambda i: (-scores[at[i]], *(column[i] for column in keys)))
    found = places.copy()
    found[at] = places[at[order]]
    return found


def _key_column(attnum: int, places: np.ndarray, rows: list[ShardRows]) -> list[Datum]:
    values: list[Datum] = [None] * len(places)
    shards, row_ids = split(places)
    for position in np.unique(shards).tolist():
        mine = np.flatnonzero(shards == position)
        read = rows[position].shard.gather(attnum, row_ids[mine])
        for i, value in zip(mine.tolist(), read, strict=True):
            values[i] = value
    return values


def split(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(shard positions, row ids)."""
    return places >> PLACE_SHIFT, places & ((np.int64(1) << PLACE_SHIFT) - 1)


def _diversified(
    leg: MmrLeg,
    rows: list[ShardRows],
    pool: int,
    count: int,
    context: Context,
    counters: Counters,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """The first `count` of a pool: what comes later does not change them."""
    if isinstance(leg.leg, VectorLeg):
        counters.clear()
        ranked = rank_leg(leg.leg, rows, pool, context, counters, max(EF_MIN, EF_FACTOR * pool))
        whole = len(ranked.keys) < pool
        known = np.isfinite(ranked.keys)
        places = (ranked.shards[known] << PLACE_SHIFT) | ranked.row_ids[known]
        candidates: RankedLeg = places, ranked.keys[known], False
    else:
        listed = fused_list(leg.leg, rows, pool, context, counters)
        whole = listed.whole and len(listed.row_ids) <= pool
        places = listed.row_ids[:pool]
        candidates = places, listed.scores[:pool], True
    vectors = _vectors(leg.likeness, places, rows, context)
    balance = _option("balance", leg.mmr.balance, 0.5, context)
    relevance = normalised("relative_score", candidates)
    chosen, scores = diversify(relevance, vectors, balance, count)
    return places[chosen], scores, whole and len(chosen) == len(places)


def _vectors(
    leg: VectorLeg, places: np.ndarray, rows: list[ShardRows], context: Context
) -> np.ndarray:
    """What is on the left of the distance, f32[places, dims]; zeros for null."""
    shards, row_ids = split(places)
    found: np.ndarray | None = None
    for position in np.unique(shards).tolist():
        mine = np.flatnonzero(shards == position)
        shard = rows[position].shard
        own = own_index(leg.index, shard, context)
        read = np.asarray(vector_view(shard, leg.distance, own).array[row_ids[mine]])
        if found is None:
            found = np.zeros((len(places), read.shape[1]), np.float32)
        found[mine] = read
    return np.zeros((0, 1)) if found is None else found
