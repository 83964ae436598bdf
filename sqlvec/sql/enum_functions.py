"""The functions over enums: enum_first, enum_last, enum_range (enum.c)."""

from __future__ import annotations

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.type_rules import is_unknown
from sqlvec.types.enum_type import Enum

FUNCTIONS = frozenset(["enum_first", "enum_last", "enum_range"])


def enum_function(
    binder: Binder, name: str, args: list[bound.Expression], position: int | None
) -> bound.Expression | None:
    """enum_first, enum_last, enum_range; None where the arguments are no enums."""
    known = [arg.type for arg in args if not is_unknown(arg.type)]
    if len(args) not in ((1, 2) if name == "enum_range" else (1,)):
        return None
    if not known:
        return None
    enum = known[0].definition
    if not isinstance(enum, Enum) or any(t.oid != known[0].oid for t in known):
        return None
    codes = list(enum.labels)
    if name == "enum_range":
        everything = bound.Const(types.array_of(known[0]), codes)
        if len(args) == 1:
            return everything
        ends = [binder.coerce(arg, known[0], position=position) for arg in args]
        return bound.FunctionCall(everything.type, name, (everything, *ends))
    return bound.Const(known[0], codes[0 if name == "enum_first" else -1])
