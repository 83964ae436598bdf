"""Bound expressions as DuckDB SQL that means what PostgreSQL means.

Columns are r{relation}.c{ordinal}. Constants are written with their type. What DuckDB does otherwise is
rewritten here: integer division, NULL order, LIKE's escape, text of booleans, JSON operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlvec import types
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.render_types import duckdb_type, literal
from sqlvec.types import SqlType

Computed = Mapping[bound.Expression, tuple[int, str]]
_INTEGERS = (types.INT2.oid, types.INT4.oid, types.INT8.oid)
_FLOATS = (types.FLOAT4.oid, types.FLOAT8.oid)
_JSON = (types.JSON.oid, types.JSONB.oid)
_DISTANCES = {"l2": "array_distance", "cosine": "array_cosine_distance", "inner_product": "array_negative_inner_product"}


class ExpressionRenderer:
    """Renders the expressions of one statement; parameters are its values of this execution."""

    def __init__(self, parameters: tuple[Any, ...], computed: Computed, render_query: Callable[[bound.Query], str]) -> None:
        self.parameters = parameters
        self.computed = computed
        self.render_query = render_query
        self.rows: dict[int, bound.RelationNode] = {}

    def render(self, expression: bound.Expression) -> str:
        place = self.computed.get(expression) if isinstance(expression, _COMPUTABLE) else None
        if place is not None:
            return f"r{place[0]}.{place[1]}"
        handler = _HANDLERS.get(type(expression))
        if handler is None:
            raise FeatureNotSupported(f"{type(expression).__name__} is not supported here")
        return handler(self, expression)

    def all(self, expressions: tuple[bound.Expression, ...]) -> list[str]:
        return [self.render(e) for e in expressions]

    # ---------------------------------------------------------------- leaves

    def const(self, e: bound.Const) -> str:
        return literal(e.value, e.type)

    def param(self, e: bound.Param) -> str:
        return literal(self.parameters[e.number - 1], e.type)

    def column(self, e: bound.ColumnRef) -> str:
        if e.relation_id == 0:
            return f"c{e.ordinal}"
        return f"r{e.relation_id}.c{e.ordinal}"

    def row_ref(self, e: bound.RowRef) -> str:
        relation = self.rows.get(e.relation_id)
        if relation is None:
            return f"r{e.relation_id}"
        fields = ", ".join(
            f"{_quoted(c.name)} := r{e.relation_id}.c{i}" for i, c in enumerate(relation.columns) if c.name
        )
        return f"struct_pack({fields})"

    # ---------------------------------------------------------------- logic

    def boolean(self, e: bound.Boolean) -> str:
        if e.op == "not":
            return f"(NOT {self.render(e.args[0])})"
        return "(" + f" {e.op.upper()} ".join(self.all(e.args)) + ")"

    def test(self, e: bound.Test) -> str:
        word = e.kind.replace("_", " ").upper()
        if e.kind in ("unknown", "not_unknown"):
            word = "NULL" if e.kind == "unknown" else "NOT NULL"
        return f"({self.render(e.arg)} IS {word})"

    def distinct_from(self, e: bound.DistinctFrom) -> str:
        word = "IS NOT DISTINCT FROM" if e.negated else "IS DISTINCT FROM"
        return f"({self.render(e.left)} {word} {self.render(e.right)})"

    def in_list(self, e: bound.InList) -> str:
        word = "NOT IN" if e.negated else "IN"
        return f"({self.render(e.arg)} {word} ({', '.join(self.all(e.items))}))"

    def any_all(self, e: bound.AnyAll) -> str:
        word = "ALL" if e.all else "ANY"
        op = {"~~": "LIKE", "!~~": "NOT LIKE"}.get(e.op, e.op)
        return f"({self.render(e.arg)} {op} {word}({self.render(e.array)}))"

    def case(self, e: bound.Case) -> str:
        whens = " ".join(f"WHEN {self.render(w)} THEN {self.render(t)}" for w, t in e.whens)
        otherwise = self.render(e.otherwise) if e.otherwise else "NULL"
        return f"(CASE {whens} ELSE {otherwise} END)"

    def coalesce(self, e: bound.Coalesce) -> str:
        return f"{e.kind}({', '.join(self.all(e.args))})"

    # ---------------------------------------------------------------- casts

    def cast(self, e: bound.Cast) -> str:
        inner, source, target = self.render(e.arg), e.arg.type, e.type
        return cast_sql(inner, source, target)

    # ---------------------------------------------------------------- containers

    def array(self, e: bound.ArrayExpression) -> str:
        items = ", ".join(self.all(e.items))
        return f"CAST([{items}] AS {duckdb_type(e.type)})"

    def row(self, e: bound.RowExpression) -> str:
        return f"row({', '.join(self.all(e.items))})"

    def subscript(self, e: bound.Subscript) -> str:
        arg = self.render(e.arg)
        if e.slice:
            low = self.render(e.lower) if e.lower else "1"
            high = self.render(e.index) if e.index else f"len({arg})"
            return f"({arg})[{low}:{high}]"
        assert e.index is not None
        return f"({arg})[{self.render(e.index)}]"

    # ---------------------------------------------------------------- search

    def distance(self, e: bound.Distance) -> str:
        left, right = self.render(e.left), self.render(e.right)
        dims = max(e.left.type.typmod, e.right.type.typmod)
        if dims < 1:
            dims = self._dims(e.left) or self._dims(e.right)
        if e.metric == "l1" or dims < 1:
            return f"sqlvec_distance('{e.metric}', {left}, {right})"
        sides = [f"CAST({side} AS FLOAT[{dims}])" for side in (left, right)]
        return f"CAST({_DISTANCES[e.metric]}({sides[0]}, {sides[1]}) AS DOUBLE)"

    def _dims(self, e: bound.Expression) -> int:
        value = None
        if isinstance(e, bound.Const):
            value = e.value
        elif isinstance(e, bound.Param):
            value = self.parameters[e.number - 1]
        return len(value) if value is not None else 0

    # ---------------------------------------------------------------- calls

    def call(self, e: bound.FunctionCall) -> str:
        from sqlvec.sql.render_functions import render_function, render_operator

        args = self.all(e.args)
        if e.operator:
            return render_operator(e, args)
        return render_function(e, args)

    def aggregate(self, e: bound.Aggregate) -> str:
        from sqlvec.sql.render_functions import render_aggregate

        return render_aggregate(self, e)

    def window(self, e: bound.WindowCall) -> str:
        from sqlvec.sql.render_functions import render_aggregate_call

        call = render_aggregate_call(e.name, self.all(e.args), e.star, e.type)
        where = f" FILTER (WHERE {self.render(e.filter)})" if e.filter else ""
        parts = []
        if e.window.partition_by:
            parts.append("PARTITION BY " + ", ".join(self.all(e.window.partition_by)))
        if e.window.order_by:
            parts.append("ORDER BY " + ", ".join(self.sort_key(k) for k in e.window.order_by))
        if e.window.frame:
            parts.append(e.window.frame)
        return output_cast(f"{call}{where} OVER ({' '.join(parts)})", e.type)

    def sort_key(self, key: bound.SortKey) -> str:
        direction = "DESC" if key.descending else "ASC"
        nulls = "FIRST" if key.nulls_first else "LAST"
        return f"{self.render(key.expression)} {direction} NULLS {nulls}"

    def subquery(self, e: bound.Subquery) -> str:
        query = self.render_query(e.query)
        if e.kind == "scalar":
            return f"({query})"
        if e.kind == "exists":
            return f"EXISTS ({query})"
        if e.kind == "array":
            return f"ARRAY({query})"
        assert e.test is not None
        if e.kind == "in":
            return f"({self.render(e.test)} IN ({query}))"
        return f"({self.render(e.test)} {e.op} {e.kind.upper()} ({query}))"


def output_cast(sql: str, sql_type: SqlType) -> str:
    """As the type's exchange form; unconstrained numeric stays a number inside the engine."""
    return f"CAST({sql} AS {duckdb_type(sql_type)})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def cast_sql(inner: str, source: SqlType, target: SqlType) -> str:
    """inner, of type source, as target."""
    a, b = source.oid, target.oid
    if b in (types.VARCHAR.oid, types.TEXT.oid, types.BPCHAR.oid, types.NAME.oid, types.UNKNOWN.oid):
        text = text_sql(inner, source)
        if b == types.VARCHAR.oid and target.typmod > 0:
            return f"left({text}, {target.typmod - 4})"
        if b == types.BPCHAR.oid and target.typmod > 0:
            return f"rpad({text}, {target.typmod - 4}, ' ')"
        return text
    if b == types.REGTYPE.oid or b == types.REGCLASS.oid or b == types.REGNAMESPACE.oid:
        if a in (types.TEXT.oid, types.VARCHAR.oid, types.NAME.oid):
            kind = target.definition.name
            return f"CAST(sqlvec_catalog('to_{kind}', json_array({inner})) AS BIGINT)"
        return f"CAST({inner} AS BIGINT)"
    if b in _INTEGERS and a in (*_FLOATS, types.NUMERIC.oid):
        rounded = f"round_even({inner}, 0)" if a in _FLOATS else f"round({inner}, 0)"
        return f"CAST({rounded} AS {duckdb_type(target)})"
    if b == types.VECTOR.oid:
        return f"CAST({inner} AS {duckdb_type(target)})"
    if b in _JSON:
        return f"sqlvec_{target.definition.name}({text_sql(inner, source)})"
    if a == types.TIMESTAMPTZ.oid and b in (types.DATE.oid, types.TIMESTAMP.oid):
        return f"CAST(timezone('UTC', {inner}) AS {duckdb_type(target)})"
    if b == types.NUMERIC.oid and a in _FLOATS:
        return f"CAST({inner} AS {duckdb_type(target)})"
    if a in (types.TEXT.oid, types.VARCHAR.oid, types.UNKNOWN.oid) and b in _INTEGERS:
        return f"CAST(trim({inner}) AS {duckdb_type(target)})"
    return f"CAST({inner} AS {duckdb_type(target)})"


