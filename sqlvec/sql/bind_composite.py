"""CREATE TYPE ... AS (attributes), and ALTER TYPE of its attributes (typecmds.c, tablecmds.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Table, View
from sqlvec.catalog.row_types import row_type
from sqlvec.catalog.user_types import Attribute, CompositeType, UserType
from sqlvec.errors import (
    DependentObjectsStillExist,
    DuplicateColumn,
    FeatureNotSupported,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_type import free_array_name, new_type_place
from sqlvec.sql.binder import Binder
from sqlvec.sql.collation import declared_collation
from sqlvec.sql.dependencies import Removal, shown_name, shown_type
from sqlvec.sql.parse import Node, ParsedStatement
from sqlvec.sql.type_text import texts_that_use
from sqlvec.types import SqlType


def _names(body: Node) -> list[str]:
    schema = body.get("schemaname")
    return [schema, body["relname"]] if schema else [body["relname"]]


def bind_create_composite(binder: Binder, body: Node) -> bound.Ddl:
    schema_oid, name = new_type_place(binder, _names(body["typevar"]))
    attributes: list[Attribute] = []
    for node in body.get("coldeflist", ()):
        column = node["ColumnDef"]
        if any(a.name == column["colname"] for a in attributes):
            raise DuplicateColumn(f'column "{column["colname"]}" specified more than once')
        attributes.append(
            Attribute(len(attributes) + 1, column["colname"], *_type(binder, column))
        )
    catalog, oid = binder.catalog.reserve_oids(3)
    array = free_array_name(catalog, schema_oid, name)
    made = CompositeType(oid, name, schema_oid, oid + 1, array, oid + 2, tuple(attributes))
    return bound.Ddl("CREATE TYPE", catalog=catalog.with_type(made))


def _type(binder: Binder, column: Node) -> tuple[SqlType, int]:
    """And the collation."""
    try:
        found = binder.type_name(column["typeName"])
    except UndefinedObject as error:
        error.position = None  # PostgreSQL tells no position here
        raise
    collation = declared_collation(binder, column, found, placed=False)
    if found.definition.kind == "p":
        raise InvalidTableDefinition(
            f'column "{column["colname"]}" has pseudo-type {found.name}'
        )
    return found, collation


def find_composite(binder: Binder, names: list[str]) -> CompositeType:
    schema, name = (names[-2] if len(names) > 1 else None), names[-1]
    if isinstance(relation := binder.context.find_relation(schema, name), (Table, View)):
        raise WrongObjectType(f'"{relation.name}" is not a composite type')
    found = binder.context.find_type(schema, name)
    made = None if found is None else binder.catalog.types.get(found.oid)
    if not isinstance(made, CompositeType):
        raise UndefinedTable(f'relation "{".".join(names)}" does not exist')
    return made


# ---------------------------------------------------------------- ALTER TYPE


def bind_alter_composite(binder: Binder, body: Node) -> bound.Ddl:
    """One or several changes of attributes."""
    made = find_composite(binder, _names(body["relation"]))
    notices: list[tuple[str, ...]] = []
    for node in body["cmds"]:
        command = node["AlterTableCmd"]
        change = _CHANGES.get(command["subtype"])
        if change is None:
            raise FeatureNotSupported(f"ALTER TYPE {command['subtype']} is not supported")
        made = change(binder, made, command, notices)
    catalog = binder.catalog.with_type(made)
    _refuse_broken(binder, catalog, f"cannot alter composite type {made.name}")
    return bound.Ddl("ALTER TYPE", catalog=catalog, notices=tuple(notices))


def _add(
    binder: Binder, made: CompositeType, command: Node, notices: list[tuple[str, ...]]
) -> CompositeType:
    column = command["def"]["ColumnDef"]
    _refuse_taken(made, column["colname"])
    added = Attribute(len(made.attributes) + 1, column["colname"], *_type(binder, column))
    if _is_made_of(binder.catalog, added.type, made):
        raise InvalidTableDefinition(
            f"composite type {shown_type(binder, made)} cannot be made a member of itself"
        )
    return replace(made, attributes=(*made.attributes, added))


def _drop(
    binder: Binder, made: CompositeType, command: Node, notices: list[tuple[str, ...]]
) -> CompositeType:
    name = command["name"]
    if made.attribute(name) is None:
        message = f'column "{name}" of relation "{made.name}" does not exist'
        if not command.get("missing_ok"):
            raise UndefinedColumn(message)
        notices.append(("00000", f"{message}, skipping"))
        return made
    return _changed(made, name, lambda attribute: replace(attribute, dropped=True))


def _alter(
    binder: Binder, made: CompositeType, command: Node, notices: list[tuple[str, ...]]
) -> CompositeType:
    name = command["name"]
    if made.attribute(name) is None:
        raise UndefinedColumn(f'column "{name}" of relation "{made.name}" does not exist')
    _refuse_used(binder, made)
    wanted, collation = _type(binder, {**command["def"]["ColumnDef"], "colname": name})
    return _changed(made, name, lambda a: replace(a, type=wanted, collation=collation))


_CHANGES: dict[
    str, Callable[[Binder, CompositeType, Node, list[tuple[str, ...]]], CompositeType]
] = {"AT_AddColumn": _add, "AT_DropColumn": _drop, "AT_AlterColumnType": _alter}


def bind_rename_attribute(binder: Binder, body: Node) -> bound.Ddl:
    made = find_composite(binder, _names(body["relation"]))
    old, new = body["subname"], body["newname"]
    if made.attribute(old) is None:
        raise UndefinedColumn(f'column "{old}" does not exist')
    _refuse_taken(made, new)
    renamed = _changed(made, old, lambda attribute: replace(attribute, name=new))
    catalog = binder.catalog.with_type(renamed)
    _refuse_broken(binder, catalog, f"cannot rename column {old} of composite type {made.name}")
    return bound.Ddl("ALTER TYPE", catalog=catalog)


def _refuse_broken(binder: Binder, catalog: Catalog, what: str) -> None:
    """Views, checks and the like are kept as text: each must still say something in the new catalog."""
    context = replace(binder.context, catalog=catalog)
    later = Binder(ParsedStatement("", {}, 0), context, ())
    for relation in catalog.relations.values():
        try:
            list(texts_that_use(later, relation, set()))
        except UndefinedColumn:
            raise DependentObjectsStillExist(
                f"{what} because other objects depend on it",
                detail=f"{Removal(binder).described(relation)} depends on it",
            ) from None


def _refuse_taken(made: CompositeType, name: str) -> None:
    if made.attribute(name) is not None:
        raise DuplicateColumn(f'column "{name}" of relation "{made.name}" already exists')


def refuse_row_type_use(binder: Binder, table: Table) -> None:
    """Of a table whose columns are about to have other types."""
    if binder.catalog.type_by_oid(table.oid) is not None:
        _refuse_used(binder, row_type(table), "table")


def refuse_own_row(binder: Binder, table: Table, sql_type: SqlType) -> None:
    """A table is no part of its own rows."""
    if _is_made_of(binder.catalog, sql_type, row_type(table)):
        name = shown_name(binder, table)
        raise InvalidTableDefinition(f"composite type {name} cannot be made a member of itself")


def _refuse_used(binder: Binder, made: CompositeType, kind: str = "type") -> None:
    """Stored values are of the types that the attributes have."""
    for relation in binder.catalog.relations.values():
        if not isinstance(relation, Table):
            continue
        for column in relation.live_columns:
            if _is_made_of(binder.catalog, column.type, made):
                raise FeatureNotSupported(
                    f'cannot alter {kind} "{made.name}" because column '
                    f'"{shown_name(binder, relation)}.{column.name}" uses {"it" if kind == "type" else "its row type"}'
                )


def _is_made_of(catalog: Catalog, sql_type: SqlType, made: UserType) -> bool:
    element = types.element_of(sql_type)
    if element is not None:
        return _is_made_of(catalog, element, made)
    if sql_type.oid == made.oid:
        return True
    other: UserType | None = catalog.types.get(sql_type.oid)
    relation = catalog.relations.get(sql_type.oid)
    if other is None and isinstance(relation, (Table, View)):
        other = row_type(relation)
    return other is not None and any(_is_made_of(catalog, part, made) for part in other.parts())


def _changed(
    made: CompositeType, name: str, change: Callable[[Attribute], Attribute]
) -> CompositeType:
    attributes = tuple(
        change(a) if a.name == name and not a.dropped else a for a in made.attributes
    )
    return replace(made, attributes=attributes)
