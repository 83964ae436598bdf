"""DDL: checked against the catalog and turned into the objects of the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Column, Index, Relation, Schema, Sequence, Table, View
from sqlvec.errors import (
    DependentObjectsStillExist,
    DuplicateSchema,
    DuplicateTable,
    FeatureNotSupported,
    InvalidSchemaName,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_alter import bind_alter
from sqlvec.sql.bind_comment import bind_comment
from sqlvec.sql.bind_index import bind_alter_index, bind_index, bind_reindex
from sqlvec.sql.bind_select import bind_query
from sqlvec.sql.bind_table import bind_create_table, creation_schema
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.sql.type_rules import VECTORS

_SKIPPED = "42P07"


def bind_ddl(binder: Binder, kind: str, body: Node) -> bound.Ddl | bound.Utility:
    """The statement as a change of the catalog."""
    return DDL_KINDS[kind](binder, body)


def _create_table_as(binder: Binder, body: Node) -> bound.Ddl:
    into = body["into"]
    relation = into["rel"]
    name = relation["relname"]
    query = bind_query(binder, body["query"], None)
    schema_oid = creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            message = f'relation "{name}" already exists, skipping'
            return bound.Ddl("CREATE TABLE AS", notices=((_SKIPPED, message),))
        raise DuplicateTable(f'relation "{name}" already exists')
    names = [n["String"]["sval"] for n in into.get("colNames", ())]
    _, oid = binder.catalog.reserve_oids(1)
    columns = tuple(
        Column(i, names[i - 1] if i <= len(names) else c.name, c.type)
        for i, c in enumerate(query.columns, 1)
    )
    table = Table(oid, name, schema_oid, columns)
    with_data = None if into.get("skipData") else query
    return bound.Ddl("SELECT" if with_data else "CREATE TABLE AS", (table,), query=with_data)


# ---------------------------------------------------------------- DROP

_DROPPED = {
    "OBJECT_TABLE": ("table", "DROP TABLE", Table),
    "OBJECT_INDEX": ("index", "DROP INDEX", Index),
    "OBJECT_SEQUENCE": ("sequence", "DROP SEQUENCE", Sequence),
    "OBJECT_VIEW": ("view", "DROP VIEW", View),
}


def _drop(binder: Binder, body: Node) -> bound.Ddl:
    what = body["removeType"]
    if what == "OBJECT_SCHEMA":
        return _drop_schema(binder, body)
    if what == "OBJECT_EXTENSION":
        return _drop_extension(binder, body)
    if what not in _DROPPED:
        raise FeatureNotSupported(f"DROP {what.removeprefix('OBJECT_')} is not supported")
    word, tag, wanted = _DROPPED[what]
    dropped: list[int] = []
    notices: list[tuple[str, str]] = []
    for node in body["objects"]:
        parts = [item["String"]["sval"] for item in node["List"]["items"]]
        schema, name = (parts[-2] if len(parts) > 1 else None), parts[-1]
        relation = binder.context.find_relation(schema, name)
        if relation is None:
            if not body.get("missing_ok"):
                raise UndefinedTable(f'{word} "{name}" does not exist') if word != "index" else UndefinedObject(f'index "{name}" does not exist')
            notices.append(("00000", f'{word} "{name}" does not exist, skipping'))
        elif not isinstance(relation, wanted):
            raise WrongObjectType(f'"{name}" is not a {word}')
        else:
            dropped += _with_dependents(binder, relation, body.get("behavior") == "DROP_CASCADE", dropped)
    return bound.Ddl(tag, dropped=tuple(dict.fromkeys(dropped)), notices=tuple(notices))


def _with_dependents(binder: Binder, relation: Relation, cascade: bool, dropped: list[int]) -> list[int]:
    """The relation's oid, and those of what belongs to it."""
    oids = [relation.oid]
    if isinstance(relation, Index):
        table = binder.catalog.relations[relation.table_oid]
        assert isinstance(table, Table)
        for constraint in table.constraints:
            if constraint.index_oid == relation.oid:
                raise DependentObjectsStillExist(
                    f'cannot drop index {relation.name} because constraint {constraint.name} on '
                    f"table {table.name} requires it",
                    hint=f"You can drop constraint {constraint.name} on table {table.name} instead.",
                )
    if not isinstance(relation, Table):
        return oids
    oids += [index.oid for index in binder.catalog.indexes(relation.oid)]
    oids += [c.sequence_oid for c in relation.columns if c.sequence_oid]
    for other in binder.catalog.relations.values():
        if isinstance(other, Table) and other.oid != relation.oid and other.oid not in dropped:
            for constraint in other.constraints:
                if constraint.kind == "f" and constraint.foreign_table_oid == relation.oid and not cascade:
                    raise DependentObjectsStillExist(
                        f"cannot drop table {relation.name} because other objects depend on it",
                        detail=f"constraint {constraint.name} on table {other.name} depends on table "
                        f"{relation.name}",
                        hint="Use DROP ... CASCADE to drop the dependent objects too.",
                    )
    return oids


