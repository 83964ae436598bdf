"""Bound expressions as DuckDB SQL that means what PostgreSQL means.

Columns are r{relation}.c{ordinal}. Every constant is written with its type. An expression is rendered in
the one DuckDB type of its bound type (render_types); a numeric is in fixed or text form (render_numeric).
Functions of ours are called sqlvec_*; exec.relational_functions registers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlvec import types
from sqlvec.errors import FeatureNotSupported, UndefinedParameter
from sqlvec.sql import bound
from sqlvec.sql.composites import fields
from sqlvec.sql.render_aggregates import aggregate, window_call
from sqlvec.sql.render_arrays import as_shaped, shaped_key, stacked
from sqlvec.sql.render_cast import cast, text_out
from sqlvec.sql.render_functions import function
from sqlvec.sql.render_numeric import comparable_numerics, in_form, key_of, numeric_form
from sqlvec.sql.render_operators import comparison, operator, quantified
from sqlvec.sql.render_routines import routine_value
from sqlvec.sql.render_tables import record_field, record_text
from sqlvec.sql.render_text_search import TYPES as TEXT_SEARCH
from sqlvec.sql.render_text_search import comparable_text_search
from sqlvec.sql.render_types import (
    ZERO_BASED,
    Fixed,
    Rendered,
    declared_form,
    duckdb_type,
    is_numeric,
    is_record,
    literal,
    value_key,
)
from sqlvec.sql.render_user_types import composite_field, composite_key, composite_row, domain_check
from sqlvec.sql.render_vectors import comparable_vector, distance
from sqlvec.sql.type_rules import VECTORS, has_sort_key
from sqlvec.types import SqlType
from sqlvec.types.shaped_array import is_shaped

Computed = Mapping[bound.Expression, tuple[int, str]]
Fold = Callable[[str, tuple[Any, ...]], Any]
RenderQuery = Callable[[bound.Query], str]
_COMPUTABLE = (
    bound.Distance, bound.TextScore, bound.TextMatch, bound.Fusion, bound.Mmr, bound.Explanation,
)  # fmt: skip
_TESTS = {
    "null": "IS NULL", "not_null": "IS NOT NULL", "unknown": "IS NULL", "not_unknown": "IS NOT NULL",
    "true": "IS TRUE", "not_true": "IS NOT TRUE", "false": "IS FALSE", "not_false": "IS NOT FALSE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RenderContext:
    """What one execution brings along.

    parameters are datums, $1 first. sources are the relations that are slots, by name. computed tells which
    expressions are columns of a slot already. session is the number under which the engine finds the
    session when a function calls back; fold gives the value of a stable function, such as now(), before
    the statement runs. time_zone is the session's.
    """

    parameters: Sequence[Any] = ()
    sources: Mapping[int, str] = field(default_factory=dict)
    computed: Computed = field(default_factory=dict)
    session: int = 0
    fold: Fold | None = None
    time_zone: str = "UTC"


class ExpressionRenderer:
    """Renders the expressions of one statement."""

    def __init__(self, context: RenderContext, render_query: RenderQuery) -> None:
        self.context = context
        self.render_query = render_query  # in output form: text for numeric without typmod
        self.relations: dict[int, bound.RelationNode] = {}
        self.forms: dict[tuple[int, int], Fixed | None] = {}  # of numeric columns not of a slot
        self.partnerless: frozenset[int] = frozenset()  # relations that an outer join may fill with nulls
        self.replaced: dict[bound.Expression, str] = {}  # grouped expressions, by what stands for them
        self._names = 0

    def render(self, e: bound.Expression) -> str:
        if self.replaced and (found := self.replaced.get(e)) is not None:
            return found
        if isinstance(e, _COMPUTABLE) and (place := self.context.computed.get(e)) is not None:
            return f"r{place[0]}.{place[1]}"
        handler = _HANDLERS.get(type(e))
        if handler is None and isinstance(e, _COMPUTABLE):
            raise FeatureNotSupported(
                "text search and fusion rank the rows of a table against one value",
                hint="Rank the rows of a table, not those of a subquery that groups, sorts or limits; "
                "against each value of another table in a LATERAL subquery with ORDER BY and LIMIT.",
            )
        if handler is None:
            raise FeatureNotSupported(f"{type(e).__name__} is not supported here")
        return handler(self, e)

    def all(self, expressions: Sequence[bound.Expression]) -> list[str]:
        return [self.render(e) for e in expressions]

    @contextmanager
    def without_replacements(self) -> Iterator[None]:
        """Inside an aggregate's arguments the grouped expressions are themselves."""
        before, self.replaced = self.replaced, {}
        try:
            yield
        finally:
            self.replaced = before

    @contextmanager
    def replacing(self, values: Mapping[bound.Expression, str]) -> Iterator[None]:
        """These expressions stand for what is SQL already."""
        before = self.replaced
        self.replaced = {**before, **values}
        try:
            yield
        finally:
            self.replaced = before

    def fresh(self, prefix: str = "e") -> str:
        """A name for a lambda's parameter."""
        self._names += 1
        return f"{prefix}{self._names}"

    # ---------------------------------------------------------------- values known beforehand

    def constant(self, e: bound.Expression | None) -> bound.Const | None:
        """The value of a literal, a parameter or a cast of NULL; None for what is known only when run."""
        if isinstance(e, bound.Const):
            return e
        if isinstance(e, bound.Param):
            if not 1 <= e.number <= len(self.context.parameters):
                raise UndefinedParameter(f"there is no parameter ${e.number}")
            return bound.Const(e.type, self.context.parameters[e.number - 1])
        if isinstance(e, bound.Cast):
            inner = self.constant(e.arg)
            if inner is not None and inner.value is None:
                return bound.Const(e.type, None)
        return None

    def constant_value(self, e: bound.Expression | None) -> Any:
        known = self.constant(e)
        return None if known is None else known.value

    # ---------------------------------------------------------------- forms

    def output(self, e: bound.Expression, sql_type: SqlType | None = None) -> str:
        """The expression with exactly the DuckDB type of its SQL type (or of sql_type)."""
        wanted = sql_type or e.type
        if is_numeric(wanted):
            return in_form(self, e, declared_form(wanted))
        return f"CAST({self.render(e)} AS {duckdb_type(wanted)})"

    def comparable(self, e: bound.Expression) -> str:
        """A value that DuckDB compares, groups and sorts as PostgreSQL does the expression's."""
        if is_numeric(e.type):
            rendered = self.render(e)
            return rendered if numeric_form(self, e) else key_of(rendered)
        if e.type.oid == types.BPCHAR.oid:
            return f"rtrim({self.render(e)}, ' ')"
        if e.type.oid in TEXT_SEARCH:
            return comparable_text_search(self.render(e), e.type)
        if e.type.oid in VECTORS:
            return comparable_vector(self, e)
        if is_shaped(e.type):
            return shaped_key(self.render(e), e.type)
        if (key := value_key(self.render(e), e.type)) is not None:
            return key
        if (key := composite_key(self.render(e), e.type) if e.type.own is not None else None) is not None:
            return key
        element = types.element_of(e.type)
        if element is not None and is_numeric(element) and declared_form(element) is None:
            item = self.fresh()
            return f"list_transform({self.render(e)}, lambda {item}: {key_of(item)})"
        if element is not None and (key := value_key(item := self.fresh(), element)) is not None:
            return f"list_transform({self.render(e)}, lambda {item}: {key})"
        return self.render(e)

    def comparables(self, expressions: Sequence[bound.Expression]) -> list[str]:
        """Values of several expressions that can be compared with each other."""
        if expressions and is_numeric(expressions[0].type):
            return comparable_numerics(self, expressions)
        return [self.comparable(e) for e in expressions]

    def sort_key(self, key: bound.SortKey) -> str:
        direction = " DESC" if key.descending else ""
        nulls = "FIRST" if key.nulls_first else "LAST"
        return f"{self.comparable(key.expression)}{direction} NULLS {nulls}"

    def order_by(self, keys: Sequence[bound.SortKey]) -> str:
        """ ORDER BY ..., or nothing."""
        return " ORDER BY " + ", ".join(self.sort_key(key) for key in keys) if keys else ""

    # ---------------------------------------------------------------- leaves

    def _const(self, e: bound.Const) -> str:
        return literal(e.value, e.type)

    def _param(self, e: bound.Param) -> str:
        known = self.constant(e)
        assert known is not None
        return literal(known.value, e.type)

    def _column(self, e: bound.ColumnRef) -> str:
        return f"c{e.ordinal}" if e.relation_id == 0 else f"r{e.relation_id}.c{e.ordinal}"

    def fields_of(self, e: bound.Expression) -> list[tuple[str, bound.Expression]]:
        """Names and values of a row's fields."""
        if e.type.own is not None:
            return fields(e)
        if isinstance(e, bound.RowExpression):
            return [(f"f{i}", item) for i, item in enumerate(e.items, 1)]
        if not isinstance(e, bound.RowRef):
            raise FeatureNotSupported("this use of a row value is not supported")
        relation = self.relations[e.relation_id]
        return [
            (c.name, bound.ColumnRef(c.type, e.relation_id, i, c.name))
            for i, c in enumerate(relation.columns)
            if c.name and c.attnum >= 0
        ]

    def row_is_null(self, e: bound.Expression) -> str:
        """True for the row of an outer join without partner: all of its fields are null. Elsewhere a row is one
        whatever its fields are."""
        if isinstance(e, bound.RowRef) and e.relation_id not in self.partnerless:
            return "false"
        tests = [f"{self.render(item)} IS NULL" for _, item in self.fields_of(e)]
        return f"({' AND '.join(tests) or 'false'})"

    def _row(self, e: bound.Expression) -> str:
        """A row value is its text: (1,a)."""
        if isinstance(e, bound.RowExpression) and e.type.own is not None:
            return composite_row(self, e)
        items = ", ".join(text_out(self, item) for _, item in self.fields_of(e))
        text = f"sqlvec_record_text([{items}])" if items else "'()'"
        return f"CASE WHEN NOT {self.row_is_null(e)} THEN {text} END" if _is_whole_row(e) else text

    # ---------------------------------------------------------------- logic

    def _boolean(self, e: bound.Boolean) -> str:
        if e.op == "not":
            return f"(NOT {self.render(e.args[0])})"
        return "(" + f" {e.op.upper()} ".join(self.all(e.args)) + ")"

    def _test(self, e: bound.Test) -> str:
        if is_record(e.arg.type) and e.kind in ("null", "not_null"):
            words = " AND ".join(
                f"{self.render(item)} {_TESTS[e.kind]}" for _, item in self.fields_of(e.arg)
            )
            return f"({words or 'true'})"
        return f"({self.render(e.arg)} {_TESTS[e.kind]})"

    def _distinct_from(self, e: bound.DistinctFrom) -> str:
        word = "IS NOT DISTINCT FROM" if e.negated else "IS DISTINCT FROM"
        left, right = self.comparables((e.left, e.right))
        return f"({left} {word} {right})"

    def _in_list(self, e: bound.InList) -> str:
        word = "NOT IN" if e.negated else "IN"
        arg, *items = self.comparables((e.arg, *e.items))
        return f"({arg} {word} ({', '.join(items)}))"

    def _any_all(self, e: bound.AnyAll) -> str:
        return quantified(self, e)

    def _case(self, e: bound.Case) -> str:
        branches = [then for _, then in e.whens] + ([e.otherwise] if e.otherwise else [])
        rendered = self._unified(e, branches)
        whens = " ".join(
            f"WHEN {self.render(when)} THEN {then}"
            for (when, _), then in zip(e.whens, rendered, strict=False)
        )
        otherwise = f" ELSE {rendered[-1]}" if e.otherwise else ""
        return f"(CASE {whens}{otherwise} END)"

    def _unified(self, whole: bound.Expression, parts: Sequence[bound.Expression]) -> list[str]:
        """The parts in the form of the whole."""
        if is_numeric(whole.type):
            form = numeric_form(self, whole)
            return [in_form(self, part, form) for part in parts]
        return self.all(parts)

    def _coalesce(self, e: bound.Coalesce) -> str:
        if e.kind == "nullif":
            left, right = self.comparables(e.args)
            return f"(CASE WHEN {left} = {right} THEN NULL ELSE {self.render(e.args[0])} END)"
        parts = self._unified(e, e.args)
        if e.kind != "coalesce" and is_numeric(e.type) and numeric_form(self, e) is None:
            return f"sqlvec_numeric_{e.kind}([{', '.join(parts)}])"
        if e.kind != "coalesce" and e.type.oid == types.SPARSEVEC.oid:
            return f"sqlvec_sparse_{e.kind}([{', '.join(parts)}])"
        if e.kind != "coalesce" and has_sort_key(e.type):
            pairs = [
                f"CASE WHEN {part} IS NOT NULL THEN struct_pack(k := {key}, v := {part}) END"
                for part, key in zip(parts, self.comparables(e.args), strict=True)
            ]
            return f"struct_extract({e.kind}({', '.join(pairs)}), 'v')"
        return f"{e.kind}({', '.join(parts)})"

    # ---------------------------------------------------------------- casts and containers

    def _cast(self, e: bound.Cast) -> str:
        return cast(self, e)

    def _array(self, e: bound.ArrayExpression) -> str:
        if is_shaped(e.type):
            return stacked(self, e)
        element = types.element_of(e.type)
        assert element is not None, e
        if any(types.element_of(item.type) is not None for item in e.items):
            if element.definition.category != "A":
                raise FeatureNotSupported("arrays of more than one dimension are not supported here")
        if is_numeric(element):
            items = [self.output(item, element) for item in e.items]
            return f"CAST([{', '.join(items)}] AS {duckdb_type(e.type)})"
        return f"CAST([{', '.join(self.all(e.items))}] AS {duckdb_type(e.type)})"

    def _subscript(self, e: bound.Subscript) -> str:
        """Positions before the first give NULL, not positions from the end as in DuckDB."""
        array = self.render(e.arg)
        if e.slice:
            low = f"greatest({self.render(e.lower)}, 1)" if e.lower else "1"
            high = self.render(e.index) if e.index else f"len({array})"
            part = f"list_slice({array}, {low}, greatest({high}, 0))"
            bounds = [end for end in (e.lower, e.index) if end is not None]
            ends = [self.render(end) for end in bounds if self.constant_value(end) is None]
            if not ends:
                return part
            return f"CASE WHEN {' AND '.join(f'{end} IS NOT NULL' for end in ends)} THEN {part} END"
        assert e.index is not None
        if e.arg.type.oid in ZERO_BASED:
            index = self.render(e.index)
            return f"(CASE WHEN {index} >= 0 THEN ({array})[{index} + 1] END)"
        known = self.constant(e.index)
        if known is not None and known.value is not None:
            return f"({array})[{known.value}]" if known.value > 0 else f"({array})[len({array}) + 1]"
        index = self.render(e.index)
        return f"(CASE WHEN {index} > 0 THEN ({array})[{index}] END)"

    # ---------------------------------------------------------------- calls

    def _distance(self, e: bound.Distance) -> str:
        return distance(self, e)

    def _call(self, e: bound.FunctionCall) -> str:
        if e.operator:
            return operator(self, e)
        return function(self, e)

    def _grouping(self, e: bound.Grouping) -> str:
        with self.without_replacements():
            keys = ", ".join([self.comparable(arg) for arg in e.args])
        return f"CAST(GROUPING({keys}) AS INTEGER)"

    def _aggregate(self, e: bound.Aggregate) -> str:
        return aggregate(self, e)

    def _window(self, e: bound.WindowCall) -> str:
        return window_call(self, e)

    def _subquery(self, e: bound.Subquery) -> str:
        with self.without_replacements():
            inner = self.render_query(e.query)
        if e.kind == "exists":
            return f"(NOT EXISTS ({inner}))" if e.negated else f"EXISTS ({inner})"
        if e.kind == "scalar":
            return f"({inner})"
        if e.kind == "array":
            if is_shaped(e.type):
                return self._array_of_arrays(e, inner)
            return f"CAST(coalesce(ARRAY({inner}), []) AS {duckdb_type(e.type)})"
        assert e.test is not None, e
        column = e.query.columns[0].type
        probe = bound.ColumnRef(column, _PROBE_RELATION, 0, "probe")
        left, right = self.comparables((e.test, probe)) if e.op in _EQUALITIES else ("", "")
        if e.op in _EQUALITIES:
            query = f"SELECT {right} FROM ({inner}) AS r{_PROBE_RELATION}"
            text = f"({left} {e.op} {'ALL' if e.kind == 'all' else 'ANY'} ({query}))"
        else:
            text = self._quantified_subquery(e, inner, comparison(self, e.op, e.test, probe))
        return f"(NOT {text})" if e.negated else text

    def _array_of_arrays(self, e: bound.Subquery, inner: str) -> str:
        item = self.fresh()
        text = as_shaped(self, Rendered(e.query.columns[0].type, item))
        parts = f"list_transform(coalesce(ARRAY({inner}), []), lambda {item}: {text})"
        return f"sqlvec_shaped_aggregate({parts})"

    def _quantified_subquery(self, e: bound.Subquery, inner: str, test: str) -> str:
        """LIKE ANY (query) and the like: over the rows, with SQL's three values."""
        word, decisive, otherwise = "bool_or", "true", "false"
        if e.kind == "all":
            word, decisive, otherwise = "bool_and", "false", "true"
        return (
            f"(SELECT CASE WHEN {word}({test}) = {decisive} THEN {decisive} "
            f"WHEN count(*) > count({test}) THEN NULL ELSE {otherwise} END "
            f"FROM ({inner}) AS r{_PROBE_RELATION})"
        )


