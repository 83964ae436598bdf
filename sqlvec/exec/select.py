"""Running queries: natively, or by the relational engine over our sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.exec.arrow_rows import ArrowColumn
from sqlvec.exec.catalog_answers import answered
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import Evaluator, compile_expression, constant
from sqlvec.exec.explain_score import explanations
from sqlvec.exec.hand_fusion import run_hand_fusion, run_recognised
from sqlvec.exec.hidden_columns import hidden_values
from sqlvec.exec.limit import RowLimit, row_limit
from sqlvec.exec.locking import run_locking
from sqlvec.exec.ordering import sorted_places
from sqlvec.exec.pieces import Pieces
from sqlvec.exec.prefilter import ShardRows, prefilter
from sqlvec.exec.ranked_rows import rank
from sqlvec.exec.ranked_scan import key_datums
from sqlvec.exec.result import Batch, arrow_table
from sqlvec.exec.source import materialize, text_scores
from sqlvec.plan.physical import (
    Constants,
    HandFusion,
    LateralSource,
    LockingSelect,
    NativeSelect,
    QueryPlan,
    QuerySource,
    Recognised,
    Remainder,
    Source,
)
from sqlvec.sql import bound
from sqlvec.sql.system_columns import ROW_ID_ORDINAL
from sqlvec.sql.tree import children

NATIVE_ROWS_MAX = 2_000  # beyond: sorting and projecting is the relational engine's
BATCH_ROWS = 1_000
_TIES = 64


def run_query(plan: QueryPlan, context: Context) -> Iterator[Batch]:
    """Batches of column lists of datums."""
    if isinstance(plan, NativeSelect):
        return NativeRun(plan, context).batches()
    if isinstance(plan, Constants):
        return _constants(plan, context)
    if isinstance(plan, LockingSelect):
        return run_locking(plan, context, run_query)
    if isinstance(plan, HandFusion):
        return run_hand_fusion(plan, context, run_query)
    if isinstance(plan, Recognised):
        return run_recognised(plan, context, run_query)
    return answered(plan, context, run_remainder)


def _constants(plan: Constants, context: Context) -> Iterator[Batch]:
    yield [[constant(target.expression, context)] for target in plan.targets]


def run_remainder(plan: Remainder, context: Context) -> Iterator[Batch]:
    """Streams the relational engine's answer as columns of our types."""
    for table in run_remainder_arrow(plan, context):
        yield [
            ArrowColumn(column.type, _chunk(table.column(i)))
            for i, column in enumerate(plan.columns)
        ]


def run_remainder_arrow(
    plan: Remainder, context: Context, given: Mapping[int, pa.Table] = MappingProxyType({})
) -> Iterator[pa.RecordBatch | pa.Table]:
    """given: relations that are at hand."""
    sources: dict[int, pa.Table | Pieces] = {
        relation_id: _source(source, context) for relation_id, source in plan.sources
    }
    sources.update(given)
    computed = {expression: (relation, name) for expression, relation, name in plan.computed}
    return context.relational().run(plan.query, sources, context, computed)


def _source(source: Source, context: Context) -> pa.Table | Pieces:
    if isinstance(source, LateralSource):
        return arrow_table(_lateral(source, context), source.columns)
    if not isinstance(source, QuerySource):
        return materialize(source, context)
    return arrow_table(run_query(source.plan, context), source.plan.columns)


def _lateral(source: LateralSource, context: Context) -> Iterator[Batch]:
    """The subquery's rows for each row of values, which come after them."""
    given = source.first_parameter - 1
    known = [*context.parameters[:given], *[None] * (given - len(context.parameters))]
    values = [row for batch in run_query(source.values, context) for row in zip(*batch, strict=True)]
    for row in values:
        context.check_cancelled()
        inner = replace(context, parameters=[*known, *row])
        for batch in run_query(source.plan, inner):
            count = len(batch[0])
            yield [*map(list, batch), *([value] * count for value in row)]


def _chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column


