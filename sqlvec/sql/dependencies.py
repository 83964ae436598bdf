"""What must go when something goes: dependents, refused without CASCADE and told of with it (dependency.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlvec.catalog.objects import (
    Catalog,
    Column,
    Constraint,
    Index,
    Relation,
    Table,
    View,
)
from sqlvec.catalog.objects import Sequence as SequenceRelation
from sqlvec.errors import DependentObjectsStillExist
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text, columns_read

_HINT = "Use DROP ... CASCADE to drop the dependent objects too."
Notice = tuple[str, str, str]
_WORDS = {Table: "table", View: "view", Index: "index", SequenceRelation: "sequence"}


class Removal:
    """Objects of one DROP or ALTER: what goes with them by itself, and what has to be asked for.

    dropped: oids of relations; changed: tables that stay, without what depended; told: one line for each
    dependent."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self.catalog: Catalog = binder.catalog
        self.dropped: dict[int, None] = {}
        self.changed: dict[int, Table] = {}
        self.told: list[tuple[str, str]] = []  # dependent, what it depends on

    # ------------------------------------------------------------ going

    def drop(self, relations: Sequence[Relation]) -> None:
        """The relations with all that is theirs; then what depends on them."""
        everything = [part for relation in relations for part in self._with_parts(relation)]
        for part in everything:
            self.dropped[part.oid] = None
        for part in sorted(everything, key=lambda part: -part.oid):
            self._drop_dependents(part)

    def _with_parts(self, relation: Relation) -> Iterator[Relation]:
        yield relation
        if isinstance(relation, (Table, View)):
            yield from self.catalog.indexes(relation.oid)
            for other in self.catalog.relations.values():
                if isinstance(other, SequenceRelation) and other.owned_by[0] == relation.oid:
                    yield other

    def _drop_dependents(self, relation: Relation) -> None:
        what = self.described(relation)
        if isinstance(relation, Table):
            for child, constraint in self.catalog.references(relation.oid):
                if child.oid not in self.dropped:
                    self._drop_constraint(child, constraint, what)
        if isinstance(relation, SequenceRelation):
            self._drop_defaults(relation, what)
        for view in list(self.catalog.relations.values()):
            if isinstance(view, (View, Table)) and view.oid not in self.dropped and view.uses(relation.oid):
                self.told.append((self.described(view), what))
                self.drop([view])

    def _drop_constraint(self, table: Table, constraint: Constraint, what: str) -> None:
        table = self.table(table)
        if constraint in table.constraints:
            self.told.append((f"constraint {constraint.name} on {self.described(table)}", what))
            kept = tuple(c for c in table.constraints if c is not constraint)
            self.changed[table.oid] = replace(table, constraints=kept)

    def _drop_defaults(self, sequence: SequenceRelation, what: str) -> None:
        for table in list(self.catalog.relations.values()):
            if not isinstance(table, Table) or table.oid in self.dropped:
                continue
            for column in table.live_columns:
                if column.sequence_oid == sequence.oid:
                    name = f"default value for column {column.name} of {self.described(table)}"
                    self.told.append((name, what))
                    self._change_column(table, replace(column, sequence_oid=0))

    def _change_column(self, table: Table, column: Column) -> None:
        table = self.table(table)
        columns = tuple(column if c.attnum == column.attnum else c for c in table.columns)
        self.changed[table.oid] = replace(table, columns=columns)

    def drop_column(self, table: Table, column: Column) -> None:
        """The column with its indexes, constraints and sequence; the table's new value is in `changed`."""
        what = f"column {column.name} of {self.described(table)}"
        gone = [c for c in table.constraints if column.attnum in c.attnums]
        for child, constraint in self.catalog.references(table.oid):
            if column.attnum in constraint.foreign_attnums and constraint not in gone:
                self._drop_constraint(child, constraint, what)
        for index in self.catalog.indexes(table.oid):
            if self._index_reads(index, table, column):
                self.dropped[index.oid] = None
        for other in self.catalog.relations.values():
            if isinstance(other, SequenceRelation) and other.owned_by == (table.oid, column.attnum):
                self.dropped[other.oid] = None
        for view in list(self.catalog.relations.values()):
            if isinstance(view, (View, Table)) and view.uses(table.oid, column.attnum):
                if view.oid not in self.dropped:
                    self.told.append((self.described(view), what))
                    self.drop([view])
        self.changed[table.oid] = _without_column(self.table(table), column, gone)
        for other_column in table.live_columns:
            gone_already = self.table(table).column_by_attnum(other_column.attnum).dropped
            if not gone_already and other_column.generated:
                if column.attnum in self.read_by(other_column, table):
                    name = f"column {other_column.name} of {self.described(table)}"
                    self.told.append((name, what))
                    self.drop_column(table, other_column)

    def _index_reads(self, index: Index, table: Table, column: Column) -> bool:
        if column.attnum in index.included or any(c.attnum == column.attnum for c in index.columns):
            return True
        texts = [*(c.expression for c in index.columns if c.expression), index.predicate]
        return any(
            column.attnum in columns_read(bind_expression_text(self.binder, text, table, -2))
            for text in texts
            if text
        )

    def read_by(self, column: Column, table: Table) -> list[int]:
        """The columns that a generated column is made of."""
        return columns_read(bind_expression_text(self.binder, column.generated, table, -2))

    def drop_key(self, table: Table, constraint: Constraint) -> None:
        """A key's index, and the foreign keys that refer to it."""
        index = self.catalog.relations[constraint.index_oid]
        for child, other in self.catalog.references(table.oid):
            if other.index_oid == index.oid or (
                not other.index_oid and sorted(other.foreign_attnums) == sorted(constraint.attnums)
            ):
                self._drop_constraint(child, other, f"index {index.name}")
        self.dropped[index.oid] = None

    # ------------------------------------------------------------ saying

    def table(self, table: Table) -> Table:
        """The table as it will be."""
        return self.changed.get(table.oid, table)

    def described(self, relation: Relation) -> str:
        word = _WORDS[type(relation)]
        if isinstance(relation, Table) and relation.query:
            word = "materialized view"
        return f"{word} {shown_name(self.binder, relation)}"

    def settle(self, objects: Sequence[str], cascade: bool) -> list[Notice]:
        """The notices of CASCADE; without it 2BP01 when anything depends on the objects."""
        if not self.told:
            return []
        if not cascade:
            one = f"cannot drop {objects[0]} because other objects depend on it"
            many = "cannot drop desired object(s) because other objects depend on them"
            raise DependentObjectsStillExist(
                one if len(objects) == 1 else many,
                detail="\n".join(f"{name} depends on {what}" for name, what in self.told),
                hint=_HINT,
            )
        lines = [f"drop cascades to {name}" for name, _ in self.told]
        if len(lines) == 1:
            return [("00000", lines[0], "")]
        return [("00000", f"drop cascades to {len(lines)} other objects", "\n".join(lines))]


def shown_name(binder: Binder, relation: Relation) -> str:
    """Qualified where the bare name would not find it."""
    if isinstance(relation, Index):
        table = binder.catalog.relations[relation.table_oid]
        assert isinstance(table, (Table, View))
        schema_oid = table.schema_oid
    else:
        schema_oid = relation.schema_oid
    found = binder.context.find_relation(None, relation.name)
    if found is not None and found.oid == relation.oid:
        return relation.name
    return f"{binder.catalog.schemas[schema_oid].name}.{relation.name}"


def _without_column(table: Table, column: Column, gone: list[Constraint]) -> Table:
    dead = replace(
        column, dropped=True, not_null=False, default=None, generated="", sequence_oid=0, identity=""
    )
    columns = tuple(dead if c.attnum == column.attnum else c for c in table.columns)
    constraints = tuple(c for c in table.constraints if c not in gone)
    return replace(table, columns=columns, constraints=constraints)
