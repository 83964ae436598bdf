"""WITH RECURSIVE: in which order its queries are bound, and what a recursive one may be (parse_cte.c).

All of it is asked of parse nodes: a reference is a RangeVar without a schema, of the query's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlvec.errors import FeatureNotSupported, InvalidRecursion
from sqlvec.sql.binder import Binder, location_of
from sqlvec.sql.parse import Node, nodes_of

_OUTER = {"JOIN_LEFT": ("rarg",), "JOIN_RIGHT": ("larg",), "JOIN_FULL": ("larg", "rarg")}


def references(node: Any, name: str) -> Iterator[Node]:
    """Where the node reads the table of that name."""
    for relation in nodes_of(node, "RangeVar"):
        if relation["relname"] == name and "schemaname" not in relation:
            yield relation


def in_order(binder: Binder, nodes: list[Node]) -> list[Node]:
    """Each query after those that it reads."""
    bodies = [node["CommonTableExpr"] for node in nodes]
    names = {body["ctename"] for body in bodies}
    waiting = list(nodes)
    done: set[str] = set()
    ordered: list[Node] = []
    while waiting:
        for node in waiting:
            body = node["CommonTableExpr"]
            others = names - done - {body["ctename"]}
            if not any(next(references(body["ctequery"], other), None) for other in others):
                break
        else:
            raise FeatureNotSupported(
                "mutual recursion between WITH items is not implemented",
                position=binder.position(waiting[0]["CommonTableExpr"]),
            )
        waiting.remove(node)
        ordered.append(node)
        done.add(node["CommonTableExpr"]["ctename"])
    return ordered


def check_recursion(binder: Binder, body: Node) -> None:
    """42P19 for a query that reads itself where it cannot."""
    name = body["ctename"]
    query = body["ctequery"].get("SelectStmt")
    if query is None:
        raise InvalidRecursion(
            f'recursive query "{name}" must not contain data-modifying statements',
            position=binder.position(body),
        )
    if query.get("op") != "SETOP_UNION":
        raise InvalidRecursion(
            f'recursive query "{name}" does not have the form non-recursive-term UNION [ALL] '
            "recursive-term",
            position=binder.position(body),
        )
    check = _Check(binder, name)
    check.visit(query["larg"], "its non-recursive term", whole=True)
    check.visit({"SelectStmt": query["rarg"]}, "")
    for clause, word in (("sortClause", "ORDER BY"), ("limitOffset", "OFFSET"), ("limitCount", "LIMIT")):
        if clause in query:
            part = query[clause][0]["SortBy"]["node"] if clause == "sortClause" else query[clause]
            raise FeatureNotSupported(
                f"{word} in a recursive query is not implemented", position=location_of(binder, part)
            )
    if "lockingClause" in query:
        raise FeatureNotSupported("FOR UPDATE/SHARE in a recursive query is not implemented")


@dataclass(slots=True)
class _Check:
    binder: Binder
    name: str
    seen: list[Node] = field(default_factory=list)

    def visit(self, node: Any, inside: str, *, whole: bool = False) -> None:
        """Every reference below the node; inside names what may hold none."""
        if isinstance(node, list):
            for item in node:
                self.visit(item, inside, whole=whole)
            return
        if not isinstance(node, dict):
            return
        for kind, body in node.items():
            if kind == "RangeVar":
                self._reference(body, inside)
            elif kind == "SubLink" and not whole:
                self.visit(body, "a subquery")
            elif kind == "JoinExpr" and not whole:
                self._join(body, inside)
            elif kind == "SelectStmt" and not whole and body.get("op") in _SET_OPERATIONS:
                self._set_operation(body, inside)
            else:
                self.visit(body, inside, whole=whole)

    def _join(self, body: Node, inside: str) -> None:
        outer = _OUTER.get(body.get("jointype", ""), ())
        for side in ("larg", "rarg"):
            self.visit(body[side], "an outer join" if side in outer else inside)
        self.visit(body.get("quals"), inside)

    def _set_operation(self, body: Node, inside: str) -> None:
        word = _SET_OPERATIONS[body["op"]]
        if word == "INTERSECT":
            self.visit(body["larg"], word if body.get("all") else inside)
            self.visit(body["rarg"], word if body.get("all") else inside)
            return
        self.visit({"SelectStmt": body["larg"]}, inside)
        self.visit({"SelectStmt": body["rarg"]}, word)

    def _reference(self, relation: Node, inside: str) -> None:
        if relation["relname"] != self.name or "schemaname" in relation:
            return
        position = self.binder.position(relation)
        if inside:
            raise InvalidRecursion(
                f'recursive reference to query "{self.name}" must not appear within {inside}',
                position=position,
            )
        if self.seen:
            raise InvalidRecursion(
                f'recursive reference to query "{self.name}" must not appear more than once',
                position=position,
            )
        self.seen.append(relation)


_SET_OPERATIONS = {"SETOP_INTERSECT": "INTERSECT", "SETOP_EXCEPT": "EXCEPT"}
