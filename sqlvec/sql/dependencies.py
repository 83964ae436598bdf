"""What must go when something goes: dependents, refused without CASCADE and told of with it (dependency.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from sqlvec.catalog.names import routine_signature, user_type_name
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
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.user_types import CompositeType, DomainType, UserType
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import DependentObjectsStillExist
from sqlvec.sql.bind_partition import index_parts
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text, columns_read
from sqlvec.sql.type_text import checks_that_use, routines_called, texts_that_use

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
        self.dropped_types: dict[int, None] = {}
        self.changed_types: dict[int, UserType] = {}
        self.dropped_routines: dict[int, None] = {}
        self.told: list[tuple[str, str]] = []  # dependent, what it depends on

    # ------------------------------------------------------------ going

    def drop(self, relations: Sequence[Relation]) -> None:
        """The relations with all that is theirs; then what depends on them."""
        everything = [part for relation in relations for part in self._with_parts(relation)]
        for part in everything:
            self.dropped[part.oid] = None
        for relation in relations:
            self._drop_heirs(relation)
        for part in sorted(everything, key=lambda part: -part.oid):
            self._drop_dependents(part)

    def _with_parts(self, relation: Relation) -> Iterator[Relation]:
        yield relation
        if isinstance(relation, Index):
            yield from index_parts(self.catalog, relation)
        if isinstance(relation, (Table, View)):
            yield from self.catalog.indexes(relation.oid)
            for partition in self.catalog.partitions(relation.oid):
                yield from self._with_parts(partition)
            for other in self.catalog.relations.values():
                if isinstance(other, SequenceRelation) and other.owned_by[0] == relation.oid:
                    yield other

    def _drop_heirs(self, relation: Relation) -> None:
        for heir in self.catalog.children(relation.oid):
            if heir.oid not in self.dropped:
                self.told.append((self.described(heir), self.described(relation)))
                self.drop([heir])

    def _drop_dependents(self, relation: Relation) -> None:
        what = self.described(relation)
        if isinstance(relation, Table):
            known = relation.parent_oid in self.dropped  # which tells of those that refer to it
            for child, constraint in () if known else self.catalog.referrers(relation.oid):
                if child.oid not in self.dropped:
                    self._drop_constraint(child, constraint, what)
        if isinstance(relation, SequenceRelation):
            self._drop_defaults(relation, what)
        for routine in self.catalog.routines.values():
            if routine.uses(relation.oid):
                self._drop_routine(routine, what)
        for view in list(self.catalog.relations.values()):
            if isinstance(view, (View, Table)) and view.oid not in self.dropped and view.uses(relation.oid):
                self.told.append((self.described(view), what))
                self.drop([view])
        if isinstance(relation, (Table, View)) and (
            self.catalog.type_by_oid(relation.oid) is not None
        ):
            views, self.told = self.told, []
            self._drop_users({relation.oid: f"type {shown_name(self.binder, relation)}"})
            self.told += views

    # ------------------------------------------------------------ functions

    def drop_routines(self, gone: Sequence[Routine]) -> None:
        """The functions; then what calls them."""
        for routine in gone:
            self.dropped_routines[routine.oid] = None
        self._drop_users({r.oid: shown_routine(self.binder, r) for r in gone})

    def _drop_routine(self, routine: Routine, what: str) -> None:
        if routine.oid not in self.dropped_routines:
            self.told.append((shown_routine(self.binder, routine), what))
            self.drop_routines([routine])

    # ------------------------------------------------------------ types

    def drop_types(self, gone: Sequence[UserType]) -> None:
        """The types; then what is of them, or made of them."""
        for made in gone:
            self.dropped_types[made.oid] = None
        before, self.told = self.told, []
        for made in gone:  # what depends on the last is told first
            earlier, self.told = self.told, []
            name = f"type {self.type_name(made)}"
            self._drop_users({made.oid: name, made.array_oid: f"{name}[]"})
            self.told += earlier
        self.told = before + self.told

    def _drop_users(self, names: dict[int, str]) -> None:
        """Of types by their oids, the newest first, though they are told of the other way round
        (findDependentObjects)."""
        told, self.told = self.told, []
        groups: list[list[tuple[str, str]]] = []
        for oid in names:
            for drop in self._users(oid, names):
                drop()
                groups.append(self.told)
                self.told = []
        self.told = told + [line for group in reversed(groups) for line in group]

    def _users(self, oid: int, names: dict[int, str]) -> Iterator[Callable[[], None]]:
        """What drops each object that uses the type, or the array type, of that oid."""
        relations = sorted(self.catalog.relations.values(), key=lambda r: -r.oid)
        everything = [*relations, *self.catalog.types.values(), *self.catalog.routines.values()]
        for other in sorted(everything, key=lambda o: -o.oid):
            if any(other.oid in gone for gone in (self.dropped, self.dropped_types, self.dropped_routines)):
                continue
            if isinstance(other, Routine):
                if oid in other.type_oids or oid in routines_called(self.binder, other):
                    yield partial(self._drop_routine, other, names[oid])
                continue
            if isinstance(other, DomainType) and oid in self.catalog.routines:
                for name in checks_that_use(self.binder, other, oid):
                    yield partial(self._drop_domain_check, other, name, names[oid])
            if isinstance(other, UserType):
                if any(p.oid == oid for p in other.parts()):
                    yield partial(self._drop_made_of, other, oid, names)
                continue
            yield partial(self._drop_texts, other, oid, names[oid])
            if isinstance(other, Table) and not other.query:
                for column in other.live_columns:
                    if column.type.oid == oid:
                        yield partial(self._drop_typed_column, other, column, names[oid])

    def _drop_typed_column(self, table: Table, column: Column, what: str) -> None:
        if not self.table(table).column_by_attnum(column.attnum).dropped:
            self.told.append((f"column {column.name} of {self.described(table)}", what))
            self.drop_column(table, column)

    def _drop_texts(self, relation: Relation, oid: int, what: str) -> None:
        """What says the type's name: defaults, checks, indexes, views."""
        for text in texts_that_use(self.binder, relation, {oid}):
            if self._goes_with_column(relation, text, oid):
                continue
            if relation.oid in self.dropped:
                return
            if not isinstance(relation, Table) or not text:
                self.told.append((self.described(relation), what))
                self.drop([relation])
                continue
            table = self.table(relation)
            kept = tuple(c for c in table.constraints if text != f"constraint {c.name} on")
            columns = []
            for column in table.columns:
                if text == f"default value for column {column.name} of":
                    column = replace(column, default=None)
                columns.append(column)
            changed = replace(table, constraints=kept, columns=tuple(columns))
            generated = table.column(text.split(" ")[1]) if text.startswith("column ") else None
            if changed == table and generated is None:
                continue  # went with its column
            self.told.append((f"{text} {self.described(relation)}", what))
            self.changed[table.oid] = changed
            if generated is not None:
                self.drop_column(table, generated)

    def _goes_with_column(self, relation: Relation, text: str, oid: int) -> bool:
        """Whether the text is of a column of the type, which will be told of instead."""
        table = self.catalog.relations[relation.table_oid] if isinstance(relation, Index) else relation
        if not isinstance(table, Table):
            return False
        typed = {c.attnum for c in table.live_columns if c.type.oid == oid}
        if isinstance(relation, Index):
            return any(self._index_reads(relation, table, table.column_by_attnum(a)) for a in typed)
        for constraint in table.constraints:
            if text == f"constraint {constraint.name} on":
                return bool(typed & set(constraint.attnums))
        return any(
            text in (f"default value for column {c.name} of", f"column {c.name} of")
            for c in table.live_columns
            if c.attnum in typed
        )

    def _drop_made_of(self, other: UserType, oid: int, names: dict[int, str]) -> None:
        if isinstance(other, CompositeType):
            self._drop_attributes(other, oid, names[oid])
            return
        self.told.append((f"type {self.type_name(other)}", names[oid]))
        self.drop_types([other])

    def _drop_domain_check(self, domain: DomainType, name: str, what: str) -> None:
        made = self.changed_types.get(domain.oid, domain)
        assert isinstance(made, DomainType), made
        kept = tuple(check for check in made.checks if check.name != name)
        if len(kept) < len(made.checks):
            self.told.append((f"constraint {name}", what))
            self.changed_types[domain.oid] = replace(made, checks=kept)

    def _drop_attributes(self, made: CompositeType, oid: int, what: str) -> None:
        attributes = []
        before = self.changed_types.get(made.oid, made)
        assert isinstance(before, CompositeType), before
        for attribute in before.attributes:
            if attribute.type.oid == oid and not attribute.dropped:
                name = f"column {attribute.name} of composite type {self.type_name(made)}"
                self.told.append((name, what))
                attribute = replace(attribute, dropped=True)
            attributes.append(attribute)
        self.changed_types[made.oid] = replace(made, attributes=tuple(attributes))

    def type_name(self, made: UserType) -> str:
        return shown_type(self.binder, made)

    def beside_relations(self) -> Catalog | None:
        """The catalog without the types and functions that go; None where none of them does."""
        if not (self.dropped_routines or self.dropped_types or self.changed_types):
            return None
        return self._beside(self.catalog)

    def applied(self) -> Catalog:
        """The catalog without what goes."""
        relations = self.catalog.without(*self.dropped).with_relation(
            *(table for oid, table in self.changed.items() if oid not in self.dropped)
        )
        return self._beside(relations)

    def _beside(self, catalog: Catalog) -> Catalog:
        changed = (t for oid, t in self.changed_types.items() if oid not in self.dropped_types)
        kept = catalog.with_type(*changed).without_types(*self.dropped_types)
        return kept.without_routines(*self.dropped_routines)

    # ------------------------------------------------------------ parts

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
        for routine in self.catalog.routines.values():
            if routine.uses(table.oid, column.attnum):
                self._drop_routine(routine, what)
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


def shown_routine(binder: Binder, routine: Routine) -> str:
    """function name(type,type), also of a procedure; the name qualified where the bare one would not find it."""
    view = Viewpoint(
        binder.catalog, binder.context.search_path, temporary_schema=binder.context.temporary_schema
    )
    return f"function {routine_signature(view, routine)}"


def shown_type(binder: Binder, made: UserType) -> str:
    """Qualified where the bare name would not find it."""
    context = binder.context
    view = Viewpoint(
        binder.catalog, context.search_path, temporary_schema=context.temporary_schema
    )
    return user_type_name(view, made.oid) or made.name


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
