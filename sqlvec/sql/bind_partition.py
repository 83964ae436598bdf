"""Partitions of a table: PARTITION OF, ATTACH and DETACH PARTITION, and the parts that a partition has of the
indexes and constraints of its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlvec.catalog.objects import Catalog, Column, Constraint, Index, Relation, Table
from sqlvec.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    ObjectNotInState,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_constraint import joined
from sqlvec.sql.binder import Binder
from sqlvec.sql.inheritance import check_checks, check_columns
from sqlvec.sql.parse import Node
from sqlvec.sql.partition_bound import check_keys, partition_bound
from sqlvec.sql.table_draft import Draft


def parent_of(binder: Binder, body: Node) -> Table:
    """The table of CREATE TABLE ... PARTITION OF."""
    part = body["inhRelations"][0]["RangeVar"]
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        raise UndefinedTable(
            f'relation "{part["relname"]}" does not exist', position=binder.position(part)
        )
    if not isinstance(relation, Table) or relation.partitioning is None:
        raise InvalidObjectDefinition(f'"{relation.name}" is not partitioned')
    return relation


def check_persistence(parent: Table, persistence: str, word: str) -> None:
    """Temporary tables have temporary partitions, and others others."""
    if (persistence == "t") != (parent.persistence == "t"):
        own, its = ("temporary", "permanent") if persistence == "t" else ("permanent", "temporary")
        raise WrongObjectType(f'cannot {word} a {own} relation as partition of {its} relation "{parent.name}"')


def inherit(draft: Draft, parent: Table) -> None:
    """The columns and checks of the table, at the same places."""
    for column in parent.columns:
        own = replace(column, identity="", sequence_oid=0) if column.identity else column
        draft.columns.append(own)
    _inherit_checks(draft, parent)


def _inherit_checks(draft: Draft, parent: Table) -> None:
    for constraint in parent.constraints:
        if constraint.kind == "c" and not constraint.no_inherit:
            own = next((c for c in draft.constraints if c.name == constraint.name), None)
            if own is None:
                oid = draft.take_oid()
                draft.constraints.append(replace(constraint, oid=oid, parent_oid=constraint.oid))
            elif not own.parent_oid:
                place = draft.constraints.index(own)
                draft.constraints[place] = replace(own, parent_oid=constraint.oid)


def made_partition(binder: Binder, table: Table, parent: Table, node: Node) -> Table:
    """The table as a partition of the other, with the bound of the node."""
    if table.shards > 1 or table.tenant_attnum:
        raise FeatureNotSupported("a partition has neither tenants nor shards of its own")
    made = partition_bound(binder, binder.catalog, parent, table.name, node)
    return replace(table, parent_oid=parent.oid, bound=made)


def default_of(catalog: Catalog, parent: Table) -> Iterator[bound.Verify]:
    """The rows of the default partition must not be a new partition's."""
    for table in catalog.partitions(parent.oid):
        if table.bound is not None and table.bound.default:
            for leaf in catalog.leaves(table):
                yield bound.Verify(leaf.oid, "d", table.oid)


# ---------------------------------------------------------------- parts of indexes and constraints


def fit(draft: Draft, parent: Table, catalog: Catalog, known: Sequence[Index] = ()) -> list[Index]:
    """Gives the draft of a partition its part of every index and key and foreign key of the table: one that it
    has already, or a new one. The new ones are returned."""
    made: list[Index] = []
    for index in catalog.indexes(parent.oid):
        if any(own.parent_oid == index.oid for own in (*known, *draft.indexes)):
            continue
        constraint = _constraint_of(parent, index)
        own = next((i for i in known if _is_alike(draft, i, index, constraint)), None)
        if own is None:
            own = replace(index, oid=draft.take_oid(), name=_name(draft, index, constraint), table_oid=draft.oid)
            made.append(own)
        draft.indexes.append(replace(own, parent_oid=index.oid))
        if constraint is not None:
            _add_key(draft, constraint, own)
    for constraint in parent.constraints:
        if constraint.kind == "f" and not any(c.parent_oid == constraint.oid for c in draft.constraints):
            name = constraint.name
            if any(c.name == name for c in draft.constraints):
                name = draft.free_name("", "fkey")
            draft.constraints.append(
                replace(constraint, oid=draft.take_oid(), name=name, parent_oid=constraint.oid)
            )
    return made


def _constraint_of(table: Table, index: Index) -> Constraint | None:
    return next((c for c in table.constraints if c.kind in "pu" and c.index_oid == index.oid), None)


def _is_alike(draft: Draft, own: Index, index: Index, constraint: Constraint | None) -> bool:
    """Whether an index of the partition can be its part of the table's."""
    if own.parent_oid or any(i.oid == own.oid for i in draft.indexes):
        return False
    key = next((c for c in draft.constraints if c.kind in "pu" and c.index_oid == own.oid), None)
    if (key is None) != (constraint is None) or (key and constraint and key.kind != constraint.kind):
        return False
    return replace(
        index, oid=own.oid, name=own.name, table_oid=own.table_oid, options=own.options
    ) == replace(own, parent_oid=index.parent_oid)


