"""COMMENT ON: what is said of an object, kept in the catalog."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlvec.catalog.names import database_oid, roles
from sqlvec.catalog.objects import Described, Index, Relation, Sequence, Table, View
from sqlvec.catalog.system.tables import class_oid
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidSchemaName,
    UndefinedColumn,
    UndefinedDatabase,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_alter_routine import ROUTINES, described_routine
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node

_KINDS = {
    "OBJECT_TABLE": (Table, "a table"), "OBJECT_INDEX": (Index, "an index"),
    "OBJECT_SEQUENCE": (Sequence, "a sequence"), "OBJECT_VIEW": (View, "a view"),
    "OBJECT_MATVIEW": (Table, "a materialized view"),
}  # fmt: skip
_EXTENSION_OID = 16_385


def bind_comment(binder: Binder, body: Node) -> bound.Ddl:
    """A CommentStmt node; IS NULL takes the comment away."""
    kind = body["objtype"]
    if kind in _KINDS:
        described = _relation(binder, kind, _names(body["object"]))
    elif kind in _FINDERS:
        described = _FINDERS[kind](binder, body["object"])
    else:
        word = kind.removeprefix("OBJECT_").replace("_", " ")
        raise FeatureNotSupported(f"COMMENT ON {word} is not supported")
    changed = binder.catalog.with_comment(described, body.get("comment"))
    return bound.Ddl("COMMENT", catalog=changed)


def _names(node: Node) -> list[str]:
    """A name, qualified or not."""
    items = node["List"]["items"] if "List" in node else [node]
    return [item["String"]["sval"] for item in items]


def _found(binder: Binder, parts: list[str]) -> Relation:
    schema = parts[-2] if len(parts) > 1 else None
    relation = binder.context.find_relation(schema, parts[-1])
    if relation is None:
        raise UndefinedTable(f'relation "{".".join(parts)}" does not exist')
    return relation


def _relation(binder: Binder, kind: str, parts: list[str]) -> Described:
    relation = _found(binder, parts)
    wanted, words = _KINDS[kind]
    materialized = bool(getattr(relation, "query", "")) and isinstance(relation, Table)
    if not isinstance(relation, wanted) or (wanted is Table and materialized != (kind == "OBJECT_MATVIEW")):
        raise WrongObjectType(f'"{relation.name}" is not {words}')
    return (class_oid("pg_class"), relation.oid, 0)


def _column(binder: Binder, node: Node) -> Described:
    *parts, name = _names(node)
    relation = _found(binder, parts)
    if not isinstance(relation, (Table, View)):
        raise WrongObjectType(f'cannot set a comment on a column of "{relation.name}"')
    for column in relation.columns:
        if column.name == name and not column.dropped:
            return (class_oid("pg_class"), relation.oid, column.attnum)
    raise UndefinedColumn(f'column "{name}" of relation "{relation.name}" does not exist')


def _constraint(binder: Binder, node: Node) -> Described:
    *parts, name = _names(node)
    table = _found(binder, parts)
    for constraint in getattr(table, "constraints", ()):
        if constraint.name == name:
            return (class_oid("pg_constraint"), constraint.oid, 0)
    raise UndefinedObject(f'constraint "{name}" for table "{table.name}" does not exist')


def _schema(binder: Binder, node: Node) -> Described:
    (name,) = _names(node)
    schema = binder.catalog.schema(name)
    if schema is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist')
    return (class_oid("pg_namespace"), schema.oid, 0)


def _database(binder: Binder, node: Node) -> Described:
    """Of the database that one is connected to."""
    (name,) = _names(node)
    if name != binder.context.database:
        raise UndefinedDatabase(f'database "{name}" does not exist')
    return (class_oid("pg_database"), database_oid(name), 0)


def _extension(binder: Binder, node: Node) -> Described:
    (name,) = _names(node)
    if name not in binder.catalog.extensions:
        raise UndefinedObject(f'extension "{name}" does not exist')
    place = binder.catalog.extensions.index(name)
    return (class_oid("pg_extension"), _EXTENSION_OID + place, 0)


def _role(binder: Binder, node: Node) -> Described:
    (name,) = _names(node)
    if name not in roles():
        raise UndefinedObject(f'role "{name}" does not exist')
    return (class_oid("pg_authid"), roles()[name], 0)


def _type(binder: Binder, node: Node) -> Described:
    return (class_oid("pg_type"), binder.type_name(node).oid, 0)


def _routine(word: str, binder: Binder, node: Node) -> Described:
    return described_routine(binder, node, word)


_FINDERS: dict[str, Callable[[Binder, Node], Described]] = {
    "OBJECT_COLUMN": _column,
    "OBJECT_TABCONSTRAINT": _constraint,
    "OBJECT_SCHEMA": _schema,
    "OBJECT_DATABASE": _database,
    "OBJECT_EXTENSION": _extension,
    "OBJECT_ROLE": _role,
    "OBJECT_TYPE": _type,
    **{kind: partial(_routine, word) for kind, word in ROUTINES.items()},
}
