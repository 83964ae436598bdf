"""INHERITS: what a table has from its parents, merged with what it says itself (MergeAttributes in tablecmds.c).

Columns and checks are the same when they have the same name; parent and child may have them at different places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlvec.catalog.collations import column_collation
from sqlvec.catalog.names import collation_name
from sqlvec.catalog.objects import Catalog, Column, Constraint, Table
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import (
    CollationMismatch,
    DatatypeMismatch,
    DuplicateObject,
    DuplicateTable,
    FeatureNotSupported,
    InvalidColumnDefinition,
    InvalidObjectDefinition,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql.bind_constraint import add_constraint
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text, rewritten_text, unqualified
from sqlvec.sql.parse import Node
from sqlvec.sql.table_draft import Draft
from sqlvec.types import format_type

_VALUES = ("CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED")
Notice = tuple[str, ...]
_Made = TypeVar("_Made")


def parents_of(binder: Binder, body: Node, persistence: str) -> tuple[Table, ...]:
    """The tables of INHERITS, in order."""
    found: dict[int, Table] = {}
    for node in body.get("inhRelations", ()):
        parent = named_parent(binder, node["RangeVar"])
        if parent.oid in found:
            raise DuplicateTable(f'relation "{parent.name}" would be inherited from more than once')
        found[parent.oid] = parent
        _check_parent(parent, persistence, "partition")
    return tuple(found.values())


def named_parent(binder: Binder, part: Node) -> Table:
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
    if not isinstance(relation, Table) or relation.query:
        raise WrongObjectType(f'inherited relation "{relation.name}" is not a table or foreign table')
    return relation


def _check_parent(parent: Table, persistence: str, partition: str) -> None:
    """partition: what a partition is called in the message."""
    if parent.partitioning is not None:
        raise WrongObjectType(f'cannot inherit from partitioned table "{parent.name}"')
    if parent.parent_oid:
        named = f'{partition} "{parent.name}"' if partition == "partition" else partition
        raise WrongObjectType(f"cannot inherit from {named}")
    if parent.persistence == "t" and persistence != "t":
        raise WrongObjectType(f'cannot inherit from temporary relation "{parent.name}"')
    if parent.tenant_attnum or parent.shards > 1:
        raise FeatureNotSupported("a table with tenants or shards has no children")


def refuse_division(child: Table) -> None:
    if child.tenant_attnum or child.shards > 1:
        raise FeatureNotSupported("a table with tenants or shards has no parents")


# ---------------------------------------------------------------- columns


def says_value(body: Node) -> bool:
    """Whether a column's definition says what it gets by default."""
    parts = [node["Constraint"]["contype"] for node in body.get("constraints", ())]
    return any(kind in _VALUES for kind in parts)


class Heritage:
    """The columns and checks that a new table gets from its parents; they are the draft's first."""

    def __init__(self, draft: Draft, parents: Sequence[Table]) -> None:
        self.draft = draft
        self.notices: list[Notice] = []
        self._conflicts: dict[str, str] = {}  # columns that parents give different values
        for parent in parents:
            for column in parent.live_columns:
                self._take(for_heir(draft, column, parent.name))
            _inherit_checks(draft, parent)
        self.count = len(draft.columns)
        self._own = 0

    def _take(self, column: Column) -> None:
        known = self.draft.find_column(column.name)
        if known is None:
            self.draft.columns.append(column)
            return
        self.notices.append(
            ("00000", f'merging multiple inherited definitions of column "{column.name}"')
        )
        _check_alike(self.draft, f'inherited column "{column.name}"', known, column)
        if bool(known.generated) != bool(column.generated):
            raise InvalidColumnDefinition(f'inherited column "{column.name}" has a generation conflict')
        merged = replace(
            known, not_null=known.not_null or column.not_null, inherited=known.inherited + 1
        )
        mine, its = _value(known), _value(column)
        if its != mine and any(its):
            if any(mine):
                what = "generation expressions" if column.generated else "default values"
                self._conflicts.setdefault(column.name, what)
            else:
                merged = replace(merged, default=column.default, sequence_oid=column.sequence_oid)
        self.draft.columns[known.attnum - 1] = merged

    def add_column(self, name: str, has_value: bool, define: Callable[[], _Made]) -> _Made:
        """A column that the table declares; define: adds it to the draft. has_value: whether it says what the
        column gets by default, be it null."""
        self._own += 1
        draft, known = self.draft, self.draft.find_column(name)
        if known is None or known.attnum > self.count or known.local:
            return define()
        place = known.attnum - 1
        after = draft.columns[place:]
        del draft.columns[place:]
        made = define()
        draft.columns[place] = self._merged(known, draft.columns[place], has_value)
        draft.columns += after[1:]
        return made

    def _merged(self, known: Column, own: Column, has_value: bool) -> Column:
        name = known.name
        if self._own == known.attnum:
            self.notices.append(("00000", f'merging column "{name}" with inherited definition'))
        else:
            self.notices.append((
                "00000", f'moving and merging column "{name}" with inherited definition',
                "User-specified column moved to the position of the inherited column.",
            ))  # fmt: skip
        _check_alike(self.draft, f'column "{name}"', known, own)
        if known.generated:
            if own.default or (own.sequence_oid and not own.identity):
                raise InvalidColumnDefinition(f'column "{name}" inherits from generated column but specifies default')
            if own.identity:
                raise InvalidColumnDefinition(f'column "{name}" inherits from generated column but specifies identity')
        elif own.generated:
            raise InvalidColumnDefinition(
                f'child column "{name}" specifies generation expression',
                hint="A child table column cannot be generated unless its parent column is.",
            )
        merged = replace(
            own, not_null=known.not_null or own.not_null, local=True, inherited=known.inherited
        )
        if has_value or own.sequence_oid:
            self._conflicts.pop(name, None)
        else:
            merged = replace(
                merged, default=known.default, sequence_oid=known.sequence_oid, generated=known.generated
            )
        return merged

    def check_values(self) -> None:
        """What parents say of a column's value and the table does not settle."""
        for name, what in self._conflicts.items():
            word = "a generation expression" if what.startswith("generation") else "a default"
            raise InvalidColumnDefinition(
                f'column "{name}" inherits conflicting {what}',
                hint=f"To resolve the conflict, specify {word} explicitly.",
            )

    def add_constraint(self, part: Node) -> None:
        """One that the table declares."""
        self.notices += add_or_merge(self.draft, part)[1]



