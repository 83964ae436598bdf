"""Which relations a statement locks, and in which mode, as PostgreSQL does.

Reading takes ACCESS SHARE, SELECT FOR UPDATE and its kin ROW SHARE, writing ROW EXCLUSIVE, CREATE UNIQUE INDEX
SHARE, and other changes of a table ACCESS EXCLUSIVE. Only CREATE INDEX differs: SHARE UPDATE EXCLUSIVE, with or
without CONCURRENTLY, since rows that are written meanwhile are taken into the index.

Who changes relations takes ROW EXCLUSIVE of pg_class, who changes anything else that they are made of - schemas, types,
functions, extensions - SHARE ROW EXCLUSIVE. So relations are changed side by side (catalog.merging makes one catalog of
that), each locked itself together with those that it refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from sqlvec.catalog.objects import Catalog, Index, Relation, Schema, Table, View
from sqlvec.sql import bound
from sqlvec.sql.functions import LOCKING
from sqlvec.sql.tree import nodes
from sqlvec.storage.locks import Mode

PG_CLASS_OID = 1259
_OF_RELATIONS = ("version", "next_oid", "relations", "comments")
RelationLocks = tuple[tuple[int, Mode], ...]


def relation_locks(statement: bound.Statement, catalog: Catalog) -> RelationLocks:
    """Oids and modes, ordered by oid, so that statements over the same tables do not cross."""
    found: dict[int, Mode] = {}
    if isinstance(statement, bound.Ddl):
        _change(statement, catalog, found)
    else:
        _walk(statement, Mode.ACCESS_SHARE, catalog, found)
        for oid in [oid for oid, mode in found.items() if mode == Mode.ROW_EXCLUSIVE]:
            _foreign_keys(oid, catalog, found)
    for oid, mode in list(found.items()):
        table = catalog.relations.get(oid)
        if isinstance(table, Table) and table.partitioning is not None:
            for part in catalog.partition_tree(oid):
                _note(part.oid, mode, found)
    return tuple(sorted(found.items()))


def _foreign_keys(oid: int, catalog: Catalog, found: dict[int, Mode]) -> None:
    """What the checks of a written table's foreign keys read, and what their actions may write."""
    table = catalog.relations.get(oid)
    for constraint in table.constraints if isinstance(table, Table) else ():
        if constraint.kind == "f":
            _note(constraint.foreign_table_oid, Mode.ROW_SHARE, found)
    for child, _ in catalog.referrers(oid):
        if found.get(child.oid, 0) < Mode.ROW_EXCLUSIVE:
            _note(child.oid, Mode.ROW_EXCLUSIVE, found)
            _foreign_keys(child.oid, catalog, found)


def takes_locks(statement: bound.Statement) -> bool:
    """Whether computing a row may mean to wait for a lock."""
    stack: list[Any] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, (tuple, list)):
            stack.extend(node)
        elif hasattr(node, "__dataclass_fields__") and not isinstance(node, bound.TableScan):
            if isinstance(node, bound.FunctionCall) and node.name in LOCKING:
                return True
            if isinstance(node, bound.RoutineCall) or isinstance(node, bound.Select) and node.locking:
                return True
            stack.extend(getattr(node, field.name) for field in fields(node))
    return False


def calls_routines(statement: bound.Statement) -> bool:
    """Whether it calls functions that are run statement by statement."""
    return any(isinstance(node, bound.RoutineCall) for node in nodes((statement,)))


def _strength(statement: bound.Ddl, catalog: Catalog) -> Mode:
    """In which mode pg_class is locked."""
    if statement.catalog is not None:
        for field in fields(Catalog):
            before, after = getattr(catalog, field.name), getattr(statement.catalog, field.name)
            if field.name == "schemas":
                before, after = _lasting(before), _lasting(after)
            if field.name not in _OF_RELATIONS and before is not after and before != after:
                return Mode.SHARE_ROW_EXCLUSIVE
    return Mode.ROW_EXCLUSIVE


def _lasting(schemas: Mapping[int, Schema]) -> dict[int, Schema]:
    return {oid: schema for oid, schema in schemas.items() if not schema.is_temporary}


