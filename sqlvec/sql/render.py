"""Bound queries as DuckDB SQL.

    render_query(query, context) -> RenderedQuery

Output columns are c0, c1 ... in the DuckDB type of their SQL type. Relations are named r{relation_id}, their
columns c{ordinal}: one in context.sources is that slot, every other is rendered in place.
Sort order, placement of NULLs and the type of every output column are always written out, never left to
DuckDB's defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlvec import types
from sqlvec.errors import FeatureNotSupported, InvalidRowCountInLimit, InvalidRowCountInOffset
from sqlvec.sql import bound
from sqlvec.sql.grouping import ungrouped_columns
from sqlvec.sql.render_expression import Computed, ExpressionRenderer, RenderContext
from sqlvec.sql.render_numeric import in_form, key_of, numeric_form, one_scale
from sqlvec.sql.render_tables import table_function
from sqlvec.sql.render_types import Fixed, declared_form, is_numeric, value_key
from sqlvec.types import SqlType

__all__ = ["Computed", "RenderContext", "RenderedQuery", "render_query", "used_columns"]

_JOINS = {
    "inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN",
    "cross": "CROSS JOIN",
}  # fmt: skip
_MATERIALIZED = {True: "MATERIALIZED ", False: "NOT MATERIALIZED ", None: ""}
Forms = tuple[Fixed | None, ...]


@dataclass(frozen=True, slots=True)
class RenderedQuery:
    """sql, and the ids of the slots that it reads."""

    sql: str
    relations: frozenset[int]


def render_query(query: bound.Query, context: RenderContext) -> RenderedQuery:
    """The statement's text. Raises 0A000 for what the relational engine cannot express."""
    renderer = _QueryRenderer(context)
    sql = renderer.output(query)
    return RenderedQuery(sql, frozenset(renderer.read))


def used_columns(query: bound.Query) -> dict[int, set[int]]:
    """The ordinals that a query reads of each relation, subqueries included."""
    used: dict[int, set[int]] = {}
    columns: dict[int, int] = {}
    whole: set[int] = set()
    _collect(query, used, columns, whole)
    for relation_id in whole:
        used.setdefault(relation_id, set()).update(range(columns.get(relation_id, 0)))
    return used


def _collect(
    node: Any, used: dict[int, set[int]], columns: dict[int, int], whole: set[int]
) -> None:
    if isinstance(node, bound.ColumnRef):
        used.setdefault(node.relation_id, set()).add(node.ordinal)
    elif isinstance(node, bound.RowRef):
        whole.add(node.relation_id)
    elif isinstance(node, tuple):
        for item in node:
            _collect(item, used, columns, whole)
    elif hasattr(node, "__dataclass_fields__"):
        if isinstance(node, bound.RelationNode):
            columns[node.relation_id] = len(node.columns)
        if isinstance(node, (bound.TableScan, bound.SystemScan)):
            return
        for field in fields(node):
            _collect(getattr(node, field.name), used, columns, whole)


