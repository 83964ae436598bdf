"""CREATE INDEX: hnsw, ivfflat, bm25, and the ordinary methods; pgvector's options and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.collations import column_collation
from sqlvec.catalog.objects import Column, Index, IndexColumn, Relation, Table
from sqlvec.catalog.operator_classes import METHODS, QUANTIZATIONS
from sqlvec.errors import (
    DatabaseError,
    DuplicateTable,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidSchemaName,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_partition import attach_index, fit_below, index_parts
from sqlvec.sql.bind_vector_index import (
    check_capabilities,
    check_quantization,
    index_where,
    refuse_changing,
    refuse_routines,
    vector_column,
)
from sqlvec.sql.binder import Binder
from sqlvec.sql.collation import find_collation, require_collatable
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.option_values import checked_integer, option_text
from sqlvec.sql.output_name import output_name
from sqlvec.sql.paradedb_tokenizer import LITERAL, paradedb_definition
from sqlvec.sql.parse import Node
from sqlvec.sql.partition_bound import check_key
from sqlvec.sql.source_text import expression_source
from sqlvec.sql.type_rules import TEXTS

_METHODS = ("btree", "hash", "gin", "gist", "brin", "hnsw", "ivfflat", "bm25", "paradedb")
_OPTIONS = {
    "hnsw": {"m": (2, 100), "ef_construction": (4, 1000), "rescore": (1, 64)},
    "ivfflat": {"lists": (1, 32768)},
}
_TEXT_OPTIONS = frozenset(
    ["text_config", "k1", "b", "weights", "positions", "bm25_stats", "key_field", LITERAL]
)


def bind_index(binder: Binder, body: Node) -> bound.Ddl:
    part = body["relation"]
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
    if not isinstance(relation, Table):
        raise WrongObjectType(f'cannot create index on relation "{relation.name}"')
    method = body.get("accessMethod", "btree")
    if method not in _METHODS:
        raise UndefinedObject(f'access method "{method}" does not exist')
    method = "bm25" if method == "paradedb" else method
    name = body.get("idxname")
    if name and binder.catalog.relation(relation.schema_oid, name) is not None:
        if body.get("if_not_exists"):
            return bound.Ddl("CREATE INDEX", notices=(("42P07", f'relation "{name}" already exists, skipping'),))
        raise DuplicateTable(f'relation "{name}" already exists')
    if method in METHODS:
        check_capabilities(method, body)
    notices: list[str] = []
    if method == "bm25" and any(o["DefElem"]["defname"] == "key_field" for o in body.get("options", ())):
        params, given, notices = paradedb_definition(relation, body["indexParams"], body["options"])
        body = {**body, "indexParams": params, "options": given}
    columns = tuple(_column(binder, relation, method, node["IndexElem"]) for node in body["indexParams"])
    options = _options(method, body.get("options", []))
    _check_columns(relation, method, columns, options)
    check_quantization(columns[0].operator_class, options)
    where = index_where(binder, relation, body["whereClause"]) if "whereClause" in body else ""
    if where and method in METHODS:
        refuse_routines(binder, relation, where, method)
    if where and method == "bm25":
        raise FeatureNotSupported(f"partial {method} indexes are not supported")
    _, oid = binder.catalog.reserve_oids(1)
    index = Index(
        oid,
        name or _free_name(binder, relation, body["indexParams"]),
        relation.oid,
        method,
        columns,
        bool(body.get("unique")),
        False,
        where,
        options,
        tuple(_existing(relation, n["IndexElem"]["name"]).attnum for n in body.get("indexIncludingParams", ())),
        bool(body.get("nulls_not_distinct")),
    )
    told = tuple(("00000", notice) for notice in notices)
    alone = "CREATE INDEX CONCURRENTLY" if body.get("concurrent") else ""
    changed: list[Relation] = [index]
    build = [index]
    if relation.partitioning is not None:
        if alone:
            raise FeatureNotSupported(
                f'cannot create index on partitioned table "{relation.name}" concurrently'
            )
        if index.unique:
            check_key(relation, [part.attnum for part in columns], "UNIQUE")
        if part.get("inh"):
            before = binder.catalog
            binder.catalog = before.with_relation(index)
            below, built, _ = fit_below(binder, relation)
            binder.catalog = before
            changed, build = [index, *below], [index, *built]
    return bound.Ddl("CREATE INDEX", tuple(changed), build=tuple(build), notices=told, alone=alone)


def _free_name(binder: Binder, table: Table, parts: list[Node]) -> str:
    elements = [part["IndexElem"] for part in parts]
    words = [e["name"] if "name" in e else output_name(e["expr"]) for e in elements]
    words = ["expr" if word == "?column?" else word for word in words]
    base = "_".join([table.name, *words, "idx"])[:63]
    number = 0
    while True:
        name = f"{base}{number}" if number else base
        if binder.catalog.relation(table.schema_oid, name) is None:
            return name
        number += 1


def _existing(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" does not exist')
    return column


def _column(binder: Binder, table: Table, method: str, body: Node) -> IndexColumn:
    parts = body.get("expr", {}).get("ColumnRef", {}).get("fields", ())
    if len(parts) == 1 and "String" in parts[0]:  # a column in parentheses
        body = {**body, "name": parts[0]["String"]["sval"]}
    classes = body.get("opclass", ())
    operator_class = classes[-1]["String"]["sval"] if classes else ""
    descending = body.get("ordering") == "SORTBY_DESC"
    nulls = body.get("nulls_ordering", "SORTBY_NULLS_DEFAULT")
    first = descending if nulls == "SORTBY_NULLS_DEFAULT" else nulls == "SORTBY_NULLS_FIRST"
    collation = find_collation(binder, body["collation"], None) if "collation" in body else 0
    if method in METHODS:
        return vector_column(binder, table, method, body, operator_class)
    if "name" not in body:
        if method == "bm25":
            raise FeatureNotSupported(f"{method} indexes on expressions are not supported")
        text = expression_source(binder.parsed, body["expr"])
        expression = bind_expression_text(binder, text, table, -1)
        refuse_changing(binder.catalog, expression, "expression")
        is_lexemes = method == "gin" and expression.type.oid == types.TSVECTOR.oid
        lexemes = types.TSVECTOR if is_lexemes else None
        if is_lexemes:
            refuse_routines(binder, table, text, method)
        return IndexColumn(0, text, operator_class, descending, first, lexemes, collation)
    column = _existing(table, body["name"])
    if collation:
        require_collatable(column.type, None)
    if collation == column_collation(binder.catalog, column):
        collation = 0
    return IndexColumn(column.attnum, "", operator_class, descending, first, None, collation)


def _options(
    method: str, nodes: list[Node], known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Storage parameters, checked together with those that are known already."""
    options = dict(known or {})
    for node in nodes:
        body = node["DefElem"]
        options[body["defname"]] = option_text(body.get("arg"))
    limits = _OPTIONS.get(method, {})
    for name, value in options.items():
        if name in limits:
            checked_integer(name, value, *limits[name])
        elif method == "hnsw" and name == "quantization":
            _check_word(name, value, QUANTIZATIONS)
        elif not (method == "bm25" and name in _TEXT_OPTIONS) and method not in ("btree", "hash", "gist", "gin", "brin"):
            raise InvalidParameterValue(f'unrecognized parameter "{name}"')
    if method == "hnsw":
        if int(options.get("ef_construction", 64)) < 2 * int(options.get("m", 16)):
            raise InvalidParameterValue("ef_construction must be greater than or equal to 2 * m")
    if method == "bm25":
        for name, low, high in (("k1", 0.0, 10.0), ("b", 0.0, 1.0)):
            _check_real(name, options.get(name), low, high)
        _check_text_options(options)
    return options


