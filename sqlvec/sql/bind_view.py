"""Views: a query under a name, kept as its text together with what the names in the text mean."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sqlvec.catalog.identifiers import quote_identifier
from sqlvec.catalog.objects import Column, Index, Relation, Table, View, ViewRelation
from sqlvec.errors import (
    DuplicateColumn,
    DuplicateTable,
    FeatureNotSupported,
    InvalidTableDefinition,
    SyntaxError,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_from import bind_stored_query
from sqlvec.sql.bind_select import bind_query
from sqlvec.sql.bind_table import (
    creation_schema,
    on_commit_of,
    persistence_of,
    refuse_type_name,
)
from sqlvec.sql.binder import Binder
from sqlvec.sql.collation import implied_collation
from sqlvec.sql.parse import Node
from sqlvec.sql.split import with_shards
from sqlvec.sql.system_columns import check_name
from sqlvec.sql.table_options import check_option
from sqlvec.sql.write_target import why_not_updatable


def bind_create_view(binder: Binder, body: Node) -> bound.Ddl:
    relation = body["view"]
    query, columns, relations = bind_named_query(binder, body["query"], body.get("aliases", []))
    name = relation["relname"]
    notices: tuple[tuple[str, ...], ...] = ()
    if "schemaname" not in relation and _reads_temporary(binder):
        if persistence_of(relation) != "t":
            notices = (("00000", f'view "{name}" will be a temporary view'),)
        relation = {**relation, "relpersistence": "t"}
    schema_oid = creation_schema(binder, relation)
    old = binder.catalog.relation(schema_oid, name)
    if old is not None and not body.get("replace"):
        raise DuplicateTable(f'relation "{name}" already exists')
    if old is not None and not isinstance(old, View):
        raise WrongObjectType(f'"{name}" is not a view')
    refuse_type_name(binder.catalog, schema_oid, name)
    if isinstance(old, View):
        _check_replaced(old, columns)
    _, oid = binder.catalog.reserve_oids(1)
    option = check_option(body)
    view = View(
        old.oid if old else oid, name, schema_oid, columns, _view_text(binder, body), relations, option
    )
    why = why_not_updatable(binder, view, query)
    if option and why:
        raise FeatureNotSupported(
            "WITH CHECK OPTION is supported only on automatically updatable views",
            hint=f"{why} are not automatically updatable.",
        )
    view = replace(view, updatable=not why)
    return bound.Ddl("CREATE VIEW", (view,), notices=notices)


def _reads_temporary(binder: Binder) -> bool:
    schemas = binder.catalog.schemas
    used = (relation for _, relation in binder.used.values())
    return any(not isinstance(r, Index) and schemas[r.schema_oid].is_temporary for r in used)


def bind_named_query(
    binder: Binder, node: Node, aliases: list[Node]
) -> tuple[bound.Query, tuple[Column, ...], tuple[ViewRelation, ...]]:
    """The query, its columns under the names given, and what its names mean."""
    binder.used = {}
    query = bind_query(binder, node, None)
    names = [n["String"]["sval"] for n in aliases]
    if len(names) > len(query.columns):
        raise SyntaxError("CREATE VIEW specifies more column names than columns")
    columns = tuple(
        _column(binder, query, i, names[i - 1] if i <= len(names) else c.name)
        for i, c in enumerate(query.columns, 1)
    )
    for i, column in enumerate(columns):
        if any(other.name == column.name for other in columns[:i]):
            raise DuplicateColumn(f'column "{column.name}" specified more than once')
    read = _columns_read(query, binder)
    relations = tuple(
        _view_relation(schema, relation, read) for schema, relation in binder.used.values()
    )
    return query, columns, relations


def _column(binder: Binder, query: bound.Query, attnum: int, name: str) -> Column:
    """With the domain and the collation that the query's expression tells."""
    if not isinstance(query, bound.Select):
        return Column(attnum, name, query.columns[attnum - 1].type)
    value = query.targets[attnum - 1].expression
    declared = binder.declared_type(value)
    return Column(attnum, name, declared, collation=implied_collation(binder, value))


def _view_relation(
    schema: str | None, relation: Relation, read: dict[int, set[int]]
) -> ViewRelation:
    columns: tuple[str, ...] = ()
    if isinstance(relation, (Table, View)):
        columns = tuple("" if c.dropped else c.name for c in relation.columns)
    attnums = read.get(relation.oid, set())
    if isinstance(relation, View):
        attnums = set(range(1, len(columns) + 1))
    return ViewRelation(schema or "", relation.name, relation.oid, columns, tuple(sorted(attnums)))


def _columns_read(query: bound.Query, binder: Binder) -> dict[int, set[int]]:
    """By oid of a table, the attnums that the query reads."""
    found: dict[int, set[int]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, bound.ColumnRef):
            table = binder.tables.get(node.relation_id)
            if table is not None:
                found.setdefault(table.oid, set()).add(node.ordinal + 1)
        elif isinstance(node, (tuple, list)):
            for item in node:
                walk(item)
        elif isinstance(node, (bound.Query, bound.Expression, bound.Join, bound.DerivedTable,
                               bound.Target, bound.SortKey, bound.CommonTable, bound.FunctionScan,
                               bound.ValuesScan, bound.Window)) and is_dataclass(node):  # fmt: skip
            for field in fields(node):
                walk(getattr(node, field.name))

    walk(query)
    return found


