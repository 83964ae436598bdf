"""Composite values: rows as a composite type, fields, tests for NULL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec import types
from sqlvec.errors import CannotCoerce, DatatypeMismatch, FeatureNotSupported, UndefinedColumn
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.parse import Node
from sqlvec.types import SqlType
from sqlvec.types.composite_type import Composite, Field
from sqlvec.types.domain_type import value_type


def composite_of(sql_type: SqlType) -> Composite | None:
    own = sql_type.own
    return own if isinstance(own, Composite) else None


def row_as(
    binder: Binder, row: bound.RowExpression, target: SqlType, level: str, position: int | None
) -> bound.Expression:
    """A row as a composite type: each item as the field's type."""
    made = composite_of(target)
    assert made is not None, target
    if len(row.items) != len(made.fields):
        size = "few" if len(row.items) < len(made.fields) else "many"
        raise CannotCoerce(
            f"cannot cast type record to {target.plain_name}",
            detail=f"Input has too {size} columns.",
            position=position,
        )
    items = tuple(
        binder.coerce(item, field.type, level="explicit" if level == "explicit" else "assignment",
                      position=position)
        for item, field in zip(row.items, made.fields, strict=True)
    )  # fmt: skip
    return bound.RowExpression(target, items)


def field_named(
    value: bound.Expression, name: str, position: int | None
) -> bound.Expression | None:
    """(value).name; None for what is no composite."""
    made = composite_of(value.type)
    if made is None:
        return None
    for field in made.fields:
        if field.name == name:
            return bound.CompositeField(value_type(field.type), value, field.attnum, name)
    raise UndefinedColumn(
        f'column "{name}" not found in data type {value.type.plain_name}', position=position
    )


def fields(value: bound.Expression) -> list[tuple[str, bound.Expression]]:
    """Names and values of all fields."""
    made = composite_of(value.type)
    assert made is not None, value
    if isinstance(value, bound.RowExpression):
        return [(f.name, item) for f, item in zip(made.fields, value.items, strict=True)]
    return [
        (f.name, bound.CompositeField(value_type(f.type), value, f.attnum, f.name)) for f in made.fields
    ]


def null_test(value: bound.Expression, kind: str) -> bound.Expression:
    """IS NULL where all fields are, IS NOT NULL where none is."""
    tests = tuple(bound.Test(types.BOOL, kind, field) for _, field in fields(value))
    if not tests:
        return bound.Const(types.BOOL, True)
    return tests[0] if len(tests) == 1 else bound.Boolean(types.BOOL, "and", tests)


def field_names(steps: Sequence[Node], position: int | None) -> list[str]:
    """Of column.field.field, to which a value is assigned."""
    if any("String" not in step for step in steps):
        raise FeatureNotSupported("assigning to elements of arrays is not supported", position=position)
    return [step["String"]["sval"] for step in steps]


def with_field(
    binder: Binder,
    column: str,
    whole: bound.Expression,
    names: Sequence[str],
    value: bound.Expression,
    position: int | None,
) -> bound.Expression:
    """The composite value with another value in a field, or in a field of that."""
    name, *rest = names
    field = _field_of(whole.type, column, name, position)
    items = []
    for other, old in fields(whole):
        if other != name:
            items.append(old)
        elif rest:
            items.append(with_field(binder, column, old, rest, value, position))
        else:
            items.append(_assigned(binder, name, field.type, value, position))
    return bound.RowExpression(whole.type, tuple(items))


def field_type(
    sql_type: SqlType, column: str, names: Sequence[str], position: int | None
) -> SqlType:
    """Of column.field.field, to which a value is assigned."""
    for name in names:
        sql_type = _field_of(sql_type, column, name, position).type
    return sql_type


def _field_of(sql_type: SqlType, column: str, name: str, position: int | None) -> Field:
    made = composite_of(value_type(sql_type))
    refusal = f'cannot assign to field "{name}" of column "{column}" because'
    if made is None:
        raise DatatypeMismatch(
            f"{refusal} its type {sql_type.plain_name} is not a composite type", position=position
        )
    field = next((f for f in made.fields if f.name == name), None)
    if field is None:
        raise UndefinedColumn(
            f"{refusal} there is no such column in data type {sql_type.plain_name}", position=position
        )
    return field


def _assigned(
    binder: Binder, name: str, target: SqlType, value: bound.Expression, position: int | None
) -> bound.Expression:
    try:
        return binder.assign(value, name, target, position)
    except DatatypeMismatch as error:
        error.message = error.message.replace("column", "subfield", 1)
        raise