def _check_text_options(options: Mapping[str, str]) -> None:
    """The configurations are looked at where analyzers are known (exec.ddl)."""
    _check_word("bm25_stats", options.get("bm25_stats", "tenant"), ("tenant", "table"))
    if "positions" in options:
        try:
            types.BOOL.definition.parse(options["positions"])
        except DatabaseError:
            value = options["positions"]
            raise InvalidParameterValue(
                f'invalid value for boolean option "positions": {value}'
            ) from None
    for part in options.get("weights", "").strip("{}").split(","):
        if part:
            _check_real("weights", part, 1e-6, 1e6)


def _check_word(name: str, value: str, known: tuple[str, ...]) -> None:
    if value.lower() in known:
        return
    *most, last = (f'"{word}"' for word in known)
    comma = "," if len(most) > 1 else ""
    raise InvalidParameterValue(
        f'invalid value for enum option "{name}": {value}',
        detail=f"Valid values are {', '.join(most)}{comma} and {last}.",
    )


def _check_real(name: str, value: str | None, low: float, high: float) -> None:
    if value is None:
        return
    number = types.FLOAT8.definition.parse(value)
    if not low <= number <= high:
        raise InvalidParameterValue(
            f'value {value} out of bounds for option "{name}"',
            detail=f'Valid values are between "{low:f}" and "{high:f}".',
        )