def _name(draft: Draft, index: Index, constraint: Constraint | None) -> str:
    if constraint is not None and constraint.kind == "p":
        return draft.free_name("", "pkey")
    names = [
        draft.columns[part.attnum - 1] if part.attnum else Column(0, "expr", draft.columns[0].type)
        for part in index.columns
    ]
    names += [draft.columns[attnum - 1] for attnum in index.included]
    return draft.free_name(joined(names), "idx" if constraint is None else "key")


def _add_key(draft: Draft, constraint: Constraint, index: Index) -> None:
    own = next((c for c in draft.constraints if c.kind in "pu" and c.index_oid == index.oid), None)
    if own is not None:
        draft.constraints[draft.constraints.index(own)] = replace(own, parent_oid=constraint.oid)
        return
    if constraint.kind == "p":
        if any(c.kind == "p" for c in draft.constraints):
            raise InvalidTableDefinition(
                f'multiple primary keys for table "{draft.name}" are not allowed'
            )
        for attnum in constraint.attnums:
            draft.columns[attnum - 1] = replace(draft.columns[attnum - 1], not_null=True)
    made = replace(
        constraint, oid=draft.take_oid(), name=index.name, index_oid=index.oid, parent_oid=constraint.oid
    )
    draft.constraints.append(made)


def index_parts(catalog: Catalog, index: Index) -> Iterator[Index]:
    """What an index of a partitioned table has in its partitions, at every depth."""
    for child in catalog.partitions(index.table_oid):
        for own in catalog.indexes(child.oid):
            if own.parent_oid == index.oid:
                yield own
                yield from index_parts(catalog, own)


Fitting = tuple[list[Relation], list[Index], list[bound.Verify]]


def fit_below(binder: Binder, parent: Table) -> Fitting:
    """Fits the partitions of a table, at every depth, to what the binder's catalog says of it: what changes, the
    indexes to be built, and what is to be asked of the rows."""
    changed: list[Relation] = []
    build: list[Index] = []
    verify: list[bound.Verify] = []
    for child in binder.catalog.partitions(parent.oid):
        fitting = _fit_partition(binder, parent, child)
        changed += fitting[0]
        build += fitting[1]
        verify += fitting[2]
    return changed, build, verify


def _fit_partition(binder: Binder, parent: Table, child: Table) -> Fitting:
    """The same of one partition, and of what is below it."""
    draft = draft_of(binder, child)
    _inherit_checks(draft, parent)
    built = {i.oid for i in fit(draft, parent, binder.catalog, binder.catalog.indexes(child.oid))}
    table, asked = fitted(draft, child)
    mine: list[Relation] = [table, *draft.indexes]
    binder.catalog = binder.catalog.with_relation(*mine)
    changed, build, verify = fit_below(binder, table)
    own = [index for index in draft.indexes if index.oid in built]
    return [*mine, *changed], [*own, *build], [*asked, *verify]


def draft_of(binder: Binder, table: Table) -> Draft:
    return Draft(
        binder, table.oid, table.name, table.schema_oid, binder.catalog.next_oid,
        list(table.columns), list(table.constraints), tenant_attnum=table.tenant_attnum, altered=True,
    )  # fmt: skip


def fitted(draft: Draft, old: Table) -> tuple[Table, list[bound.Verify]]:
    """The table as the draft has it, and what its rows must satisfy that they need not before."""
    table = replace(old, columns=tuple(draft.columns), constraints=tuple(draft.constraints))
    check_keys(table)
    before = {c.oid for c in old.constraints}
    verify = [
        bound.Verify(old.oid, c.kind, c.oid)
        for c in table.constraints
        if c.kind in "cf" and c.oid not in before and c.validated
    ]
    verify += [
        bound.Verify(old.oid, "n", new.attnum)
        for new, column in zip(table.columns, old.columns, strict=False)
        if new.not_null and not column.not_null
    ]
    return table, verify


# ---------------------------------------------------------------- ATTACH, DETACH


def attach(binder: Binder, parent: Table, command: Node) -> bound.Ddl:
    """ALTER TABLE ... ATTACH PARTITION."""
    if parent.partitioning is None:
        raise InvalidObjectDefinition(f'table "{parent.name}" is not partitioned')
    part = command["def"]["PartitionCmd"]
    child = _named(binder, part["name"])
    if child.parent_oid:
        raise WrongObjectType(f'"{child.name}" is already a partition')
    if child.parents:
        raise WrongObjectType("cannot attach inheritance child as partition")
    if binder.catalog.children(child.oid):
        raise WrongObjectType("cannot attach inheritance parent as partition")
    if any(table.oid == parent.oid for table in binder.catalog.partition_tree(child.oid)):
        raise WrongObjectType(
            "circular inheritance not allowed",
            detail=f'"{parent.name}" is already a child of "{child.name}".',
        )
    check_persistence(parent, child.persistence, "attach")
    _check_columns(parent, child)
    check_checks(binder, parent, child)
    before = binder.catalog
    table = made_partition(binder, child, parent, part["bound"])
    changed, build, verify = _fit_partition(binder, parent, table)
    binder.catalog = before
    leaves = [t for t in before.partition_tree(child.oid) if t.partitioning is None]
    bounds = [bound.Verify(leaf.oid, "p", child.oid) for leaf in leaves]
    return bound.Ddl(
        "ALTER TABLE", (parent, *changed), build=tuple(build),
        verify=(*bounds, *default_of(before, parent), *verify),
    )  # fmt: skip


