"""ON CONFLICT (...): which keys and unique indexes are meant (infer_arbiter_indexes in plancat.c)."""

from __future__ import annotations

from sqlvec.catalog.objects import Index
from sqlvec.errors import InvalidColumnReference, UndefinedObject
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.binder import Binder
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.keys import is_late, unique_keys
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.write_target import WriteTarget

_Arbiters = tuple[tuple[int, ...], tuple[int, ...]]


def arbiters(binder: Binder, infer: Node, written: WriteTarget) -> _Arbiters:
    """The columns of a key, and the oids of indexes over expressions or part of the rows; neither when any
    will do."""
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
    found = tuple(
        index.oid
        for index in binder.catalog.indexes(table.oid)
        if is_late(index) and _holds(binder, index, target, asked, where)
    )
    if not key and not found:
        raise InvalidColumnReference(
            "there is no unique or exclusion constraint matching the ON CONFLICT specification"
        )
    return key, found


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
) -> bool:
    """Whether the index is over just what is asked, and holds all rows that are asked for."""
    table, relation_id = target.table, target.relation_id
    over: set[bound.Expression] = set()
    for part in index.columns:
        if part.attnum:
            column = target.columns[part.attnum - 1]
            over.add(bound.ColumnRef(column.type, relation_id, part.attnum - 1, column.name))
        else:
            over.add(bind_expression_text(binder, part.expression, table, relation_id))
    if over != asked:
        return False
    if not index.predicate:
        return True
    predicate = bind_expression_text(binder, index.predicate, table, relation_id)
    return _conjuncts(binder.boolean(predicate, "WHERE", None)) <= where


def _conjuncts(condition: bound.Expression) -> frozenset[bound.Expression]:
    if isinstance(condition, bound.Boolean) and condition.op == "and":
        return frozenset(part for arg in condition.args for part in _conjuncts(arg))
    return frozenset([condition])
