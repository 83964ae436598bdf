"""ALTER TABLE of a partitioned table, for its partitions: each is changed as the table is, at every depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Column, Table
from sqlvec.errors import InvalidTableDefinition, WrongObjectType
from sqlvec.sql import bound
from sqlvec.sql.bind_partition import fit_below
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node

if TYPE_CHECKING:
    from sqlvec.sql.bind_alter import Change

Begin = Callable[[Binder, Table, Table], "Change"]
_SAME = frozenset([
    "AT_DropColumn", "AT_AlterColumnType", "AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull",
    "AT_DropExpression",
])  # fmt: skip
_PARTS = frozenset(["AT_DropConstraint", "AT_ValidateConstraint"])
_WORDS = {"AT_AddColumn": "column must be added to child tables too",
          "AT_DropColumn": "cannot drop column from only the partitioned table when partitions exist",
          "AT_DropNotNull": "cannot remove constraint from only the partitioned table when partitions exist",
          "AT_DropConstraint": "cannot remove constraint from only the partitioned table when partitions exist"}  # fmt: skip


def forbid_apart(table: Table, command: Node) -> None:
    """What a partition has from its table is changed with that."""
    kind, name = command["subtype"], command.get("name", "")
    if kind == "AT_AddColumn":
        raise WrongObjectType("cannot add column to a partition")
    if kind in ("AT_DropColumn", "AT_AlterColumnType") and table.column(name) is not None:
        word = "drop" if kind == "AT_DropColumn" else "alter"
        raise InvalidTableDefinition(f'cannot {word} inherited column "{name}"')
    if kind == "AT_DropConstraint":
        if any(c.name == name and c.parent_oid for c in table.constraints):
            raise InvalidTableDefinition(
                f'cannot drop inherited constraint "{name}" of relation "{table.name}"'
            )


def forbid_nulls(parent: Table, column: Column) -> None:
    if parent.column_by_attnum(column.attnum).not_null:
        raise InvalidTableDefinition(f'column "{column.name}" is marked NOT NULL in parent table')


def forbid_key_change(table: Table, command: Node) -> None:
    """The columns that divide the rows stay as they are."""
    if command["subtype"] not in ("AT_DropColumn", "AT_AlterColumnType"):
        return
    column = table.column(command["name"])
    if column is None or table.partitioning is None:
        return
    if column.attnum in table.partitioning.attnums:
        word = "drop" if command["subtype"] == "AT_DropColumn" else "alter"
        raise InvalidTableDefinition(
            f'cannot {word} column "{column.name}" because it is part of the partition key of relation '
            f'"{table.name}"'
        )


def forbid_only(binder: Binder, table: Table, command: Node) -> None:
    """ALTER TABLE ONLY may not make the table unlike its partitions."""
    if not binder.catalog.partitions(table.oid):
        return
    kind = command["subtype"]
    if kind == "AT_AddConstraint" and command["def"]["Constraint"]["contype"] == "CONSTR_CHECK":
        raise InvalidTableDefinition("constraint must be added to child tables too")
    if kind in _WORDS:
        hint = None if kind == "AT_AddColumn" else "Do not specify the ONLY keyword."
        raise InvalidTableDefinition(_WORDS[kind], hint=hint)


def with_partitions(
    binder: Binder, table: Table, commands: Sequence[Node], made: bound.Ddl, begin: Begin
) -> bound.Ddl:
    """The change of a table together with those of its partitions. begin: a change of a partition, along with
    its table as it will be."""
    before = binder.catalog
    binder.catalog = before.without(*made.dropped).with_relation(*made.changed)
    parts = [made, *_below(binder, table, commands, made.tag, begin)]
    changed, build, verify = fit_below(binder, binder.catalog.table(table.oid))
    binder.catalog = before
    parts.append(bound.Ddl(made.tag, tuple(changed), build=tuple(build), verify=tuple(verify)))
    return joined(parts)


def _below(
    binder: Binder, table: Table, commands: Sequence[Node], tag: str, begin: Begin
) -> list[bound.Ddl]:
    parts: list[bound.Ddl] = []
    for child in binder.catalog.partitions(table.oid):
        change = begin(binder, child, binder.catalog.table(table.oid))
        for command in commands:
            _inherit(change, table, command)
        part = change.finish(tag)
        binder.catalog = binder.catalog.without(*part.dropped).with_relation(*part.changed)
        parts += [part, *_below(binder, child, commands, tag, begin)]
    return parts


def _inherit(change: Change, table: Table, command: Node) -> None:
    """One command on the table (as it was), for a partition."""
    kind = command["subtype"]
    if kind == "AT_AddColumn":
        change.inherit_column()
    elif kind in _SAME:
        if table.column(command["name"]) is not None:
            change.apply_inherited(command)
    elif kind in _PARTS:
        whole = next((c for c in table.constraints if c.name == command["name"]), None)
        if whole is not None:
            for own in [c for c in change.draft.constraints if c.parent_oid == whole.oid]:
                change.apply_inherited({**command, "name": own.name})


def joined(parts: Sequence[bound.Ddl]) -> bound.Ddl:
    """One change of all; a later part's relation stands for an earlier one's."""
    changed = {relation.oid: relation for part in parts for relation in part.changed}
    dropped = dict.fromkeys(oid for part in parts for oid in part.dropped)
    kept = {oid: relation for oid, relation in changed.items() if oid not in dropped}
    return replace(
        parts[0],
        changed=tuple(kept.values()),
        dropped=tuple(dropped),
        notices=tuple(notice for part in parts for notice in part.notices),
        verify=tuple(one for part in parts for one in part.verify),
        fills=tuple(one for part in parts for one in part.fills),
        rewrites=tuple(one for part in parts for one in part.rewrites),
        build=tuple(i for part in parts for i in part.build if i.oid in kept),
    )