def for_heir(draft: Draft, column: Column, parent: str) -> Column:
    """A parent's column as the last of the draft."""
    return replace(
        column, attnum=len(draft.columns) + 1, identity="", local=False, inherited=1,
        sequence_oid=0 if column.identity else column.sequence_oid,
        generated=rewritten_text(column.generated, unqualified(parent)) if column.generated else "",
    )  # fmt: skip


def _value(column: Column) -> tuple[str | None, int, str]:
    return column.default, column.sequence_oid, column.generated


def _check_alike(draft: Draft, what: str, one: Column, other: Column) -> None:
    if one.type != other.type:
        raise DatatypeMismatch(
            f"{what} has a type conflict",
            detail=f"{format_type(one.type)} versus {format_type(other.type)}",
        )
    catalog = draft.binder.catalog
    if column_collation(catalog, one) != column_collation(catalog, other):
        raise CollationMismatch(
            f"{what} has a collation conflict", detail=collations(catalog, one, other)
        )


def collations(catalog: Catalog, one: Column, other: Column) -> str:
    """Those of two columns, for the detail of an error."""
    view = Viewpoint(catalog)
    names = (collation_name(view, column_collation(catalog, column)) for column in (one, other))
    return " versus ".join(name if name.startswith('"') else f'"{name}"' for name in names)


# ---------------------------------------------------------------- checks


def inherited_checks(table: Table) -> list[Constraint]:
    """Those that its children have too."""
    return [c for c in table.constraints if c.kind == "c" and not c.no_inherit]


def for_child(check: Constraint, parent: Table, draft: Draft) -> Constraint:
    """The check with the columns that the child has by the same names."""
    names = [parent.column_by_attnum(attnum).name for attnum in check.attnums]
    return replace(
        check, oid=draft.take_oid(), attnums=tuple(draft.column(name).attnum for name in names),
        local=False, inherited=1, expression=rewritten_text(check.expression, unqualified(parent.name)),
    )  # fmt: skip


def add_or_merge(draft: Draft, part: Node) -> tuple[Constraint, list[Notice]]:
    """A constraint that a table declares; a check may be one that it has from its parents."""
    name, kind = part.get("conname"), part["contype"]
    known = next((c for c in draft.constraints if c.name == name and c.inherited and not c.local), None)
    if kind != "CONSTR_CHECK" or known is None:
        return add_constraint(draft, part), []
    place = draft.constraints.index(known)
    del draft.constraints[place]
    own = add_constraint(draft, part)
    draft.constraints.pop()
    merged = merged_check(draft.binder, draft.table(), known, own)
    draft.constraints.insert(place, merged)
    return merged, [merging(known)]


def _inherit_checks(draft: Draft, parent: Table) -> None:
    """Of a parent that a new table is made with."""
    for check in inherited_checks(parent):
        made = for_child(check, parent, draft)
        known = next((c for c in draft.constraints if c.name == check.name), None)
        if known is None:
            draft.constraints.append(made)
            continue
        if not _are_alike(draft.binder, draft.table(), known, made):
            raise DuplicateObject(
                f'check constraint name "{check.name}" appears multiple times but with different expressions'
            )
        place = draft.constraints.index(known)
        draft.constraints[place] = replace(known, inherited=known.inherited + 1)


def _are_alike(binder: Binder, table: Table, one: Constraint, other: Constraint) -> bool:
    if one.expression == other.expression:
        return True
    first, second = (
        binder.settled(bind_expression_text(binder, check.expression, table, 1)) for check in (one, other)
    )
    return first == second