def _check_replaced(old: View, columns: tuple[Column, ...]) -> None:
    """CREATE OR REPLACE VIEW may add columns at the end, and nothing else."""
    if len(columns) < len(old.columns):
        raise InvalidTableDefinition("cannot drop columns from view")
    for before, after in zip(old.columns, columns, strict=False):
        if before.name != after.name:
            raise InvalidTableDefinition(
                f'cannot change name of view column "{before.name}" to "{after.name}"',
                hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            )
        if before.type != after.type:
            raise InvalidTableDefinition(
                f'cannot change data type of view column "{before.name}" from {before.type.name} to '
                f"{after.type.name}"
            )


_AS = re.compile(r"\bas\b\s*(?=\(*\s*(?:select|with|values|table)\b)", re.I)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_RECURSIVE = re.compile(r"\s*create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?recursive\s", re.I)
_WITH_DATA = re.compile(r"\s+with\s+(?:no\s+)?data\s*\Z", re.I)
_CHECK_OPTION = re.compile(r"\s+with\s+(?:cascaded\s+|local\s+)?check\s+option\s*\Z", re.I)


def _view_text(binder: Binder, body: Node) -> str:
    """The query; that of a recursive view, whose tree the parser has made so, with its WITH."""
    text = query_text(binder)
    raw = binder.parsed.rest
    if not _RECURSIVE.match(_COMMENTS.sub(" ", raw)):
        return text
    name = quote_identifier(body["view"]["relname"])
    names = ", ".join(quote_identifier(n["String"]["sval"]) for n in body["aliases"])
    return f"WITH RECURSIVE {name}({names}) AS ({text}) SELECT {names} FROM {name}"


def query_text(binder: Binder) -> str:
    """What follows AS in the statement."""
    raw = binder.parsed.rest
    end = _statement_end(raw)
    match = _AS.search(raw[:end])
    assert match is not None, raw
    text = raw[match.end() : end].strip()
    return _CHECK_OPTION.sub("", _WITH_DATA.sub("", text))


def _statement_end(text: str) -> int:
    """Where the first statement of the text ends."""
    for match in re.finditer(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|;", text, re.S):
        if match.group() == ";":
            return match.start()
    return len(text)


# ---------------------------------------------------------------- materialized views


def bind_create_as(binder: Binder, body: Node) -> bound.Ddl:
    """CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    into, materialized = body["into"], body.get("objtype") == "OBJECT_MATVIEW"
    tag = "CREATE MATERIALIZED VIEW" if materialized else "CREATE TABLE AS"
    relation = into["rel"]
    name, schema_oid = relation["relname"], creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            message = f'relation "{name}" already exists, skipping'
            return bound.Ddl(tag, notices=(("42P07", message),))
        raise DuplicateTable(f'relation "{name}" already exists')
    return create_as(binder, body["query"], into, materialized=materialized)


def create_as(binder: Binder, node: Node, into: Node, *, materialized: bool = False) -> bound.Ddl:
    relation = into["rel"]
    if binder.catalog.relation(creation_schema(binder, relation), relation["relname"]) is not None:
        raise DuplicateTable(f'relation "{relation["relname"]}" already exists')
    refuse_type_name(binder.catalog, creation_schema(binder, relation), relation["relname"])
    names: list[Node] = into.get("colNames", [])
    query, columns, relations = _bind_as(binder, node, names)
    for column in columns:
        check_name(column.name)
    _, oid = binder.catalog.reserve_oids(1)
    table = Table(
        oid, relation["relname"], creation_schema(binder, relation), columns,
        persistence=persistence_of(relation), on_commit=on_commit_of(relation, into),
    )  # fmt: skip
    table = with_shards(table, into.get("options", ()))
    no_data = bool(into.get("skipData"))
    if materialized:
        table = replace(
            table, query=query_text(binder), relations=relations, populated=not no_data
        )
    if no_data:
        tag = "CREATE MATERIALIZED VIEW" if materialized else "CREATE TABLE AS"
        return bound.Ddl(tag, (table,))
    return bound.Ddl("SELECT", (table,), query=query)


def _bind_as(
    binder: Binder, node: Node, names: list[Node]
) -> tuple[bound.Query, tuple[Column, ...], tuple[ViewRelation, ...]]:
    try:
        return bind_named_query(binder, node, names)
    except SyntaxError as error:
        if error.message.startswith("CREATE VIEW specifies"):
            raise SyntaxError("too many column names were specified") from None
        raise


def bind_refresh(binder: Binder, body: Node) -> bound.Ddl:
    """REFRESH MATERIALIZED VIEW: its rows are replaced by those that its query has now."""
    part = body["relation"]
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
    if not isinstance(relation, Table) or not relation.query:
        raise FeatureNotSupported(f'"{relation.name}" is not a materialized view')
    table = replace(relation, populated=not body.get("skipData"))
    tag = "REFRESH MATERIALIZED VIEW"
    if body.get("skipData"):
        return bound.Ddl(tag, (table,), truncate=(relation,))
    query = bind_stored_query(binder, relation.query, relation.relations)
    return bound.Ddl(tag, (table,), truncate=(relation,), query=query)
