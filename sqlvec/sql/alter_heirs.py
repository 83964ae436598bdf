"""ALTER TABLE of a table that others inherit from, and of one that inherits: which changes reach the children, and
which are the parent's alone to make (ATPrepCmd and its kin in tablecmds.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from sqlvec.catalog.objects import Column, Constraint, Table
from sqlvec.errors import (
    CollationMismatch,
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidTableDefinition,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.alter_partitions import Begin, joined
from sqlvec.sql.binder import Binder
from sqlvec.sql.inheritance import (
    collations,
    counted,
    for_child,
    for_heir,
    inherited_checks,
    merged_check,
    merging,
    named_parent,
    with_parent,
    without_parent,
)
from sqlvec.sql.parse import Node

if TYPE_CHECKING:
    from sqlvec.sql.bind_alter import Change

_Inherited = TypeVar("_Inherited", Column, Constraint)
_SIMPLE = frozenset(["AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull"])  # the same for every child
_COLUMNS = {"AT_DropColumn": "drop", "AT_AlterColumnType": "alter"}


def forbid_inherited(change: Change, command: Node) -> None:
    """What a table has from its parents is changed with them."""
    kind, name = command["subtype"], command.get("name", "")
    column = change.draft.find_column(name)
    if kind in _COLUMNS and column is not None and column.inherited:
        raise InvalidTableDefinition(f'cannot {_COLUMNS[kind]} inherited column "{name}"')
    if kind == "AT_DropExpression" and column is not None and column.inherited:
        raise InvalidTableDefinition("cannot drop generation expression from inherited column")
    if kind == "AT_DropConstraint":
        if any(c.name == name and c.inherited for c in change.draft.constraints):
            raise InvalidTableDefinition(
                f'cannot drop inherited constraint "{name}" of relation "{change.old.name}"'
            )


def forbid_parent_only(table: Table, command: Node) -> None:
    """ALTER TABLE ONLY may not make the table unlike its children."""
    kind, name = command["subtype"], command.get("name", "")
    words = {
        "AT_AddColumn": "column must be added to child tables too",
        "AT_AlterColumnType": f'type of inherited column "{name}" must be changed in child tables too',
    }
    if kind == "AT_AddConstraint":
        part = command["def"]["Constraint"]
        if part["contype"] == "CONSTR_CHECK" and not part.get("is_no_inherit"):
            raise InvalidTableDefinition("constraint must be added to child tables too")
    if kind == "AT_ValidateConstraint" and any(c.name == name for c in inherited_checks(table)):
        raise InvalidTableDefinition("constraint must be validated on child tables too")
    if kind == "AT_DropExpression":
        raise FeatureNotSupported("ALTER TABLE / DROP EXPRESSION must be applied to child tables too")
    if kind in words:
        raise InvalidTableDefinition(words[kind])


def forbid_identity(command: Node) -> None:
    """Each table would count for itself."""
    if command["subtype"] == "AT_AddColumn":
        parts = [n["Constraint"] for n in command["def"]["ColumnDef"].get("constraints", ())]
        if any(part["contype"] == "CONSTR_IDENTITY" for part in parts):
            raise InvalidTableDefinition(
                "cannot recursively add identity column to table that has child tables"
            )


def change_parents(binder: Binder, child: Table, command: Node) -> Table:
    """ALTER TABLE ... INHERIT and NO INHERIT."""
    part = command["def"]["RangeVar"]
    found = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if isinstance(found, Table) and found.query:
        word = "INHERIT" if command["subtype"] == "AT_AddInherit" else "NO INHERIT"
        raise WrongObjectType(
            f'ALTER action {word} cannot be performed on relation "{found.name}"',
            detail="This operation is not supported for materialized views.",
        )
    parent = named_parent(binder, part)
    if command["subtype"] == "AT_AddInherit":
        return with_parent(binder, child, parent)
    return without_parent(child, parent)


# ---------------------------------------------------------------- the children's part


def with_heirs(
    binder: Binder, table: Table, commands: Sequence[Node], made: bound.Ddl, begin: Begin, only: bool
) -> bound.Ddl:
    """The change of a table together with what it means for its children. begin: a change of a child, along with
    the parent as it will be. only: the children keep what the table loses."""
    before = binder.catalog
    binder.catalog = before.without(*made.dropped).with_relation(*made.changed)
    parts = [made, *_below(binder, table, commands, made.tag, begin, only)]
    binder.catalog = before
    return joined(parts)


def _below(
    binder: Binder, table: Table, commands: Sequence[Node], tag: str, begin: Begin, only: bool
) -> list[bound.Ddl]:
    """table: as it was. A child of several tables that change is reached from each."""
    parts: list[bound.Ddl] = []
    for oid in [child.oid for child in binder.catalog.children(table.oid)]:
        child = binder.catalog.table(oid)
        change = begin(binder, child, binder.catalog.table(table.oid))
        further = [command for command in commands if _pass_on(change, table, command, only)]
        has_checks = _add_checks(change, table)
        part = change.finish(tag)
        binder.catalog = binder.catalog.without(*part.dropped).with_relation(*part.changed)
        parts.append(part)
        if further or has_checks:
            parts += _below(binder, child, further, tag, begin, only)
    return parts


def _pass_on(change: Change, table: Table, command: Node, only: bool) -> bool:
    """One command on the parent (as it was), for a child; whether the child's children are next."""
    kind, name = command["subtype"], command.get("name", "")
    if kind == "AT_AddColumn":
        return _add_column(change, table, command)
    if kind == "AT_DropColumn":
        return table.column(name) is not None and _drop_column(change, command, only)
    if kind == "AT_DropConstraint":
        if any(c.name == name for c in inherited_checks(table)):
            return _drop_check(change, command, only)
        return False
    if only:
        return False
    if kind == "AT_AlterColumnType":
        return _change_type(change, command)
    if kind == "AT_ValidateConstraint":
        if any(c.name == name for c in inherited_checks(table)):
            change.apply(command)
            return True
        return False
    if kind in _SIMPLE or kind == "AT_DropExpression":
        change.apply({**command, "missing_ok": True})
        return True
    return False


