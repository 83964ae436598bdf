"""Two changes of one catalog as one: what a transaction changed, over what others committed meanwhile.

Locks keep transactions from changing the same object, or one that the other's needs; so the changes are of different
objects, and those of one are put into the catalog of the others. A change that meets another nevertheless is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from sqlvec.catalog.objects import Catalog, Index, Relation
from sqlvec.errors import SerializationFailure

_COUNTED = ("version", "next_oid")


def merged(base: Catalog, mine: Catalog, newest: Catalog) -> Catalog:
    """`newest`, with what made `mine` of `base`."""
    if newest is base:
        return mine
    changed: dict[str, Any] = {"next_oid": max(mine.next_oid, newest.next_oid)}
    for field in fields(Catalog):
        if field.name not in _COUNTED:
            before, after, now = (getattr(c, field.name) for c in (base, mine, newest))
            if isinstance(before, Mapping):
                changed[field.name] = _mapping(before, after, now)
            elif after != before:
                changed[field.name] = _value(before, after, now)
    _check_names(changed["relations"], newest, mine)
    return replace(newest, **changed)


def _mapping(before: Mapping[Any, Any], after: Mapping[Any, Any], now: Mapping[Any, Any]) -> Any:
    if after is before or now is before:
        return now if after is before else after
    found = dict(now)
    for key in before.keys() - after.keys():
        if now.get(key, before[key]) != before[key]:
            raise _conflict()
        found.pop(key, None)
    for key, value in after.items():
        if (old := before.get(key)) is not value and old != value:
            found[key] = _value(old, value, now.get(key))
    return found


def _value(before: Any, after: Any, now: Any) -> Any:
    if now != before and now != after:
        raise _conflict()
    return after


def _check_names(relations: Mapping[int, Relation], newest: Catalog, mine: Catalog) -> None:
    """Every table of an index is there, and no new relation has the name of another."""
    for oid, relation in relations.items():
        if isinstance(relation, Index):
            if relation.table_oid not in relations:
                raise _conflict()
        elif mine.relations.get(oid) is relation:
            other = newest.relation(relation.schema_oid, relation.name)
            if other is not None and other.oid != oid and other.oid in relations:
                raise _conflict()


def _conflict() -> SerializationFailure:
    return SerializationFailure(
        "could not serialize access due to concurrent update",
        detail="The catalog was changed by another transaction.",
    )
