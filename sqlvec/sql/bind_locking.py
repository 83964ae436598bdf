"""FOR UPDATE and its kin: which relations of a SELECT are locked, how strongly, and what forbids it."""

from __future__ import annotations

from dataclasses import replace

from sqlvec.errors import FeatureNotSupported, SyntaxError, UndefinedTable
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.grouping import contains_window
from sqlvec.sql.parse import Node

_STRENGTHS = {
    "LCS_FORKEYSHARE": (1, "FOR KEY SHARE"),
    "LCS_FORSHARE": (2, "FOR SHARE"),
    "LCS_FORNOKEYUPDATE": (3, "FOR NO KEY UPDATE"),
    "LCS_FORUPDATE": (4, "FOR UPDATE"),
}
_POLICIES = {"LockWaitBlock": "wait", "LockWaitSkip": "skip", "LockWaitError": "nowait"}
_POLICY_RANK = {"wait": 0, "skip": 1, "nowait": 2}  # where two clauses say different things
_KINDS = {
    bound.CteScan: "a WITH query",
    bound.FunctionScan: "a function",
    bound.ValuesScan: "VALUES",
}


def bind_locking(binder: Binder, body: Node, select: bound.Select) -> bound.Select:
    """The Select with the locks of its locking clauses; subqueries in FROM take their share of them."""
    for node in body.get("lockingClause", ()):
        clause = node["LockingClause"]
        strength, title = _STRENGTHS[clause["strength"]]
        policy = _POLICIES[clause.get("waitPolicy", "LockWaitBlock")]
        forbid_locking(select, title)
        lock = bound.RowLock(0, strength, policy)
        if "lockedRels" not in clause:
            select = _lock_all(select, lock, title)
            continue
        for relation in clause["lockedRels"]:
            select = _lock_named(binder, relation["RangeVar"], select, lock, title)
    return select


def locking_title(body: Node) -> str:
    return _STRENGTHS[body["lockingClause"][0]["LockingClause"]["strength"]][1]


def forbid_locking(query: bound.Query, title: str) -> None:
    """Rows that are not rows of a table cannot be locked."""
    if isinstance(query, bound.SetOperation):
        raise FeatureNotSupported(f"{title} is not allowed with UNION/INTERSECT/EXCEPT")
    if isinstance(query, bound.Values):
        raise FeatureNotSupported(f"{title} cannot be applied to VALUES")
    assert isinstance(query, bound.Select)
    reason = None
    if query.distinct or query.distinct_on:
        reason = "DISTINCT clause"
    elif query.group_by:
        reason = "GROUP BY clause"
    elif query.having is not None:
        reason = "HAVING clause"
    elif query.grouped:
        reason = "aggregate functions"
    elif any(contains_window(target.expression) for target in query.targets):
        reason = "window functions"
    if reason is not None:
        raise FeatureNotSupported(f"{title} is not allowed with {reason}")
    if query.with_ties:
        raise FeatureNotSupported(f"{title} with WITH TIES is not supported")


def _lock_all(select: bound.Select, lock: bound.RowLock, title: str) -> bound.Select:
    for relation, _ in list(_relations(select.from_)):
        if isinstance(relation, (bound.TableScan, bound.DerivedTable)):
            select = _lock(select, relation, lock, title)
    return select


def _lock_named(
    binder: Binder, name: Node, select: bound.Select, lock: bound.RowLock, title: str
) -> bound.Select:
    position = binder.position(name)
    if "schemaname" in name:
        raise SyntaxError(f"{title} must specify unqualified relation names", position=position)
    for relation, _ in _relations(select.from_):
        if relation.alias == name["relname"]:
            kind = _KINDS.get(type(relation))
            if kind is not None:
                raise FeatureNotSupported(f"{title} cannot be applied to {kind}", position=position)
            return _lock(select, relation, lock, title)
    raise UndefinedTable(
        f'relation "{name["relname"]}" in {title} clause not found in FROM clause', position=position
    )


def _lock(
    select: bound.Select, relation: bound.RelationNode, lock: bound.RowLock, title: str
) -> bound.Select:
    nullable = next(nullable for item, nullable in _relations(select.from_) if item is relation)
    if nullable:
        raise FeatureNotSupported(
            f"{title} cannot be applied to the nullable side of an outer join"
        )
    if isinstance(relation, bound.DerivedTable):
        inner = relation.query
        forbid_locking(inner, title)
        assert isinstance(inner, bound.Select)
        locked = replace(relation, query=_lock_all(inner, lock, title))
        return replace(select, from_=_replaced(select.from_, relation, locked))
    if not isinstance(relation, bound.TableScan):
        return select
    if relation.as_of is not None:
        raise FeatureNotSupported(f"{title} cannot be applied to rows FOR SYSTEM_TIME AS OF")
    locks = {found.relation_id: found for found in select.locking}
    before = locks.get(relation.relation_id)
    strength, policy = lock.strength, lock.policy
    if before is not None:
        strength = max(strength, before.strength)
        policy = max(policy, before.policy, key=lambda name: _POLICY_RANK[name])
    locks[relation.relation_id] = bound.RowLock(relation.relation_id, strength, policy)
    return replace(select, locking=tuple(locks.values()))


def _relations(
    items: tuple[bound.FromItem, ...], nullable: bool = False
) -> list[tuple[bound.RelationNode, bool]]:
    """The relations of a FROM clause, and whether an outer join may fill them with nulls."""
    found = []
    for item in items:
        if isinstance(item, bound.Join):
            found += _relations((item.left,), nullable or item.kind in ("right", "full"))
            found += _relations((item.right,), nullable or item.kind in ("left", "full"))
        else:
            found.append((item, nullable))
    return found


def _replaced(
    items: tuple[bound.FromItem, ...], old: bound.RelationNode, new: bound.RelationNode
) -> tuple[bound.FromItem, ...]:
    found: list[bound.FromItem] = []
    for item in items:
        if isinstance(item, bound.Join):
            left, right = _replaced((item.left, item.right), old, new)
            found.append(replace(item, left=left, right=right))
        else:
            found.append(new if item is old else item)
    return tuple(found)
