"""Catalog values as bytes: the difference between two catalogs, for the WAL and the manifest.

    edit    JSON object, utf-8: version, next_oid, extensions, schemas, removed_schemas, relations,
            removed_relations, types, removed_types, routines, removed_routines; each is
            {"kind": class name, field: value ...}

A field that equals its default is left out and read back as the default, so a new field with a
default can be added to a catalog class without a new format. An edit is idempotent: it says what
the objects are, not how they changed. The catalog of a whole database is the edit from the empty
catalog.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

from sqlvec.catalog import objects, routines, user_types
from sqlvec.catalog.objects import Catalog
from sqlvec.errors import DataCorrupted
from sqlvec.types import SqlType

TYPE_KEY = "oid_typmod"
_MAPPINGS = ("schemas", "types", "relations", "routines")  # of a catalog's fields: objects by oid


def encode_catalog_edit(old: Catalog, new: Catalog) -> bytes:
    """What turns `old` into `new`."""
    edit: dict[str, Any] = {"version": new.version, "next_oid": new.next_oid}
    known = {"version", "next_oid", *_MAPPINGS}
    for field in fields(Catalog):
        if field.name not in known and getattr(old, field.name) != getattr(new, field.name):
            edit[field.name] = _encode(getattr(new, field.name))
    for name in _MAPPINGS:
        before, after = getattr(old, name), getattr(new, name)
        edit[name] = [_encode(v) for k, v in after.items() if before.get(k) != v]
        edit["removed_" + name] = [k for k in before if k not in after]
    return json.dumps(edit, ensure_ascii=False, separators=(",", ":")).encode()


def apply_catalog_edit(catalog: Catalog, data: bytes) -> Catalog:
    """The catalog after the edit. next_oid never falls."""
    edit = json.loads(data)
    merged: dict[str, Any] = {}
    for name in _MAPPINGS:
        target = merged[name] = dict(getattr(catalog, name))
        for oid in edit.pop("removed_" + name, ()):
            target.pop(oid, None)
        for item in edit.pop(name, ()):
            value = _decode(item)
            target[value.oid] = value
    next_oid = max(catalog.next_oid, edit.pop("next_oid"))
    rest = {name: _decode(value) for name, value in edit.items()}
    return replace(catalog, next_oid=next_oid, **merged, **rest)


def _encode(value: Any) -> Any:
    if isinstance(value, SqlType):
        return {TYPE_KEY: [value.oid, value.typmod]}
    if dataclasses.is_dataclass(value):
        out: dict[str, Any] = {"kind_": type(value).__name__}
        for field in fields(value):
            item = getattr(value, field.name)
            if item != _default(field):
                out[field.name] = _encode(item)
        return out
    if isinstance(value, Mapping):
        return {"map_": [[_encode(k), _encode(v)] for k, v in value.items()]}
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return {"set_": [_encode(item) for item in sorted(value)]}
    assert value is None or isinstance(value, (bool, int, float, str)), type(value)
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if TYPE_KEY in value:
        return SqlType(*value[TYPE_KEY])
    if "map_" in value:
        return {_decode(k): _decode(v) for k, v in value["map_"]}
    if "set_" in value:
        return frozenset(_decode(item) for item in value["set_"])
    kind = value.pop("kind_")
    cls = _classes().get(kind)
    if cls is None:
        raise DataCorrupted(f'unknown catalog object kind "{kind}"')
    return cls(**{name: _decode(item) for name, item in value.items()})


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


@cache
def _classes() -> dict[str, Any]:
    """The dataclasses of the catalog by name."""
    known = vars(objects) | vars(user_types) | vars(routines)
    return {k: v for k, v in known.items() if dataclasses.is_dataclass(v)}
