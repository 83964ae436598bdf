"""Queries that stand for what a statement says: SQL with places for parts of the statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlvec.sql.parse import Node, parse


def filled(sql: str, values: Mapping[int, Node], relation: Node | None = None) -> Node:
    """The parse tree, with values for $1 ..., and `relation` for every table. It has no locations, which would be
    of its own text."""
    return _filled(parse(sql)[0].node, values, relation)  # type: ignore[no-any-return]


def _filled(node: Any, values: Mapping[int, Node], relation: Node | None) -> Any:
    if isinstance(node, list):
        return [_filled(item, values, relation) for item in node]
    if not isinstance(node, dict):
        return node
    if "RangeVar" in node and relation is not None:
        return relation
    if "ParamRef" in node:
        return values[node["ParamRef"]["number"]]
    return {key: _filled(value, values, relation) for key, value in node.items() if key != "location"}
