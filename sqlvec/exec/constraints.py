"""When constraints that look beyond one row are checked: at the end of the statement, or when they are put
off, at that of the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlvec.catalog.objects import Catalog, Constraint, Table
from sqlvec.exec.changes import Change, Deferred, Waiting
from sqlvec.exec.context import Context
from sqlvec.exec.foreign_keys import ForeignKey
from sqlvec.exec.late_keys import check_late_index, check_late_key
from sqlvec.sql.keys import is_late


def enforce(context: Context) -> None:
    """The end of a statement: checks and actions, and those of what the actions did."""
    changes = context.changes
    while changes:
        change = changes[0]
        table = context.catalog.table(change.table_oid)
        if change.old is not None:
            for child, constraint in context.catalog.referrers(table.oid):
                ended = _as_seen_from(constraint.foreign_table_oid, change, context.catalog)
                _parent_side(context, child, constraint, ended)
        if change.new is not None:
            for constraint in table.constraints:
                if constraint.kind == "f" or (constraint.kind in "pu" and constraint.deferrable):
                    _own_side(context, table, constraint, change)
            for index in context.catalog.indexes(table.oid):
                if is_late(index):
                    check_late_index(context, table, index, change)
        changes.popleft()  # not before: after a wait COPY goes on with it


def _as_seen_from(table_oid: int, change: Change, catalog: Catalog) -> Change:
    """A row that moved between partitions of the table is changed in it."""
    if change.moved is None:
        return change
    table = catalog.table(change.moved[0].table_oid)
    while table.oid != table_oid and table.parent_oid:
        table = catalog.table(table.parent_oid)
    return replace(change, new=change.moved) if table.oid == table_oid else change


def _parent_side(context: Context, child: Table, constraint: Constraint, change: Change) -> None:
    action = constraint.on_delete if change.new is None else constraint.on_update
    if action == "a" and context.deferred.is_deferred(constraint):
        context.deferred.put_off(Waiting(constraint.oid, child.oid, True, change))
        return
    _foreign_key(context, child, constraint, change).parent_changed(change)


def _own_side(context: Context, table: Table, constraint: Constraint, change: Change) -> None:
    if context.deferred.is_deferred(constraint):
        context.deferred.put_off(Waiting(constraint.oid, table.oid, False, change))
        return
    _check(context, table, constraint, change)


def _check(context: Context, table: Table, constraint: Constraint, change: Change) -> None:
    if constraint.kind == "f":
        _foreign_key(context, table, constraint).check_references(change)
    else:
        check_late_key(context, table, constraint, change)


def _foreign_key(
    context: Context, child: Table, constraint: Constraint, ended: Change | None = None
) -> ForeignKey:
    """ended: of rows that are referred to."""
    parent = context.catalog.table(constraint.foreign_table_oid)
    part = None if ended is None or ended.moved else context.catalog.table(ended.table_oid)
    return ForeignKey(context, constraint, child, parent, part)


# ---------------------------------------------------------------- put off


def settle(context: Context) -> None:
    """Makes every check that was put off: before COMMIT."""
    _make(context, context.deferred.waiting)
    context.deferred.waiting = ()


def set_constraints(context: Context, oids: Sequence[int] | None, *, deferred: bool) -> None:
    """SET CONSTRAINTS: the modes of some constraints, or of all; what no longer may wait is checked."""
    state = context.deferred
    if oids is None:
        state.modes.clear()
        state.all = deferred
    else:
        state.modes.update(dict.fromkeys(oids, deferred))
    if deferred:
        return
    due = tuple(w for w in state.waiting if not _still_waits(context.catalog, state, w))
    _make(context, due)
    state.waiting = tuple(w for w in state.waiting if w not in due)


def _still_waits(catalog: Catalog, state: Deferred, waiting: Waiting) -> bool:
    constraint = _constraint(catalog, waiting)
    return constraint is not None and state.is_deferred(constraint)


def _make(context: Context, checks: tuple[Waiting, ...]) -> None:
    for waiting in checks:
        constraint = _constraint(context.catalog, waiting)
        if constraint is None:
            continue
        table = context.catalog.table(waiting.table_oid)
        if waiting.parent:
            _foreign_key(context, table, constraint, waiting.change).recheck(waiting.change)
        else:
            _check(context, table, constraint, waiting.change)


def _constraint(catalog: Catalog, waiting: Waiting) -> Constraint | None:
    """None when it was dropped since."""
    table = catalog.relations.get(waiting.table_oid)
    if not isinstance(table, Table):
        return None
    return next((c for c in table.constraints if c.oid == waiting.constraint_oid), None)
