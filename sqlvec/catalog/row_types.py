"""The row types of tables and views: composite types with the relation's oid and its columns as attributes.

They are not kept: a catalog makes those that columns and types are made of as it links its types, and others when
somebody names them. A value holds attnums (types.composite_type), so that columns come, go and are renamed without a
look at stored rows. There is no array type over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlvec.catalog.user_types import Attribute, CompositeType, UserType


def row_type(relation: Any) -> CompositeType:
    """Of a table or view."""
    attributes = tuple(Attribute(c.attnum, c.name, c.type, c.collation, c.dropped) for c in relation.columns)
    return CompositeType(
        relation.oid, relation.name, relation.schema_oid, 0, "", relation.oid, attributes
    )


def row_types_used(
    relations: Mapping[int, Any], made: Iterable[UserType], wanted: Iterable[int] = ()
) -> dict[int, UserType]:
    """Those that are wanted, that columns and types are made of, and that these are made of."""
    found: dict[int, UserType] = {}
    waiting = [*wanted]
    waiting += [c.type.oid for r in relations.values() for c in getattr(r, "columns", ()) if _has_type(c)]
    waiting += [part.oid for user_type in made for part in user_type.parts()]
    while waiting:
        relation = relations.get(waiting.pop())
        if relation is None or relation.oid in found or not hasattr(relation, "schema_oid"):
            continue
        if not hasattr(relation, "columns"):
            continue
        row = found[relation.oid] = row_type(relation)
        waiting += [part.oid for part in row.parts()]
    return found


def _has_type(column: Any) -> bool:
    """Not so of the columns of an index."""
    return hasattr(column, "dropped") and not column.dropped
