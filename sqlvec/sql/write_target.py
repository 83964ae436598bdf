"""What INSERT, UPDATE and DELETE write to: a table, or one that is seen through simple views.

The statement's names mean the columns of the view; what is bound over them is then put in terms of the table
(rewriteTargetView in rewriteHandler.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlvec.catalog.objects import Column, Table, View
from sqlvec.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    ObjectNotInState,
    UndefinedColumn,
    UndefinedTable,
    WrongObjectType,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_from import table_scan, view_scan, whole_scan
from sqlvec.sql.binder import Binder
from sqlvec.sql.grouping import contains_aggregate, contains_window
from sqlvec.sql.parse import Node, parse
from sqlvec.sql.render_tables import SET_RETURNING
from sqlvec.sql.substitution import Place, Replacements, substituted
from sqlvec.sql.tree import walk

_VERBS = {"INSERT": ("insert into", "inserting into"), "UPDATE": ("update", "updating"),
          "DELETE": ("delete from", "deleting from")}  # fmt: skip
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """seen: the relation under the name that the statement gives it. For a view, values are its columns over
    the table, conditions say which rows it shows, and checks which it takes."""

    scan: bound.TableScan
    seen: bound.RelationNode
    values: Replacements
    conditions: tuple[bound.Expression, ...] = ()
    checks: tuple[bound.Check, ...] = ()
    view: str = ""
    verb: str = ""

    @property
    def table(self) -> Table:
        return self.scan.table

    def over_table(self, tree: _T) -> _T:
        """What was bound over the statement's names, over the columns of the table."""
        found: _T = substituted(tree, self.values) if self.values else tree
        return found

    def column(self, name: str, position: int | None) -> Column:
        """The column of the table that has this name here."""
        if self.seen is self.scan:
            return column_named(self.table, name, position)
        for place, column in enumerate(self.seen.columns):
            if column.name == name:
                return self._column_at(place)
        raise UndefinedColumn(
            f'column "{name}" of relation "{self.view}" does not exist', position=position
        )

    def columns(self) -> list[Column]:
        """Those that get values when none are named."""
        if self.seen is self.scan:
            return list(self.table.live_columns)
        return [self._column_at(place) for place in range(len(self.seen.columns))]

    def excluded(self, binder: Binder, excluded_id: int) -> tuple[bound.RelationNode, WriteTarget]:
        """EXCLUDED of ON CONFLICT under the same names, and the target that knows them too."""
        table = table_scan(binder, self.table, excluded_id, "excluded", [])
        if self.seen is self.scan:
            return table, self
        assert isinstance(self.seen, bound.DerivedTable), self.seen
        relation = replace(self.seen, relation_id=binder.next_relation(), alias="excluded")
        proposed: dict[bound.Expression | Place, bound.Expression] = {
            (self.scan.relation_id, i): bound.ColumnRef(c.type, excluded_id, i, c.name)
            for i, c in enumerate(table.columns)
        }
        values = dict(self.values)
        for i in range(len(relation.columns)):
            value = self.values[self.seen.relation_id, i]
            values[relation.relation_id, i] = substituted(value, proposed)
        return relation, replace(self, values=values)

    def _column_at(self, place: int) -> Column:
        value = self.values[self.seen.relation_id, place]
        if isinstance(value, bound.ColumnRef):
            return self.table.column_by_attnum(value.ordinal + 1)
        words = "update" if self.verb == "UPDATE" else "insert into"
        raise FeatureNotSupported(
            f'cannot {words} column "{self.seen.columns[place].name}" of view "{self.view}"',
            detail="View columns that are not columns of their base relation are not updatable.",
        )


def column_named(table: Table, name: str, position: int | None) -> Column:
    column = table.column(name)
    if column is None:
        raise UndefinedColumn(
            f'column "{name}" of relation "{table.name}" does not exist', position=position
        )
    return column


def target_relation(binder: Binder, body: Node) -> Table | View:
    """The relation that a statement names to be written."""
    schema, name = body.get("schemaname"), body["relname"]
    relation = binder.meaning(schema, name)
    position = binder.position(body)
    if relation is None:
        from sqlvec.catalog.system.tables import system_table

        if system_table(schema or "pg_catalog", name) is not None:
            raise InsufficientPrivilege(f"permission denied: \"{name}\" is a system catalog")
        shown = f"{schema}.{name}" if schema else name
        raise UndefinedTable(f'relation "{shown}" does not exist', position=position)
    if not isinstance(relation, (Table, View)):
        raise WrongObjectType(f'"{name}" is not a table', position=position)
    if isinstance(relation, Table) and relation.query:
        raise WrongObjectType(f'cannot change materialized view "{name}"')
    return relation