class NativeRun:
    """One execution of a NativeSelect."""

    def __init__(self, plan: NativeSelect, context: Context) -> None:
        self.plan = plan
        self.context = context
        self.table = plan.prefilter.scan.table

    def batches(self) -> Iterator[Batch]:
        plan, context = self.plan, self.context
        limit = row_limit(plan.limit, plan.offset, context)
        rows = prefilter(plan.prefilter, context)
        total = sum(part.rows.count for part in rows)
        if plan.ranking is not None:
            return self._ranked(rows, limit, total)
        if context.observed is not None:
            relation_id = plan.prefilter.scan.relation_id
            context.observed.setdefault(relation_id, {})["rows"] = total
        wanted = total if plan.sort else limit.needed(total)
        if wanted > NATIVE_ROWS_MAX and plan.fallback is not None:
            return run_remainder(plan.fallback, context)
        return self._plain(rows, limit)

    # ---------------------------------------------------------------- ranked

    def _ranked(self, rows: list[ShardRows], limit: RowLimit, total: int) -> Iterator[Batch]:
        ranking = self.plan.ranking
        assert ranking is not None
        needed = limit.needed(total)
        if ranking.extra:
            needed = min(total, needed + _TIES)  # rows equal at the border take part in the tie
        ranked = rank(ranking.leg, rows, needed, self.context)
        if ranking.extra:
            last = needed - _TIES - 1
            while last >= 0 and len(ranked.keys) == needed < total:
                if ranked.keys[-1] != ranked.keys[last]:
                    break
                needed = min(total, needed * 4)  # ties reach beyond what was ranked
                ranked = rank(ranking.leg, rows, needed, self.context)
            return self._tied(rows, limit, ranked)
        cut = limit.cut(len(ranked.row_ids))
        if self.plan.plain is not None and len(rows) == 1 and needed <= BATCH_ROWS:
            return iter((self._columns(rows[0], ranked.row_ids[cut], ranked.keys[cut]),))
        places = np.stack([ranked.shards[cut], ranked.row_ids[cut]])
        keys = key_datums(ranked.keys[cut])
        return self._project(rows, places, {ranking.key: keys})

    def _tied(self, rows: list[ShardRows], limit: RowLimit, ranked: Any) -> Iterator[Batch]:
        """Orders by the ranking key, then by the further sort keys."""
        ranking = self.plan.ranking
        assert ranking is not None
        places = np.stack([ranked.shards, ranked.row_ids])
        keys = key_datums(ranked.keys)
        first = bound.SortKey(ranking.key, isinstance(ranking.key, (bound.Fusion, bound.Mmr)))
        order = self._order(rows, places, (first, *ranking.extra), {ranking.key: keys})
        order = order[limit.cut(len(order))]
        chosen = [keys[i] for i in order]
        return self._project(rows, places[:, order], {ranking.key: chosen})

    # ---------------------------------------------------------------- plain

    def _plain(self, rows: list[ShardRows], limit: RowLimit) -> Iterator[Batch]:
        count = sum(part.rows.count for part in rows)
        if not self.plan.sort and limit.limit is not None:
            count = limit.needed(count)
        if self.plan.plain is not None and not self.plan.sort and len(rows) == 1 and count <= BATCH_ROWS:
            ids = rows[0].rows.ids()[limit.cut(count)]
            return iter((self._columns(rows[0], ids, ids),))
        places = self._places(rows, count)
        if self.plan.sort:
            order = self._order(rows, places, self.plan.sort, {})
            places = places[:, order]
        return self._project(rows, places[:, limit.cut(places.shape[1])], {})

    def _places(self, rows: list[ShardRows], count: int) -> np.ndarray:
        """Shard positions and row ids of the first `count` rows, as i64[2, count]."""
        shards, ids = [], []
        left = count
        for position, part in enumerate(rows):
            if left <= 0:
                break
            mine = part.rows.ids()[:left]
            shards.append(np.full(len(mine), position, dtype=np.int64))
            ids.append(mine)
            left -= len(mine)
        if not ids:
            return np.empty((2, 0), dtype=np.int64)
        return np.stack([np.concatenate(shards), np.concatenate(ids)])

    def _order(
        self,
        rows: list[ShardRows],
        places: np.ndarray,
        sort: tuple[bound.SortKey, ...],
        known: dict[bound.Expression, list[Datum]],
    ) -> list[int]:
        expressions = tuple(key.expression for key in sort)
        columns = self._evaluate(rows, places, expressions, known)
        keyed = list(zip(*columns, strict=True)) if columns else []
        return sorted_places(keyed, sort)

    # ---------------------------------------------------------------- projection

    def _columns(self, part: ShardRows, ids: np.ndarray, keys: np.ndarray) -> Batch:
        """The targets of a plain plan for rows of one shard."""
        assert self.plan.plain is not None
        gather = part.shard.gather
        return [
            gather(attnum, ids) if attnum else key_datums(keys)
            for attnum in self.plan.plain
        ]

    def _project(
        self,
        rows: list[ShardRows],
        places: np.ndarray,
        known: dict[bound.Expression, list[Datum]],
    ) -> Iterator[Batch]:
        expressions = tuple(target.expression for target in self.plan.targets)
        count = places.shape[1]
        if count <= BATCH_ROWS:
            yield self._evaluate(rows, places, expressions, known)
            return
        for start in range(0, count, BATCH_ROWS):
            self.context.check_cancelled()
            some = {key: values[start : start + BATCH_ROWS] for key, values in known.items()}
            yield self._evaluate(rows, places[:, start : start + BATCH_ROWS], expressions, some)

    def _evaluate(
        self,
        rows: list[ShardRows],
        places: np.ndarray,
        expressions: tuple[bound.Expression, ...],
        known: dict[bound.Expression, list[Datum]],
    ) -> list[list[Datum]]:
        """Columns of datums, one per expression, for the rows at `places`."""
        columns = dict(known)
        for expression in expressions:
            for node in _leaves(expression, columns):
                columns[node] = self._leaf(node, rows, places)
        return project(expressions, columns, places.shape[1], self.context)

    def _leaf(
        self, node: bound.Expression, rows: list[ShardRows], places: np.ndarray
    ) -> list[Datum]:
        if isinstance(node, bound.Explanation):
            assert self.plan.ranking is not None
            return [*explanations(self.plan.ranking.leg, rows, places[0], places[1], self.context)]
        if len(rows) == 1:
            return self._read(node, rows[0], places[1])
        values: list[Datum] = [None] * places.shape[1]
        for position, part in enumerate(rows):
            mine = np.flatnonzero(places[0] == position)
            if len(mine):
                for i, value in zip(
                    mine.tolist(), self._read(node, part, places[1, mine]), strict=True
                ):
                    values[i] = value
        return values

    def _read(self, node: bound.Expression, part: ShardRows, ids: np.ndarray) -> list[Datum]:
        if isinstance(node, bound.ColumnRef):
            if node.ordinal >= ROW_ID_ORDINAL:
                hidden: list[Datum] = hidden_values(node.ordinal, part.shard, ids).tolist()
                return hidden
            return part.shard.gather(node.ordinal + 1, ids)
        assert isinstance(node, bound.TextScore), node
        return text_scores(node, part, ids, self.context).tolist()