class _QueryRenderer:
    """One statement. query() gives text whose numerics are in whatever form they have, and the forms."""

    def __init__(self, context: RenderContext) -> None:
        self.context = context
        self.read: set[int] = set()
        self.expressions = ExpressionRenderer(context, self.output)
        self.cte_forms: dict[str, Forms] = {}

    def output(self, query: bound.Query) -> str:
        """The query with output columns of exactly the types that their SQL types map to."""
        return self._query(query, canonical=True)[0]

    def _query(self, query: bound.Query, *, canonical: bool = False) -> tuple[str, Forms]:
        before = dict(self.cte_forms)
        head = self._with(query.ctes) if query.ctes else ""
        sql, forms = self._body(query, canonical=canonical)
        self.cte_forms = before
        return head + sql, forms

    def _with(self, ctes: tuple[bound.CommonTable, ...]) -> str:
        parts = []
        for cte in ctes:
            recursive = cte.recursive and isinstance(cte.query, bound.SetOperation)
            if recursive:
                forms: Forms = tuple(declared_form(c.type) for c in cte.columns)
                self.cte_forms[cte.name] = forms
                inner = self._recursive(cte)
            else:
                inner, forms = self._query(cte.query)
                self.cte_forms[cte.name] = forms
            hint = "" if recursive else _MATERIALIZED[cte.materialized]
            parts.append(f"{_cte_name(cte.name)}({_names(len(cte.columns))}) AS {hint}({inner})")
        word = "RECURSIVE " if any(cte.recursive for cte in ctes) else ""
        return f"WITH {word}{', '.join(parts)} "

    def _recursive(self, cte: bound.CommonTable) -> str:
        """Both branches with the types of the first, joined by UNION as DuckDB wants to see it."""
        query = cte.query
        assert isinstance(query, bound.SetOperation)
        if query.order_by or query.limit is not None or query.offset is not None:
            raise FeatureNotSupported("ORDER BY and LIMIT in a recursive query are not supported")
        head = self._with(query.ctes) if query.ctes else ""
        columns = [column.type for column in cte.columns]
        sides = [self._side(side, columns, canonical=True) for side in (query.left, query.right)]
        return f"{head}{sides[0][0]} UNION {'ALL ' if query.all else ''}{sides[1][0]}"

    # ---------------------------------------------------------------- bodies

    def _body(self, query: bound.Query, *, canonical: bool) -> tuple[str, Forms]:
        if isinstance(query, bound.Select):
            return self._select(query, canonical=canonical)
        if isinstance(query, bound.SetOperation):
            return self._set_operation(query, canonical=canonical)
        assert isinstance(query, bound.Values), query
        rows, forms = self._rows(query.rows, query.columns, canonical=canonical)
        sql = f"SELECT * FROM (VALUES {rows}) AS output({_names(len(query.columns))})"
        return sql + self._output_tail(query, forms), forms

    def _rows(
        self,
        rows: Sequence[tuple[bound.Expression, ...]],
        columns: Sequence[bound.OutputColumn],
        *,
        canonical: bool,
    ) -> tuple[str, Forms]:
        """The rows of VALUES, each column in one form."""
        r = self.expressions
        forms: list[Fixed | None] = []
        for place, column in enumerate(columns):
            form = declared_form(column.type)
            if is_numeric(column.type) and form is None and not canonical:
                form = one_scale([numeric_form(r, row[place]) for row in rows])
            forms.append(form)
        shown = []
        for row in rows:
            values = []
            for value, column, form in zip(row, columns, forms, strict=True):
                numeric = is_numeric(column.type)
                values.append(in_form(r, value, form) if numeric else r.output(value, column.type))
            shown.append(f"({', '.join(values)})")
        return ", ".join(shown), tuple(forms)

    def _set_operation(
        self, query: bound.SetOperation, *, canonical: bool
    ) -> tuple[str, Forms]:
        columns = [column.type for column in query.columns]
        sides = [self._side(s, columns, canonical=canonical) for s in (query.left, query.right)]
        pairs = list(zip(sides[0][1], sides[1][1], strict=True))
        forms = tuple(one_scale(pair) for pair in pairs)
        mixed = any(form is None and any(pair) for form, pair in zip(forms, pairs, strict=True))
        if mixed and not canonical:
            return self._set_operation(query, canonical=True)
        keyed = any(map(_has_key, columns, forms))
        word = query.op.upper() + (" ALL" if query.all else "")
        if keyed and not query.all and query.op == "union":
            keys = _distinct_keys(columns, forms)
            union = f"{sides[0][0]} UNION ALL {sides[1][0]}"
            sql = f"SELECT DISTINCT ON ({keys}) * FROM ({union}) AS united"
        elif keyed and query.op != "union":
            sql = _matched_by_keys(query, sides[0][0], sides[1][0], _distinct_keys(columns, forms))
        else:
            sql = f"{sides[0][0]} {word} {sides[1][0]}"
        if query.order_by or query.limit is not None or query.offset is not None:
            sql = f"SELECT * FROM ({sql}) AS output{self._output_tail(query, forms)}"
        return sql, forms

    def _side(
        self, query: bound.Query, columns: Sequence[SqlType], *, canonical: bool
    ) -> tuple[str, Forms]:
        """A branch with its columns cast to the whole's types."""
        inner, forms = self._query(query, canonical=canonical)
        r = self.expressions
        shown, found = [], []
        for place, (own, wanted) in enumerate(zip(query.columns, columns, strict=True)):
            column: bound.Expression = bound.ColumnRef(own.type, 0, place, own.name)
            r.forms[(0, place)] = forms[place]
            if own.type != wanted:
                column = bound.Cast(wanted, column, explicit=False)
            form = declared_form(wanted)
            if is_numeric(wanted) and not canonical:
                form = numeric_form(r, column)
            found.append(form)
            text = in_form(r, column, form) if is_numeric(wanted) else r.output(column, wanted)
            shown.append(f"{text} AS c{place}")
        return f"(SELECT {', '.join(shown) or '1'} FROM ({inner}) AS side)", tuple(found)

    def _output_tail(self, query: bound.Query, forms: Forms) -> str:
        """ORDER BY over the output columns, LIMIT and OFFSET."""
        for place, form in enumerate(forms):
            self.expressions.forms[(0, place)] = form
        order = self.expressions.order_by(query.order_by)
        return order + self._limits(query)

    def _limits(self, query: bound.Query) -> str:
        text = ""
        if query.limit is not None and not query.with_ties:
            text += self._count("LIMIT", query.limit)
        if query.offset is not None:
            text += self._count("OFFSET", query.offset)
        return text

    def _count(self, word: str, expression: bound.Expression) -> str:
        known = self.expressions.constant(expression)
        if known is None:
            return f" {word} ({self.expressions.render(expression)})"
        if known.value is None:
            return ""
        if known.value < 0:
            error = InvalidRowCountInLimit if word == "LIMIT" else InvalidRowCountInOffset
            raise error(f"{word} must not be negative")
        return f" {word} {known.value}"

    # ---------------------------------------------------------------- SELECT

    def _select(self, select: bound.Select, *, canonical: bool) -> tuple[str, Forms]:
        r = self.expressions
        outer = r.partnerless
        r.partnerless = outer.union(*map(_partnerless, select.from_))
        from_ = ", ".join([self._item(item) for item in select.from_])
        where = f" WHERE {r.render(select.where)}" if select.where is not None else ""
        grouping = self._grouping(select)
        before = r.replaced
        r.replaced = {**before, **self._stand_ins(select)}
        targets = [target for target in select.targets if not target.junk]
        shown, forms = self._targets(targets, canonical=canonical)
        having = f" HAVING {r.render(select.having)}" if select.having is not None else ""
        tail = f"{' FROM ' + from_ if from_ else ''}{where}{grouping}{having}"
        sql = self._ordered(select, targets, shown, forms, tail)
        r.replaced, r.partnerless = before, outer
        return sql, forms

    def _targets(
        self, targets: Sequence[bound.Target], *, canonical: bool
    ) -> tuple[str, Forms]:
        r = self.expressions
        shown, forms = [], []
        for place, target in enumerate(targets):
            e = target.expression
            form = declared_form(e.type)
            if is_numeric(e.type):
                form = form if canonical else numeric_form(r, e)
                text = in_form(r, e, form)
            else:
                text = r.output(e)
            shown.append(f"{text} AS c{place}")
            forms.append(form)
        return ", ".join(shown) or "NULL AS c0", tuple(forms)

    def _ordered(
        self,
        select: bound.Select,
        targets: Sequence[bound.Target],
        shown: str,
        forms: Forms,
        tail: str,
    ) -> str:
        """The select with DISTINCT, ORDER BY and LIMIT."""
        r = self.expressions
        if select.distinct:
            types_ = [target.expression.type for target in targets]
            if any(map(_has_key, types_, forms)):
                keys = _distinct_keys(types_, forms)
                inner = f"SELECT DISTINCT ON ({keys}) * FROM (SELECT {shown}{tail}) AS plain"
            else:
                inner = f"SELECT DISTINCT {shown}{tail}"
            if not select.order_by:
                return inner + self._limits(select)
            for place, form in enumerate(forms):
                r.forms[(0, place)] = form
            keys_ = tuple(self._output_key(key, targets) for key in select.order_by)
            order = r.order_by(keys_)
            return f"SELECT * FROM ({inner}) AS output{order}{self._limits(select)}"
        word = ""
        if select.distinct_on:
            keys = ", ".join([r.comparable(e) for e in select.distinct_on])
            word = f"DISTINCT ON ({keys}) "
        ties = self._ties(select) if select.with_ties else ""
        order = r.order_by(select.order_by)
        return f"SELECT {word}{shown}{tail}{ties}{order}{self._limits(select)}"

    def _output_key(
        self, key: bound.SortKey, targets: Sequence[bound.Target]
    ) -> bound.SortKey:
        for place, target in enumerate(targets):
            if target.expression == key.expression:
                column = bound.ColumnRef(key.expression.type, 0, place, target.name)
                return bound.SortKey(column, key.descending, key.nulls_first)
        raise AssertionError(key)

    def _ties(self, select: bound.Select) -> str:
        """FETCH FIRST n ROWS WITH TIES: rows whose rank is within the count."""
        assert select.limit is not None
        r = self.expressions
        count = r.render(select.limit)
        if select.offset is not None:
            count = f"{count} + {r.render(select.offset)}"
        return f" QUALIFY rank() OVER ({r.order_by(select.order_by).strip()}) <= {count}"

    # ---------------------------------------------------------------- GROUP BY

    def _grouping(self, select: bound.Select) -> str:
        r = self.expressions
        keys = [r.comparable(e) for e in select.group_by]
        if select.grouping_sets is not None:
            sets = ", ".join(
                f"({', '.join([keys[i] for i in places])})" for places in select.grouping_sets
            )
            return f" GROUP BY GROUPING SETS ({sets})"
        if select.grouped and not keys:
            return " GROUP BY ()"
        dependent = [r.render(column) for column in ungrouped_columns(select)]
        keys += [column for column in dependent if column not in keys]
        return f" GROUP BY {', '.join(keys)}" if keys else ""

    def _stand_ins(self, select: bound.Select) -> dict[bound.Expression, str]:
        """Grouped by its key, an expression is shown by one of the group's values, or by none where the set of
        the row does not group by it."""
        r = self.expressions
        found = {}
        for e in select.group_by:
            rendered, key = r.render(e), r.comparable(e)
            if key != rendered:
                found[e] = f"any_value({rendered})"
                if select.grouping_sets is not None:
                    found[e] = f"CASE WHEN GROUPING({key}) = 0 THEN {found[e]} END"
        return found

    # ---------------------------------------------------------------- FROM

    def _item(self, item: bound.FromItem) -> str:
        if not isinstance(item, bound.Join):
            return self._relation(item)
        left, right = self._item(item.left), self._item(item.right)
        text = f"{left} {_JOINS[item.kind]} {right}"
        if item.kind == "cross":
            return f"({text})"
        on = self.expressions.render(item.condition) if item.condition is not None else "true"
        return f"({text} ON {on})"

    def _relation(self, relation: bound.RelationNode) -> str:
        r = self.expressions
        name = f"r{relation.relation_id}"
        r.relations[relation.relation_id] = relation
        slot = self.context.sources.get(relation.relation_id)
        if slot is not None:
            self.read.add(relation.relation_id)
            return f"{slot} AS {name}"
        names = _names(len(relation.columns))
        if isinstance(relation, bound.CteScan):
            self._note(relation.relation_id, self.cte_forms.get(relation.cte_name, ()))
            return f"{_cte_name(relation.cte_name)} AS {name}({names})"
        if isinstance(relation, bound.DerivedTable):
            inner, forms = self._query(relation.query)
            self._note(relation.relation_id, forms)
            lateral = "LATERAL " if relation.lateral else ""
            return f"{lateral}({inner}) AS {name}({names})"
        if isinstance(relation, bound.ValuesScan):
            rows, forms = self._rows(relation.rows, relation.columns, canonical=False)
            self._note(relation.relation_id, forms)
            return f"(VALUES {rows}) AS {name}({names})"
        assert isinstance(relation, bound.FunctionScan), relation
        return f"LATERAL ({table_function(r, relation)}) AS {name}({names})"

    def _note(self, relation_id: int, forms: Forms) -> None:
        for ordinal, form in enumerate(forms):
            self.expressions.forms[(relation_id, ordinal)] = form


