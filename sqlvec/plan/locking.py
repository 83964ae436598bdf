"""Plans for SELECT FOR UPDATE and its kin: rows come with the places of the rows they are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlvec import types
from sqlvec.catalog.objects import Catalog
from sqlvec.errors import FeatureNotSupported
from sqlvec.plan.physical import LockingSelect, NativeSelect, QueryPlan, Remainder
from sqlvec.sql import bound
from sqlvec.sql.system_columns import ROW_ID_ORDINAL
from sqlvec.sql.tree import nodes

PlanQuery = Callable[[bound.Query, Catalog], QueryPlan]


def plan_locking(select: bound.Select, catalog: Catalog, plan_query: PlanQuery) -> LockingSelect:
    """Locking comes after ORDER BY and before LIMIT, so the source has no limit."""
    places = tuple(
        bound.Target(
            f"place{i}", bound.ColumnRef(types.INT8, lock.relation_id, ROW_ID_ORDINAL, "ctid")
        )
        for i, lock in enumerate(select.locking)
    )
    shown = tuple(target for target in select.targets if not target.junk)
    junk = tuple(target for target in select.targets if target.junk)
    columns = tuple(bound.OutputColumn(t.name, t.expression.type) for t in places)
    source = plan_query(
        replace(
            select,
            columns=select.columns + columns,
            targets=shown + places + junk,
            locking=(),
            limit=None,
            offset=None,
        ),
        catalog,
    )
    assert isinstance(source, (NativeSelect, Remainder))
    return LockingSelect(source, select.locking, select.limit, select.offset, select.columns)


def check_uncorrelated(select: bound.Select) -> None:
    """A locking subquery is run once, before what is around it."""
    if not is_uncorrelated(select):
        raise FeatureNotSupported(
            "FOR UPDATE in a subquery that refers to the query around it is not supported"
        )


def is_uncorrelated(select: bound.Select) -> bool:
    """Whether it reads no column of a query around it."""
    read, own = reads_and_relations(select)
    return {node.relation_id for node in read} <= own


def reads_and_relations(node: Any) -> tuple[set[bound.ColumnRef | bound.RowRef], set[int]]:
    """The columns and rows that a tree reads, and the relations that it brings along: with 0, its output, and
    -1, which stands for an element in IN and ANY."""
    read: set[bound.ColumnRef | bound.RowRef] = set()
    own: set[int] = {0, -1}
    for part in nodes(node):
        if isinstance(part, bound.RelationNode):
            own.add(part.relation_id)
        elif isinstance(part, (bound.ColumnRef, bound.RowRef)):
            read.add(part)
    return read, own


def common_tables_of(select: bound.Select) -> set[str]:
    """The names of WITH queries that it reads and does not bring along."""
    parts = list(nodes(select))
    read = {node.cte_name for node in parts if isinstance(node, bound.CteScan)}
    return read - {node.name for node in parts if isinstance(node, bound.CommonTable)}