def _named(binder: Binder, part: Node) -> Table:
    relation = binder.context.find_relation(part.get("schemaname"), part["relname"])
    if relation is None:
        raise UndefinedTable(f'relation "{part["relname"]}" does not exist')
    if not isinstance(relation, Table) or relation.query:
        raise WrongObjectType(f'"{relation.name}" is not a table')
    return relation


def _check_columns(parent: Table, child: Table) -> None:
    for column in child.live_columns:
        if parent.column(column.name) is None:
            raise DatatypeMismatch(
                f'table "{child.name}" contains column "{column.name}" not found in parent "{parent.name}"',
                detail="The new partition may contain only the columns present in parent.",
            )
    check_columns(parent, child)
    if [c.attnum for c in parent.live_columns] != [child.column(c.name).attnum for c in parent.live_columns]:  # type: ignore[union-attr]
        raise FeatureNotSupported(
            f'table "{child.name}" cannot be attached to "{parent.name}"',
            detail="The columns are in another order, or others were dropped.",
            hint=f'Copy the rows to a table made with CREATE TABLE ... (LIKE "{parent.name}").',
        )


def detach(binder: Binder, parent: Table, command: Node) -> bound.Ddl:
    """ALTER TABLE ... DETACH PARTITION: a table of its own, with all that it has."""
    if parent.partitioning is None:
        raise InvalidObjectDefinition(f'table "{parent.name}" is not partitioned')
    part = command["def"]["PartitionCmd"]
    child = _named(binder, part["name"])
    if child.parent_oid != parent.oid:
        raise UndefinedTable(
            f'relation "{child.name}" is not a partition of relation "{parent.name}"'
        )
    concurrently = bool(part.get("concurrent"))
    if concurrently and any(t.bound and t.bound.default for t in binder.catalog.partitions(parent.oid)):
        raise ObjectNotInState(
            "cannot detach partitions concurrently when a default partition exists"
        )
    own = replace(
        child, parent_oid=0, bound=None,
        constraints=tuple(replace(c, parent_oid=0) for c in child.constraints),
    )  # fmt: skip
    indexes = [replace(i, parent_oid=0) for i in binder.catalog.indexes(child.oid) if i.parent_oid]
    alone = "ALTER TABLE ... DETACH CONCURRENTLY" if concurrently else ""
    referred = [
        bound.Verify(child.oid, "x", constraint.oid)
        for _, constraint in binder.catalog.referrers(parent.oid)
    ]
    return bound.Ddl("ALTER TABLE", (parent, own, *indexes), verify=tuple(referred), alone=alone)


def attach_index(binder: Binder, index: Index, command: Node) -> bound.Ddl:
    """ALTER INDEX ... ATTACH PARTITION: an index of a partition as its part of the table's."""
    name = command["def"]["PartitionCmd"]["name"]
    own = binder.context.find_relation(name.get("schemaname"), name["relname"])
    if own is None:
        raise UndefinedTable(f'relation "{name["relname"]}" does not exist')
    if not isinstance(own, Index):
        raise WrongObjectType(f'"{own.name}" is not an index')
    parent, child = binder.catalog.table(index.table_oid), binder.catalog.table(own.table_oid)
    if own.parent_oid == index.oid:
        return bound.Ddl("ALTER INDEX")
    refused = f'cannot attach index "{own.name}" as a partition of index "{index.name}"'
    if own.parent_oid:
        raise ObjectNotInState(refused, detail=f'Index "{own.name}" is already attached to another index.')
    if child.parent_oid != parent.oid:
        raise ObjectNotInState(
            refused, detail=f'Index "{own.name}" is not an index on any partition of table "{parent.name}".'
        )
    if any(i.parent_oid == index.oid for i in binder.catalog.indexes(child.oid)):
        raise ObjectNotInState(
            refused, detail=f'Another index is already attached for partition "{child.name}".'
        )
    constraint, draft = _constraint_of(parent, index), draft_of(binder, child)
    if not _is_alike(draft, own, index, constraint):
        raise InvalidObjectDefinition(refused, detail="The index definitions do not match.")
    draft.indexes.append(replace(own, parent_oid=index.oid))
    if constraint is not None:
        _add_key(draft, constraint, own)
    table, _ = fitted(draft, child)
    return bound.Ddl("ALTER INDEX", (table, *draft.indexes))