def _referred(relation: Relation, before: Relation | None) -> Iterator[tuple[int, Mode]]:
    """What a relation newly refers to, which may not go or change meanwhile."""
    if isinstance(relation, (Table, View)):
        yield from ((used.oid, Mode.ACCESS_SHARE) for used in relation.relations)
    if not isinstance(relation, Table):
        return
    known = before if isinstance(before, Table) else None
    yield from ((column.type.oid, Mode.ACCESS_SHARE) for column in relation.columns)
    if relation.parent_oid and (known is None or known.parent_oid != relation.parent_oid):
        yield relation.parent_oid, Mode.SHARE_UPDATE_EXCLUSIVE
    for constraint in relation.constraints:
        if constraint.kind == "f" and (known is None or constraint not in known.constraints):
            yield constraint.foreign_table_oid, Mode.SHARE_ROW_EXCLUSIVE


def _note(oid: int, mode: Mode, found: dict[int, Mode]) -> None:
    found[oid] = max(mode, found.get(oid, mode))


def _walk(node: Any, mode: Mode, catalog: Catalog, found: dict[int, Mode]) -> None:
    if isinstance(node, bound.TableScan):
        _note(node.table.oid, mode, found)
        for heir in catalog.heirs(node.table.oid) if node.heirs else ():
            _note(heir.oid, mode, found)
        return
    if isinstance(node, (tuple, list)):
        for item in node:
            _walk(item, mode, catalog, found)
        return
    if not hasattr(node, "__dataclass_fields__"):
        return
    if isinstance(node, bound.Select):
        mode = Mode.ROW_SHARE if node.locking else Mode.ACCESS_SHARE
    writes = isinstance(node, (bound.Insert, bound.Update, bound.Delete, bound.Merge, bound.Copy))
    for field in fields(node):
        written = writes and field.name == "target"
        if isinstance(node, bound.Copy) and node.direction == "to":
            written = False
        _walk(getattr(node, field.name), Mode.ROW_EXCLUSIVE if written else mode, catalog, found)


def _change(statement: bound.Ddl, catalog: Catalog, found: dict[int, Mode]) -> None:
    gone = set(statement.dropped)
    if statement.catalog is not None:
        gone |= catalog.relations.keys() - statement.catalog.relations.keys()
    if gone or statement.changed or statement.catalog is not None:
        _note(PG_CLASS_OID, _strength(statement, catalog), found)
    for oid in gone:
        relation = catalog.relations.get(oid)
        if relation is not None:
            table_oid = relation.table_oid if isinstance(relation, Index) else oid
            _note(table_oid, Mode.ACCESS_EXCLUSIVE, found)
    for relation in statement.changed:
        before = catalog.relations.get(relation.oid)
        for oid, mode in _referred(relation, before):
            if oid in catalog.relations and oid != relation.oid:
                _note(oid, mode, found)
        if isinstance(relation, Index):
            if relation.table_oid in catalog.relations:
                new_keys = before is None and relation.unique
                mode = Mode.SHARE if new_keys else Mode.SHARE_UPDATE_EXCLUSIVE
                _note(relation.table_oid, mode, found)
        elif before is not None and before != relation:
            strong = isinstance(relation, Table)
            _note(relation.oid, Mode.ACCESS_EXCLUSIVE if strong else Mode.SHARE_ROW_EXCLUSIVE, found)
    for index in statement.build:
        if index.oid in catalog.relations:
            mode = Mode.SHARE if index.unique else Mode.SHARE_UPDATE_EXCLUSIVE
            _note(index.table_oid, mode, found)
    for check in statement.verify:  # nobody may write what it would refuse
        if check.table_oid in catalog.relations:
            _note(check.table_oid, Mode.ACCESS_EXCLUSIVE, found)
    for table in statement.truncate:
        _note(table.oid, Mode.ACCESS_EXCLUSIVE, found)
    for rewrite in statement.rewrites:
        _note(rewrite.target.table.oid, Mode.ACCESS_EXCLUSIVE, found)
    if statement.query is not None:
        _walk(statement.query, Mode.ACCESS_SHARE, catalog, found)
