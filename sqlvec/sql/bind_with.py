"""WITH: common tables, recursive ones, and statements that change rows."""

from __future__ import annotations

from dataclasses import replace

from sqlvec.errors import (
    DatatypeMismatch,
    DuplicateAlias,
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidRecursion,
    SyntaxError,
)
from sqlvec.sql import bound
from sqlvec.sql.bind_modifying import bind_modifying
from sqlvec.sql.binder import Binder
from sqlvec.sql.grouping import contains_aggregate, first_of
from sqlvec.sql.parse import Node
from sqlvec.sql.recursion import check_recursion, in_order, references
from sqlvec.sql.scope import Scope
from sqlvec.sql.type_rules import common_type

_MATERIALIZED = {"CTEMaterializeAlways": True, "CTEMaterializeNever": False}


def bind_with(
    binder: Binder, clause: Node | None, scope: Scope
) -> tuple[bound.CommonTable, ...]:
    """The queries of a WITH clause, each added to the scope."""
    if clause is None:
        return ()
    found = []
    nodes = clause["ctes"]
    _check_names(binder, nodes)
    recursive = bool(clause.get("recursive"))
    for node in in_order(binder, nodes) if recursive else nodes:
        body = node["CommonTableExpr"]
        name = body["ctename"]
        names = [n["String"]["sval"] for n in body.get("aliascolnames", ())]
        itself = recursive and next(references(body["ctequery"], name), None) is not None
        scope.forward = set() if recursive else {n["CommonTableExpr"]["ctename"] for n in nodes}
        if itself:
            check_recursion(binder, body)
        if "SelectStmt" not in body["ctequery"]:
            scope.ctes[name] = bind_modifying(binder, body, names, scope)
            continue
        if "search_clause" in body or "cycle_clause" in body:
            _refuse_search(binder, body)
        if itself:
            table = _recursive(binder, body, name, names, scope)
        else:
            from sqlvec.sql.bind_select import bind_query

            query = bind_query(binder, body["ctequery"], scope)
            table = bound.CommonTable(name, query, _columns(binder, query, names, body))
        mode = body.get("ctematerialized", "CTEMaterializeDefault")
        scope.ctes[name] = replace(table, materialized=_MATERIALIZED.get(mode))
        found.append(scope.ctes[name])
    scope.forward = set()
    return tuple(found)


def forbid_modifying(binder: Binder, clause: Node | None) -> None:
    for node in clause["ctes"] if clause else ():
        body = node["CommonTableExpr"]
        if "SelectStmt" not in body["ctequery"]:
            raise FeatureNotSupported(
                "WITH clause containing a data-modifying statement must be at the top level",
                position=binder.position(body),
            )


def _check_names(binder: Binder, nodes: list[Node]) -> None:
    seen = set()
    for node in nodes:
        body = node["CommonTableExpr"]
        if body["ctename"] in seen:
            raise DuplicateAlias(
                f'WITH query name "{body["ctename"]}" specified more than once',
                position=binder.position(body),
            )
        seen.add(body["ctename"])


def _refuse_search(binder: Binder, body: Node) -> None:
    clause = body.get("search_clause") or body["cycle_clause"]
    word = "SEARCH" if "search_clause" in body else "CYCLE"
    raise FeatureNotSupported(f"{word} is not supported", position=binder.position(clause))


def _columns(
    binder: Binder, query: bound.Query, names: list[str], body: Node
) -> tuple[bound.OutputColumn, ...]:
    if len(names) > len(query.columns):
        raise InvalidColumnReference(
            f'WITH query "{body["ctename"]}" has {len(query.columns)} columns available but {len(names)} '
            "columns specified",
            position=binder.position(body),
        )
    return tuple(
        bound.OutputColumn(names[i] if i < len(names) else c.name, c.type)
        for i, c in enumerate(query.columns)
    )


def _recursive(
    binder: Binder, body: Node, name: str, names: list[str], scope: Scope
) -> bound.CommonTable:
    """The first branch gives the columns that the second sees under the name."""
    from sqlvec.sql.bind_select import bind_query, output_location

    union = body["ctequery"]["SelectStmt"]
    inner = Scope(scope)
    first_ctes = bind_with(binder, union.get("withClause"), inner)
    first = bind_query(binder, {"SelectStmt": union["larg"]}, inner)
    columns = _columns(binder, first, names, body)
    inner.ctes[name] = bound.CommonTable(name, first, columns, True)
    second = bind_query(binder, {"SelectStmt": union["rarg"]}, inner)
    if len(first.columns) != len(second.columns):
        raise SyntaxError(
            "each UNION query must have the same number of columns",
            position=output_location(binder, union["rarg"], 0),
        )
    for i, (a, b) in enumerate(zip(first.columns, second.columns, strict=True)):
        together = common_type([a.type, b.type])
        if a.type.oid != b.type.oid and together != a.type.bare or a.type.typmod not in (-1, b.type.typmod):
            whole = a.type.bare if together is None or a.type.oid == b.type.oid else together
            raise DatatypeMismatch(
                f'recursive query "{name}" column {i + 1} has type {a.type.name} in non-recursive '
                f"term but type {whole.name} overall",
                hint="Cast the output of the non-recursive term to the correct type.",
                position=output_location(binder, union["larg"], i),
            )
    _forbid_aggregates(binder, second, name)
    query = bound.SetOperation(
        first.columns, "union", bool(union.get("all")), first, second, ctes=first_ctes
    )
    return bound.CommonTable(name, query, columns, True)


def _forbid_aggregates(binder: Binder, query: bound.Query, name: str) -> None:
    """In a query that reads the recursive table itself."""
    if not isinstance(query, bound.Select) or not _reads(query.from_, name):
        return
    for target in query.targets:
        if contains_aggregate(target.expression):
            found = first_of(target.expression, bound.Aggregate)
            raise InvalidRecursion(
                "aggregate functions are not allowed in a recursive query's recursive term",
                position=binder.positions.get(found) if found is not None else None,
            )


def _reads(items: tuple[bound.FromItem, ...], name: str) -> bool:
    for item in items:
        if isinstance(item, bound.Join):
            if _reads((item.left, item.right), name):
                return True
        elif isinstance(item, bound.CteScan) and item.cte_name == name:
            return True
    return False
