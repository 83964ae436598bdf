"""The row set of a statement, shard by shard: visible, of the tenant, and satisfying WHERE.

Computed before anything is ranked (architecture, section 1). Segments answer column predicates from their
filters; the memtable is compared column by column; what only the relational engine can decide is asked of
it last, over the rows that are left.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import DataException, InsufficientPrivilege, SerializationFailure
from sqlvec.exec.compare_column import compare_column
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import constant
from sqlvec.exec.heirs import heir_shards, places_of, stored, with_places
from sqlvec.exec.partition_pruning import partition_shards
from sqlvec.exec.placement import key_shards, own_index
from sqlvec.exec.text_query import text_query
from sqlvec.exec.time_travel import past_of
from sqlvec.exec.zone_search import ZoneSearch
from sqlvec.index.bm25.lexeme_index import LexemeIndex
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.distance import distances, padded
from sqlvec.plan.physical import (
    ROW_ID_SHARD_SHIFT,
    AllOf,
    AnyOf,
    ColumnPredicate,
    DistancePredicate,
    LexemePredicate,
    Predicate,
    Prefilter,
    Queried,
    Residual,
    TextPredicate,
)
from sqlvec.sql import bound
from sqlvec.storage.index_rows import packed_bits

if TYPE_CHECKING:
    from sqlvec.storage.index_rows import IndexView
    from sqlvec.storage.shard import Part, Shard
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Past
    from sqlvec.storage.vectors import VectorView

SHARDS_HELD_MAX = 16  # by one statement; more are found again when they are read
_LIMITS: dict[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(slots=True)
class Known:
    """What a scan finds out once for all shards. answers: i64, places of rows, by the id of the predicate that
    asked for them."""

    zones: ZoneSearch
    answers: dict[int, np.ndarray] = field(default_factory=dict)


@dataclass(slots=True)
class ShardRows:
    """A shard and its row set; visible is what statistics are taken over. past: the snapshot, if not the
    transaction's."""

    shard: Shard
    rows: RowSet
    visible: RowSet
    past: Past | None = None


class ClosedRows(ShardRows):
    """A shard's row set without the shard, which is found anew when it is asked for: a statement over all
    tenants keeps thousands of these."""

    def __init__(self, found: ShardRows, store: Store) -> None:
        self.shard_id, self.store, self._places = found.shard.shard_id, store, places_of(found.shard)
        self.rewritten = found.shard.directory.files.seqno
        self.rows, self.visible, self.past = found.rows, found.visible, found.past

    @property
    def shard(self) -> Shard:  # type: ignore[override]
        found = self.store.shard_by_id(self.shard_id)
        if found.directory.files.seqno != self.rewritten:  # its rows have other ids now
            raise SerializationFailure("could not serialize access due to concurrent update")
        return with_places(found, self._places)


def prefilter(plan: Prefilter, context: Context) -> list[ShardRows]:
    """The row sets of every shard in question; shards without a row are left out."""
    past: Past | None = None
    if plan.scan.as_of is not None:
        past = past_of(plan.scan, context)
    elif context.tx.tracked is not None:
        _note_reading(plan, context)
    if context.newer is not None and plan.scan.relation_id in context.newer:
        return list(_newer_rows(plan, context))
    if plan.key:
        return list(_key_rows(plan, context, past))
    found = []
    known = None if plan.predicate is None else Known(ZoneSearch(plan.scan.table, context))
    for shard in shards(plan, context):
        visible = shard.visible(past or context.tx)
        rows = visible
        if plan.predicate is not None and rows.count:
            rows = _Scan(plan.scan, shard, visible, context, known).apply(plan.predicate, rows)
            if context.observed is not None and known is not None:
                _count_zones(plan, shard, known.zones, context)
        if rows.count:
            found.append(ShardRows(shard, rows, visible, past))
            if len(found) > SHARDS_HELD_MAX:
                found[-1] = ClosedRows(found[-1], context.store)
    return found


def _count_zones(plan: Prefilter, shard: Shard, zones: ZoneSearch, context: Context) -> None:
    """For EXPLAIN ANALYZE: how many blocks of rows the predicate has ruled out."""
    assert context.observed is not None and plan.predicate is not None
    counters = context.observed.setdefault(plan.scan.relation_id, {})
    found = zip(counters.get("blocks", (0, 0)), zones.count(shard, plan.predicate), strict=True)
    counters["blocks"] = tuple(map(sum, found))


