"""Polymorphic arguments: anyelement and its kin, whose types a call decides (parse_coerce.c, check_generic_type_consistency).

The kin of anyelement are all one type, or arrays of it; the kin of anycompatible are what their common type is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec import types
from sqlvec.errors import DatatypeMismatch
from sqlvec.sql.type_rules import common_type, is_unknown
from sqlvec.types import SqlType

_ELEMENTS = ("anyelement", "anynonarray", "anyenum")
_COMPATIBLES = ("anycompatible", "anycompatiblenonarray")
_ARRAYS = {"anyarray": "anyelement", "anycompatiblearray": "anycompatible"}
NAMES = frozenset([*_ELEMENTS, *_COMPATIBLES, *_ARRAYS])
_BY_OID = {found.oid: name for name in NAMES if (found := types.by_name(name)) is not None}


def is_polymorphic(sql_type: SqlType) -> bool:
    return sql_type.oid in _BY_OID


def could_be(given: SqlType, wanted: SqlType) -> bool:
    """Whether a value of that type may be what is wanted, as far as it alone tells."""
    name = _BY_OID[wanted.oid]
    if is_unknown(given):
        return True
    if name in _ARRAYS:
        return types.element_of(given) is not None
    if name.endswith("nonarray"):
        return types.element_of(given) is None
    return name != "anyenum" or given.definition.category == "E"


def are_consistent(wanted: Sequence[SqlType], given: Sequence[SqlType]) -> bool:
    """Whether the arguments agree on what the polymorphic types are."""
    elements, commons = set(), []
    for one, target in zip(given, wanted, strict=True):
        name = _BY_OID.get(target.oid, "")
        if not name or is_unknown(one):
            continue
        base = types.element_of(one) if name in _ARRAYS else one
        if base is not None and name.startswith("anycompatible"):
            commons.append(base)
        elif base is not None:
            elements.add(base.oid)
    return len(elements) <= 1 and (not commons or common_type(commons) is not None)


def settled(wanted: Sequence[SqlType], given: Sequence[SqlType]) -> dict[int, SqlType]:
    """What the polymorphic types among those wanted are in a call whose arguments are consistent, by oid."""
    names = [_BY_OID.get(w.oid, "") for w in wanted]
    if not any(names):
        return {}
    found: dict[int, SqlType] = {}
    element = _element(names, given)
    common = _common(names, given)
    for oid, name in _BY_OID.items():
        base = element if name in (*_ELEMENTS, "anyarray") else common
        if base is None:
            continue
        if name in _ARRAYS:
            if base.definition.array_oid:
                found[oid] = types.array_of(base)
        else:
            found[oid] = base
    return found


def _element(names: Sequence[str], given: Sequence[SqlType]) -> SqlType | None:
    """The one type of anyelement and its kin."""
    wanted = False
    for name, one in zip(names, given, strict=True):
        if name not in (*_ELEMENTS, "anyarray"):
            continue
        wanted = True
        if not is_unknown(one):
            base = types.element_of(one) if name == "anyarray" else one
            assert base is not None, one
            return base.bare
    if wanted:
        raise DatatypeMismatch("could not determine polymorphic type because input has type unknown")
    return None


def _common(names: Sequence[str], given: Sequence[SqlType]) -> SqlType | None:
    """The common type of anycompatible and its kin."""
    found = []
    for name, one in zip(names, given, strict=True):
        if name in _COMPATIBLES:
            found.append(one)
        elif name == "anycompatiblearray" and not is_unknown(one):
            base = types.element_of(one)
            assert base is not None, one
            found.append(base)
    result = common_type(found) if found else None
    return None if result is None else result.bare


def required(result: SqlType) -> str:
    """What a result of a polymorphic type asks for among the arguments (pg_proc.c)."""
    family = "anyelement, anyarray, anynonarray, anyenum, anyrange, or anymultirange"
    if _BY_OID[result.oid].startswith("anycompatible"):
        family = "anycompatible, anycompatiblearray, anycompatiblenonarray, anycompatiblerange, or "
        family += "anycompatiblemultirange"
    return f"A result of type {result.name} requires at least one input of type {family}."