def _leaves(
    expression: bound.Expression, known: dict[bound.Expression, list[Datum]]
) -> list[bound.Expression]:
    """What must be read from storage to evaluate the expression."""
    if expression in known:
        return []
    if isinstance(expression, bound.ColumnRef):
        return [expression]
    found: list[bound.Expression] = []
    stack = [expression]
    while stack:
        node = stack.pop()
        if node in known:
            continue
        if isinstance(node, (bound.ColumnRef, bound.TextScore, bound.Explanation)):
            found.append(node)
            continue
        stack.extend(children(node))
    return found


def project(
    expressions: tuple[bound.Expression, ...],
    columns: dict[bound.Expression, list[Datum]],
    row_count: int,
    context: Context,
) -> list[list[Datum]]:
    """Columns of the expressions' values; plain columns are passed on as they are."""
    result: list[list[Datum]] = []
    slots = {node: i for i, node in enumerate(columns)}
    rows: list[tuple[Datum, ...]] | None = None
    for expression in expressions:
        if expression in columns:
            result.append(columns[expression])
            continue
        evaluator = _compiled(expression, tuple(slots), slots)
        if rows is None:
            rows = list(zip(*columns.values(), strict=True)) if columns else [()] * row_count
        result.append([evaluator(row, context) for row in rows])
    return result


_evaluators: dict[tuple[bound.Expression, tuple[bound.Expression, ...]], Evaluator] = {}
_EVALUATORS_MAX = 1_000


def _compiled(
    expression: bound.Expression,
    order: tuple[bound.Expression, ...],
    slots: dict[bound.Expression, int],
) -> Evaluator:
    key = (expression, order)
    found = _evaluators.get(key)
    if found is None:
        if len(_evaluators) >= _EVALUATORS_MAX:
            _evaluators.clear()
        found = _evaluators[key] = compile_expression(expression, slots)
    return found
