"""A bound tree with some of its expressions replaced by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sqlvec.sql import bound
from sqlvec.types import SqlType

Place = tuple[int, int]  # of a column: relation id and ordinal, whatever it is called
Replacements = Mapping[bound.Expression | Place, bound.Expression]


def substituted(node: Any, values: Replacements) -> Any:
    """The tree, in which whatever is found in `values` stands for itself; columns are found by place."""
    if isinstance(node, bound.Expression):
        place = (node.relation_id, node.ordinal) if isinstance(node, bound.ColumnRef) else node
        found = values.get(place)
        if found is not None:
            return found
    if isinstance(node, tuple):
        items = tuple(substituted(item, values) for item in node)
        same = all(new is old for new, old in zip(items, node, strict=True))
        return node if same else items
    if isinstance(node, (SqlType, bound.TableScan, bound.SystemScan)) or not is_dataclass(node):
        return node
    changes = {}
    for field in fields(node):
        value = getattr(node, field.name)
        new = substituted(value, values)
        if new is not value:
            changes[field.name] = new
    return replace(node, **changes) if changes else node  # type: ignore[type-var]
