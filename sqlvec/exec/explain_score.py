"""explain_score(): how rows came by their scores, as jsonb.

    {"score", "fusion", "k", "pool", "legs": [{"leg", "weight", "rank", "raw", "normalised", "share", "terms"}]}

of a fusion; k is of rrf. A leg that has not ranked the row down to the pool's end has null for its rank. A single
leg has "score" and one of "legs", without weight, normalised and share; mmr() has "score", "balance" and "of", the
explanation of what it diversifies. terms are those of the query that the row has: tf, how often it has the term;
idf over the visible rows; length, the number of terms of the row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sqlvec.exec.context import Context
from sqlvec.exec.evaluate import constant
from sqlvec.exec.fused_scan import (
    PLACE_SHIFT,
    fused_list,
    rank_constant,
    ranked_legs,
    split,
    weights,
)
from sqlvec.exec.prefilter import ShardRows
from sqlvec.exec.ranked_scan import rank_leg
from sqlvec.exec.text_query import text_query
from sqlvec.index.fusion import normalised, ranks
from sqlvec.plan.explain import render
from sqlvec.plan.physical import FusionLeg, Leg, MmrLeg, TextLeg, VectorLeg
from sqlvec.sql import bound
from sqlvec.types.json_types import canonical

Document = dict[str, Any]


def explanations(
    leg: Leg, rows: list[ShardRows], shards: np.ndarray, row_ids: np.ndarray, context: Context
) -> list[str]:
    """jsonb datums, one for each row."""
    places = (shards << PLACE_SHIFT) | row_ids
    found = _explain(leg, rows, places, context)
    return [canonical(found[place]) for place in places.tolist()]


def _explain(
    leg: Leg, rows: list[ShardRows], places: np.ndarray, context: Context
) -> dict[int, Document]:
    if isinstance(leg, FusionLeg):
        return _of_fusion(leg, rows, places, context)
    if isinstance(leg, MmrLeg):
        scores = _scores(leg, rows, places, context)[0]
        inner = _explain(leg.leg, rows, places, context)
        balance = constant(leg.mmr.balance, context)
        return {
            place: {"score": scores.get(place, 0.0), "balance": balance, "of": inner[place]}
            for place in places.tolist()
        }
    return _of_leg(leg, rows, places, context)


def _until_found(
    listed: Callable[[int], tuple[np.ndarray, bool]], places: np.ndarray
) -> None:
    """Calls for longer lists until one has all the places, or everything."""
    count = max(64, len(places))
    while True:
        have, whole = listed(count)
        if whole or np.isin(places, have).all():
            return
        count *= 4


def _scores(
    leg: FusionLeg | MmrLeg, rows: list[ShardRows], places: np.ndarray, context: Context
) -> tuple[dict[int, float], dict[int, int]]:
    """Of each place its score, and the pool with which it came in."""
    found: list[Any] = []

    def listed(count: int) -> tuple[np.ndarray, bool]:
        found[:] = [fused_list(leg, rows, count, context, [])]
        return found[0].row_ids, found[0].whole

    _until_found(listed, places)
    ids = found[0].row_ids.tolist()
    return (
        dict(zip(ids, found[0].scores.tolist(), strict=True)),
        dict(zip(ids, found[0].pools.tolist(), strict=True)),
    )


def _of_fusion(
    leg: FusionLeg, rows: list[ShardRows], places: np.ndarray, context: Context
) -> dict[int, Document]:
    scores, pools = _scores(leg, rows, places, context)
    fusion = leg.fusion
    k = rank_constant(fusion, context)
    found: dict[int, Document] = {}
    for pool in sorted({pools.get(place, 0) for place in places.tolist()} - {0}):
        legs, _ = ranked_legs(leg, rows, pool, context, [])
        mine = [place for place in places.tolist() if pools.get(place) == pool]
        for place in mine:
            found[place] = {"score": scores[place], "fusion": fusion.kind, "pool": pool, "legs": []}
            if fusion.kind == "rrf":
                found[place]["k"] = k
        for part, ranked, weight in zip(leg.legs, legs, weights(fusion, context), strict=True):
            listed = _listed(part, ranked[0], ranked[1], rows, context, mine)
            shares = normalised(fusion.kind, ranked, k)
            at = {place: i for i, place in enumerate(ranked[0].tolist())}
            for place in mine:
                document = listed[place]
                document["weight"] = weight
                document["normalised"] = float(shares[at[place]]) if place in at else None
                document["share"] = weight * float(shares[at[place]]) if place in at else 0.0
                found[place]["legs"].append(document)
    for place in places.tolist():
        found.setdefault(place, {"score": 0.0, "fusion": fusion.kind, "legs": []})
    return found


def _of_leg(
    leg: VectorLeg | TextLeg, rows: list[ShardRows], places: np.ndarray, context: Context
) -> dict[int, Document]:
    total = sum(part.rows.count for part in rows)
    found: list[Any] = []

    def listed(count: int) -> tuple[np.ndarray, bool]:
        ranked = rank_leg(leg, rows, min(count, total), context, [])
        found[:] = [(ranked.shards << PLACE_SHIFT) | ranked.row_ids, ranked.keys]
        return found[0], len(ranked.keys) < count

    _until_found(listed, places)
    known = np.isfinite(found[1])
    documents = _listed(leg, found[0][known], found[1][known], rows, context, places.tolist())
    return {
        place: {"score": document["raw"], "legs": [document]}
        for place, document in documents.items()
    }


def _listed(
    leg: VectorLeg | TextLeg,
    ids: np.ndarray,
    values: np.ndarray,
    rows: list[ShardRows],
    context: Context,
    places: list[int],
) -> dict[int, Document]:
    """Of each place what a ranked leg says of it."""
    at = {place: i for i, place in enumerate(ids.tolist())}
    numbers = ranks(values)
    shown = _shown(leg, context)
    found = {}
    for place in places:
        i = at.get(place)
        document: Document = {"leg": shown, "rank": None, "raw": None}
        if i is not None:
            document["rank"] = int(numbers[i])
            document["raw"] = float(values[i])
        if isinstance(leg, TextLeg):
            document["terms"] = [] if i is None else _terms(leg, place, rows, context)
        found[place] = document
    return found


def _shown(leg: VectorLeg | TextLeg, context: Context) -> str:
    """The leg with the value that it is ranked against."""
    if isinstance(leg, VectorLeg):
        against = leg.distance.right
        value = bound.Const(against.type, constant(against, context))
        return render(replace(leg.distance, right=value))
    text = bound.Const(leg.score.query.type, constant(leg.score.query, context))
    return render(replace(leg.score, query=text))


def _terms(
    leg: TextLeg, place: int, rows: list[ShardRows], context: Context
) -> list[Document]:
    from sqlvec.index.bm25.query import terms_of

    shards, row_ids = split(np.array([place]))
    part = rows[int(shards[0])]
    asked = text_query(leg.score, part, context)
    assert asked is not None, leg.score
    index, query = asked
    fields = leg.score.fields or range(index.fields)
    counted: Counter[str] = Counter()
    for field, column in zip(fields, leg.score.columns, strict=True):
        (text,) = part.shard.gather(column.ordinal + 1, row_ids)
        counted.update(index.analysis.analyzers[field].terms(text or ""))
    terms = terms_of(query)
    idfs = index.idfs(terms, leg.score.fields, part.visible)
    return [
        {"term": term, "tf": counted[term], "idf": idf, "length": counted.total()}
        for term, idf in zip(terms, idfs, strict=True)
        if counted[term]
    ]
