"""Which rows a gin index over a tsvector leaves for a predicate that only the relational engine decides."""

from __future__ import annotations

from sqlvec import types
from sqlvec.catalog.objects import Catalog, Table
from sqlvec.plan.native import is_constant, is_native
from sqlvec.plan.physical import AllOf, AnyOf, LexemePredicate, Predicate
from sqlvec.sql import bound
from sqlvec.sql.index_expression import indexed_expression


def lexeme_candidates(
    expression: bound.Expression | None, relation_id: int, table: Table, catalog: Catalog
) -> Predicate | None:
    """A predicate that holds wherever the expression does: of an AND those parts that an index answers, of an
    OR all of them. None where no index helps.

    Not below NOT: what an index does not rule out is no proof that a row matches.
    """
    if isinstance(expression, bound.Boolean) and expression.op in ("and", "or"):
        parts = [lexeme_candidates(arg, relation_id, table, catalog) for arg in expression.args]
        found = tuple(part for part in parts if part is not None)
        if expression.op == "or":
            return AnyOf(found) if len(found) == len(parts) else None
        if len(found) < 2:
            return found[0] if found else None
        return AllOf(found)
    if not isinstance(expression, bound.FunctionCall) or expression.name not in _MATCHES:
        return None
    vector, query = sorted(expression.args, key=lambda arg: arg.type.oid == types.TSQUERY.oid)
    if query.type != types.TSQUERY or not is_constant(query) or not is_native(query):
        return None
    for index in catalog.indexes(table.oid):
        if index.method == "gin" and len(index.columns) == 1 and not index.predicate:
            column = index.columns[0]
            if (column.attnum or column.type == types.TSVECTOR) and vector == indexed_expression(
                index, table, relation_id
            ):
                return LexemePredicate(expression, query, index)
    return None


_MATCHES = ("ts_match", "ts_match_vq", "ts_match_qv")
