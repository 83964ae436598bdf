"""Scopes: which columns a name may mean at a place of the statement."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlvec.errors import (
    AmbiguousColumn,
    DuplicateAlias,
    FeatureNotSupported,
    InvalidColumnReference,
    UndefinedColumn,
    UndefinedTable,
)
from sqlvec.sql import bound
from sqlvec.sql.system_columns import HIDDEN


@dataclass(slots=True)
class Scope:
    """Relations of one FROM clause, and the enclosing query's scope.

    merged: columns of USING and NATURAL, by name; they hide the columns of both sides. joins: those of USING with an
    alias. unseen: the scope whose relations a subquery in FROM does not see, as it is not LATERAL. barred: what
    the right side of a RIGHT or FULL join does not see. covered: tables under the alias of a join. forward: common
    tables of a WITH that is being bound, which those before them cannot read."""

    parent: Scope | None = None
    relations: list[bound.RelationNode] = field(default_factory=list)
    merged: dict[str, bound.Expression] = field(default_factory=dict)
    hidden: set[tuple[int, str]] = field(default_factory=set)
    ctes: dict[str, bound.CommonTable] = field(default_factory=dict)
    aliases: dict[str, bound.Expression] = field(default_factory=dict)
    lateral: bool = False
    joins: dict[str, dict[str, bound.Expression]] = field(default_factory=dict)
    unseen: Scope | None = None
    covered: set[str] = field(default_factory=set)
    forward: set[str] = field(default_factory=set)
    barred: set[int] = field(default_factory=set)

    def add(self, relation: bound.RelationNode) -> None:
        if relation.alias and any(r.alias == relation.alias for r in self.relations):
            raise DuplicateAlias(f'table name "{relation.alias}" specified more than once')
        self.relations.append(relation)

    def find_cte(self, name: str) -> bound.CommonTable | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None

    def reads_ahead(self, name: str) -> bool:
        """Whether a common table of that name follows."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.forward:
                return True
            scope = scope.parent
        return False

    # ---------------------------------------------------------------- columns

    def column(self, name: str, position: int | None) -> bound.Expression | None:
        """The column of that bare name, here or in an enclosing query; None when there is none."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._local(name, position)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def _local(self, name: str, position: int | None) -> bound.Expression | None:
        if name in self.merged:
            return self.merged[name]
        found = [
            reference
            for relation in self.relations
            for reference in named_columns(relation, name)
            if (relation.relation_id, name) not in self.hidden
        ]
        if len(found) > 1:
            raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=position)
        if found:
            self._check_barred(found[0].relation_id, position)
        return found[0] if found else None

    def _check_barred(self, relation_id: int, position: int | None) -> None:
        if relation_id not in self.barred:
            return
        alias = next(r.alias for r in self.relations if r.relation_id == relation_id)
        raise InvalidColumnReference(
            f'invalid reference to FROM-clause entry for table "{alias}"',
            position=position,
            detail="The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
        )

    def join_alias(self, alias: str) -> dict[str, bound.Expression] | None:
        scope: Scope | None = self
        while scope is not None:
            if alias in scope.joins:
                return scope.joins[alias]
            scope = scope.parent
        return None

    def relation(self, alias: str) -> bound.RelationNode | None:
        scope: Scope | None = self
        while scope is not None:
            for relation in scope.relations:
                if relation.alias == alias:
                    return relation
            scope = scope.parent
        return None

    def qualified(self, alias: str, name: str, position: int | None) -> bound.Expression:
        """alias.name, or PostgreSQL's error."""
        joined = self.join_alias(alias)
        if joined is not None and name in joined:
            return joined[name]
        relation = self.relation(alias)
        if joined is not None and relation is None:
            raise UndefinedColumn(f"column {alias}.{name} does not exist", position=position)
        if relation is None:
            raise self.missing_relation(alias, position)
        scope: Scope | None = self
        while scope is not None:
            if relation in scope.relations:
                scope._check_barred(relation.relation_id, position)
            scope = scope.parent
        found = list(named_columns(relation, name))
        if not found:
            raise UndefinedColumn(
                f"column {alias}.{name} does not exist",
                position=position,
                hint=self._near(name),
            )
        if len(found) > 1:
            raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=position)
        return found[0]

    def missing_relation(self, alias: str, position: int | None) -> UndefinedTable:
        """Why the statement has no such table here (errorMissingRTE in parse_relation.c)."""
        invalid = f'invalid reference to FROM-clause entry for table "{alias}"'
        scope: Scope | None = self
        while scope is not None:
            for relation in scope.relations:
                if relation.alias and _own_name(relation) == alias:
                    return UndefinedTable(
                        invalid, position=position,
                        hint=f'Perhaps you meant to reference the table alias "{relation.alias}".',
                    )  # fmt: skip
            if alias in scope.covered:
                return UndefinedTable(
                    invalid, position=position,
                    detail=f'There is an entry for table "{alias}", but it cannot be referenced from this '
                    "part of the query.",
                )  # fmt: skip
            if scope.unseen is not None and scope.unseen.relation(alias) is not None:
                return UndefinedTable(
                    invalid, position=position,
                    detail=f'There is an entry for table "{alias}", but it cannot be referenced from this '
                    "part of the query.",
                    hint="To reference that table, you must mark this subquery with LATERAL.",
                )  # fmt: skip
            scope = scope.parent
        return UndefinedTable(f'missing FROM-clause entry for table "{alias}"', position=position)

    def missing(self, name: str, position: int | None) -> UndefinedColumn:
        scope: Scope | None = self
        while scope is not None:
            for relation in scope.unseen.relations if scope.unseen is not None else ():
                if any(named_columns(relation, name)):
                    return UndefinedColumn(
                        f'column "{name}" does not exist', position=position,
                        detail=f'There is a column named "{name}" in table "{relation.alias}", but it '
                        "cannot be referenced from this part of the query.",
                        hint="To reference that column, you must mark this subquery with LATERAL.",
                    )  # fmt: skip
            scope = scope.parent
        return UndefinedColumn(
            f'column "{name}" does not exist', position=position, hint=self._near(name)
        )

    def _near(self, name: str) -> str | None:
        known = {
            f"{relation.alias}.{column.name}": column.name
            for relation in self.relations
            for column in relation.columns
            if column.name
        }
        close = difflib.get_close_matches(name, list(known.values()), 1, 0.7)
        if not close:
            return None
        full = next(full for full, short in known.items() if short == close[0])
        return f'Perhaps you meant to reference the column "{full}".'

    def relation_by_id(self, relation_id: int) -> bound.RelationNode | None:
        scope: Scope | None = self
        while scope is not None:
            for relation in scope.relations:
                if relation.relation_id == relation_id:
                    return relation
            scope = scope.parent
        return None

    def carried_field(
        self, relation: bound.RelationNode, column: bound.ColumnRef, name: str
    ) -> bound.ColumnRef | None:
        """The hidden column that holds a field of a composite column (see bind_record)."""
        return next(named_columns(relation, f"{column.name}.{name}"), None)

    # ---------------------------------------------------------------- stars

    def star(self) -> Iterator[tuple[str, bound.Expression]]:
        """Every column of `*`: merged ones first."""
        yield from self.merged.items()
        for relation in self.relations:
            for name, reference in relation_columns(relation):
                if (relation.relation_id, name) not in self.hidden:
                    yield name, reference


