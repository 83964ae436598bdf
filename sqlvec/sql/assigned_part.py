"""A part of a column to which a value is assigned: column.field, column[1], column[1:2], column['key'].

What is written to the column is its whole value with that part exchanged (transformAssignmentIndirection).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec import types
from sqlvec.errors import DatatypeMismatch, FeatureNotSupported, UndefinedColumn
from sqlvec.sql import arrays, bound
from sqlvec.sql.bind_expression import (
    bind_expression,
    leading_subscripts,
    subscript_bounds,
)
from sqlvec.sql.binder import Binder
from sqlvec.sql.composites import composite_of, fields
from sqlvec.sql.json_subscripts import with_json_element
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.types import SqlType
from sqlvec.types.composite_type import Field
from sqlvec.types.domain_type import value_type


def refuse_default(steps: Sequence[Node], position: int | None) -> None:
    what = "a subfield" if "String" in steps[0] else "an array element"
    raise FeatureNotSupported(f"cannot set {what} to DEFAULT", position=position)


def part_type(
    sql_type: SqlType, target: str, steps: Sequence[Node], position: int | None
) -> SqlType:
    """Of the part of a column, or of a field of it, that is called `target`."""
    rest = list(steps)
    while rest:
        if subscripts := leading_subscripts(rest):
            sql_type = _element_type(value_type(sql_type), subscripts, position)
            del rest[: len(subscripts)]
        else:
            name = rest.pop(0)["String"]["sval"]
            sql_type, target = _field_of(sql_type, target, name, position).type, name
    return sql_type


def with_part(
    binder: Binder,
    target: str,
    whole: bound.Expression,
    steps: Sequence[Node],
    value: bound.Expression,
    scope: Scope,
    position: int | None,
) -> bound.Expression:
    """The whole value with another one in its part; scope: of what is read by subscripts."""
    subscripts = leading_subscripts(steps)
    if not subscripts:
        return _with_field(binder, target, whole, steps, value, scope, position)
    rest = steps[len(subscripts) :]
    wanted = _element_type(whole.type, subscripts, position)
    if whole.type.oid == types.JSONB.oid:
        if rest:
            _field_of(wanted, target, rest[0]["String"]["sval"], position)
        element = _assigned(binder, target, wanted, value, position, "subscripted assignment")
        return with_json_element(
            binder, whole, subscripts, lambda node: bind_expression(binder, node, scope), element
        )
    bounds = subscript_bounds(binder, subscripts, scope)
    if rest:
        old = bound.Subscript(value_type(wanted), whole, bounds[0][1])
        new = with_part(binder, target, old, rest, value, scope, position)
    else:
        new = _assigned(binder, target, wanted, value, position, "subscripted assignment")
    one = not _is_slice(subscripts)
    if one:
        new = bound.ArrayExpression(types.array_of(wanted.bare), (new,))
    return arrays.with_elements(binder, whole, bounds, new, one=one)


def _is_slice(subscripts: Sequence[Node]) -> bool:
    return any(node.get("is_slice") for node in subscripts)


def _element_type(sql_type: SqlType, subscripts: Sequence[Node], position: int | None) -> SqlType:
    if sql_type.oid == types.JSONB.oid:
        return sql_type
    element = types.element_of(sql_type)
    if element is None or sql_type.definition.category != "A":
        raise DatatypeMismatch(
            f"cannot subscript type {sql_type.plain_name} because it does not support subscripting",
            position=position,
        )
    return sql_type if _is_slice(subscripts) else element


def _with_field(
    binder: Binder,
    target: str,
    whole: bound.Expression,
    steps: Sequence[Node],
    value: bound.Expression,
    scope: Scope,
    position: int | None,
) -> bound.Expression:
    name, rest = steps[0]["String"]["sval"], steps[1:]
    field = _field_of(whole.type, target, name, position)
    items = []
    for other, old in fields(whole):
        if other != name:
            items.append(old)
        elif rest:
            items.append(with_part(binder, name, old, rest, value, scope, position))
        else:
            items.append(_assigned(binder, name, field.type, value, position, "subfield"))
    return bound.RowExpression(whole.type, tuple(items))


def _field_of(sql_type: SqlType, target: str, name: str, position: int | None) -> Field:
    made = composite_of(value_type(sql_type))
    refusal = f'cannot assign to field "{name}" of column "{target}" because'
    if made is None:
        raise DatatypeMismatch(
            f"{refusal} its type {sql_type.plain_name} is not a composite type", position=position
        )
    field = next((f for f in made.fields if f.name == name), None)
    if field is None:
        raise UndefinedColumn(
            f"{refusal} there is no such column in data type {sql_type.plain_name}",
            position=position,
        )
    return field


def _assigned(
    binder: Binder,
    target: str,
    wanted: SqlType,
    value: bound.Expression,
    position: int | None,
    what: str,
) -> bound.Expression:
    try:
        return binder.assign(value, target, wanted, position)
    except DatatypeMismatch as error:
        if what == "subfield":
            error.message = error.message.replace("column", what, 1)
        else:
            _, _, rest = error.message.partition(" but ")
            error.message = f'{what} to "{target}" requires type {wanted.plain_name} but {rest}'
        raise
