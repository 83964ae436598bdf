"""Sources: what tables contribute to the relational engine, as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Sequence as SequenceRelation
from sqlvec.catalog.objects import Table
from sqlvec.catalog.system.rows import system_columns
from sqlvec.catalog.system.tables import TABLEOID, XMIN
from sqlvec.exec.context import Context
from sqlvec.exec.explain_score import explanations
from sqlvec.exec.hidden_columns import hidden_values
from sqlvec.exec.limit import row_limit
from sqlvec.exec.pieces import PIECE_ROWS, Pieces
from sqlvec.exec.prefilter import ShardRows, prefilter, row_distances
from sqlvec.exec.ranked_rows import rank, scores_of
from sqlvec.exec.ranked_scan import key_datums
from sqlvec.exec.text_query import other_statistics, text_query
from sqlvec.index.row_set import RowSet
from sqlvec.plan.native import is_constant, relations_of
from sqlvec.plan.physical import (
    FusionLeg,
    MmrLeg,
    SystemSource,
    TableSource,
)
from sqlvec.plan.ranking import Ground, leg_of
from sqlvec.sql import bound
from sqlvec.sql.bind_modifying import RETURNED
from sqlvec.sql.system_columns import ROW_ID_ORDINAL
from sqlvec.sql.tree import walk
from sqlvec.storage.part import vector_dims

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

_COMPUTED_TYPES = {bound.TextMatch: pa.bool_(), bound.Explanation: pa.string()}
_COMPUTED = (bound.Distance, bound.TextScore, bound.TextMatch)


def materialize(source: TableSource | SystemSource, context: Context) -> pa.Table | Pieces:
    """The source's rows: columns c{ordinal}, and those computed under their names. Many rows among others are
    copied in pieces, as they are read.
    """
    context.check_cancelled()
    if isinstance(source, SystemSource):
        return _system(source, context)
    rows = prefilter(source.prefilter, context)
    table = source.prefilter.scan.table
    if source.ranking is not None:
        return _ranked(source, rows, table, context)
    if context.observed is not None:
        counters = context.observed.setdefault(source.prefilter.scan.relation_id, {})
        counters["rows"] = sum(part.rows.count for part in rows)
    hidden = any(ordinal >= ROW_ID_ORDINAL for ordinal in source.ordinals)
    if not (source.computed or hidden) and _are_many(rows):
        return _pieces(source.ordinals, rows, _empty(source, table).schema)
    tables = []
    computed = {}
    if source.computed:
        computed = _computed(source, rows, [part.rows.ids() for part in rows], context)
    for position, part in enumerate(rows):
        columns = arrow_columns(part.shard, source.ordinals, part.rows)
        for name, arrays in computed.items():
            columns[name] = arrays[position]
        tables.append(_table(columns, part.rows.count))
    if not tables:
        return _empty(source, table)
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def _are_many(rows: list[ShardRows]) -> bool:
    return any(PIECE_ROWS < part.rows.count < part.rows.row_count for part in rows)


def _pieces(ordinals: Sequence[int], rows: list[ShardRows], schema: pa.Schema) -> Pieces:
    attnums = [ordinal + 1 for ordinal in ordinals]

    def batches() -> Iterator[pa.RecordBatch]:
        for part in rows:
            for arrays, count in part.shard.take_pieces(attnums, part.rows, PIECE_ROWS):
                columns = arrays or [pa.nulls(count, pa.bool_())]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return Pieces(schema, sum(part.rows.count for part in rows), batches)


def _table(columns: dict[str, pa.Array | pa.ChunkedArray], row_count: int) -> pa.Table:
    if not columns:
        return pa.table({"c_": pa.nulls(row_count, pa.bool_())})
    return pa.table(columns)


def _empty(source: TableSource, table: Table) -> pa.Table:
    fields = []
    for ordinal in source.ordinals:
        if ordinal >= ROW_ID_ORDINAL:
            fields.append(pa.field(f"c{ordinal}", pa.int64()))
            continue
        column = table.column_by_attnum(ordinal + 1)
        arrow = column.type.definition.arrow(column.type.typmod)
        fields.append(pa.field(f"c{ordinal}", arrow))
    for name, expression in source.computed:
        fields.append(pa.field(name, _COMPUTED_TYPES.get(type(expression), pa.float64())))
    if not fields:
        fields.append(pa.field("c_", pa.bool_()))
    return pa.schema(fields).empty_table()


def arrow_columns(
    shard: Shard, ordinals: Sequence[int], rows: RowSet | np.ndarray
) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Columns of a shard, named c{ordinal}, hidden ones last, for the given rows; ids are taken in their order."""
    attnums = [ordinal + 1 for ordinal in ordinals if ordinal < ROW_ID_ORDINAL]
    taken = shard.take(attnums, rows)
    columns = {f"c{attnum - 1}": taken.column(i) for i, attnum in enumerate(attnums)}
    for ordinal in ordinals[len(attnums) :]:
        ids = rows.ids() if isinstance(rows, RowSet) else rows
        columns[f"c{ordinal}"] = pa.array(hidden_values(ordinal, shard, ids))
    return columns


