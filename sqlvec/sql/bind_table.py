"""CREATE TABLE: columns, constraints, the sequences and indexes that come with them."""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Column, Relation, Sequence, Table
from sqlvec.errors import (
    DatatypeMismatch,
    DuplicateColumn,
    DuplicateTable,
    FeatureNotSupported,
    InvalidSchemaName,
    InvalidTableDefinition,
    SyntaxError,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_constraint import add_constraint, with_attributes
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import DEFAULT, bind_definition, bind_expression_text
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.sql.table_draft import Draft
from sqlvec.types import SqlType

COLUMNS_MAX = 1600
_SERIALS = {
    "serial": types.INT4, "serial4": types.INT4, "bigserial": types.INT8, "serial8": types.INT8,
    "smallserial": types.INT2, "serial2": types.INT2,
}  # fmt: skip


def creation_schema(binder: Binder, relation: Node) -> int:
    """The schema that a new relation goes to."""
    name = relation.get("schemaname")
    if name is None or relation.get("relpersistence") == "t":
        found = binder.context.creation_schema_oid()
        if found is None:
            raise InvalidSchemaName("no schema has been selected to create in")
        return found
    schema = binder.catalog.schema(name)
    if schema is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist', position=binder.position(relation))
    return schema.oid


def bind_create_table(binder: Binder, body: Node) -> bound.Ddl:
    relation = body["relation"]
    name = relation["relname"]
    schema_oid = creation_schema(binder, relation)
    if binder.catalog.relation(schema_oid, name) is not None:
        if body.get("if_not_exists"):
            message = f'relation "{name}" already exists, skipping'
            return bound.Ddl("CREATE TABLE", notices=(("42P07", message),))
        raise DuplicateTable(f'relation "{name}" already exists')
    for option in ("partspec", "inhRelations", "partbound"):
        if body.get(option):
            raise FeatureNotSupported(
                "partitions and inheritance are not supported",
                hint="PARTITION BY TENANT (column) keeps each tenant's rows apart.",
            )
    _, first = binder.catalog.reserve_oids(1)
    draft = Draft(binder, first, name, schema_oid, first + 1)
    later: list[Node] = []
    for element in body.get("tableElts", ()):
        if "ColumnDef" in element:
            later += add_column(draft, element["ColumnDef"])
        elif "Constraint" in element:
            later.append(element["Constraint"])
        else:
            raise FeatureNotSupported(f"{next(iter(element))} is not supported in CREATE TABLE")
    if len(draft.columns) > COLUMNS_MAX:
        from sqlvec.errors import TooManyColumns

        raise TooManyColumns(f"tables can have at most {COLUMNS_MAX} columns")
    order = {"CONSTR_CHECK": 0, "CONSTR_PRIMARY": 1, "CONSTR_UNIQUE": 1}
    for constraint in sorted(later, key=lambda part: order.get(part["contype"], 2)):
        add_constraint(draft, constraint)
    draft.tenant_attnum = _tenant(draft)
    table = draft.table()
    _check_expressions(binder, table)
    changed: tuple[Relation, ...] = (table, *draft.indexes, *draft.sequences)
    return bound.Ddl("CREATE TABLE", changed)


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


def assign_default(binder: Binder, expression: bound.Expression, column: Column) -> None:
    """42804 for a default that is not of the column's type."""
    try:
        binder.assign(expression, column.name, column.type, None)
    except DatatypeMismatch:
        raise DatatypeMismatch(
            f'column "{column.name}" is of type {types.format_type(SqlType(column.type.oid))} but '
            f"default expression is of type {expression.type.name}",
            hint="You will need to rewrite or cast the expression.",
        ) from None


def _check_expressions(binder: Binder, table: Table) -> None:
    """Generated columns are bound once, so that their errors come now."""
    for column in table.columns:
        if column.generated:
            expression = bind_expression_text(binder, column.generated, table, -2)
            binder.assign(expression, column.name, column.type, None)


# ---------------------------------------------------------------- columns


def add_column(draft: Draft, body: Node) -> list[Node]:
    """Adds the column; returns its constraints that concern the table."""
    name = body["colname"]
    binder = draft.binder
    if any(c.name == name and not c.dropped for c in draft.columns):
        raise DuplicateColumn(f'column "{name}" specified more than once')
    attnum = len(draft.columns) + 1
    words = [p["String"]["sval"] for p in body["typeName"]["names"]]
    serial = _SERIALS.get(words[-1]) if len(words) == 1 else None
    column = Column(attnum, name, serial or binder.type_name(body["typeName"]))
    draft.columns.append(column)
    if serial is not None:
        _own_sequence(draft, column, serial)
        draft.columns[-1] = replace(draft.columns[-1], not_null=True)
    later = []
    nullability = ""
    for part in with_attributes(body.get("constraints", []), draft):
        if part["contype"] in ("CONSTR_NOTNULL", "CONSTR_NULL"):
            if nullability and nullability != part["contype"]:
                raise SyntaxError(
                    f'conflicting NULL/NOT NULL declarations for column "{name}" of table '
                    f'"{draft.name}"',
                    position=binder.position(part),
                )
            nullability = part["contype"]
        if not _column_constraint(draft, part):
            later.append({**part, "keys": [{"String": {"sval": name}}], "fk_attrs": [{"String": {"sval": name}}]})
    return later


def _own_sequence(draft: Draft, column: Column, sql_type: SqlType) -> None:
    name = draft.free_name(column.name, "seq")
    limit = sql_type.definition.maximum  # type: ignore[attr-defined]
    sequence = Sequence(
        draft.take_oid(), name, draft.schema_oid, sql_type, maximum=limit, owned_by=(draft.oid, column.attnum)
    )
    draft.sequences.append(sequence)
    draft.columns[column.attnum - 1] = replace(draft.columns[column.attnum - 1], sequence_oid=sequence.oid)


def _column_constraint(draft: Draft, part: Node) -> bool:
    """Constraints that only change the last column; False for those of the table."""
    kind, binder = part["contype"], draft.binder
    column = draft.columns[-1]
    if kind in ("CONSTR_NOTNULL", "CONSTR_NULL"):
        draft.columns[-1] = replace(column, not_null=kind == "CONSTR_NOTNULL")
    elif kind == "CONSTR_DEFAULT":
        text = expression_source(binder.parsed, part["raw_expr"])
        expression = bind_definition(binder, part["raw_expr"], None, DEFAULT)
        assign_default(binder, expression, column)
        draft.columns[-1] = replace(column, default=text)
    elif kind == "CONSTR_IDENTITY":
        _own_sequence(draft, column, column.type)
        when = part.get("generated_when", "a")
        draft.columns[-1] = replace(draft.columns[-1], identity=when, not_null=True)
    elif kind == "CONSTR_GENERATED":
        draft.columns[-1] = replace(column, generated=expression_source(binder.parsed, part["raw_expr"]))
    else:
        return False
    return True
