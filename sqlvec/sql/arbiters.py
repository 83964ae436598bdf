"""ON CONFLICT (...): which keys and unique indexes are meant (infer_arbiter_indexes in plancat.c)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Index
from sqlvec.errors import InvalidColumnReference, UndefinedObject
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.keys import is_late, unique_keys
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.tree import walk
from sqlvec.sql.write_target import WriteTarget

_Arbiters = tuple[tuple[int, ...], tuple[bound.ArbiterIndex, ...]]
_Given = tuple[tuple[bound.Expression, bound.Const], ...]

NO_ARBITER = "there is no unique or exclusion constraint matching the ON CONFLICT specification"


def arbiters(binder: Binder, infer: Node, written: WriteTarget) -> _Arbiters:
    """The columns of a key, and indexes over expressions or part of the rows; neither when any will do."""
    target, table = written.scan, written.table
    if "conname" in infer:
        constraint = next((c for c in table.constraints if c.name == infer["conname"]), None)
        if constraint is None:
            raise UndefinedObject(
                f'constraint "{infer["conname"]}" for table "{table.name}" does not exist'
            )
        return constraint.attnums, ()
    if "indexElems" not in infer:
        return (), ()
    scope = Scope()
    scope.add(written.seen)
    elements = [_element(binder, part["IndexElem"], infer, scope) for part in infer["indexElems"]]
    asked = frozenset(written.over_table(element) for element in elements)
    where: frozenset[bound.Expression] = frozenset()
    if "whereClause" in infer:
        condition = bind_expression(binder, infer["whereClause"], scope)
        where = _conjuncts(written.over_table(binder.boolean(condition, "WHERE", None)))
    attnums = tuple(e.ordinal + 1 for e in asked if isinstance(e, bound.ColumnRef))
    keys = [*unique_keys(table, binder.catalog), *(c.attnums for c in table.unique_keys)]
    key = next((k for k in keys if len(attnums) == len(asked) and set(k) == set(attnums)), ())
    late = [index for index in binder.catalog.indexes(table.oid) if is_late(index)]
    holding = [(index.oid, _holds(binder, index, target, asked, where)) for index in late]
    found = tuple(bound.ArbiterIndex(oid, given) for oid, given in holding if given is not None)
    if not key and not found:
        raise InvalidColumnReference(NO_ARBITER)
    return key, found


def _compare_alike(a: bound.Expression, b: bound.Expression) -> bool:
    """Whether equal values of the two are one value to any operator."""
    return a.type.oid == b.type.oid or {a.type.oid, b.type.oid} == {types.TEXT.oid, types.VARCHAR.oid}


def _element(binder: Binder, part: Node, infer: Node, scope: Scope) -> bound.Expression:
    node = part.get("expr")
    if node is None:
        field = {"fields": [{"String": {"sval": part["name"]}}], "location": infer.get("location", -1)}
        node = {"ColumnRef": field}
    return bind_expression(binder, node, scope)


def _holds(
    binder: Binder,
    index: Index,
    target: bound.TableScan,
    asked: frozenset[bound.Expression],
    where: frozenset[bound.Expression],
) -> _Given | None:
    """None unless the index is over just what is asked, and holds all rows that are asked for; then what must be
    given for that."""
    table, relation_id = target.table, target.relation_id
    over: set[bound.Expression] = set()
    for part in index.columns:
        if part.attnum:
            column = target.columns[part.attnum - 1]
            over.add(bound.ColumnRef(column.type, relation_id, part.attnum - 1, column.name))
        else:
            over.add(bind_expression_text(binder, part.expression, table, relation_id))
    if over != asked:
        return None
    if not index.predicate:
        return ()
    predicate = bind_expression_text(binder, index.predicate, table, relation_id)
    needed: _Given = ()
    for conjunct in _conjuncts(binder.boolean(predicate, "WHERE", None)):
        ways = [given for w in where if (given := _alike(conjunct, w)) is not None]
        if not ways:
            return None
        needed += min(ways, key=len)
    return needed


def _alike(part: Any, asked: Any) -> _Given | None:
    """What must be given that they say the same, where parameters stand for constants; None if they never do."""
    if part == asked:
        return ()
    if isinstance(part, bound.Const) and isinstance(asked, bound.Expression):
        leaves = [node for node in walk(asked) if isinstance(node, (bound.Param, bound.ColumnRef))]
        by_parameters = leaves and all(isinstance(leaf, bound.Param) for leaf in leaves)
        return ((asked, part),) if by_parameters and _compare_alike(asked, part) else None
    if isinstance(part, tuple) and isinstance(asked, tuple) and len(part) == len(asked):
        pairs = list(zip(part, asked, strict=True))
    elif isinstance(part, bound.Expression) and type(part) is type(asked):
        pairs = [(getattr(part, f.name), getattr(asked, f.name)) for f in fields(part)]
    else:
        return None
    needed: _Given = ()
    for one, other in pairs:
        given = _alike(one, other)
        if given is None:
            return None
        needed += given
    return needed


def _conjuncts(condition: bound.Expression) -> frozenset[bound.Expression]:
    if isinstance(condition, bound.Boolean) and condition.op == "and":
        return frozenset(part for arg in condition.args for part in _conjuncts(arg))
    return frozenset([condition])