def target_table(binder: Binder, body: Node) -> tuple[Table, str]:
    """Where it has to be a table: with its alias."""
    relation = target_relation(binder, body)
    if not isinstance(relation, Table):
        position = binder.position(body)
        raise WrongObjectType(f'"{body["relname"]}" is not a table', position=position)
    return relation, _alias(body)


def _alias(body: Node) -> str:
    alias: str = body.get("alias", {}).get("aliasname", body["relname"])
    return alias


def write_target(binder: Binder, body: Node, verb: str) -> WriteTarget:
    """Of an INSERT, UPDATE or DELETE."""
    relation = target_relation(binder, body)
    if isinstance(relation, Table):
        scan = table_scan(binder, relation, binder.next_relation(), _alias(body), [])
        if verb == "INSERT":
            scan = replace(scan, named=True)
        else:
            scan = whole_scan(binder, scan, not body.get("inh"))
        return WriteTarget(scan, scan, {})
    seen = view_scan(binder, relation, binder.next_relation(), _alias(body), [])
    return _opened(binder, relation, seen, verb)


def _opened(
    binder: Binder, view: View, seen: bound.DerivedTable, verb: str, *, cascaded: bool = False
) -> WriteTarget:
    """The table below the view; cascaded: a view over this one has all checked."""
    query = seen.query
    why = why_not_updatable(binder, view, query)
    if why:
        words, doing = _VERBS[verb]
        raise ObjectNotInState(
            f'cannot {words} view "{view.name}"',
            detail=f"{why} are not automatically updatable.",
            hint=f"To enable {doing} the view, provide an INSTEAD OF {verb} trigger or an unconditional "
            f"ON {verb} DO INSTEAD rule.",
        )
    assert isinstance(query, bound.Select), query
    (source,) = query.from_
    cascaded = cascaded or view.check_option == "cascaded"
    if isinstance(source, bound.TableScan):
        below = WriteTarget(source, source, {})
    else:
        inner = _source(binder, view)
        assert isinstance(inner, View) and isinstance(source, bound.DerivedTable), (inner, source)
        below = _opened(binder, inner, source, verb, cascaded=cascaded)
    targets = [target for target in query.targets if not target.junk]
    own = [below.over_table(target.expression) for target in targets]
    values: Replacements = {(seen.relation_id, i): value for i, value in enumerate(own)}
    conditions, checks = below.conditions, below.checks
    if query.where is not None:
        where = below.over_table(query.where)
        conditions = (*conditions, where)
        if cascaded or view.check_option:
            checks = (*checks, bound.Check(view.name, where, of_view=True))
    return WriteTarget(below.scan, seen, values, conditions, checks, view.name, verb)


def why_not_updatable(binder: Binder, view: View, query: bound.Query) -> str:
    """What keeps rows from being written through a view; "" for nothing."""
    return next(_obstacles(binder, view, query), "")


def _obstacles(binder: Binder, view: View, query: bound.Query) -> Iterator[str]:
    """In the order of view_query_is_auto_updatable."""
    if isinstance(query, bound.Select):
        expressions = [target.expression for target in query.targets]
        aggregates = any(contains_aggregate(e) for e in expressions)
        if query.distinct or query.distinct_on:
            yield "Views containing DISTINCT"
        if query.group_by or query.grouping_sets is not None:
            yield "Views containing GROUP BY"
        if query.having is not None:
            yield "Views containing HAVING"
    elif isinstance(query, bound.SetOperation):
        yield "Views containing UNION, INTERSECT, or EXCEPT"
    if query.ctes:
        yield "Views containing WITH"
    if query.limit is not None or query.offset is not None:
        yield "Views containing LIMIT or OFFSET"
    if isinstance(query, bound.Select):
        if aggregates:
            yield "Views that return aggregate functions"
        if any(contains_window(e) for e in expressions):
            yield "Views that return window functions"
        if any(_returns_set(part) for e in expressions for part in walk(e)):
            yield "Views that return set-returning functions"
    if _source(binder, view) is None:
        yield "Views that do not select from a single table or view"


def _returns_set(part: bound.Expression) -> bool:
    return isinstance(part, bound.FunctionCall) and part.name in SET_RETURNING


def _source(binder: Binder, view: View) -> Table | View | None:
    """What the view selects from, when it is one table or view."""
    items = parse(view.query)[0].node.get("SelectStmt", {}).get("fromClause", ())
    if len(items) != 1 or "RangeVar" not in items[0]:
        return None
    named = items[0]["RangeVar"]
    place = named.get("schemaname", ""), named["relname"]
    oid = next((r.oid for r in view.relations if (r.schema, r.name) == place), 0)
    relation = binder.catalog.relations.get(oid)
    if isinstance(relation, Table) and relation.query:
        return None
    return relation if isinstance(relation, (Table, View)) else None