_EQUALITIES = ("=", "<>", "<", "<=", ">", ">=")
_PROBE_RELATION = 1_000_000_000  # the id of a quantified subquery's own rows


def _is_whole_row(e: bound.Expression) -> bool:
    return isinstance(e, bound.RowRef)


_HANDLERS: dict[type[bound.Expression], Callable[[ExpressionRenderer, Any], str]] = {
    Rendered: lambda r, e: e.sql,
    bound.Const: ExpressionRenderer._const,
    bound.Param: ExpressionRenderer._param,
    bound.ColumnRef: ExpressionRenderer._column,
    bound.RowRef: ExpressionRenderer._row,
    bound.RowExpression: ExpressionRenderer._row,
    bound.Boolean: ExpressionRenderer._boolean,
    bound.Test: ExpressionRenderer._test,
    bound.DistinctFrom: ExpressionRenderer._distinct_from,
    bound.InList: ExpressionRenderer._in_list,
    bound.AnyAll: ExpressionRenderer._any_all,
    bound.Case: ExpressionRenderer._case,
    bound.Coalesce: ExpressionRenderer._coalesce,
    bound.Cast: ExpressionRenderer._cast,
    bound.DomainCheck: domain_check,
    bound.CompositeField: composite_field,
    bound.ArrayExpression: ExpressionRenderer._array,
    bound.Subscript: ExpressionRenderer._subscript,
    bound.Distance: ExpressionRenderer._distance,
    bound.FunctionCall: ExpressionRenderer._call,
    bound.RecordCall: record_text,
    bound.RoutineCall: routine_value,
    bound.Field: record_field,
    bound.Aggregate: ExpressionRenderer._aggregate,
    bound.Grouping: ExpressionRenderer._grouping,
    bound.WindowCall: ExpressionRenderer._window,
    bound.Subquery: ExpressionRenderer._subquery,
}
