"""Writing rows: constraints, unique keys, and the way from datums to the shards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Column, Constraint, Table
from sqlvec.errors import CheckViolation, NotNullViolation, UniqueViolation, ViewCheckViolation
from sqlvec.exec.changes import Change, Changes, RowIds, is_watched
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.domain_values import has_rules, verify_domains
from sqlvec.exec.evaluate import compile_expression
from sqlvec.exec.over_rows import evaluate_over_rows
from sqlvec.exec.placement import key_arrays, row_shards, unique_scope
from sqlvec.exec.prefilter import check_tenant, tenant_key
from sqlvec.exec.tenants import writable_shard
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.keys import unique_keys
from sqlvec.storage.key_search import KeyTaken
from sqlvec.storage.row_claims import MOVED_AWAY

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Rows = list[list[Datum]]  # one list per live column, in attnum order of Writer.columns


_FIRST = np.zeros(1, np.int64)


@dataclass(slots=True)
class Written:
    """Where the rows of one shard went."""

    shard: Shard
    first_row_id: int
    positions: np.ndarray  # i64, the rows' places in the statement


@dataclass(frozen=True, slots=True)
class TableRules:
    """What a catalog says of writing a table: for a Writer, and for those of the same plan after it."""

    columns: tuple[Column, ...]
    keys: list[tuple[int, ...]]
    nulls_equal: set[tuple[int, ...]]  # keys declared NULLS NOT DISTINCT
    watched: bool  # constraints ask for changes of the table
    domains: tuple[int, ...] = ()  # places of columns whose values a domain has a say in


def table_rules(table: Table, catalog: Catalog) -> TableRules:
    indexes = catalog.indexes(table.oid)
    nulls_equal = {
        tuple(c.attnum for c in index.columns) for index in indexes if index.nulls_not_distinct
    }
    return TableRules(
        table.live_columns, unique_keys(table, catalog), nulls_equal, is_watched(table, catalog),
        tuple(i for i, c in enumerate(table.live_columns) if has_rules(c.type, catalog)),
    )  # fmt: skip


@dataclass(slots=True)
class Writer:
    """Writes rows of one table within a statement."""

    table: Table
    context: Context
    relation_id: int
    checks: Sequence[bound.Check] = ()
    generated: Sequence[bound.Assignment] = ()  # to be computed anew in rows that are changed
    rules: TableRules | None = None  # if they are known
    columns: tuple[Column, ...] = field(init=False)
    keys: list[tuple[int, ...]] = field(init=False)
    nulls_equal: set[tuple[int, ...]] = field(init=False)
    watched: bool = field(init=False)

    def __post_init__(self) -> None:
        rules = self.rules
        if rules is None:
            rules = self.rules = table_rules(self.table, self.context.catalog)
        self.columns, self.keys = rules.columns, rules.keys
        self.nulls_equal, self.watched = rules.nulls_equal, rules.watched

    @property
    def domains(self) -> tuple[int, ...]:
        assert self.rules is not None
        return self.rules.domains

    # ---------------------------------------------------------------- constraints

    def verify(self, rows: Rows) -> None:
        """NOT NULL and CHECK of every row; PostgreSQL's errors with the failing row in the detail."""
        for place in self.domains:
            verify_domains(self.columns[place].type, rows[place], self.context)
        for column, values in zip(self.columns, rows, strict=True):
            if not column.not_null:
                continue
            for i, value in enumerate(values):
                if value is None:
                    raise NotNullViolation(
                        f'null value in column "{column.name}" of relation "{self.table.name}" '
                        "violates not-null constraint",
                        detail=self.failing_row(rows, i),
                        table=self.table.name,
                        column=column.name,
                        schema=self.schema_name(),
                    )
        for check in self.checks:
            self.verify_check(check, rows)

    def verify_check(self, check: bound.Check, rows: Rows) -> None:
        for i, value in enumerate(self.evaluate([check.expression], rows)[0]):
            if check.of_view and value is not True:
                raise ViewCheckViolation(
                    f'new row violates check option for view "{check.name}"',
                    detail=self.failing_row(rows, i),
                )
            if value is False:
                raise CheckViolation(
                    f'new row for relation "{self.table.name}" violates check constraint '
                    f'"{check.name}"',
                    detail=self.failing_row(rows, i),
                    table=self.table.name,
                    constraint=check.name,
                    schema=self.schema_name(),
                )

    def schema_name(self) -> str:
        return self.context.catalog.schemas[self.table.schema_oid].name

    def failing_row(self, rows: Rows, i: int) -> str:
        values = [_clipped(shown(c.type, v[i])) for c, v in zip(self.columns, rows, strict=True)]
        return f"Failing row contains ({', '.join(values)})."

    def evaluate(
        self, expressions: Sequence[bound.Expression], rows: Rows
    ) -> list[list[Datum]]:
        """Columns of the expressions over the rows; natively, or by the relational engine."""
        if all(is_native(expression) for expression in expressions):
            slots = self.slots()
            compiled = [compile_expression(e, slots) for e in expressions]
            tuples = list(zip(*rows, strict=True))
            return [[f(row, self.context) for row in tuples] for f in compiled]
        whole = table_columns(self.table)
        return evaluate_over_rows(
            expressions, self.relation_id, self.arrow(rows), self.context, whole
        )

    def slots(self) -> dict[bound.Expression, int]:
        """The place of each column in a row."""
        return {
            bound.ColumnRef(c.value_type, self.relation_id, c.attnum - 1, c.name): i
            for i, c in enumerate(self.columns)
        }

    def arrow(self, rows: Rows) -> pa.Table:
        """The rows as a source for the relational engine, columns c{ordinal}."""
        return pa.table(
            {
                f"c{c.attnum - 1}": c.type.definition.to_arrow(values, c.type.typmod)
                for c, values in zip(self.columns, rows, strict=True)
            }
        )

    # ---------------------------------------------------------------- keys

    def changes_key(self, assigned: set[int]) -> bool:
        """Whether new values in these columns may change a key."""
        return any(assigned & set(key) for key in self.keys)

    def place_of(self, attnum: int) -> int:
        for i, column in enumerate(self.columns):
            if column.attnum == attnum:
                return i
        raise AssertionError((self.table.name, attnum))

    def key_of(self, key: tuple[int, ...], row: Sequence[Datum]) -> tuple[Datum, ...]:
        return tuple(row[self.place_of(attnum)] for attnum in key)

    def find(
        self, key: tuple[int, ...], values: tuple[Datum, ...], shard: Shard
    ) -> tuple[Shard, int] | None:
        """The row that has these key values, visible or not, when they are those of a row for that shard;
        nulls equal nothing but in NULLS NOT DISTINCT."""
        if key not in self.nulls_equal and any(value is None for value in values):
            return None
        for place in self._scope(key, shard):
            row_id = place.find_conflict(key, values, self.context.tx)
            if row_id is not None:
                return place, row_id
        return None

    def _scope(self, key: tuple[int, ...], shard: Shard) -> Sequence[Shard]:
        if self.table.shards == 1:
            return (shard,)
        return unique_scope(self.table, key, shard, self.context)

    def verify_keys(self, rows: Rows, shards: Sequence[Shard]) -> None:
        for key in self.keys:
            self.verify_unique(rows, shards, key)

    def verify_unique(self, rows: Rows, shards: Sequence[Shard], key: tuple[int, ...]) -> None:
        """No row's key is in its shard already, or twice among the rows."""
        across = self.table.is_unique_across(key)
        seen: set[tuple[Shard | None, tuple[Any, ...]]] = set()
        places = [self.place_of(attnum) for attnum in key]
        for shard, *values in zip(shards, *(rows[p] for p in places), strict=True):
            if key not in self.nulls_equal and any(v is None for v in values):
                continue
            key_values = tuple(values)
            marked = (None if across else shard, tuple(hashable(v) for v in values))
            if marked in seen or self.find(key, key_values, shard) is not None:
                raise self.duplicate(key, key_values)
            seen.add(marked)

    def duplicate(self, key: tuple[int, ...], values: tuple[Datum, ...]) -> UniqueViolation:
        name = self._key_name(key)
        columns = [self.table.column_by_attnum(attnum) for attnum in key]
        texts = ", ".join(shown(c.type, v) for c, v in zip(columns, values, strict=True))
        return UniqueViolation(
            f'duplicate key value violates unique constraint "{name}"',
            detail=f"Key ({', '.join(c.name for c in columns)})=({texts}) already exists.",
            table=self.table.name,
            constraint=name,
            schema=self.schema_name(),
        )

    def _key_name(self, key: tuple[int, ...]) -> str:
        constraints: Iterable[Constraint] = self.table.unique_keys
        for constraint in constraints:
            if constraint.attnums == key:
                return constraint.name
        for index in self.context.catalog.indexes(self.table.oid):
            if index.unique and tuple(c.attnum for c in index.columns) == key:
                return index.name
        raise AssertionError((self.table.name, key))

    # ---------------------------------------------------------------- placing

    def read(self, shard: Shard, ids: np.ndarray) -> Rows:
        """Rows as they are stored."""
        return [shard.gather(column.attnum, ids) for column in self.columns]

    def shards_of(self, rows: Rows) -> list[Shard]:
        """The shard of every row, created by the first row of a tenant."""
        count = len(rows[0]) if rows else 0
        store = self.context.store
        if self.table.shards > 1:
            return self._split_shards(rows, count)
        if not self.table.tenant_attnum:
            return [store.shard(self.table.oid, create=True)] * count
        place = self.place_of(self.table.tenant_attnum)
        names = [tenant_key(self.table, value) for value in rows[place]]
        opened = {}
        for name in set(names):
            check_tenant(self.table, name, self.context)
            opened[name] = writable_shard(self.context, self.table, name)
        return [opened[name] for name in names]

    def _split_shards(self, rows: Rows, count: int) -> list[Shard]:
        columns = [rows[self.place_of(attnum)] for attnum in self.table.split_by]
        return row_shards(self.table, key_arrays(self.table, columns), count, self.context)

    def note(self, change: Change) -> None:
        """Something for constraints to look at when the statement is over."""
        if self.context.changes is None:
            self.context.changes = Changes()
        self.context.changes.append(change)

    def note_replaced(self, old: Sequence[tuple[Shard, RowIds]], written: list[Written]) -> None:
        """Versions given in the order of the rows that took their place."""
        starts = np.cumsum([0, *(len(ids) for _, ids in old)])
        for part in written:
            new_ids = part.first_row_id + np.arange(len(part.positions), dtype=np.int64)
            for (shard, ids), start in zip(old, starts.tolist(), strict=False):
                mine = (part.positions >= start) & (part.positions < start + len(ids))
                if mine.any():
                    ended = ids[part.positions[mine] - start]
                    self.note(Change(self.table.oid, (shard, ended), (part.shard, new_ids[mine])))

    def insert(
        self, rows: Rows, shards: Sequence[Shard], *, replacing: bool = False
    ) -> list[Written]:
        """Puts the rows into their shards, unseen by others until the commit."""
        if len(shards) == 1:
            one = self._insert_row(rows, shards[0], replacing=replacing)
            if one is not None:
                return [one]
        written = []
        for shard in dict.fromkeys(shards):
            positions = np.array([i for i, s in enumerate(shards) if s is shard], dtype=np.int64)
            columns = {}
            whole = len(positions) == len(shards)
            for column, values in zip(self.columns, rows, strict=True):
                mine = values if whole else [values[i] for i in positions.tolist()]
                columns[column.attnum] = column_data(column.type, mine)
            try:
                first = self.context.tx.insert(shard, columns)
            except KeyTaken:
                self.verify_keys(rows, shards)
                raise
            written.append(Written(shard, first, positions))
            if self.watched and not replacing:
                ids = np.arange(first, first + len(positions), dtype=np.int64)
                self.note(Change(self.table.oid, None, (shard, ids)))
        return written

    def insert_new(self, rows: Rows, shards: Sequence[Shard]) -> None:
        """insert() of rows whose keys nobody has looked for."""
        if len(shards) == 1 and self._insert_row(rows, shards[0]) is not None:
            return
        self.verify_keys(rows, shards)
        self.insert(rows, shards)

    def _insert_row(
        self, rows: Rows, shard: Shard, *, replacing: bool = False
    ) -> Written | None:
        """One row by its shorter way, on which its keys are looked for too; None when it cannot go it."""
        if self.table.shards > 1 and any(map(self.table.is_unique_across, self.keys)):
            return None
        try:
            row_id = self.context.tx.insert_row(shard, [values[0] for values in rows])
        except KeyTaken:
            self.verify_keys(rows, [shard])
            raise
        if row_id is None:
            return None
        if self.watched and not replacing:
            self.note(Change(self.table.oid, None, (shard, np.array([row_id], np.int64))))
        return Written(shard, row_id, _FIRST)

    def replace(
        self,
        old: Sequence[tuple[Shard, np.ndarray]],
        rows: Rows,
        shards: Sequence[Shard],
        *,
        keys_changed: bool,
    ) -> list[Written]:
        """Inserts the new versions of claimed rows, which are given in the same order."""
        written = self.insert(rows, shards, replacing=True)
        new_ids = np.empty(len(shards), dtype=np.int64)
        for part in written:
            new_ids[part.positions] = part.first_row_id + np.arange(len(part.positions))
        start = 0
        for shard, ids in old:
            end = start + len(ids)
            stays = np.array([s is shard for s in shards[start:end]], dtype=np.bool_)
            tx, new = self.context.tx, new_ids[start:end]
            if stays.any():
                tx.replace(shard, ids[stays], new[stays], keys_changed=keys_changed)
            if not stays.all():
                away = ids[~stays]
                tx.replace(shard, away, np.full(len(away), MOVED_AWAY, dtype=np.int64))
            start = end
        return written


def column_data(sql_type: types.SqlType, values: list[Datum]) -> Any:
    """What storage takes for a column: an Arrow array."""
    return sql_type.definition.to_arrow(values, sql_type.typmod)


def hashable(value: Datum) -> Any:
    if isinstance(value, list):
        return tuple(hashable(item) for item in value)
    return tuple(value.tolist()) if isinstance(value, np.ndarray) else value


def shown(sql_type: types.SqlType, value: Datum) -> str:
    """A value in the detail of an error."""
    return "null" if value is None else sql_type.definition.render(value)


def _clipped(text: str) -> str:
    """As in the description of a whole row: at most 64 bytes of a value (execMain.c)."""
    raw = text.encode()
    return text if len(raw) <= 64 else raw[:64].decode(errors="ignore") + "..."
