"""What a planner computes beforehand and may fail at: divisions of constants.

PostgreSQL folds them when it plans, which in the extended protocol is at Bind; so SELECT 1/0 fails there and not
when it is executed. Branches of CASE, COALESCE and AND that may never be reached are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from sqlvec import types
from sqlvec.plan.native import is_native
from sqlvec.sql import bound

_LAZY = (bound.Case, bound.Coalesce, bound.Boolean, bound.TableScan, bound.SystemScan, types.SqlType)
_KNOWN = (bound.Const, bound.Param, bound.Cast, bound.FunctionCall)


def constant_divisions(statement: bound.Statement) -> tuple[bound.Expression, ...]:
    """The divisions of a statement that refer to no row, to be tried once parameters are known."""
    return tuple(_divisions(statement))


def _divisions(tree: Any) -> Iterator[bound.Expression]:
    if isinstance(tree, tuple):
        for item in tree:
            yield from _divisions(item)
    elif isinstance(tree, _LAZY) or not hasattr(tree, "__dataclass_fields__"):
        return
    elif _divides(tree) and _is_constant(tree) and is_native(tree, numerics=True):
        yield tree
    else:
        for field in fields(tree):
            yield from _divisions(getattr(tree, field.name))


def _divides(node: Any) -> bool:
    return isinstance(node, bound.FunctionCall) and node.operator and node.name in ("/", "%")


def _is_constant(node: bound.Expression) -> bool:
    if not isinstance(node, _KNOWN):
        return False
    if isinstance(node, bound.Cast):
        return _is_constant(node.arg)
    if isinstance(node, bound.FunctionCall):
        return node.operator and all(map(_is_constant, node.args))
    return True