def _partnerless(item: bound.FromItem, *, filled: bool = False) -> frozenset[int]:
    """The relations whose rows an outer join may replace by nulls."""
    if not isinstance(item, bound.Join):
        return frozenset([item.relation_id]) if filled else frozenset()
    left = _partnerless(item.left, filled=filled or item.kind in ("right", "full"))
    return left | _partnerless(item.right, filled=filled or item.kind in ("left", "full"))


def _names(count: int) -> str:
    return ", ".join(f"c{i}" for i in range(max(count, 1)))


def _matched_by_keys(query: bound.SetOperation, left: str, right: str, keys: str) -> str:
    """INTERSECT and EXCEPT of rows that are equal though they differ: the rows of each key are numbered, and met
    by key; with ALL by number too."""
    width = len(query.columns)
    numbered = f"row_number() OVER (PARTITION BY {keys}) AS n, row({keys}) AS k"
    sides = [f"(SELECT *, {numbered} FROM {side} AS numbered)" for side in (left, right)]
    meeting = "l.k IS NOT DISTINCT FROM r.k" + (" AND l.n = r.n" if query.all else "")
    join = "SEMI" if query.op == "intersect" else "ANTI"
    once = "" if query.all else " WHERE l.n = 1"
    shown = ", ".join(f"l.c{i}" for i in range(width))
    return f"(SELECT {shown} FROM {sides[0]} AS l {join} JOIN {sides[1]} AS r ON {meeting}{once})"


def _distinct_keys(columns: Sequence[SqlType], forms: Forms) -> str:
    pairs = enumerate(zip(columns, forms, strict=True))
    return ", ".join(_distinct_key(f"c{i}", column, form) or f"c{i}" for i, (column, form) in pairs)


def _has_key(column: SqlType, form: Fixed | None) -> bool:
    """Whether values that are equal may differ: 1.0 and 1.00."""
    return _distinct_key("", column, form) is not None


def _distinct_key(name: str, column: SqlType, form: Fixed | None) -> str | None:
    """What equal values have in common; None where they are the same."""
    if (key := value_key(name, column)) is not None:
        return key
    if column.oid == types.BPCHAR.oid:
        return f"rtrim({name}, ' ')"
    return key_of(name) if is_numeric(column) and form is None else None


def _cte_name(name: str) -> str:
    return '"cte_' + name.replace('"', '""') + '"'