def shards(plan: Prefilter, context: Context) -> Iterable[Shard]:
    """The shards that hold the table's rows, bounded by the tenant (I8)."""
    table = plan.scan.table
    if table.shards > 1:
        attnums = [attnum for attnum, _ in plan.key]
        return key_shards(table, attnums, [[constant(v, context)] for _, v in plan.key], context)
    if table.partitioning is not None:
        return partition_shards(plan, context)
    if plan.scan.heirs:
        return heir_shards(table, context)
    if not table.tenant_attnum:
        shard = context.store.shard(table.oid)
        return [shard] if shard is not None else []
    wanted: set[str] = set()
    if plan.tenant is not None:
        wanted.add(tenant_key(table, constant(plan.tenant, context)))
    if session := session_tenant(context):
        wanted.add(session)
    if not wanted:
        return context.store.each_shard(table.oid)
    if len(wanted) > 1:
        return []
    shard = context.store.shard(table.oid, wanted.pop())
    return [shard] if shard is not None else []


def session_tenant(context: Context) -> str:
    return str(context.settings.get("sqlvec.tenant") or "")


def tenant_key(table: Table, value: Datum) -> str:
    """The tenant's name as the storage knows it: the text of the tenant column's value."""
    column = table.column_by_attnum(table.tenant_attnum)
    return "" if value is None else column.type.definition.render(value)


def check_tenant(table: Table, tenant: str, context: Context) -> None:
    """A session bound to a tenant writes that tenant's rows only."""
    session = session_tenant(context)
    if session and tenant != session:
        raise InsufficientPrivilege(
            f'new row for relation "{table.name}" belongs to tenant "{tenant}"',
            detail=f'The session is bound to tenant "{session}".',
        )


def _key_rows(plan: Prefilter, context: Context, past: Past | None) -> Iterator[ShardRows]:
    """At most one row by its key, but in a past when it was no key; other conjuncts are applied to it."""
    attnums = tuple(attnum for attnum, _ in plan.key)
    values = tuple(constant(value, context) for _, value in plan.key)
    if any(value is None for value in values):
        return
    for shard in shards(plan, context):
        if past is None:
            row_id = shard.find_key(attnums, values, context.tx)
            if row_id is None:
                continue
            rows = RowSet.from_ids(np.array([row_id], dtype=np.int64), shard.row_count)
        else:
            rows = _past_key_rows(plan, shard, values, past)
        visible = rows
        if isinstance(plan.predicate, AllOf):
            visible = shard.visible(past or context.tx)
            rows = _Scan(plan.scan, shard, visible, context).apply(plan.predicate, rows)
        if rows.count:
            yield ShardRows(shard, rows, visible, past)


def _past_key_rows(
    plan: Prefilter, shard: Shard, values: tuple[Datum, ...], past: Past
) -> RowSet:
    attnums = [attnum for attnum, _ in plan.key]
    found = [plan.scan.table.column_by_attnum(attnum).type for attnum in attnums]
    columns = [
        t.definition.to_arrow([value], t.typmod) for t, value in zip(found, values, strict=True)
    ]
    ids = shard.find_key_rows(attnums, columns, past)
    return RowSet.from_ids(ids, shard.row_count)


def _note_reading(plan: Prefilter, context: Context) -> None:
    """What a serializable transaction reads: one row by its key, or anything of the table."""
    tracked = context.tx.tracked
    assert tracked is not None
    attnums = tuple(attnum for attnum, _ in plan.key)
    values = [constant(value, context) for _, value in plan.key]
    scan = plan.scan
    tables = context.catalog.heirs(scan.table.oid) if scan.heirs else context.catalog.leaves(scan.table)
    for table in tables:
        if plan.key:
            tracked.note_key(table.oid, attnums, values, context.catalog)
        else:
            tracked.reads.add_whole(table.oid)


def _newer_rows(plan: Prefilter, context: Context) -> Iterator[ShardRows]:
    """Newer versions of rows, as far as they satisfy the predicate too."""
    assert context.newer is not None
    newer = context.newer[plan.scan.relation_id]
    for shard in shards(plan, context):
        rows = newer.get(stored(shard))
        if rows is None:
            continue
        visible = shard.visible(context.tx).extend(rows.row_count) | rows
        if plan.predicate is not None:
            rows = _Scan(plan.scan, shard, visible, context).apply(plan.predicate, rows)
        if rows.count:
            yield ShardRows(shard, rows, visible)


