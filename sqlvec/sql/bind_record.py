"""Functions whose rows have several columns, and the fields of composite values.

A composite column of a subquery is carried as its fields: hidden output columns named "column.field", of
which (column).field is one. So no composite value has to be taken apart when the query runs.
"""

from __future__ import annotations

from dataclasses import replace

from sqlvec import types
from sqlvec.errors import UndefinedColumn, WrongObjectType
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.composites import field_named
from sqlvec.sql.functions import RECORD_FUNCTIONS, type_of
from sqlvec.sql.scope import Scope, named_columns
from sqlvec.sql.tree import nodes

FIELD_ATTNUM = -100  # of the hidden columns that carry a composite column's fields


def record_call(
    name: str, args: list[bound.Expression]
) -> bound.RecordCall:
    """A call of a function of RECORD_FUNCTIONS, its arguments resolved."""
    element = types.element_of(args[0].type)
    fields = tuple(
        (field, element if word == "anyelement" and element else type_of(word))
        for field, word in RECORD_FUNCTIONS[name][1]
    )
    return bound.RecordCall(types.RECORD, name, tuple(args), fields)


def unnest_call(args: list[bound.Expression], position: int | None) -> bound.RecordCall:
    """unnest(array, array ...) of FROM: a column an array, the shorter ones filled with NULL."""
    fields = []
    for arg in args:
        element = types.element_of(arg.type)
        if element is None:
            raise WrongObjectType(f"function unnest({arg.type.name}) does not exist", position=position)
        fields.append(("unnest", element.bare))
    return bound.RecordCall(types.RECORD, "unnest", tuple(args), tuple(fields))


def _field_of_row(subquery: bound.Subquery, name: str) -> bound.Expression | None:
    """(SELECT t FROM t ...).name: the subquery gives the column in place of the row."""
    query = subquery.query
    if subquery.kind != "scalar" or not isinstance(query, bound.Select) or query.distinct:
        return None
    row = query.targets[0].expression
    if not isinstance(row, bound.RowRef):
        return None
    for part in nodes(query.from_):
        if isinstance(part, bound.RelationNode) and part.relation_id == row.relation_id:
            column = next(named_columns(part, name), None)
            if column is None:
                return None
            targets = (replace(query.targets[0], expression=column), *query.targets[1:])
            columns = (bound.OutputColumn(name, column.type),)
            return bound.Subquery(column.type, "scalar", replace(query, targets=targets, columns=columns))
    return None


def field_of(
    binder: Binder, expression: bound.Expression, name: str, scope: Scope, position: int | None
) -> bound.Expression:
    """(expression).name."""
    if (found := field_named(expression, name, position)) is not None:
        return found
    if isinstance(expression, bound.RecordCall):
        for place, (field, sql_type) in enumerate(expression.fields):
            if field == name:
                return bound.Field(sql_type, expression, place)
    if isinstance(expression, bound.RowRef):
        relation = scope.relation_by_id(expression.relation_id)
        if relation is not None:
            return scope.qualified(relation.alias, name, position)
    if isinstance(expression, bound.ColumnRef) and expression.type == types.RECORD:
        relation = scope.relation_by_id(expression.relation_id)
        found = scope.carried_field(relation, expression, name) if relation is not None else None
        if found is not None:
            return found
    if isinstance(expression, bound.Subquery) and (found := _field_of_row(expression, name)) is not None:
        return found
    if expression.type == types.RECORD:
        raise UndefinedColumn(
            f'could not identify column "{name}" in record data type', position=position
        )
    raise WrongObjectType(
        f"column notation .{name} applied to type {expression.type.name}, which is not a composite type",
        position=position,
    )


def with_carried_fields(query: bound.Query) -> bound.Query:
    """A subquery whose composite columns come with their fields."""
    if not isinstance(query, bound.Select) or query.distinct or query.grouped:
        return query
    composite = [t for t in query.targets if isinstance(t.expression, bound.RecordCall) and not t.junk]
    if not composite or any(t.junk for t in query.targets):
        return query
    targets, columns = list(query.targets), list(query.columns)
    for target in composite:
        call = target.expression
        assert isinstance(call, bound.RecordCall)
        for place, (field, sql_type) in enumerate(call.fields):
            name = f"{target.name}.{field}"
            targets.append(bound.Target(name, bound.Field(sql_type, call, place)))
            columns.append(bound.OutputColumn(name, sql_type, 0, FIELD_ATTNUM))
    return replace(query, targets=tuple(targets), columns=tuple(columns))
