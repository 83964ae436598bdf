"""The best k rows of a row set by any leg: by one scan, by fused ones, or by what autocut leaves of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlvec.exec.context import Context
from sqlvec.exec.fused_scan import fused_list, split
from sqlvec.exec.prefilter import ShardRows
from sqlvec.exec.ranked_scan import Ranked, rank_leg
from sqlvec.index.fusion import autocut
from sqlvec.plan.native import relations_of
from sqlvec.plan.physical import FusionLeg, Leg, MmrLeg, TextLeg, VectorLeg

AUTOCUT_ROWS = 100  # whose scores decide where a single leg is cut, however few are asked for


def rank(leg: Leg, rows: list[ShardRows], k: int, context: Context) -> Ranked:
    """The best k rows of all shards."""
    counters: list[dict[str, Any]] = []
    if isinstance(leg, (VectorLeg, TextLeg)):
        jumps: Any = context.settings.get("sqlvec.autocut")
        if jumps:
            found = _cut(rank_leg(leg, rows, max(k, AUTOCUT_ROWS), context, counters), jumps, k)
        else:
            found = rank_leg(leg, rows, k, context, counters)
    else:
        listed = fused_list(leg, rows, k, context, counters)
        found = Ranked(*split(listed.row_ids[:k]), listed.scores[:k])
    if context.observed is not None and rows:
        observed = context.observed.setdefault(_relation_id(leg), {})
        observed["rows"] = sum(part.rows.count for part in rows)
        if not isinstance(leg, (VectorLeg, TextLeg)):
            observed["legs"] = counters
        elif counters:
            observed.update(counters[0])
    return found


def scores_of(
    leg: FusionLeg | MmrLeg, rows: list[ShardRows], row_ids: list[np.ndarray], context: Context
) -> list[np.ndarray]:
    """Fused scores (f64) of rows of each shard; 0 for those that no leg ranks."""
    ranked = rank(leg, rows, sum(part.rows.count for part in rows), context)
    places = zip(ranked.shards.tolist(), ranked.row_ids.tolist(), strict=True)
    scores = dict(zip(places, ranked.keys.tolist(), strict=True))
    return [
        np.array([scores.get((shard, row_id), 0.0) for row_id in mine.tolist()])
        for shard, mine in enumerate(row_ids)
    ]


def _cut(ranked: Ranked, jumps: int, k: int) -> Ranked:
    known = int(np.isfinite(ranked.keys).sum())
    if autocut(-ranked.keys[:known], jumps) < known:
        k = min(k, autocut(-ranked.keys[:known], jumps))
    return Ranked(ranked.shards[:k], ranked.row_ids[:k], ranked.keys[:k])


def _relation_id(leg: Leg) -> int:
    if isinstance(leg, MmrLeg):
        leg = leg.leg
    if isinstance(leg, FusionLeg):
        return _relation_id(leg.legs[0])
    assert not isinstance(leg, MmrLeg)
    ranked = leg.distance.left if isinstance(leg, VectorLeg) else leg.score.columns[0]
    return next(iter(relations_of(ranked)))