class _Scan:
    """Applies predicates to row sets of one shard."""

    def __init__(
        self,
        scan: bound.TableScan,
        shard: Shard,
        visible: RowSet,
        context: Context,
        known: Known | None = None,
    ) -> None:
        self.scan = scan
        self.known = known or Known(ZoneSearch(scan.table, context))
        self.shard = shard
        self.visible = visible
        self.context = context

    def apply(self, predicate: Predicate, rows: RowSet) -> RowSet:
        """The members of rows for which the predicate is true."""
        if isinstance(predicate, AllOf):
            for part in predicate.parts:
                if not rows.count:
                    break
                rows = self.apply(part, rows)
            return rows
        if isinstance(predicate, AnyOf):
            found = self.apply(predicate.parts[0], rows)
            for part in predicate.parts[1:]:
                found = found | self.apply(part, rows)
            return found
        if isinstance(predicate, ColumnPredicate):
            return rows & self._column(predicate)
        if isinstance(predicate, DistancePredicate):
            return self._distance(predicate, rows)
        if isinstance(predicate, TextPredicate):
            return self._text(predicate, rows)
        if isinstance(predicate, LexemePredicate):
            return rows & self._lexemes(predicate)
        if isinstance(predicate, Queried):
            return rows & self._queried(predicate)
        return self._residual(predicate, rows)

    def _column(self, predicate: ColumnPredicate) -> RowSet:
        values = [constant(value, self.context) for value in predicate.values]
        op = predicate.op
        if op == "any":
            values, op = list(values[0] or ()), "in"
        row_count = self.visible.row_count
        if op not in ("null", "not_null"):
            values = [value for value in values if value is not None]
            if not values:
                return RowSet.empty(row_count)
        words = np.zeros((row_count + 63) >> 6, dtype=np.uint64)
        for part in self.shard.parts():
            local = self._part(part, predicate, op, values)
            place(words, part.low, local, row_count)
        return RowSet(words, row_count)

    def _part(
        self, part: Part, predicate: ColumnPredicate, op: str, values: list[Datum]
    ) -> RowSet:
        """Rows of one part, by offset."""
        attnum, zones = predicate.attnum, self.known.zones
        if not self._is_of_type(part, attnum):
            return RowSet.empty(part.high - part.low)  # ALTER COLUMN TYPE left only dead rows there
        if not part.has_read_filter(attnum) and zones.excludes(part, predicate):
            return RowSet.empty(part.high - part.low)
        index = part.filter(attnum)
        if index is None:
            candidates = zones.candidates(part, predicate)
            if candidates is not None and not candidates.any():
                return RowSet.empty(part.high - part.low)  # without the column
            array, sql_type = part.column(attnum), self._type(attnum)
            return compare_column(array, op, values, sql_type, candidates)
        if op == "=":
            return index.equal(values[0])
        if op == "in":
            return index.any_of(values)
        if op in ("null", "not_null"):
            nulls = index.nulls()
            return nulls if op == "null" else RowSet.full(part.high - part.low) - nulls
        low = values[0] if op in (">", ">=") else None
        high = values[0] if op in ("<", "<=") else None
        return index.range(low, high, op == ">=", op == "<=")

    def _is_of_type(self, part: Part, attnum: int) -> bool:
        """Whether the part holds the column as it is now."""
        stored, now = part.stored_type(attnum), self._type(attnum)
        if stored == now:
            return True
        return bool(
            stored.definition.arrow(stored.typmod) == now.definition.arrow(now.typmod)
        )

    def _type(self, attnum: int) -> types.SqlType:
        return self.scan.table.column_by_attnum(attnum).type

    def _distance(self, predicate: DistancePredicate, rows: RowSet) -> RowSet:
        """A range over a distance: exact distances of the rows left."""
        limit = constant(predicate.limit, self.context)
        if limit is None:
            return RowSet.empty(rows.row_count)
        ids, values = row_distances(self.shard, predicate.distance, rows, self.context)
        keep = _LIMITS[predicate.op](values, limit)
        return RowSet.from_ids(ids[keep], rows.row_count)

    def _rows(self, rows: RowSet) -> ShardRows:
        past = None if self.scan.as_of is None else past_of(self.scan, self.context)
        return ShardRows(self.shard, rows, self.visible, past)

    def _text(self, predicate: TextPredicate, rows: RowSet) -> RowSet:
        asked = text_query(predicate.match, self._rows(rows), self.context)
        if asked is None:
            return RowSet.empty(rows.row_count)
        index, query = asked
        matched: RowSet = index.match(query, self.visible)
        return rows & matched

    def _lexemes(self, predicate: LexemePredicate) -> RowSet:
        own = own_index(predicate.index, self.shard, self.context)
        index = None if own is None else self.shard.index(own.oid)
        query = constant(predicate.query, self.context)
        if query is None:
            return RowSet.empty(self.visible.row_count)
        if not isinstance(index, LexemeIndex):
            return self.visible
        return index.candidates(query, self.visible)

    def _queried(self, predicate: Queried) -> RowSet:
        """Asks the relational engine, once for all shards: it knows rows by shard and row id."""
        from sqlvec.exec.select import run_remainder_arrow

        places = self.known.answers.get(id(predicate))
        if places is None:
            batches = run_remainder_arrow(predicate.plan, self.context)
            found = [np.asarray(batch.column(0)) for batch in batches]
            places = np.concatenate([np.empty(0, np.int64), *found])
            self.known.answers[id(predicate)] = places
        mine = places[places >> ROW_ID_SHARD_SHIFT == self.shard.shard_id]
        return RowSet.from_ids(mine & ((1 << ROW_ID_SHARD_SHIFT) - 1), self.visible.row_count)

    def _residual(self, predicate: Residual, rows: RowSet) -> RowSet:
        """Asks the relational engine, over the columns that the predicate reads."""
        from sqlvec.exec.source import arrow_columns, computed_arrays
        from sqlvec.sql.tree import walk

        rows = self._not_ruled_out(predicate, rows)
        if not rows.count:
            return rows
        ids = rows.ids()
        expression = predicate.expression
        nodes = list(walk(expression))
        used = {node.ordinal for node in nodes if isinstance(node, bound.ColumnRef)}
        if any(isinstance(node, bound.RowRef) for node in nodes):
            used |= {place for place, column in enumerate(self.scan.columns) if column.name}
        ordinals = sorted(used)
        columns = arrow_columns(self.shard, ordinals, rows)
        computed = computed_arrays(expression, self._rows(rows), self.context)
        columns.update({name: array for name, (_, array) in computed.items()})
        table = pa.table(columns) if columns else pa.table({"c_": pa.nulls(len(ids))})
        mapping = {
            node: (self.scan.relation_id, name) for name, (node, _) in computed.items()
        }
        kept = self.context.relational().filter(
            expression, self.scan.relation_id, table, self.scan.columns, self.context, mapping
        )
        return RowSet.from_ids(ids[kept], rows.row_count)

    def _not_ruled_out(self, predicate: Residual, rows: RowSet) -> RowSet:
        """The rows without those where the zone maps of segments leave no hope."""
        if predicate.zones is None:
            return rows
        kept: np.ndarray | None = None
        for segment in self.shard.segments:
            candidates = self.known.zones.candidates(segment, predicate.zones)
            if candidates is not None:
                kept = np.ones(rows.row_count, np.bool_) if kept is None else kept
                known = kept[segment.low : segment.high]  # it may have grown since
                known &= candidates[: len(known)]
        return rows if kept is None else rows & RowSet.from_mask(kept)


