"""CREATE TABLE: columns, constraints, the sequences and indexes that come with them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlvec.catalog.objects import Catalog, Relation, Schema, Table
from sqlvec.errors import (
    DuplicateObject,
    DuplicateTable,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidSchemaName,
    InvalidTableDefinition,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_column import add_column, check_generated
from sqlvec.sql.bind_partition import (
    check_persistence,
    default_of,
    fit,
    inherit,
    made_partition,
    parent_of,
)
from sqlvec.sql.binder import Binder
from sqlvec.sql.inheritance import Heritage, parents_of, refuse_division, says_value
from sqlvec.sql.parse import Node
from sqlvec.sql.partition_bound import partitioned
from sqlvec.sql.split import with_shards
from sqlvec.sql.table_draft import Draft
from sqlvec.sql.table_like import add_like
from sqlvec.sql.table_options import changed_options

COLUMNS_MAX = 1600


def persistence_of(relation: Node) -> str:
    """p, u for UNLOGGED, t for TEMPORARY."""
    return str(relation.get("relpersistence", "p"))


def on_commit_of(relation: Node, body: Node) -> str:
    """What happens to a temporary table at COMMIT."""
    told = str(body.get("oncommit") or body.get("onCommit") or "")
    word = {"ONCOMMIT_DROP": "drop", "ONCOMMIT_DELETE_ROWS": "delete"}.get(told, "")
    if word and relation.get("relpersistence") != "t":
        raise InvalidTableDefinition("ON COMMIT can only be used on temporary tables")
    return word


def creation_schema(binder: Binder, relation: Node) -> int:
    """The schema that a new relation goes to."""
    name = relation.get("schemaname")
    if relation.get("relpersistence") == "t" or name == "pg_temp":
        if name is not None and name != "pg_temp" and binder.catalog.schema(name) is None:
            raise InvalidSchemaName(
                f'schema "{name}" does not exist', position=binder.position(relation)
            )
        return _temporary_schema(binder, name)
    if name is None:
        found = binder.context.creation_schema_oid()
        if found is None:
            raise InvalidSchemaName(
                "no schema has been selected to create in", position=binder.position(relation)
            )
        return found
    schema = binder.catalog.schema(name)
    if schema is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist', position=binder.position(relation))
    return schema.oid


def _temporary_schema(binder: Binder, name: str | None) -> int:
    """The session's own schema, made with its first object."""
    if name not in (None, "pg_temp", binder.context.temporary_schema):
        raise InvalidTableDefinition("cannot create temporary relation in non-temporary schema")
    found = binder.catalog.schema(binder.context.temporary_schema)
    if found is None:
        binder.catalog, oid = binder.catalog.reserve_oids(1)
        found = Schema(oid, binder.context.temporary_schema)
        binder.catalog = replace(binder.catalog, schemas={**binder.catalog.schemas, oid: found})
    return found.oid


def bind_create_table(binder: Binder, body: Node) -> bound.Ddl:
    relation = body["relation"]
    name = relation["relname"]
    schema_oid = creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            message = f'relation "{name}" already exists, skipping'
            return bound.Ddl("CREATE TABLE", notices=(("42P07", message),))
        raise DuplicateTable(f'relation "{name}" already exists')
    refuse_type_name(binder.catalog, schema_oid, name)
    parent = parent_of(binder, body) if "partbound" in body else None
    parents: tuple[Table, ...] = ()
    if parent is None:
        parents = parents_of(binder, body, persistence_of(relation))
    _, first = binder.catalog.reserve_oids(1)
    draft = Draft(binder, first, name, schema_oid, first + 1)
    if parent is not None:
        check_persistence(parent, persistence_of(relation), "create")
        inherit(draft, parent)
    heritage = Heritage(draft, parents)
    later: list[Node] = []
    for element in body.get("tableElts", ()):
        if "ColumnDef" in element and parent is not None:
            raise FeatureNotSupported("column options of partitions are not supported")
        if "ColumnDef" in element:
            part = element["ColumnDef"]
            later += heritage.add_column(
                part["colname"], says_value(part), partial(add_column, draft, part)
            )
        elif "Constraint" in element:
            later.append(element["Constraint"])
        elif "TableLikeClause" in element:
            add_like(draft, element["TableLikeClause"], heritage.add_column)
        else:
            raise FeatureNotSupported(f"{next(iter(element))} is not supported in CREATE TABLE")
    if len(draft.columns) > COLUMNS_MAX:
        from sqlvec.errors import TooManyColumns

        raise TooManyColumns(f"tables can have at most {COLUMNS_MAX} columns")
    heritage.check_values()
    check_generated(draft)
    order = {"CONSTR_CHECK": 0, "CONSTR_PRIMARY": 1, "CONSTR_UNIQUE": 1}
    for constraint in sorted(later, key=lambda part: order.get(part["contype"], 2)):
        heritage.add_constraint(constraint)
    draft.tenant_attnum = _tenant(draft)
    table = replace(
        draft.table(),
        persistence=persistence_of(relation),
        on_commit=on_commit_of(relation, body),
        options=changed_options({}, body.get("options", ()), has_tenants=draft.tenant_attnum > 0),
    )
    table = with_shards(table, body.get("options", ()))
    if parents:
        table = replace(table, parents=tuple(p.oid for p in parents))
        refuse_division(table)
    verify: list[bound.Verify] = []
    if parent is not None:
        fit(draft, parent, binder.catalog)
        table = replace(table, columns=tuple(draft.columns), constraints=tuple(draft.constraints))
        table = made_partition(binder, table, parent, body["partbound"])
        verify = list(default_of(binder.catalog, parent))
    if "partspec" in body and parents:
        raise InvalidObjectDefinition("cannot create partitioned table as inheritance child")
    if "partspec" in body:
        table = partitioned(binder, table, body["partspec"])
    changed: tuple[Relation, ...] = (table, *draft.indexes, *draft.sequences)
    return bound.Ddl("CREATE TABLE", changed, verify=tuple(verify), notices=tuple(heritage.notices))


def refuse_type_name(catalog: Catalog, schema_oid: int, name: str) -> None:
    """A relation's row type has the relation's name."""
    if catalog.type_by_name(schema_oid, name) is not None:
        raise DuplicateObject(
            f'type "{name}" already exists',
            hint="A relation has an associated type of the same name, so you must use a name that "
            "doesn't conflict with any existing type.",
        )


def _tenant(draft: Draft) -> int:
    name = draft.binder.parsed.tenant_column
    if name is None:
        return 0
    column = draft.column(name)
    for constraint in draft.constraints:
        if constraint.kind in "pu" and column.attnum not in constraint.attnums:
            raise InvalidTableDefinition(
                "unique constraint on a tenant table must include the tenant column",
                detail=f'Constraint "{constraint.name}" lacks column "{name}".',
            )
    draft.columns[column.attnum - 1] = replace(column, not_null=True)
    return column.attnum
