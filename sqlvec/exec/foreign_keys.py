"""Foreign keys: that what is referred to exists, and what becomes of references whose target goes.

Checks follow ri_triggers.c of PostgreSQL: they look at rows as of now, not at the statement's snapshot; an
update that leaves the key as it was asks nothing; NO ACTION is content when the key is there again. Keys are
compared set-wise: each distinct key is looked up once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.objects import Constraint, Table
from sqlvec.errors import ForeignKeyViolation, SerializationFailure
from sqlvec.exec.changes import Change, Places, RowIds
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.evaluate import compile_expression
from sqlvec.exec.key_probe import Found, Key, find_rows
from sqlvec.exec.partition_writer import writer_of
from sqlvec.exec.row_rules import default_values, row_rules
from sqlvec.exec.row_versions import claim_mode, note_deleted, replace_rows
from sqlvec.exec.write import Writer, hashable, shown
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.storage.locks import RowMode
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard

_RELATION_ID = 1


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One constraint with both its tables. part: the partition of the parent whose rows change."""

    context: Context
    constraint: Constraint
    child: Table
    parent: Table
    part: Table | None = None

    # ---------------------------------------------------------------- the referring side

    def check_references(self, change: Change) -> None:
        """The new rows refer to rows that exist."""
        assert change.new is not None
        attnums = self.constraint.attnums
        shard, ids = change.new
        if change.old is not None:
            before = _keys(change.old, attnums)
            ids = ids[[a != b for a, b in zip(before, _keys(change.new, attnums), strict=True)]]
        ids = ids[_alive(self.context, shard, ids)]
        self.check_rows(shard, ids)

    def check_rows(self, shard: Shard, ids: RowIds) -> None:
        keys = _keys((shard, ids), self.constraint.attnums)
        if self.constraint.match == "f":
            self._check_whole(keys)
        distinct = list(dict.fromkeys(key for key in keys if None not in key))
        missing = self.missing(distinct)
        if missing:
            raise self._absent(distinct[missing[0]])

    def check_still_there(self, partition: Table, shard: Shard, ids: RowIds) -> None:
        """What the rows refer to is there without the partition."""
        keys = _keys((shard, ids), self.constraint.attnums)
        distinct = list(dict.fromkeys(key for key in keys if None not in key))
        missing = self.missing(distinct)
        if missing:
            shown_key = self._shown(self.parent, self.constraint.foreign_attnums, distinct[missing[0]])
            raise self._violation(
                f'removing partition "{partition.name}" violates foreign key constraint '
                f'"{self.constraint.name}"',
                f'{shown_key} is still referenced from table "{self.child.name}".',
            )

    def _check_whole(self, keys: list[Key]) -> None:
        for key in keys:
            nulls = key.count(None)
            if nulls and nulls < len(key):
                raise self._violation(
                    f'insert or update on table "{self.child.name}" violates foreign key constraint '
                    f'"{self.constraint.name}"',
                    "MATCH FULL does not allow mixing of null and nonnull key values.",
                )

    def missing(self, keys: Sequence[Key]) -> list[int]:
        """Positions of the keys that no row of the parent has; the others' rows are locked."""
        there = np.zeros(len(keys), np.bool_)
        for found in self._parents(keys):
            locked = self.context.tx.lock_rows(found.shard, found.rows, RowMode.KEY_SHARE)
            if locked.stale is not None:
                return self.missing(keys)  # somebody was faster: look again
            there[found.positions] = True
        return np.flatnonzero(~there).tolist()

    def _parents(self, keys: Sequence[Key]) -> list[Found]:
        types = self._types(self.child, self.constraint.attnums)
        wanted = self.constraint.foreign_attnums
        return list(find_rows(self.context, self.parent, wanted, keys, types))

    def _absent(self, key: Key) -> ForeignKeyViolation:
        constraint = self.constraint
        return self._violation(
            f'insert or update on table "{self.child.name}" violates foreign key constraint '
            f'"{constraint.name}"',
            f"{self._shown(self.child, constraint.attnums, key)} is not present in table "
            f'"{self.parent.name}".',
        )

    # ---------------------------------------------------------------- the side referred to

    def parent_changed(self, change: Change) -> None:
        """Rows of the parent ended, or got another key: the constraint's action."""
        action = self.constraint.on_delete if change.new is None else self.constraint.on_update
        keys, new_keys = self._ended_keys(change)
        if action == "a":
            self.check_unreferenced(keys)
        elif action == "r":
            self._refuse(keys)
        elif action == "c" and change.new is None:
            self._delete_children(keys)
        elif action == "c":
            self._update_children(keys, new_keys)
        else:
            self._reset_children(keys, action, deleted=change.new is None)

    def recheck(self, change: Change) -> None:
        """A check that was put off to now."""
        self.check_unreferenced(self._ended_keys(change)[0])

    def check_unreferenced(self, keys: list[Key]) -> None:
        """NO ACTION: no row refers to a key that is gone."""
        again = np.zeros(len(keys), np.bool_)
        types = self._types(self.parent, self.constraint.foreign_attnums)
        wanted = self.constraint.foreign_attnums
        for found in find_rows(self.context, self.parent, wanted, keys, types):
            again[found.positions] = True
        self._refuse([key for key, there in zip(keys, again, strict=True) if not there])

    def _ended_keys(self, change: Change) -> tuple[list[Key], list[Key]]:
        """Distinct keys that ended, and what replaced them."""
        assert change.old is not None
        attnums = self.constraint.foreign_attnums
        old = _keys(change.old, attnums)
        new = old if change.new is None else _keys(change.new, attnums)
        pairs = {
            key: other
            for key, other in zip(old, new, strict=True)
            if None not in key and (change.new is None or key != other)
        }
        return list(pairs), list(pairs.values())

    def _children(self, keys: Sequence[Key]) -> list[Found]:
        types = self._types(self.parent, self.constraint.foreign_attnums)
        return list(find_rows(self.context, self.child, self.constraint.attnums, keys, types))

    def _refuse(self, keys: list[Key]) -> None:
        found = self._children(keys)
        if not found:
            return
        for part in found:  # wait for those who are about to change them
            locked = self.context.tx.lock_rows(part.shard, part.rows, RowMode.KEY_SHARE)
            if locked.stale is not None:
                return self._refuse(keys)
        constraint, key = self.constraint, keys[min(int(part.positions.min()) for part in found)]
        raise self._violation(
            f'update or delete on table "{(self.part or self.parent).name}" violates foreign key constraint '
            f'"{constraint.name}" on table "{self.child.name}"',
            f"{self._shown(self.parent, constraint.foreign_attnums, key)} is still referenced "
            f'from table "{self.child.name}".',
        )

    def _delete_children(self, keys: list[Key]) -> None:
        writer = self._writer()
        for found in self._claimed_children(keys, RowMode.UPDATE):
            note_deleted(writer, found.shard, found.rows)

    def _update_children(self, keys: list[Key], new_keys: list[Key]) -> None:
        attnums, foreign = self.constraint.attnums, self.constraint.foreign_attnums
        mode = claim_mode(self._writer(), set(attnums))
        for found in self._claimed_children(keys, mode):
            values = [
                self._as_child(attnum, other, [new_keys[p][i] for p in found.positions.tolist()])
                for i, (attnum, other) in enumerate(zip(attnums, foreign, strict=True))
            ]
            self._replace(found, dict(zip(attnums, values, strict=True)))

    def _as_child(self, attnum: int, other: int, values: list[Datum]) -> list[Datum]:
        """The parent's values as the child's column takes them on assignment."""
        own = self.child.column_by_attnum(attnum).type
        its = self.parent.column_by_attnum(other).type
        given = bound.ColumnRef(its, _RELATION_ID, 0, "value")
        cast = bound.Cast(own, given, False)
        if not is_native(cast):
            parse, render = own.definition.parse, its.definition.render
            return [None if v is None else parse(render(v), own.typmod) for v in values]
        evaluator = compile_expression(cast, {given: 0})
        return [evaluator((value,), self.context) for value in values]

    def _reset_children(self, keys: list[Key], action: str, *, deleted: bool) -> None:
        """SET NULL and SET DEFAULT. A default that is the key that went is refused as NO ACTION would."""
        attnums = self.constraint.attnums
        if deleted and self.constraint.set_attnums:
            attnums = self.constraint.set_attnums
        mode = claim_mode(self._writer(), set(attnums))
        for found in self._claimed_children(keys, mode):
            count = len(found.rows)
            values: dict[int, list[Datum]] = {attnum: [None] * count for attnum in attnums}
            if action == "d":
                values = {
                    a: default_values(self.context, self.child, a, count) for a in attnums
                }
            self._replace(found, values)
        if action == "d":
            self.check_unreferenced(keys)

    def _replace(self, found: Found, values: dict[int, list[Datum]]) -> None:
        writer = self._writer()
        rows = [found.shard.gather(column.attnum, found.rows) for column in writer.columns]
        for attnum, column in values.items():
            rows[writer.place_of(attnum)] = column
        replace_rows(writer, [(found.shard, found.rows)], rows, set(values))

    def _claimed_children(self, keys: list[Key], mode: RowMode) -> list[Found]:
        """The rows that refer to the keys, claimed. A transaction that keeps its snapshot may not change
        what it does not see."""
        tx, claimed, again = self.context.tx, [], False
        for found in self._children(keys):
            if not tx.rereads and not found.shard.visible(tx).contains(found.rows).all():
                raise SerializationFailure("could not serialize access due to concurrent update")
            locked = tx.claim(found.shard, found.rows, mode)
            if locked.stale is not None:
                again = True
                kept = ~locked.stale
                found = Found(found.shard, found.positions[kept], found.rows[kept])
            if len(found.rows):
                claimed.append(found)
        return claimed + self._claimed_children(keys, mode) if again else claimed

    def _writer(self) -> Writer:
        rules = row_rules(self.context, self.child, _RELATION_ID)
        return writer_of(self.child, self.context, _RELATION_ID, rules.checks, rules.generated)

    # ---------------------------------------------------------------- wording

    def _types(self, table: Table, attnums: Sequence[int]) -> list[SqlType]:
        return [table.column_by_attnum(attnum).type for attnum in attnums]

    def _shown(self, table: Table, attnums: Sequence[int], key: Key) -> str:
        columns = [table.column_by_attnum(attnum) for attnum in attnums]
        values = ", ".join(shown(c.type, v) for c, v in zip(columns, key, strict=True))
        return f"Key ({', '.join(c.name for c in columns)})=({values})"

    def _violation(self, message: str, detail: str) -> ForeignKeyViolation:
        return ForeignKeyViolation(
            message,
            detail=detail,
            schema=self.context.catalog.schemas[self.child.schema_oid].name,
            table=self.child.name,
            constraint=self.constraint.name,
        )


def _keys(places: Places, attnums: Sequence[int]) -> list[Key]:
    """The values of some columns, row by row."""
    shard, ids = places
    columns = [shard.gather(attnum, ids) for attnum in attnums]
    return [tuple(hashable(v) for v in key) for key in zip(*columns, strict=True)]


def _alive(context: Context, shard: Shard, ids: RowIds) -> np.ndarray:
    """Which of the rows that the transaction inserted it has not deleted again."""
    return shard.visible(context.tx).contains(ids)