def place(words: np.ndarray, low: int, local: RowSet, row_count: int) -> None:
    """Sets the bits of `local`, a row set by offset, at low + offset."""
    if not local.count:
        return
    if low & 63 == 0:
        start = low >> 6
        count = min(len(local.words), len(words) - start)
        words[start : start + count] |= local.words[:count]
        return
    ids = local.ids() + low
    other = RowSet.from_ids(ids[ids < row_count], row_count)
    words |= other.words


def query_vector(distance: bound.Distance, dims: int, context: Context) -> Any:
    """The constant side of a distance in the form that the kernels take; its dimension is checked."""
    value = constant(distance.right, context)
    if value is None:
        return None
    if not isinstance(value, np.ndarray):
        return _other_query(value, dims)
    if len(value) != dims:
        name = distance.left.type.definition.name
        raise DataException(f"different {name} dimensions {dims} and {len(value)}")
    size = padded(dims)
    if size == dims and value.dtype == np.float32 and value.flags.carray:
        whole: np.ndarray = value
        return whole
    query = np.zeros(size, dtype=np.float32)
    query[:dims] = value
    return query


def _other_query(value: Any, dims: int) -> Any:
    """A bit string or a sparse vector."""
    if isinstance(value, str):
        if len(value) != dims:
            raise DataException(f"different bit lengths {dims} and {len(value)}")
        return packed_bits(value, max(1, (dims + 63) >> 6))
    if value.dims != dims:
        raise DataException(f"different sparsevec dimensions {dims} and {value.dims}")
    return value.places, value.values


def vector_view(
    shard: Shard, distance: bound.Distance, index: Index | None
) -> VectorView | IndexView:
    """The rows of what is on the left: a column's, or an index's own."""
    if index is not None and index.oid in shard.index_rows:
        return shard.index_view(index.oid)
    assert isinstance(distance.left, bound.ColumnRef)
    return shard.vectors(distance.left.ordinal + 1)


def row_distances(
    shard: Shard,
    distance: bound.Distance,
    rows: RowSet,
    context: Context,
    index: Index | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Row ids whose vector is not null, ascending, and their exact distances (f64)."""
    own = own_index(index, shard, context)
    view = vector_view(shard, distance, own)
    query = query_vector(distance, view.dims, context)
    if query is None:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    ids = (rows & view.present.extend(rows.row_count)).ids()
    return ids, distances(view.array, query, distance.metric, ids)