def _drop_schema(binder: Binder, body: Node) -> bound.Ddl:
    catalog, notices = binder.catalog, []
    for node in body["objects"]:
        name = node["String"]["sval"]
        schema = catalog.schema(name)
        if schema is None:
            if not body.get("missing_ok"):
                raise InvalidSchemaName(f'schema "{name}" does not exist')
            notices.append(("00000", f'schema "{name}" does not exist, skipping'))
            continue
        inside = [r for r in catalog.relations.values() if not isinstance(r, Index) and r.schema_oid == schema.oid]
        if inside and body.get("behavior") != "DROP_CASCADE":
            raise DependentObjectsStillExist(
                f"cannot drop schema {name} because other objects depend on it",
                hint="Use DROP ... CASCADE to drop the dependent objects too.",
            )
        oids = [r.oid for r in inside]
        oids += [r.oid for r in catalog.relations.values() if isinstance(r, Index) and r.table_oid in oids]
        catalog = catalog.without(*oids)
        catalog = replace(catalog, schemas={k: v for k, v in catalog.schemas.items() if k != schema.oid})
    return bound.Ddl("DROP SCHEMA", catalog=catalog, notices=tuple(notices))


def _drop_extension(binder: Binder, body: Node) -> bound.Ddl:
    catalog, notices = binder.catalog, []
    for node in body["objects"]:
        name = node["String"]["sval"]
        if name not in catalog.extensions:
            if not body.get("missing_ok"):
                raise UndefinedObject(f'extension "{name}" does not exist')
            notices.append(("00000", f'extension "{name}" does not exist, skipping'))
            continue
        users = [t.name for t in catalog.relations.values() if isinstance(t, Table)
                 and any(c.type.oid in VECTORS for c in t.live_columns)]  # fmt: skip
        if users:
            raise DependentObjectsStillExist(
                f"cannot drop extension {name} because other objects depend on it",
                detail=f"table {users[0]} depends on type vector",
            )
        catalog = replace(catalog, extensions=tuple(e for e in catalog.extensions if e != name))
    return bound.Ddl("DROP EXTENSION", catalog=catalog, notices=tuple(notices))


# ---------------------------------------------------------------- schemas, extensions, sequences, views


def _create_schema(binder: Binder, body: Node) -> bound.Ddl:
    name = body["schemaname"]
    if binder.catalog.schema(name) is not None:
        if body.get("if_not_exists"):
            return bound.Ddl("CREATE SCHEMA", notices=(("42P06", f'schema "{name}" already exists, skipping'),))
        raise DuplicateSchema(f'schema "{name}" already exists')
    catalog, oid = binder.catalog.reserve_oids(1)
    catalog = replace(catalog, schemas={**catalog.schemas, oid: Schema(oid, name)})
    return bound.Ddl("CREATE SCHEMA", catalog=catalog)


def _create_extension(binder: Binder, body: Node) -> bound.Ddl:
    name = body["extname"]
    if name in binder.catalog.extensions or name == "plpgsql":
        if body.get("if_not_exists"):
            return bound.Ddl("CREATE EXTENSION", notices=(("42710", f'extension "{name}" already exists, skipping'),))
        from sqlvec.errors import DuplicateObject

        raise DuplicateObject(f'extension "{name}" already exists')
    if name != "vector":
        raise FeatureNotSupported(f'extension "{name}" is not available')
    return bound.Ddl("CREATE EXTENSION", catalog=replace(binder.catalog, extensions=(*binder.catalog.extensions, name)))


def _create_sequence(binder: Binder, body: Node) -> bound.Ddl:
    relation = body["sequence"]
    name = relation["relname"]
    schema_oid = creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            return bound.Ddl("CREATE SEQUENCE", notices=((_SKIPPED, f'relation "{name}" already exists, skipping'),))
        raise DuplicateTable(f'relation "{name}" already exists')
    _, oid = binder.catalog.reserve_oids(1)
    sequence = Sequence(oid, name, schema_oid, types.INT8)
    return bound.Ddl("CREATE SEQUENCE", (sequence_with(sequence, body.get("options", [])),))


