"""Going through bound trees: expressions alone, or everything that a query is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from sqlvec import types
from sqlvec.sql import bound


def children(expression: bound.Expression) -> Iterator[bound.Expression]:
    """Direct sub-expressions (not those inside a subquery's query)."""
    for field in fields(expression):
        yield from _expressions(getattr(expression, field.name))


def _expressions(value: object) -> Iterator[bound.Expression]:
    if isinstance(value, bound.Expression):
        yield value
    elif isinstance(value, bound.SortKey):
        yield value.expression
    elif isinstance(value, bound.Window):
        yield from _expressions(value.partition_by)
        yield from _expressions(value.order_by)
        yield from _expressions(value.offsets)
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)


def walk(expression: bound.Expression) -> Iterator[bound.Expression]:
    """The expression and all below it, subqueries' own queries excluded."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def nodes(tree: Any) -> Iterator[Any]:
    """Every part of a query, of an expression or of a tuple of them, from above and in order, subqueries'
    queries too. Of a table its scan and the time it is read as of, but not what the catalog says of it."""
    stack = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(reversed(part))
        elif isinstance(part, bound.TableScan):
            yield part
            stack.append(part.as_of)
        elif isinstance(part, bound.SystemScan):
            yield part
        elif hasattr(part, "__dataclass_fields__") and not isinstance(part, (type, types.SqlType)):
            yield part
            stack.extend(getattr(part, field.name) for field in reversed(fields(part)))
