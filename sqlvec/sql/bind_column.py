"""Columns of a definition: their types, and what gives them values: defaults, sequences, expressions."""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.catalog.objects import Column, Sequence
from sqlvec.errors import (
    DatabaseError,
    DatatypeMismatch,
    DuplicateColumn,
    FeatureNotSupported,
    InvalidObjectDefinition,
    SyntaxError,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_constraint import with_attributes
from sqlvec.sql.bind_sequence import new_sequence
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.collation import declared_collation
from sqlvec.sql.expression_text import (
    DEFAULT,
    GENERATED,
    bind_definition,
    columns_read,
    first_position,
)
from sqlvec.sql.parse import Node
from sqlvec.sql.source_text import expression_source
from sqlvec.sql.system_columns import check_name
from sqlvec.sql.table_draft import Draft
from sqlvec.sql.volatility import is_changing
from sqlvec.types import SqlType

_SERIALS = {
    "serial": types.INT4, "serial4": types.INT4, "bigserial": types.INT8, "serial8": types.INT8,
    "smallserial": types.INT2, "serial2": types.INT2,
}  # fmt: skip


def add_column(draft: Draft, body: Node) -> list[Node]:
    """Adds the column; returns its constraints that concern the table."""
    name, binder = body["colname"], draft.binder
    if draft.find_column(name) is not None:
        raise DuplicateColumn(f'column "{name}" specified more than once')
    check_name(name)
    attnum = len(draft.columns) + 1
    words = [p["String"]["sval"] for p in body["typeName"]["names"]]
    serial = _SERIALS.get(words[-1]) if len(words) == 1 else None
    if serial is not None and body["typeName"].get("arrayBounds"):
        raise FeatureNotSupported(
            "array of serial is not implemented", position=binder.position(body["typeName"])
        )
    column = Column(attnum, name, serial or binder.type_name(body["typeName"]))
    collation = declared_collation(binder, body, column.type)
    draft.columns.append(replace(column, collation=collation))
    if serial is not None:
        _own_sequence(draft, column, serial)
    later = []
    for part in with_attributes(body.get("constraints", []), draft):
        if not _column_constraint(draft, part):
            named = [{"String": {"sval": name}}]
            later.append({**part, "keys": named, "fk_attrs": named})
    return later


def _column_constraint(draft: Draft, part: Node) -> bool:
    """Constraints that only change the last column; False for those of the table."""
    kind, column = part["contype"], draft.columns[-1]
    position = draft.binder.position(part)
    if kind in ("CONSTR_NOTNULL", "CONSTR_NULL"):
        _set_nullability(draft, column, kind == "CONSTR_NOTNULL", position)
    elif kind == "CONSTR_DEFAULT":
        _refuse_second_default(draft, column, position)
        set_default(draft, column, part["raw_expr"], position)
    elif kind == "CONSTR_IDENTITY":
        add_identity(draft, column, part)
    elif kind == "CONSTR_GENERATED":
        _set_generated(draft, column, part)
    else:
        return False
    return True


def _set_nullability(draft: Draft, column: Column, not_null: bool, position: int | None) -> None:
    if draft.declared_null.setdefault(column.attnum, not_null) != not_null:
        raise _conflicting_nullability(draft, column, position)
    draft.columns[column.attnum - 1] = replace(column, not_null=not_null)


def _conflicting_nullability(draft: Draft, column: Column, position: int | None) -> SyntaxError:
    return SyntaxError(
        f'conflicting NULL/NOT NULL declarations for column "{column.name}" of table "{draft.name}"',
        position=position,
    )


# ---------------------------------------------------------------- sequences


def _own_sequence(
    draft: Draft, column: Column, sql_type: SqlType, options: list[Node] | None = None
) -> None:
    """A sequence for a serial or, with options, an identity column."""
    name, rest = "", []
    for node in options or ():
        if node["DefElem"]["defname"] == "sequence_name":
            name = node["DefElem"]["arg"]["List"]["items"][-1]["String"]["sval"]
        else:
            rest.append(node)
    base = Sequence(
        draft.take_oid(), name or draft.free_name(column.name, "seq"), draft.schema_oid,
        SqlType(sql_type.oid), owned_by=(draft.oid, column.attnum),
    )  # fmt: skip
    sequence = new_sequence(draft.binder, base, rest, identity=options is not None)
    draft.sequences.append(sequence)
    draft.columns[column.attnum - 1] = replace(
        draft.columns[column.attnum - 1], sequence_oid=sequence.oid, not_null=True
    )


def add_identity(draft: Draft, column: Column, part: Node) -> None:
    position = draft.binder.position(part)
    if column.identity:
        raise SyntaxError(
            f'multiple identity specifications for column "{column.name}" of table "{draft.name}"',
            position=position,
        )
    if draft.declared_null.get(column.attnum) is False:
        raise _conflicting_nullability(draft, column, position)
    _exclude(draft, replace(column, identity="a"), position)
    _own_sequence(draft, column, column.type, part.get("options", []))
    made = replace(draft.columns[column.attnum - 1], identity=part.get("generated_when", "a"))
    draft.columns[column.attnum - 1] = made


# ---------------------------------------------------------------- defaults


def _refuse_second_default(draft: Draft, column: Column, position: int | None) -> None:
    if column.default or (column.sequence_oid and not column.identity):
        raise SyntaxError(
            f'multiple default values specified for column "{column.name}" of table "{draft.name}"',
            position=position if column.default else None,
        )


def set_default(draft: Draft, column: Column, node: Node, position: int | None = None) -> None:
    """DEFAULT of a column. That of a sequence's next value is kept as the sequence, whatever it will be
    called."""
    binder = draft.binder
    expression = bind_definition(binder, node, None, DEFAULT)
    try:
        assign_default(binder, expression, column, location_of(binder, node))
    except DatabaseError as error:
        if draft.altered:  # PostgreSQL has not kept the text then
            error.position = None
        raise
    sequence_oid = _sequence_of(binder, expression)
    is_null = isinstance(expression, bound.Const) and expression.value is None
    text = None
    if not sequence_oid and not (is_null and column.type == column.value_type):
        text = expression_source(binder.parsed, node)
    made = replace(column, default=text, sequence_oid=sequence_oid)
    _exclude(draft, made, position)
    draft.columns[column.attnum - 1] = made


def _sequence_of(binder: Binder, expression: bound.Expression) -> int:
    """The sequence of nextval(constant), 0 for any other expression."""
    if isinstance(expression, bound.FunctionCall) and expression.name == "nextval":
        arg = expression.args[0]
        if isinstance(arg, bound.Const) and isinstance(arg.value, int):
            found = binder.catalog.relations.get(arg.value)
            if isinstance(found, Sequence):
                return found.oid
            if found is not None:
                raise WrongObjectType(f'"{found.name}" is not a sequence')
    return 0


def assign_default(
    binder: Binder, expression: bound.Expression, column: Column, position: int | None = None
) -> None:
    """42804 for a default that is not of the column's type."""
    try:
        binder.assign(expression, column.name, column.type, position)
    except DatatypeMismatch:
        raise DatatypeMismatch(
            f'column "{column.name}" is of type {types.format_type(column.type.bare)} but '
            f"default expression is of type {expression.type.name}",
            hint="You will need to rewrite or cast the expression.",
        ) from None


def _exclude(draft: Draft, column: Column, position: int | None) -> None:
    """A column has one source of values."""
    default = bool(column.default) or (bool(column.sequence_oid) and not column.identity)
    for wrong, words in (
        (default and column.identity, "default and identity"),
        (default and column.generated, "default and generation expression"),
        (column.identity and column.generated, "identity and generation expression"),
    ):
        if wrong:
            raise SyntaxError(
                f'both {words} specified for column "{column.name}" of table "{draft.name}"',
                position=position,
            )


# ---------------------------------------------------------------- generated columns


def _set_generated(draft: Draft, column: Column, part: Node) -> None:
    node, position = part["raw_expr"], draft.binder.position(part)
    if column.generated:
        raise SyntaxError(
            f'multiple generation clauses specified for column "{column.name}" of table '
            f'"{draft.name}"',
            position=position,
        )
    made = replace(column, generated=expression_source(draft.binder.parsed, node))
    _exclude(draft, made, position)
    draft.columns[column.attnum - 1] = made
    draft.generated.append((column.attnum, node))


def check_generated(draft: Draft) -> None:
    """Generated columns are bound when all columns are known."""
    binder, table = draft.binder, draft.table()
    for attnum, node in draft.generated:
        column = table.column_by_attnum(attnum)
        expression = bind_definition(binder, node, table, GENERATED)
        for other in columns_read(expression):
            read = table.column_by_attnum(other)
            if read.generated:
                raise InvalidObjectDefinition(
                    f'cannot use generated column "{read.name}" in column generation expression',
                    detail="A generated column cannot reference another generated column.",
                    position=first_position(binder, node, read.name),
                )
        assign_default(binder, expression, column)
        if is_changing(expression, binder.catalog):
            raise InvalidObjectDefinition("generation expression is not immutable")
