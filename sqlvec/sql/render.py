"""Bound queries as DuckDB SQL. Output columns are c0, c1 ...; sources are registered as r{relation id}."""

from __future__ import annotations

from typing import Any

from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.render_expression import Computed, ExpressionRenderer
from sqlvec.sql.render_types import duckdb_type

_JOINS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN", "cross": "CROSS JOIN"}


def render_query(
    query: bound.Query, parameters: tuple[Any, ...], computed: Computed, sources: frozenset[int]
) -> str:
    """The statement's text; sources are the relations that are registered tables."""
    return _QueryRenderer(parameters, computed, sources).query(query)


class _QueryRenderer:
    def __init__(
        self, parameters: tuple[Any, ...], computed: Computed, sources: frozenset[int]
    ) -> None:
        self.sources = sources
        self.expressions = ExpressionRenderer(parameters, computed, self.query)

    def query(self, query: bound.Query) -> str:
        text = self._body(query)
        if query.ctes:
            text = self._with(query.ctes) + text
        return text

    def _with(self, ctes: tuple[bound.CommonTable, ...]) -> str:
        parts = []
        for cte in ctes:
            names = ", ".join(f"c{i}" for i in range(len(cte.columns)))
            inner = self.query(cte.query)
            hint = {True: "MATERIALIZED ", False: "NOT MATERIALIZED ", None: ""}[cte.materialized]
            parts.append(f"{_cte(cte.name)}({names}) AS {hint}({inner})")
        recursive = "RECURSIVE " if any(cte.recursive for cte in ctes) else ""
        return f"WITH {recursive}{', '.join(parts)} "

    def _body(self, query: bound.Query) -> str:
        if isinstance(query, bound.Select):
            return self._select(query) + self._tail(query)
        if isinstance(query, bound.SetOperation):
            sides = [self._side(side, query.columns) for side in (query.left, query.right)]
            word = f"{query.op.upper()} {'ALL' if query.all else ''}"
            text = f"{sides[0]} {word} {sides[1]}"
            return f"SELECT * FROM ({text}) AS output{self._tail(query)}" if query.order_by or query.limit or query.offset else text
        assert isinstance(query, bound.Values), query
        rows = ", ".join(f"({', '.join(self.expressions.all(row))})" for row in query.rows)
        names = ", ".join(f"c{i}" for i in range(len(query.columns)))
        return f"SELECT * FROM (VALUES {rows}) AS v({names}){self._tail(query)}"

    def _side(self, query: bound.Query, columns: tuple[bound.OutputColumn, ...]) -> str:
        inner = self.query(query)
        casts = ", ".join(
            f"CAST(c{i} AS {duckdb_type(c.type)}) AS c{i}" for i, c in enumerate(columns)
        )
        return f"(SELECT {casts} FROM ({inner}) AS side)"

    def _tail(self, query: bound.Query) -> str:
        text = ""
        if query.order_by:
            text += " ORDER BY " + ", ".join(self.expressions.sort_key(k) for k in query.order_by)
        if query.limit is not None:
            if query.with_ties:
                raise FeatureNotSupported("FETCH FIRST ... WITH TIES is not supported")
            text += f" LIMIT {self.expressions.render(query.limit)}"
        if query.offset is not None:
            text += f" OFFSET {self.expressions.render(query.offset)}"
        return text

    def _select(self, select: bound.Select) -> str:
        from_ = ", ".join(self._item(item) for item in select.from_)
        targets = []
        for i, target in enumerate(t for t in select.targets if not t.junk):
            rendered = self.expressions.render(target.expression)
            targets.append(f"CAST({rendered} AS {duckdb_type(target.expression.type)}) AS c{i}")
        word = ""
        if select.distinct:
            word = "DISTINCT "
        elif select.distinct_on:
            word = f"DISTINCT ON ({', '.join(self.expressions.all(select.distinct_on))}) "
        text = f"SELECT {word}{', '.join(targets) or 'NULL AS c0'}"
        if from_:
            text += f" FROM {from_}"
        if select.where is not None:
            text += f" WHERE {self.expressions.render(select.where)}"
        if select.group_by or select.grouping_sets is not None:
            text += " GROUP BY " + self._grouping(select)
        if select.having is not None:
            text += f" HAVING {self.expressions.render(select.having)}"
        return text

    def _grouping(self, select: bound.Select) -> str:
        rendered = self.expressions.all(select.group_by)
        dependent = [r for r in self._dependent(select) if r not in rendered]
        if select.grouping_sets is None:
            return ", ".join(rendered + dependent)
        sets = ", ".join(
            "(" + ", ".join([rendered[i] for i in places]) + ")" for places in select.grouping_sets
        )
        return f"GROUPING SETS ({sets})"

    def _dependent(self, select: bound.Select) -> list[str]:
        """Columns outside aggregates that depend on a grouped key: DuckDB wants them named."""
        from sqlvec.sql.grouping import ungrouped_columns

        found = ungrouped_columns(select)
        return [self.expressions.render(column) for column in found]

    # ---------------------------------------------------------------- FROM

    def _item(self, item: bound.FromItem) -> str:
        if isinstance(item, bound.Join):
            left, right = self._item(item.left), self._item(item.right)
            text = f"{left} {_JOINS[item.kind]} {right}"
            if item.kind == "cross":
                return f"({text})"
            on = self.expressions.render(item.condition) if item.condition is not None else "true"
            return f"({text} ON {on})"
        return self._relation(item)

    def _relation(self, relation: bound.RelationNode) -> str:
        name = f"r{relation.relation_id}"
        self.expressions.rows[relation.relation_id] = relation
        if relation.relation_id in self.sources:
            return f"{name}"
        names = ", ".join(f"c{i}" for i in range(len(relation.columns)))
        if isinstance(relation, bound.CteScan):
            return f"{_cte(relation.cte_name)} AS {name}"
        if isinstance(relation, bound.DerivedTable):
            lateral = "LATERAL " if relation.lateral else ""
            return f"{lateral}({self.query(relation.query)}) AS {name}({names})"
        if isinstance(relation, bound.ValuesScan):
            rows = ", ".join(f"({', '.join(self.expressions.all(row))})" for row in relation.rows)
            return f"(VALUES {rows}) AS {name}({names})"
        assert isinstance(relation, bound.FunctionScan), relation
        return f"({self._table_function(relation)}) AS {name}({names})"

    def _table_function(self, relation: bound.FunctionScan) -> str:
        call = relation.call
        assert isinstance(call, bound.FunctionCall), call
        args = self.expressions.all(call.args)
        arrays = {
            "unnest": "{0}",
            "generate_series": "generate_series({*})",
            "generate_subscripts": "range(1, len({0}) + 1)",
            "jsonb_array_elements": "CAST(from_json({0}, '[\"JSON\"]') AS VARCHAR[])",
            "json_array_elements": "CAST(from_json({0}, '[\"JSON\"]') AS VARCHAR[])",
            "jsonb_array_elements_text": "from_json({0}, '[\"VARCHAR\"]')",
            "json_array_elements_text": "from_json({0}, '[\"VARCHAR\"]')",
            "jsonb_object_keys": "json_keys({0})",
            "json_object_keys": "json_keys({0})",
            "regexp_split_to_table": "regexp_split_to_array({0}, {1})",
            "string_to_table": "string_split({0}, {1})",
        }
        template = arrays.get(call.name)
        if template is None:
            value = self.expressions.render(call)
            return f"SELECT {value} AS c0"
        array = template.replace("{*}", ", ".join(args))
        for i, arg in enumerate(args):
            array = array.replace("{" + str(i) + "}", arg)
        element = duckdb_type(call.type)
        if relation.ordinality:
            return (
                f"SELECT CAST(unnest({array}) AS {element}) AS c0, "
                f"CAST(generate_subscripts({array}, 1) AS BIGINT) AS c1"
            )
        return f"SELECT CAST(unnest({array}) AS {element}) AS c0"


def _cte(name: str) -> str:
    return '"cte_' + name.replace('"', '""') + '"'