def text_sql(inner: str, source: SqlType) -> str:
    """The PostgreSQL text of a value."""
    oid = source.oid
    if source.definition.category == "S" or oid in (types.UNKNOWN.oid, types.UUID.oid, *_JSON):
        return inner
    if oid == types.BOOL.oid:
        return f"CAST({inner} AS VARCHAR)"
    if oid in _INTEGERS:
        return f"CAST({inner} AS VARCHAR)"
    if oid in (types.REGCLASS.oid, types.REGTYPE.oid, types.REGNAMESPACE.oid):
        return f"sqlvec_catalog('reg_out', json_array('{source.definition.name}', {inner}))"
    return f"sqlvec_text({oid}, {inner})" if oid in (*_FLOATS,) else f"CAST({inner} AS VARCHAR)"


_COMPUTABLE = (bound.Distance, bound.TextScore, bound.TextMatch, bound.Fusion)
_HANDLERS: dict[type[bound.Expression], Callable[[ExpressionRenderer, Any], str]] = {
    bound.Const: ExpressionRenderer.const,
    bound.Param: ExpressionRenderer.param,
    bound.ColumnRef: ExpressionRenderer.column,
    bound.RowRef: ExpressionRenderer.row_ref,
    bound.Boolean: ExpressionRenderer.boolean,
    bound.Test: ExpressionRenderer.test,
    bound.DistinctFrom: ExpressionRenderer.distinct_from,
    bound.InList: ExpressionRenderer.in_list,
    bound.AnyAll: ExpressionRenderer.any_all,
    bound.Case: ExpressionRenderer.case,
    bound.Coalesce: ExpressionRenderer.coalesce,
    bound.Cast: ExpressionRenderer.cast,
    bound.ArrayExpression: ExpressionRenderer.array,
    bound.RowExpression: ExpressionRenderer.row,
    bound.Subscript: ExpressionRenderer.subscript,
    bound.Distance: ExpressionRenderer.distance,
    bound.FunctionCall: ExpressionRenderer.call,
    bound.Aggregate: ExpressionRenderer.aggregate,
    bound.WindowCall: ExpressionRenderer.window,
    bound.Subquery: ExpressionRenderer.subquery,
}