def merged_check(binder: Binder, table: Table, known: Constraint, own: Constraint) -> Constraint:
    """One check of what a table has already and what it is told, by a parent (then it is not local) or itself."""
    if not _are_alike(binder, table, known, own):
        raise DuplicateObject(f'constraint "{own.name}" for relation "{table.name}" already exists')
    if known.no_inherit:
        raise InvalidObjectDefinition(
            f'constraint "{own.name}" conflicts with non-inherited constraint on relation "{table.name}"'
        )
    if own.no_inherit and known.inherited:
        raise InvalidObjectDefinition(
            f'constraint "{own.name}" conflicts with inherited constraint on relation "{table.name}"'
        )
    if not known.validated and own.validated:
        raise InvalidObjectDefinition(
            f'constraint "{own.name}" conflicts with NOT VALID constraint on relation "{table.name}"'
        )
    return replace(
        known, local=known.local or own.local, inherited=known.inherited + (not own.local)
    )


def merging(check: Constraint) -> Notice:
    return "00000", f'merging constraint "{check.name}" with inherited definition'


# ---------------------------------------------------------------- ALTER TABLE ... INHERIT


def check_columns(parent: Table, child: Table) -> None:
    """A table that becomes a child or a partition has all columns of the other."""
    for column in parent.live_columns:
        own = child.column(column.name)
        if own is None:
            raise DatatypeMismatch(f'child table is missing column "{column.name}"')
        if own.type != column.type:
            raise DatatypeMismatch(
                f'child table "{child.name}" has different type for column "{column.name}"'
            )
        if own.collation != column.collation:
            raise CollationMismatch(
                f'child table "{child.name}" has different collation for column "{column.name}"'
            )
        if column.not_null and not own.not_null:
            raise DatatypeMismatch(f'column "{column.name}" in child table must be marked NOT NULL')
        if bool(column.generated) != bool(own.generated):
            word = "must" if column.generated else "must not"
            raise DatatypeMismatch(
                f'column "{column.name}" in child table {word} be a generated column'
            )


def check_checks(binder: Binder, parent: Table, child: Table) -> None:
    """And all its checks."""
    for check in inherited_checks(parent):
        own = next((c for c in child.constraints if c.name == check.name and c.kind == "c"), None)
        if own is None:
            raise DatatypeMismatch(f'child table is missing constraint "{check.name}"')
        if not _are_alike(binder, child, own, check):
            raise DatatypeMismatch(
                f'child table "{child.name}" has different definition for check constraint "{own.name}"'
            )
        for word, conflict in (("non-inherited", own.no_inherit), ("NOT VALID", not own.validated)):
            if conflict:
                raise InvalidObjectDefinition(
                    f'constraint "{own.name}" conflicts with {word} constraint on child table "{child.name}"'
                )


def with_parent(binder: Binder, child: Table, parent: Table) -> Table:
    """The table as a child of another."""
    _refuse_partitions(child)
    _check_parent(parent, child.persistence, "a partition")
    refuse_division(child)
    if any(table.oid == parent.oid for table in binder.catalog.heirs(child.oid)):
        raise DuplicateTable(
            "circular inheritance not allowed",
            detail=f'"{parent.name}" is already a child of "{child.name}".',
        )
    if parent.oid in child.parents:
        raise DuplicateTable(f'relation "{parent.name}" would be inherited from more than once')
    check_columns(parent, child)
    check_checks(binder, parent, child)
    return replace(_counted(child, parent, 1), parents=(*child.parents, parent.oid))


def without_parent(child: Table, parent: Table) -> Table:
    _refuse_partitions(child)
    if parent.oid not in child.parents:
        raise UndefinedTable(f'relation "{parent.name}" is not a parent of relation "{child.name}"')
    kept = tuple(oid for oid in child.parents if oid != parent.oid)
    return replace(_counted(child, parent, -1), parents=kept)


def _refuse_partitions(child: Table) -> None:
    if child.partitioning is not None:
        raise WrongObjectType("cannot change inheritance of partitioned table")
    if child.parent_oid:
        raise WrongObjectType("cannot change inheritance of a partition")


def _counted(child: Table, parent: Table, step: int) -> Table:
    """What both have is inherited once more, or less; what no parent has is the table's own."""
    columns = {column.name for column in parent.live_columns}
    checks = {check.name for check in inherited_checks(parent)}
    return replace(
        child,
        columns=tuple(counted(c, step) if c.name in columns and not c.dropped else c for c in child.columns),
        constraints=tuple(
            counted(c, step) if c.name in checks and c.kind == "c" else c for c in child.constraints
        ),
    )


_Part = TypeVar("_Part", Column, Constraint)


def counted(part: _Part, step: int) -> _Part:
    inherited = part.inherited + step
    return replace(part, inherited=inherited, local=part.local or inherited == 0)