def _ranked(
    source: TableSource, rows: list[ShardRows], table: Table, context: Context
) -> pa.Table:
    assert source.ranking is not None
    limit = row_limit(source.limit, source.offset, context)
    total = sum(part.rows.count for part in rows)
    ranked = rank(source.ranking.leg, rows, limit.needed(total), context)
    tables = []
    order = [np.flatnonzero(ranked.shards == position) for position in range(len(rows))]
    chosen = [ranked.row_ids[mine] for mine in order]
    computed = _computed(source, rows, chosen, context)
    for position, (part, ids) in enumerate(zip(rows, chosen, strict=True)):
        columns = arrow_columns(part.shard, source.ordinals, ids)
        for name, expression in source.computed:
            if expression == source.ranking.key:
                keys = ranked.keys[order[position]]
                columns[name] = pa.array(key_datums(keys), pa.float64())
            else:
                columns[name] = computed[name][position]
        tables.append(_table(columns, len(ids)))
    if not tables:
        return _empty(source, table)
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables(tables).take(pa.array(np.argsort(np.concatenate(order))))


def _computed(
    source: TableSource, rows: list[ShardRows], row_ids: list[np.ndarray], context: Context
) -> dict[str, list[pa.Array]]:
    """Computed columns but the ranking's, by name: of each shard an array in the order of its row_ids."""
    found = {}
    for name, expression in source.computed:
        if source.ranking is not None and expression == source.ranking.key:
            continue
        if isinstance(expression, (bound.Fusion, bound.Mmr, bound.Explanation)):
            found[name] = _over_all_shards(
                expression, source.prefilter.scan.table, rows, row_ids, context
            )
        else:
            found[name] = [
                computed_array(expression, part, ids, context)
                for part, ids in zip(rows, row_ids, strict=True)
            ]
    return found


def computed_arrays(
    expression: bound.Expression, part: ShardRows, context: Context
) -> dict[str, tuple[bound.Expression, pa.Array]]:
    """Distances and scores inside an expression that are against constants, over the rows in id order."""
    found: dict[str, tuple[bound.Expression, pa.Array]] = {}
    for node in set(walk(expression)):
        if not isinstance(node, _COMPUTED):
            continue
        against = node.right if isinstance(node, bound.Distance) else node.query
        if is_constant(against) and _is_stored(node):
            name = f"computed{len(found)}"
            found[name] = (node, computed_array(node, part, part.rows.ids(), context))
    return found


def _is_stored(node: bound.Expression) -> bool:
    if not isinstance(node, bound.Distance):
        return True
    left = node.left
    return isinstance(left, bound.ColumnRef) and vector_dims(left.type) > 0


def computed_array(
    expression: bound.Expression, part: ShardRows, row_ids: np.ndarray, context: Context
) -> pa.Array:
    """The value of a distance, score or match for rows of one shard, in the order of row_ids."""
    if isinstance(expression, bound.Distance):
        return _distance_array(_column_left(expression), part, row_ids, context)
    if isinstance(expression, bound.TextMatch):
        return pa.array(_match(expression, part, context).contains(row_ids))
    assert isinstance(expression, bound.TextScore), expression
    return pa.array(text_scores(expression, part, row_ids, context))