def _add_column(change: Change, table: Table, command: Node) -> bool:
    assert change.parent is not None
    name = command["def"]["ColumnDef"]["colname"]
    column = change.parent.column(name)
    if column is None or table.column(name) is not None:
        return False  # it was there: IF NOT EXISTS
    own = change.draft.find_column(name)
    if own is None:
        change.add_inherited(for_heir(change.draft, column, change.parent.name))
        return True
    if own.type != column.type:
        raise DatatypeMismatch(
            f'child table "{change.old.name}" has different type for column "{name}"'
        )
    if own.collation != column.collation:
        raise CollationMismatch(
            f'child table "{change.old.name}" has different collation for column "{name}"',
            detail=collations(change.binder.catalog, column, own),
        )
    change.draft.columns[own.attnum - 1] = counted(own, 1)
    change.notices.append(
        ("00000", f'merging definition of column "{name}" for child "{change.old.name}"')
    )
    return False


def _drop_column(change: Change, command: Node, only: bool) -> bool:
    own = change.draft.find_column(command["name"])
    if own is None:
        return False
    kept = _kept(change, own, command, only)
    if kept is not None:
        change.draft.columns[own.attnum - 1] = kept
    return kept is None


def _kept(change: Change, own: _Inherited, command: Node, only: bool) -> _Inherited | None:
    """What is left of a column or check that a parent drops; None: it is dropped too."""
    if own.inherited == 1 and not own.local and not only:
        change.apply(command)
        return None
    made = counted(own, -1)
    return replace(made, local=True) if only else made


def _change_type(change: Change, command: Node) -> bool:
    own, name = change.draft.find_column(command["name"]), command["name"]
    assert own is not None, name
    if own.inherited > 1:
        raise InvalidTableDefinition(
            f'cannot alter inherited column "{name}" of relation "{change.old.name}"'
        )
    change.apply(command)
    return True


# ---------------------------------------------------------------- checks


def _add_checks(change: Change, table: Table) -> bool:
    """Those that the parent has got; whether the child's children are next."""
    assert change.parent is not None
    before = {c.oid for c in table.constraints}
    further = False
    for check in inherited_checks(change.parent):
        if check.oid in before:
            continue
        made = for_child(check, change.parent, change.draft)
        known = next((c for c in change.draft.constraints if c.name == check.name), None)
        if known is None:
            change.add_inherited_check(made)
            further = True
            continue
        merged = merged_check(change.binder, change.draft.table(), known, made)
        change.draft.constraints[change.draft.constraints.index(known)] = merged
        change.notices.append(merging(check))
    return further


def _drop_check(change: Change, command: Node, only: bool) -> bool:
    own = _check(change, command["name"])
    if own is None:
        return False
    place = change.draft.constraints.index(own)
    kept = _kept(change, own, command, only)
    if kept is not None:
        change.draft.constraints[place] = kept
    return kept is None


def _check(change: Change, name: str) -> Constraint | None:
    return next((c for c in change.draft.constraints if c.name == name and c.inherited), None)
