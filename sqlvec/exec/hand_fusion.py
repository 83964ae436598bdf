"""Running a fusion written by hand: ranked lists, met by key, and the query's own expressions over the fused rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import numpy as np

from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import Slots, compile_expression
from sqlvec.exec.limit import row_limit
from sqlvec.exec.ordering import sorted_places
from sqlvec.exec.relational_numeric import add
from sqlvec.exec.result import Batch
from sqlvec.plan.physical import FusedBranch, HandFusion, QueryPlan, RankedList, Recognised

Row = tuple[Datum, ...]
RunQuery = Callable[[QueryPlan, Context], Iterator[Batch]]


class OtherThanRecognised(Exception):
    """A list has a row twice, or one without a key, or is not ranked by its own order after all."""


def fuses_what_is_recognised(context: Context) -> bool:
    return bool(context.settings.get("sqlvec.enable_fusion_rewrite"))


def run_recognised(plan: Recognised, context: Context, run_query: RunQuery) -> Iterator[Batch]:
    if fuses_what_is_recognised(context):
        try:
            batches = run_query(plan.plan, context)
            first = next(batches, None)
            if first is not None:
                yield first
            yield from batches
            return
        except OtherThanRecognised:
            pass  # raised before there is a first batch
    yield from run_query(plan.as_written, context)


def run_hand_fusion(plan: HandFusion, context: Context, run_query: RunQuery) -> Iterator[Batch]:
    """One batch: a fusion has no more rows than its lists."""
    limit = row_limit(plan.limit, plan.offset, context)
    fused = _fused(plan, context, run_query)
    slots = {expression: i for i, expression in enumerate(plan.values)}
    keys = [compile_expression(key.expression, slots) for key in plan.order_by]
    if keys:
        sorted_by = [tuple(key(row, context) for key in keys) for row in fused]
        fused = [fused[i] for i in sorted_places(sorted_by, plan.order_by)]
    fused = fused[limit.cut(len(fused))]
    targets = [compile_expression(target, slots) for target in plan.targets]
    yield [[target(row, context) for row in fused] for target in targets]


def _fused(plan: HandFusion, context: Context, run_query: RunQuery) -> list[Row]:
    found: dict[Row, list[Datum]] = {}
    for branch in plan.branches:
        seen = set()
        for key, shares in _branch_rows(branch, context, run_query):
            if key in seen or None in key:
                raise OtherThanRecognised
            seen.add(key)
            if plan.kind == "join":
                row = found.setdefault(key, [None] * len(plan.values))
                row[branch.first : branch.first + len(shares)] = shares
            else:
                row = found.setdefault(key, [*key, *[None] * len(shares)])
                for i, share in enumerate(shares, len(key)):
                    row[i] = _sum(row[i], share)
    return [tuple(row) for row in found.values()]


def _sum(total: Datum, share: Datum) -> Datum:
    if total is None or share is None:
        return share if total is None else total
    return add(total, share) if isinstance(total, Decimal) else total + share


def _branch_rows(
    branch: FusedBranch, context: Context, run_query: RunQuery
) -> Iterator[tuple[Row, Row]]:
    """The keys and shares of a list's rows."""
    slots: Slots = {column: i for i, column in enumerate(branch.columns)}
    keys = [compile_expression(key, slots) for key in branch.keys]
    shares = [compile_expression(share, slots) for share in branch.shares]
    for row in _ranked_rows(branch.ranked, context, run_query):
        key = tuple(evaluate(row, context) for evaluate in keys)
        yield key, tuple(evaluate(row, context) for evaluate in shares)


def _ranked_rows(
    ranked: RankedList, context: Context, run_query: RunQuery
) -> Iterator[Row]:
    """The list's rows with their ranks."""
    for one, other in ranked.alike:
        if not _equal(context.parameters[one - 1], context.parameters[other - 1]):
            raise OtherThanRecognised
    rows = [row for batch in run_query(ranked.plan, context) for row in zip(*batch, strict=True)]
    if not ranked.key_count:
        yield from rows
        return
    numbers = _ranks([row[len(row) - ranked.key_count :] for row in rows], ranked.kind)
    for row, number in zip(rows, numbers, strict=True):
        yield tuple(number if place < 0 else row[place] for place in ranked.columns)


def _ranks(keys: Sequence[Row], kind: str) -> list[int]:
    """The window function's value for rows in order of their keys."""
    if kind == "row_number":
        return list(range(1, len(keys) + 1))
    found: list[int] = []
    for place, key in enumerate(keys):
        if place and _same(key, keys[place - 1]):
            found.append(found[-1])
        elif kind == "rank":
            found.append(place + 1)
        else:
            found.append(found[-1] + 1 if found else 1)
    return found


def _equal(a: Datum, b: Datum) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)


def _same(a: Row, b: Row) -> bool:
    """Whether keys are peers: nulls are, and what is not a number."""
    return all(x is y or x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


