"""Composite values: rows as a composite type, fields, tests for NULL."""

from __future__ import annotations

from sqlvec import types
from sqlvec.errors import CannotCoerce, UndefinedColumn
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.types import SqlType
from sqlvec.types.composite_type import Composite
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
