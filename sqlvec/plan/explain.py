"""EXPLAIN: a plan as text, two spaces a level, or as JSON.

A function of the plan alone (I11); what was measured by ANALYZE comes in as `observed`, by node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlvec import types
from sqlvec.plan.physical import (
    AllOf,
    AnyOf,
    ColumnPredicate,
    Constants,
    DistancePredicate,
    FusionLeg,
    HandFusion,
    InsertPlan,
    LateralSource,
    Leg,
    LexemePredicate,
    LockingSelect,
    MmrLeg,
    ModifyPlan,
    NativeSelect,
    Plan,
    Predicate,
    Prefilter,
    Queried,
    QuerySource,
    Recognised,
    Remainder,
    Residual,
    Source,
    SystemSource,
    TableSource,
    TextLeg,
    TextPredicate,
    VectorLeg,
)
from sqlvec.sql import bound


@dataclass(slots=True)
class Node:
    """One line of EXPLAIN: a name, details in order, and children."""

    name: str
    details: dict[str, Any] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def text(self, depth: int = 0) -> list[str]:
        details = "".join(f"  {key}: {value}" for key, value in self.details.items())
        lines = ["  " * depth + self.name + details]
        for child in self.children:
            lines += child.text(depth + 1)
        return lines

    def tree(self) -> dict[str, Any]:
        node: dict[str, Any] = {"Node Type": self.name}
        node.update({key: value for key, value in self.details.items()})
        if self.children:
            node["Plans"] = [child.tree() for child in self.children]
        return node


def explain(plan: Plan, observed: dict[int, dict[str, Any]] | None = None) -> Node:
    """The tree of a plan. observed maps relation ids to counters of an ANALYZE run."""
    seen = observed or {}
    if isinstance(plan, NativeSelect):
        return _native(plan, seen)
    if isinstance(plan, Remainder):
        return _remainder(plan, seen)
    if isinstance(plan, Constants):
        return Node("result")
    if isinstance(plan, Recognised):
        return explain(plan.plan, seen)
    if isinstance(plan, HandFusion):
        return _hand_fusion(plan, seen)
    if isinstance(plan, LockingSelect):
        node = Node("lock rows", {}, [explain(plan.source, seen)])
        return _limited(node, plan.limit, plan.offset)
    if isinstance(plan, InsertPlan):
        node = Node(f"insert {plan.statement.target.table.name}")
        node.children.append(explain(plan.source, seen) if plan.source else Node("values"))
        return node
    verb = "update" if isinstance(plan.statement, bound.Update) else "delete"
    node = Node(f"{verb} {plan.statement.target.table.name}")
    assert isinstance(plan, ModifyPlan)
    node.children.append(
        explain(plan.source, seen) if plan.source else _prefilter(plan.prefilter, seen)
    )
    return node


def _native(plan: NativeSelect, seen: dict[int, dict[str, Any]]) -> Node:
    rows = _prefilter(plan.prefilter, seen)
    if plan.ranking is not None:
        counters = seen.get(plan.prefilter.scan.relation_id, {})
        node = _leg(plan.ranking.leg, plan.prefilter, rows, counters)
    elif plan.prefilter.key:
        node = Node(f"key lookup {_name(plan.prefilter)}")
        node.children.append(rows)
    else:
        node = Node(f"table scan {_name(plan.prefilter)}")
        node.children.append(rows)
        if plan.sort:
            keys = ", ".join(_sort_key(key) for key in plan.sort)
            node = Node("sort", {"keys": keys}, [node])
    return _limited(node, plan.limit, plan.offset)


def _hand_fusion(plan: HandFusion, seen: dict[int, dict[str, Any]]) -> Node:
    details: dict[str, Any] = {"by": ", ".join(render(key) for key in plan.branches[0].keys)}
    if plan.kind == "sum":
        details["sums"] = ", ".join(render(e) for e in plan.branches[0].shares)
    lists = [
        Node(branch.ranked.kind, {}, [explain(branch.ranked.plan, seen)]) for branch in plan.branches
    ]
    return _limited(Node("fusion scan", details, lists), plan.limit, plan.offset)


def _limited(
    node: Node, limit: bound.Expression | None, offset: bound.Expression | None
) -> Node:
    if limit is None and offset is None:
        return node
    details = {} if offset is None else {"offset": render(offset)}
    return Node(f"limit {'all' if limit is None else render(limit)}", details, [node])


def _leg(leg: Leg, prefilter: Prefilter, rows: Node, counters: dict[str, Any]) -> Node:
    table = prefilter.scan.table.name
    if isinstance(leg, MmrLeg):
        inner = _leg(leg.leg, prefilter, rows, counters)
        return Node("diversify", {"balance": render(leg.mmr.balance)}, [inner])
    if isinstance(leg, FusionLeg):
        details: dict[str, Any] = {}
        if leg.fusion.kind == "rrf":
            details["k"] = render(leg.fusion.k)
        details["weights"] = ", ".join(render(w) for w in leg.fusion.weights)
        node = Node(f"fuse {leg.fusion.kind}", details)
        legs = counters.get("legs", [{}] * len(leg.legs))
        for part, seen in zip(leg.legs, legs, strict=False):
            node.children.append(_leg(part, prefilter, rows, seen))
        return node
    if isinstance(leg, VectorLeg):
        left = leg.distance.left
        column = left.name if isinstance(left, bound.ColumnRef) else render(left)
        kind = "hnsw scan" if leg.index is not None else "flat scan"
        details = {"metric": leg.distance.metric}
        if leg.index is not None:
            details["index"] = leg.index.name
        details.update(_of_leg(counters))
        return Node(f"{kind} {table}.{column}", details, [rows])
    assert isinstance(leg, TextLeg)
    names = ", ".join(column.name for column in leg.score.columns)
    details = {"index": leg.score.index.name, **_of_leg(counters)}
    return Node(f"bm25 scan {table}.{names}", details, [rows])


def _of_leg(counters: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in counters.items() if key not in ("legs", "blocks")}


def _name(prefilter: Prefilter) -> str:
    scan = prefilter.scan
    same = scan.alias in ("", scan.table.name)
    return scan.table.name if same else f"{scan.table.name} {scan.alias}"


def _prefilter(prefilter: Prefilter, seen: dict[int, dict[str, Any]]) -> Node:
    details: dict[str, Any] = {}
    if prefilter.scan.as_of is not None:
        details["as of"] = render(prefilter.scan.as_of)
    table = prefilter.scan.table
    if table.shards > 1:
        one = prefilter.key and not table.is_unique_across([attnum for attnum, _ in prefilter.key])
        details["shards"] = f"1 of {table.shards}" if one else table.shards
    if prefilter.predicate is not None:
        details["where"] = _predicate(prefilter.predicate)
    counters = seen.get(prefilter.scan.relation_id, {})
    skipped, blocks = counters.get("blocks", (0, 0))
    if blocks:
        details["blocks skipped"] = f"{skipped} of {blocks}"
    if "rows" in counters:
        details["rows"] = counters["rows"]
    return Node("prefilter", details)


def _predicate(predicate: Predicate) -> str:
    if isinstance(predicate, (AllOf, AnyOf)):
        word = " and " if isinstance(predicate, AllOf) else " or "
        return word.join(f"({_predicate(part)})" for part in predicate.parts)
    if isinstance(predicate, ColumnPredicate):
        return render(predicate.source)
    if isinstance(predicate, DistancePredicate):
        return f"{render(predicate.distance)} {predicate.op} {render(predicate.limit)}"
    if isinstance(predicate, TextPredicate):
        return render(predicate.match)
    if isinstance(predicate, LexemePredicate):
        return f"gin {predicate.index.name} of {render(predicate.match)}"
    if isinstance(predicate, Queried):
        return f"subqueries of {render(predicate.source)}" if predicate.source else "subqueries"
    assert isinstance(predicate, Residual)
    return f"residual {render(predicate.expression)}"


def _remainder(plan: Remainder, seen: dict[int, dict[str, Any]]) -> Node:
    node = Node("relational engine")
    for relation_id, source in plan.sources:
        node.children.append(_source(relation_id, source, seen))
    return node


def _source(relation_id: int, source: Source, seen: dict[int, dict[str, Any]]) -> Node:
    if isinstance(source, SystemSource):
        return Node(f"system scan {source.scan.table.schema}.{source.scan.table.name}")
    if isinstance(source, QuerySource):
        return explain(source.plan, seen)
    if isinstance(source, LateralSource):
        return Node("for each row", {}, [explain(source.values, seen), explain(source.plan, seen)])
    assert isinstance(source, TableSource)
    rows = _prefilter(source.prefilter, seen)
    if source.ranking is not None:
        counters = seen.get(relation_id, {})
        node = _leg(source.ranking.leg, source.prefilter, rows, counters)
        limit = render(source.limit) if source.limit is not None else "all"
        return Node(f"limit {limit}", {}, [node])
    return Node(f"table scan {_name(source.prefilter)}", {}, [rows])


def _sort_key(key: bound.SortKey) -> str:
    return render(key.expression) + (" desc" if key.descending else "")


_METRIC_OPERATORS = {"l2": "<->", "inner_product": "<#>", "cosine": "<=>", "l1": "<+>"}
_TESTS = {
    "null": "is null", "not_null": "is not null", "true": "is true", "not_true": "is not true",
    "false": "is false", "not_false": "is not false", "unknown": "is unknown",
    "not_unknown": "is not unknown",
}  # fmt: skip


def render(expression: bound.Expression) -> str:
    """An expression for people; long constants are cut."""
    if isinstance(expression, bound.Const):
        return _constant(expression)
    if isinstance(expression, bound.Param):
        return f"${expression.number}"
    if isinstance(expression, bound.ColumnRef):
        return expression.name
    if isinstance(expression, bound.Cast):
        inner = render(expression.arg)
        return f"{inner}::{expression.type.name}" if expression.explicit else inner
    if isinstance(expression, bound.Distance):
        operator = _METRIC_OPERATORS[expression.metric]
        return f"{render(expression.left)} {operator} {render(expression.right)}"
    if isinstance(expression, (bound.TextScore, bound.TextMatch)):
        operator = "<@>" if isinstance(expression, bound.TextScore) else "@@@"
        columns = ", ".join(column.name for column in expression.columns)
        return f"{columns} {operator} {render(expression.query)}"
    if isinstance(expression, bound.Test):
        return f"{render(expression.arg)} {_TESTS[expression.kind]}"
    return _render_call(expression)


def _render_call(expression: bound.Expression) -> str:
    if isinstance(expression, bound.FunctionCall):
        args = [render(arg) for arg in expression.args]
        if expression.operator:
            return f" {expression.name} ".join(args) if len(args) > 1 else expression.name + args[0]
        return f"{expression.name}({', '.join(args)})"
    if isinstance(expression, bound.Boolean):
        if expression.op == "not":
            return f"not ({render(expression.args[0])})"
        return f" {expression.op} ".join(f"({render(arg)})" for arg in expression.args)
    if isinstance(expression, bound.InList):
        items = ", ".join(render(item) for item in expression.items)
        return f"{render(expression.arg)} {'not ' * expression.negated}in ({items})"
    if isinstance(expression, bound.AnyAll):
        word = "all" if expression.all else "any"
        return f"{render(expression.arg)} {expression.op} {word} ({render(expression.array)})"
    if isinstance(expression, bound.Fusion):
        return f"{expression.kind}({', '.join(render(leg) for leg in expression.legs)})"
    if isinstance(expression, bound.Mmr):
        return f"mmr({render(expression.leg)})"
    if isinstance(expression, bound.Aggregate):
        inner = "*" if expression.star else ", ".join(render(arg) for arg in expression.args)
        return f"{expression.name}({inner})"
    return type(expression).__name__.lower()


def _constant(expression: bound.Const) -> str:
    if expression.value is None:
        return "null"
    text = expression.type.definition.render(expression.value)
    if len(text) > 40:
        text = text[:36] + "..."
    numbers = (types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8, types.NUMERIC)
    return text if expression.type in numbers else f"'{text}'"
