"""MERGE: what each WHEN clause asks and does."""

from __future__ import annotations

from sqlvec.catalog.objects import Column, Table
from sqlvec.errors import FeatureNotSupported, SyntaxError
from sqlvec.sql import bound
from sqlvec.sql.bind_expression import bind_expression
from sqlvec.sql.bind_from import bind_from, table_scan, whole_scan
from sqlvec.sql.bind_with import bind_with
from sqlvec.sql.bind_write import (
    _defaults,
    _insert_value,
    assignments_of,
    checks,
)
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.parse import Node
from sqlvec.sql.scope import Scope
from sqlvec.sql.write_target import WriteTarget, column_named, target_relation

_ACTIONS = {
    "CMD_UPDATE": "update", "CMD_DELETE": "delete", "CMD_INSERT": "insert", "CMD_NOTHING": "nothing",
}  # fmt: skip
_MATCHED = "MERGE_WHEN_MATCHED"


def bind_merge(binder: Binder, body: Node) -> bound.Merge:
    if body.get("returningList"):
        raise FeatureNotSupported("MERGE with RETURNING is not supported")
    names = Scope()
    ctes = bind_with(binder, body.get("withClause"), names)
    table = _written_table(binder, body["relation"])
    alias = body["relation"].get("alias", {}).get("aliasname", table.name)
    target = table_scan(binder, table, binder.next_relation(), alias, [])
    target = whole_scan(binder, target, not body["relation"].get("inh"))
    source_scope = Scope(ctes=names.ctes)
    (source,) = bind_from(binder, [body["sourceRelation"]], source_scope)
    both = Scope(ctes=names.ctes)
    both.add(target)
    for relation in source_scope.relations:
        both.add(relation)
    node = body["joinCondition"]
    condition = binder.boolean(bind_expression(binder, node, both), "JOIN/ON", location_of(binder, node))
    clauses = []
    closed: set[bool] = set()  # a clause without a condition leaves nothing to those after it
    for item in body["mergeWhenClauses"]:
        part = item["MergeWhenClause"]
        matched = part["matchKind"] == _MATCHED
        if part["matchKind"] not in (_MATCHED, "MERGE_WHEN_NOT_MATCHED_BY_TARGET"):
            raise FeatureNotSupported("MERGE with WHEN NOT MATCHED BY SOURCE is not supported")
        if matched in closed:
            raise SyntaxError("unreachable WHEN clause specified after unconditional WHEN clause")
        if "condition" not in part:
            closed.add(matched)
        scope = both if matched else source_scope
        clauses.append(_clause(binder, part, table, target, scope, matched))
    return bound.Merge(
        target, source, condition, tuple(clauses), checks(binder, table, target.relation_id), ctes
    )


def _written_table(binder: Binder, body: Node) -> Table:
    relation = target_relation(binder, body)
    if not isinstance(relation, Table):
        raise FeatureNotSupported(
            f'cannot execute MERGE on relation "{relation.name}"',
            detail="This operation is not supported for views.",
        )
    return relation


def _clause(
    binder: Binder, part: Node, table: Table, target: bound.TableScan, scope: Scope, matched: bool
) -> bound.MergeClause:
    condition = None
    if (node := part.get("condition")) is not None:
        expression = bind_expression(binder, node, scope)
        condition = binder.boolean(expression, "WHEN", location_of(binder, node))
    action = _ACTIONS[part.get("commandType", "CMD_NOTHING")]
    if action == "update":
        written = WriteTarget(target, target, {})
        assigned = assignments_of(binder, part["targetList"], written, scope)
        return bound.MergeClause(matched, action, condition, assigned)
    if action != "insert":
        return bound.MergeClause(matched, action, condition)
    binder.overriding = part.get("override", "OVERRIDING_NOT_SET") != "OVERRIDING_NOT_SET"
    columns: list[Column] = [
        column_named(table, n["ResTarget"]["name"], binder.position(n["ResTarget"]))
        for n in part.get("targetList", ())
    ] or list(table.live_columns)
    values = part.get("values", [])
    if len(values) > len(columns):
        raise SyntaxError(
            "INSERT has more expressions than target columns",
            position=location_of(binder, values[len(columns)]),
        )
    if part.get("targetList") and len(values) < len(columns) and values:
        missing = part["targetList"][len(values)]["ResTarget"]
        raise SyntaxError(
            "INSERT has more target columns than expressions", position=binder.position(missing)
        )
    given = [(n, c) for n, c in zip(values, columns, strict=False) if "SetToDefault" not in n]
    assigned = tuple(
        bound.Assignment(c.attnum, _insert_value(binder, n, c, table, target, scope))
        for n, c in given
    )
    attnums = tuple(a.attnum for a in assigned)
    defaults = _defaults(binder, table, target.relation_id, attnums)
    return bound.MergeClause(matched, action, condition, assigned, defaults)