def _check_columns(
    table: Table, method: str, columns: tuple[IndexColumn, ...], options: dict[str, str]
) -> None:
    if method == "bm25":
        for part in columns:
            column = table.column_by_attnum(part.attnum)
            if column.type.oid not in TEXTS and column.name != options.get("key_field"):
                raise WrongObjectType(
                    f'column "{column.name}" of type {column.type.name} cannot be indexed by bm25',
                    hint="bm25 indexes text columns.",
                )


def bind_alter_index(binder: Binder, body: Node) -> bound.Ddl:
    """ALTER INDEX ... SET (...), RESET (...): what the next REINDEX goes by; a bm25 index is built anew in the
    background."""
    part = body["relation"]
    name = part["relname"]
    index = binder.context.find_relation(part.get("schemaname"), name)
    if index is None:
        if body.get("missing_ok"):
            notice = ("00000", f'relation "{name}" does not exist, skipping')
            return bound.Ddl("ALTER INDEX", notices=(notice,))
        raise UndefinedTable(f'relation "{name}" does not exist')
    if not isinstance(index, Index):
        raise WrongObjectType(f'"{name}" is not an index')
    options = dict(index.options)
    for node in body["cmds"]:
        command = node["AlterTableCmd"]
        kind = command["subtype"].removeprefix("AT_")
        definitions = command.get("def", {}).get("List", {}).get("items", [])
        if kind == "AttachPartition":
            return attach_index(binder, index, command)
        if kind == "SetRelOptions":
            options.update(_options(index.method, definitions, options))
            check_quantization(index.columns[0].operator_class, options)
        elif kind == "ResetRelOptions":
            for definition in definitions:
                options.pop(definition["DefElem"]["defname"], None)
        else:
            raise FeatureNotSupported(f"ALTER INDEX {kind} is not supported")
    return bound.Ddl("ALTER INDEX", (replace(index, options=options),))


def bind_reindex(binder: Binder, body: Node) -> bound.Ddl:
    """REINDEX INDEX, TABLE, SCHEMA or DATABASE: the indexes that can be built anew are."""
    kind = body["kind"].removeprefix("REINDEX_OBJECT_")
    catalog = binder.catalog
    concurrently = any(node["DefElem"]["defname"] == "concurrently" for node in body.get("params", ()))
    alone = "REINDEX CONCURRENTLY" if concurrently else ""
    if kind in ("SCHEMA", "SYSTEM", "DATABASE"):
        found = _all_indexes(binder, body.get("name") if kind == "SCHEMA" else None)
        return bound.Ddl("REINDEX", build=found, alone=alone or f"REINDEX {kind}")
    part = body["relation"]
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
    if kind == "INDEX":
        if not isinstance(relation, Index):
            raise WrongObjectType(f'"{relation.name}" is not an index')
        return bound.Ddl("REINDEX", build=(relation, *index_parts(catalog, relation)), alone=alone)
    if not isinstance(relation, Table):
        raise WrongObjectType(f'"{relation.name}" is not a table or materialized view')
    found = tuple(i for t in catalog.partition_tree(relation.oid) for i in catalog.indexes(t.oid))
    return bound.Ddl("REINDEX", build=found, alone=alone)


def _all_indexes(binder: Binder, schema: str | None) -> tuple[Index, ...]:
    catalog = binder.catalog
    if schema is not None and catalog.schema(schema) is None:
        raise InvalidSchemaName(f'schema "{schema}" does not exist')
    found: list[Index] = []
    for relation in catalog.relations.values():
        if isinstance(relation, Table):
            name = catalog.schemas[relation.schema_oid].name
            found += catalog.indexes(relation.oid) if schema in (None, name) else ()
    return tuple(found)