def sequence_with(sequence: Sequence, options: list[Node]) -> Sequence:
    """The sequence with the options of CREATE or ALTER SEQUENCE."""
    changes: dict[str, Any] = {}
    names = {"start": "start", "increment": "increment", "minvalue": "minimum", "maxvalue": "maximum"}
    for node in options:
        body = node["DefElem"]
        name, arg = body["defname"], body.get("arg")
        if name in names and arg is not None:
            kind, part = next(iter(arg.items()))
            changes[names[name]] = int(part.get("ival", 0)) if kind == "Integer" else int(part["fval"])
        elif name == "cycle":
            changes["cycle"] = bool(arg is None or arg["Boolean"].get("boolval", False))
    if "start" not in changes and "minimum" in changes:
        changes["start"] = changes["minimum"]
    return replace(sequence, **changes)


def _create_view(binder: Binder, body: Node) -> bound.Ddl:
    relation = body["view"]
    name = relation["relname"]
    schema_oid = creation_schema(binder, relation)
    old = binder.catalog.relation(schema_oid, name)
    if old is not None and not (body.get("replace") and isinstance(old, View)):
        raise DuplicateTable(f'relation "{name}" already exists')
    query = bind_query(binder, body["query"], None)
    names = [n["String"]["sval"] for n in body.get("aliases", ())]
    columns = tuple(
        Column(i, names[i - 1] if i <= len(names) else c.name, c.type)
        for i, c in enumerate(query.columns, 1)
    )
    _, oid = binder.catalog.reserve_oids(1)
    text = _query_text(binder)
    return bound.Ddl("CREATE VIEW", (View(old.oid if old else oid, name, schema_oid, columns, text),))


def _query_text(binder: Binder) -> str:
    """What follows AS in the statement."""
    import re

    text = binder.parsed.text[binder.parsed.offset :]
    match = re.search(r"\bas\b\s*(.*?);?\s*\Z", text, re.I | re.S)
    assert match is not None, text
    return match.group(1).strip()


# ---------------------------------------------------------------- TRUNCATE, RENAME


def _truncate(binder: Binder, body: Node) -> bound.Ddl:
    tables = []
    for node in body["relations"]:
        part = node["RangeVar"]
        relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
        if not isinstance(relation, Table):
            raise UndefinedTable(
                f'relation "{part["relname"]}" does not exist', position=binder.position(part)
            )
        tables.append(relation)
    return bound.Ddl("TRUNCATE TABLE", truncate=tuple(tables))


def _rename(binder: Binder, body: Node) -> bound.Ddl:
    part = body["relation"]
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        if body.get("missing_ok"):
            return bound.Ddl("ALTER TABLE", notices=(("00000", f'relation "{part["relname"]}" does not exist, skipping'),))
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist', position=binder.position(part))
    new = body["newname"]
    if body["renameType"] == "OBJECT_COLUMN":
        from sqlvec.errors import DuplicateColumn, UndefinedColumn

        assert isinstance(relation, Table)
        column = relation.column(body["subname"])
        if column is None:
            raise UndefinedColumn(f'column "{body["subname"]}" does not exist')
        if relation.column(new) is not None:
            raise DuplicateColumn(f'column "{new}" of relation "{relation.name}" already exists')
        columns = tuple(replace(c, name=new) if c is column else c for c in relation.columns)
        return bound.Ddl("ALTER TABLE", (replace(relation, columns=columns),))
    schema_oid = relation.schema_oid if not isinstance(relation, Index) else binder.catalog.table(relation.table_oid).schema_oid
    if binder.catalog.relation(schema_oid, new) is not None:
        raise DuplicateTable(f'relation "{new}" already exists')
    word = {"OBJECT_INDEX": "INDEX", "OBJECT_SEQUENCE": "SEQUENCE", "OBJECT_VIEW": "VIEW"}.get(body["renameType"], "TABLE")
    return bound.Ddl(f"ALTER {word}", (replace(relation, name=new),))


def _alter(binder: Binder, body: Node) -> bound.Ddl:
    return (bind_alter_index if body.get("objtype") == "OBJECT_INDEX" else bind_alter)(binder, body)


DDL_KINDS: dict[str, Callable[[Binder, Any], bound.Ddl | bound.Utility]] = {
    "CreateStmt": bind_create_table,
    "CreateTableAsStmt": _create_table_as,
    "DropStmt": _drop,
    "AlterTableStmt": _alter,
    "ReindexStmt": bind_reindex,
    "IndexStmt": bind_index,
    "CreateSchemaStmt": _create_schema,
    "CreateExtensionStmt": _create_extension,
    "CreateSeqStmt": _create_sequence,
    "ViewStmt": _create_view,
    "TruncateStmt": _truncate,
    "CommentStmt": bind_comment,
    "RenameStmt": _rename,
}