def _over_all_shards(
    expression: bound.Fusion | bound.Mmr | bound.Explanation,
    table: Table,
    rows: list[ShardRows],
    row_ids: list[np.ndarray],
    context: Context,
) -> list[pa.Array]:
    """Fused scores, or explanations, of rows of each shard of the table: all are ranked together."""
    if not rows:
        return []
    ranked = expression.ranked if isinstance(expression, bound.Explanation) else expression
    assert ranked is not None, expression
    relation_id = next(iter(relations_of(ranked)))
    leg = leg_of(ranked, Ground(relation_id, table, context.catalog))
    assert leg is not None, ranked
    if not isinstance(expression, bound.Explanation):
        assert isinstance(leg, (FusionLeg, MmrLeg)), leg
        return [pa.array(scores) for scores in scores_of(leg, rows, row_ids, context)]
    shards = np.repeat(np.arange(len(rows)), [len(ids) for ids in row_ids])
    texts = iter(explanations(leg, rows, shards, np.concatenate(row_ids), context))
    return [pa.array([next(texts) for _ in ids], pa.string()) for ids in row_ids]


def _column_left(distance: bound.Distance) -> bound.Distance:
    if isinstance(distance.left, bound.ColumnRef):
        return distance
    return bound.Distance(distance.type, distance.metric, distance.right, distance.left)


def _distance_array(
    distance: bound.Distance, part: ShardRows, row_ids: np.ndarray, context: Context
) -> pa.Array:
    rows = RowSet.from_ids(row_ids, part.rows.row_count)
    ids, values = row_distances(part.shard, distance, rows, context)
    result = np.full(len(row_ids), np.nan)
    known = np.zeros(len(row_ids), dtype=bool)
    if len(ids):
        order = np.argsort(row_ids, kind="stable")
        places = order[np.searchsorted(row_ids[order], ids)]
        result[places] = values
        known[places] = True
    return pa.array(result, mask=~known)


def _match(expression: bound.TextMatch, part: ShardRows, context: Context) -> RowSet:
    asked = text_query(expression, part, context)
    if asked is None:
        return RowSet.empty(part.visible.row_count)
    index, query = asked
    matched: RowSet = index.match(query, part.visible)
    return matched


def text_scores(
    expression: bound.TextScore, part: ShardRows, row_ids: np.ndarray, context: Context
) -> np.ndarray:
    """Negated BM25 scores (f64) of the rows; 0 where the query does not match."""
    asked = text_query(expression, part, context)
    if asked is None:
        return np.zeros(len(row_ids))
    index, query = asked
    others = other_statistics(expression, part, context)
    scores = index.scores(query, part.visible, row_ids, others)
    return np.where(scores == 0.0, 0.0, -scores)


def _system(source: SystemSource, context: Context) -> pa.Table:
    scan = source.scan
    if scan.table.kind == RETURNED:
        rows = context.returned[scan.table.oid]
        return _table({f"c{i}": rows.column(i) for i in source.ordinals}, len(rows))
    if scan.table.kind == "S":
        return _sequence(source, context)
    names = [column.name for column in scan.table.columns] + [TABLEOID, XMIN]
    wanted = [names[i] for i in source.ordinals] or names[:1]
    found = system_columns(scan.table, context.catalog, context.surroundings(), wanted)
    columns = {f"c{i}": found[names[i]] for i in source.ordinals}
    return _table(columns, len(found[wanted[0]]))


def _sequence(source: SystemSource, context: Context) -> pa.Table:
    """SELECT from a sequence: its count."""
    sequence = context.catalog.relations[source.scan.table.oid]
    assert isinstance(sequence, SequenceRelation), sequence
    value = context.store.sequence_value(sequence)
    columns = [
        pa.array([value.last_value], pa.int64()), pa.array([0], pa.int64()),
        pa.array([value.is_called]), pa.array([sequence.oid], pa.uint32()),
    ]  # fmt: skip
    return _table({f"c{i}": columns[i] for i in source.ordinals}, 1)
