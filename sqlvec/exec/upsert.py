"""ON CONFLICT: the row with the key is left, or replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec import types
from sqlvec.errors import (
    CardinalityViolation,
    InvalidColumnReference,
    ObjectNotInState,
    SerializationFailure,
)
from sqlvec.exec.context import Datum
from sqlvec.exec.evaluate import Evaluator, compile_expression
from sqlvec.exec.late_arbiters import late_arbiters
from sqlvec.exec.over_rows import evaluate_over_rows
from sqlvec.exec.row_versions import claim_mode, replace_rows
from sqlvec.exec.write import Rows, Writer
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.sql.bind_from import table_columns
from sqlvec.sql.substitution import substituted
from sqlvec.storage.growing import RowIds

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

Row = tuple[Datum, ...]
_EXCLUDED = 10_000  # the ordinal from which on an excluded row's columns follow those of the row that is there


@dataclass(frozen=True, slots=True)
class _Conflict:
    """A row that is there, locked, and the one that was to be inserted; position: of that among the rows."""

    position: int
    shard: Shard
    ids: RowIds
    old: Row
    excluded: Row


class Upsert:
    """Row by row where closures compute what is assigned; else the conflicts of all rows are gathered, and the
    relational engine is asked once."""

    def __init__(
        self, writer: Writer, on_conflict: bound.OnConflict, memo: dict[Any, Any]
    ) -> None:
        """memo: of the plan, for what is the same whenever it runs."""
        self.writer = writer
        self.on_conflict = on_conflict
        self._refuse_late(writer, on_conflict)
        arbiters = [k for k in writer.keys if set(k) == set(on_conflict.attnums)]
        if on_conflict.attnums and not arbiters:
            raise InvalidColumnReference(
                "there is no unique or exclusion constraint matching the ON CONFLICT specification"
            )
        self.arbiters = writer.keys if on_conflict.is_for_any else arbiters
        self.late_arbiters = late_arbiters(writer, on_conflict)
        self.updated: list[bool] = []
        self.places = [writer.place_of(a.attnum) for a in on_conflict.do_update]
        self.assigned = {a.attnum for a in on_conflict.do_update}
        self.mode = claim_mode(writer, self.assigned)
        self.touched: set[tuple[Shard, int]] = set()
        if "upsert" not in memo:
            expressions = _guarded(on_conflict)
            memo["upsert"] = expressions, _compiled(writer, on_conflict, expressions)
        self.expressions: list[bound.Expression]
        self.compiled: list[Evaluator] | None
        self.expressions, self.compiled = memo["upsert"]

    @staticmethod
    def _refuse_late(writer: Writer, on_conflict: bound.OnConflict) -> None:
        for constraint in writer.table.unique_keys:
            chosen = set(constraint.attnums) == set(on_conflict.attnums)
            if constraint.deferrable and (chosen or not on_conflict.attnums):
                raise ObjectNotInState(
                    "ON CONFLICT does not support deferrable unique constraints/exclusion "
                    "constraints as arbiters",
                    schema=writer.schema_name(), table=writer.table.name, constraint=constraint.name,
                )  # fmt: skip

    def run(self, rows: Rows, shards: list[Shard]) -> Rows:
        """The rows that were inserted or updated, as they are now; `updated` tells which are which."""
        written: list[Row | None] = []
        inserted: set[int] = set()
        waiting: list[_Conflict] = []
        for arbiter in self.late_arbiters:
            arbiter.look(rows, shards)
        for row, shard in zip(zip(*rows, strict=True), shards, strict=True):
            conflict = self._conflict(len(written), row, shard)
            if conflict is None:
                self._insert(row, shard)
                inserted.add(len(written))
                written.append(row)
                continue
            written.append(None)
            if self.on_conflict.nothing:
                continue
            if self.compiled is not None:
                values = [f(conflict.old + row, self.writer.context) for f in self.compiled]
                written[-1] = self._update(conflict, values)
            else:
                waiting.append(conflict)
        if waiting:
            computed = zip(*self._computed(waiting), strict=True)
            for conflict, found in zip(waiting, computed, strict=True):
                written[conflict.position] = self._update(conflict, found)
        kept = [row for row in written if row is not None]
        self.updated = [i not in inserted for i, row in enumerate(written) if row is not None]
        if not kept:
            return [[] for _ in self.writer.columns]
        return [list(column) for column in zip(*kept, strict=True)]

    def _conflict(self, position: int, row: Row, shard: Shard) -> _Conflict | None:
        """The row with one of the keys, locked unless nothing is to be done."""
        writer = self.writer
        tx = writer.context.tx
        arbiters = (writer.find(key, writer.key_of(key, row), shard) for key in self.arbiters)
        late = (arbiter.find(row, shard) for arbiter in self.late_arbiters)
        for found in chain(arbiters, late):
            if found is None:
                continue
            shard, row_id = found
            if not tx.rereads and not shard.sees(row_id, tx):
                raise SerializationFailure("could not serialize access due to concurrent update")
            ids = np.array([row_id], dtype=np.int64)
            if self.on_conflict.nothing:
                return _Conflict(position, shard, ids, (), row)
            if (shard, row_id) in self.touched:
                raise CardinalityViolation(
                    "ON CONFLICT DO UPDATE command cannot affect row a second time",
                    hint="Ensure that no rows proposed for insertion within the same command have "
                    "duplicate constrained values.",
                )
            tx.lock_rows(shard, ids, self.mode)
            self.touched.add((shard, row_id))
            old = tuple(shard.gather(c.attnum, ids)[0] for c in writer.columns)
            return _Conflict(position, shard, ids, old, row)
        return None

    def _insert(self, row: Row, shard: Shard) -> None:
        writer = self.writer
        rows = [[value] for value in row]
        writer.verify_keys(rows, [shard])
        written = writer.insert(rows, [shard])[0]
        self.touched.add((shard, written.first_row_id))
        for arbiter in self.late_arbiters:
            arbiter.note(row, (shard, written.first_row_id))

    def _update(self, conflict: _Conflict, values: Sequence[Datum]) -> Row | None:
        """values: whether to update, then what is assigned."""
        if values[0] is not True:
            return None
        new = list(conflict.old)
        for place, value in zip(self.places, values[1:], strict=True):
            new[place] = value
        rows = [[value] for value in new]
        self.writer.context.tx.claim(conflict.shard, conflict.ids, self.mode)
        replaced = [(conflict.shard, conflict.ids)]
        written = replace_rows(self.writer, replaced, rows, self.assigned)[0]
        self.touched.add((written.shard, written.first_row_id))
        before = conflict.shard, int(conflict.ids[0])
        for arbiter in self.late_arbiters:
            arbiter.note(tuple(new), (written.shard, written.first_row_id), before)
        return tuple(new)

    def _computed(self, conflicts: list[_Conflict]) -> list[list[Datum]]:
        """The values of all of them, a list an expression."""
        writer, excluded_id = self.writer, self.on_conflict.excluded_id
        old = writer.arrow([list(column) for column in zip(*(c.old for c in conflicts), strict=True)])
        new = writer.arrow([list(v) for v in zip(*(c.excluded for c in conflicts), strict=True)])
        columns = {name: old.column(name) for name in old.column_names}
        for name in new.column_names:
            columns[f"c{int(name[1:]) + _EXCLUDED}"] = new.column(name)
        values: dict[bound.Expression | tuple[int, int], bound.Expression] = {
            (excluded_id, c.attnum - 1): bound.ColumnRef(
                c.value_type, writer.relation_id, c.attnum - 1 + _EXCLUDED, c.name
            )
            for c in writer.columns
        }
        expressions = [substituted(e, values) for e in self.expressions]
        whole = table_columns(writer.table)
        return evaluate_over_rows(
            expressions, writer.relation_id, pa.table(columns), writer.context, whole
        )


def _guarded(on_conflict: bound.OnConflict) -> list[bound.Expression]:
    """Whether to update, then what is assigned, which is not computed where that is not so."""
    assigned = [a.expression for a in on_conflict.do_update]
    if on_conflict.where is None:
        return [bound.Const(types.BOOL, True), *assigned]
    where = on_conflict.where
    return [where, *(bound.Case(e.type, ((where, e),)) for e in assigned)]


def _compiled(
    writer: Writer, on_conflict: bound.OnConflict, expressions: Sequence[bound.Expression]
) -> list[Evaluator] | None:
    """Closures over the row that is there and the excluded one; None where the relational engine is needed."""
    if not all(is_native(expression, numerics=True) for expression in expressions):
        return None
    slots = writer.slots()
    for place, column in enumerate(writer.columns, len(writer.columns)):
        slots[
            bound.ColumnRef(column.value_type, on_conflict.excluded_id, column.attnum - 1, column.name)
        ] = place
    return [compile_expression(expression, slots) for expression in expressions]