def _own_name(relation: bound.RelationNode) -> str:
    if isinstance(relation, bound.TableScan):
        return relation.table.name
    return relation.cte_name if isinstance(relation, bound.CteScan) else ""


def relation_columns(relation: bound.RelationNode) -> Iterator[tuple[str, bound.ColumnRef]]:
    """The columns of `*`: without dropped and hidden ones."""
    for ordinal, column in enumerate(relation.columns):
        if column.name and column.attnum >= 0:
            yield column.name, _reference(relation, ordinal)


def named_columns(relation: bound.RelationNode, name: str) -> Iterator[bound.ColumnRef]:
    """Hidden ones, such as tableoid, can be named."""
    found = False
    for ordinal, column in enumerate(relation.columns):
        if column.name == name:
            found = True
            yield _reference(relation, ordinal)
    if name in HIDDEN and not found and isinstance(relation, bound.TableScan) and relation.named:
        yield _hidden(relation, name)


def _hidden(scan: bound.TableScan, name: str) -> bound.ColumnRef:
    if name == "ctid" and (scan.table.tenant_attnum or scan.table.shards > 1):
        raise FeatureNotSupported("rows of tables with tenants or shards have no ctid")
    ordinal, sql_type = HIDDEN[name]
    return bound.ColumnRef(sql_type, scan.relation_id, ordinal, name)


def _reference(relation: bound.RelationNode, ordinal: int) -> bound.ColumnRef:
    column = relation.columns[ordinal]
    return bound.ColumnRef(column.type, relation.relation_id, ordinal, column.name)
