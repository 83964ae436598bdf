"""Operators: which types each takes and gives; distances and text scores become nodes of their own."""

from __future__ import annotations

from sqlvec import types
from sqlvec.errors import (
    AmbiguousFunction,
    UndefinedFunction,
)
from sqlvec.sql import bound
from sqlvec.sql.arrays import of_one_form
from sqlvec.sql.bind_paradedb import OPERATORS as PARADEDB
from sqlvec.sql.bind_paradedb import paradedb_operator
from sqlvec.sql.bind_text import search_operator
from sqlvec.sql.binder import Binder
from sqlvec.sql.composites import composite_of
from sqlvec.sql.money import money_operator
from sqlvec.sql.network import network_operator
from sqlvec.sql.ranges import range_operator
from sqlvec.sql.text_search import joined, match, negation
from sqlvec.sql.type_rules import (
    BITS,
    NUMBERS,
    TEXTS,
    VECTORS,
    casts_implicitly,
    common_type,
    is_unknown,
    promoted,
)
from sqlvec.types import SqlType
from sqlvec.types.shaped_array import is_shaped, shaped

COMPARISONS = frozenset(["=", "<>", "<", "<=", ">", ">="])
DISTANCES = {"<->": "l2", "<#>": "inner_product", "<=>": "cosine", "<+>": "l1"}
BIT_DISTANCES = {"<~>": "hamming", "<%>": "jaccard"}
_TEXT_SEARCH = frozenset(["||", "&&", "<->", "@>", "<@"])
_PATTERNS = frozenset(["~~", "!~~", "~~*", "!~~*", "~", "~*", "!~", "!~*"])
_JSON = (types.JSON.oid, types.JSONB.oid)
_D, _TS, _TZ, _I, _T = (t.oid for t in (types.DATE, types.TIMESTAMP, types.TIMESTAMPTZ, types.INTERVAL, types.TIME))
_N4, _F8, _TTZ = types.INT4.oid, types.FLOAT8.oid, types.TIMETZ.oid
# (left, operator, right) -> result, of dates and times.
_MOMENTS = {
    (_D, "+", _N4): _D, (_N4, "+", _D): _D, (_D, "-", _N4): _D, (_D, "-", _D): _N4,
    (_D, "+", _I): _TS, (_I, "+", _D): _TS, (_D, "-", _I): _TS, (_D, "+", _T): _TS,
    (_TS, "+", _I): _TS, (_I, "+", _TS): _TS, (_TS, "-", _I): _TS, (_TS, "-", _TS): _I,
    (_TZ, "+", _I): _TZ, (_I, "+", _TZ): _TZ, (_TZ, "-", _I): _TZ, (_TZ, "-", _TZ): _I,
    (_TZ, "-", _TS): _I, (_TS, "-", _TZ): _I, (_TS, "-", _D): _I, (_D, "-", _TS): _I,
    (_T, "+", _I): _T, (_I, "+", _T): _T, (_T, "-", _I): _T, (_T, "-", _T): _I,
    (_I, "+", _I): _I, (_I, "-", _I): _I, (_I, "*", _F8): _I, (_F8, "*", _I): _I, (_I, "/", _F8): _I,
}  # fmt: skip


def bind_operator(
    binder: Binder, name: str, left: bound.Expression | None, right: bound.Expression, position: int | None
) -> bound.Expression:
    """left name right, or name right for a prefix operator."""
    if name == "!=":
        name = "<>"
    if left is None and name == "!!":
        found = negation(binder, right, position)
        if found is None:
            raise no_operator(name, None, right.type, position)
        return found
    if left is None:
        return _prefix(binder, name, right, position)
    text_search = None
    if name == "@?" or (name == "@@" and left.type.oid == types.JSONB.oid):
        return _by_path(binder, name, left, right, position)
    if name == "@@":
        text_search = match(binder, left, right, position)
    elif name in _TEXT_SEARCH:
        text_search = joined(binder, name, left, right, position)
    if text_search is not None:
        return text_search
    over_ranges = range_operator(binder, name, left, right, position)
    if over_ranges is not None:
        return over_ranges
    over_addresses = network_operator(binder, name, left, right, position)
    if over_addresses is not None:
        return over_addresses
    if name in DISTANCES:
        found = _distance(binder, name, left, right, position)
    elif name in BIT_DISTANCES:
        found = _bit_distance(binder, name, left, right, position)
    elif name == "<@>":
        found = search_operator(binder, name, left, right, position)
    elif name in PARADEDB:
        found = paradedb_operator(binder, name, left, right, position)
        if found is None and name == "@@@":
            found = search_operator(binder, name, left, right, position)
    elif name in COMPARISONS:
        found = _comparison(binder, name, left, right, position)
    elif name in _PATTERNS:
        found = _pattern(binder, name, left, right, position)
    elif name == "||":
        found = _concatenation(binder, left, right, position)
    elif name in ("+", "-", "*", "/", "%", "^"):
        found = _arithmetic(binder, name, left, right, position)
    else:
        found = _container(binder, name, left, right, position)
    if found is None:
        raise no_operator(name, left.type, right.type, position)
    return found


def no_operator(
    name: str, left: SqlType | None, right: SqlType, position: int | None
) -> UndefinedFunction:
    sides = (left, right) if left else (right,)
    shown = f" {name} ".join(side.plain_name for side in sides)
    shown = shown if left else f"{name} {shown}"
    return UndefinedFunction(
        f"operator does not exist: {shown}",
        position=position,
        hint="No operator matches the given name and argument types. You might need to add "
        "explicit type casts."
        if left
        else "No operator matches the given name and argument type. You might need to add an "
        "explicit type cast.",
    )


def _not_unique(name: str, position: int | None) -> AmbiguousFunction:
    """For two unknown literals, which fit too many types."""
    return AmbiguousFunction(
        f"operator is not unique: unknown {name} unknown",
        position=position,
        hint="Could not choose a best candidate operator. You might need to add explicit type casts.",
    )


def _call(result: SqlType, name: str, *args: bound.Expression) -> bound.FunctionCall:
    return bound.FunctionCall(result, name, args, True)


def _prefix(
    binder: Binder, name: str, right: bound.Expression, position: int | None
) -> bound.Expression:
    if is_unknown(right.type):
        right = binder.coerce(right, types.FLOAT8, position=position)
    oid = right.type.oid
    if name in ("-", "+") and (oid in NUMBERS or oid == types.INTERVAL.oid):
        if name == "+":
            return right
        if isinstance(right, bound.Const) and right.value is not None and oid in NUMBERS:
            return bound.Const(right.type, -right.value)
        return _call(right.type, "-", right)
    if name == "@" and oid in NUMBERS:
        return bound.FunctionCall(right.type, "abs", (right,))
    if name == "~" and oid in BITS:
        return _call(types.BIT, "~", right)
    if name in ("|/", "||/") and oid in NUMBERS:
        root = "sqrt" if name == "|/" else "cbrt"
        double = binder.coerce(right, types.FLOAT8, position=position)
        return bound.FunctionCall(types.FLOAT8, root, (double,))
    if name == "~" and oid in NUMBERS[:3]:
        return _call(right.type, "~", right)
    raise no_operator(name, None, right.type, position)


def _by_path(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression:
    """jsonb @? jsonpath and @@: functions that pass over errors."""
    if not all(is_unknown(s) or s.oid == t.oid for s, t in ((left.type, types.JSONB), (right.type, types.JSONPATH))):
        raise no_operator(name, left.type, right.type, position)
    function = "jsonb_path_exists" if name == "@?" else "jsonb_path_match"
    sides = (
        binder.coerce(left, types.JSONB, position=position),
        binder.coerce(right, types.JSONPATH, position=position),
    )
    silently = (bound.Const(types.JSONB, "{}"), bound.Const(types.BOOL, True))
    return bound.FunctionCall(types.BOOL, function, (*sides, *silently))


def _distance(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    if is_unknown(left.type) and is_unknown(right.type):
        raise _not_unique(name, position)
    sides = _vector_sides(binder, left, right, position)
    return None if sides is None else bound.Distance(types.FLOAT8, DISTANCES[name], *sides)


def _vector_sides(
    binder: Binder, left: bound.Expression, right: bound.Expression, position: int | None
) -> list[bound.Expression] | None:
    """Both as one vector type: vector becomes halfvec or sparsevec beside one, halfvec sparsevec."""
    known = [side.type.oid for side in (left, right) if not is_unknown(side.type)]
    if not known or not set(known) <= set(VECTORS):
        return None
    target = SqlType(max(known, key=VECTORS.index))
    return [
        side if side.type.oid == target.oid else binder.coerce(side, target, position=position)
        for side in (left, right)
    ]


def _bit_distance(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    sides = []
    for side in (left, right):
        if is_unknown(side.type):
            side = binder.coerce(side, types.BIT, position=position)
        elif side.type.oid not in BITS:
            return None
        sides.append(side)
    return bound.Distance(types.FLOAT8, BIT_DISTANCES[name], *sides)


def _comparison(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    plain = composite_of(left.type) is None and composite_of(right.type) is None
    if plain and isinstance(left, bound.RowExpression) and isinstance(right, bound.RowExpression):
        return _row_comparison(binder, name, left, right, position)
    for side, other in ((left, right), (right, left)):
        if isinstance(side, bound.RowExpression) and composite_of(other.type) is not None:
            row = binder.coerce(side, other.type, position=position)
            left, right = (row, other) if side is left else (other, row)
    if name in ("=", "<>"):
        left, right = _xid_as_number(left, right), _xid_as_number(right, left)
    a, b = left.type, right.type
    if is_unknown(a) and is_unknown(b):
        target: SqlType | None = types.TEXT
    elif is_unknown(a) or is_unknown(b):
        known = b if is_unknown(a) else a
        target = known.bare
        if known.oid == types.VARCHAR.oid:
            target = types.TEXT
    elif a.oid in NUMBERS and b.oid in NUMBERS:
        target = promoted(a, b)
    elif a.oid in TEXTS and b.oid in TEXTS:
        alike = a.oid == b.oid and a.oid in (types.BPCHAR.oid, types.NAME.oid, types.CHAR.oid)
        target = a.bare if alike else types.TEXT
    elif a.oid == types.RECORD.oid or b.oid == types.RECORD.oid:
        return None
    else:
        target = common_type([a.bare, b.bare]) or _reg_target(a, b)
        if target is None and {a.oid, b.oid} <= {_D, _TS, _TZ}:
            target = types.TIMESTAMPTZ
    if target is None or target.oid in (types.JSON.oid,):
        return None
    sides = []
    for side in (left, right):
        keep = side.type.oid == target.oid or (side.type.oid in TEXTS and target == types.TEXT)
        sides.append(side if keep else binder.coerce(side, target, position=position))
    sides = of_one_form(binder, sides)
    return _call(types.BOOL, name, *sides)


def _xid_as_number(side: bound.Expression, other: bound.Expression) -> bound.Expression:
    """An xid beside an integer, to which it may be equal and nothing else."""
    compared = side.type.oid == types.XID.oid and other.type.oid == types.INT4.oid
    return bound.Cast(types.INT8, side) if compared else side


def _reg_target(a: SqlType, b: SqlType) -> SqlType | None:
    from sqlvec.sql.type_rules import INTEGERS, OIDS

    if (a.oid in OIDS or a.oid in INTEGERS) and (b.oid in OIDS or b.oid in INTEGERS):
        return types.OID
    return None


def _row_comparison(
    binder: Binder, name: str, left: bound.RowExpression, right: bound.RowExpression, position: int | None
) -> bound.Expression:
    from sqlvec.errors import SyntaxError

    if len(left.items) != len(right.items):
        raise SyntaxError("unequal number of entries in row expressions", position=position)
    pairs = list(zip(left.items, right.items, strict=True))
    if name in ("=", "<>"):
        parts = tuple(bind_operator(binder, name, a, b, position) for a, b in pairs)
        return bound.Boolean(types.BOOL, "and" if name == "=" else "or", parts)
    strict = name.rstrip("=")
    a, b = pairs[-1]
    result = bind_operator(binder, name, a, b, position)
    for a, b in reversed(pairs[:-1]):
        less = bind_operator(binder, strict, a, b, position)
        equal = bind_operator(binder, "=", a, b, position)
        both = bound.Boolean(types.BOOL, "and", (equal, result))
        result = bound.Boolean(types.BOOL, "or", (less, both))
    return result


def _pattern(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    sides = []
    for side in (left, right):
        if not is_unknown(side.type) and side.type.oid not in TEXTS:
            return None
        sides.append(side if side.type.oid in TEXTS else binder.coerce(side, types.TEXT))
    return _call(types.BOOL, name, *sides)


_TEXT_ARRAY = types.array_of(types.TEXT).oid


def _meeting(array: SqlType, other: SqlType) -> SqlType:
    """The array of what its elements and the other have in common."""
    element = types.element_of(array)
    if element is None or is_unknown(other) or element.oid == other.oid or element.definition.category == "A":
        return array
    found = common_type([element.bare, other.bare])
    return array if found is None or found.oid == element.oid else types.array_of(found)


def _concatenation(
    binder: Binder, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    a, b = left.type, right.type
    if a.oid in VECTORS or b.oid in VECTORS:
        found = _vector_sides(binder, left, right, position)
        if found is not None and found[0].type.oid != types.SPARSEVEC.oid:
            return _call(found[0].type.bare, "||", *found)
    if a.oid in BITS or b.oid in BITS:
        if all(is_unknown(side) or side.oid in BITS for side in (a, b)):
            found = [binder.coerce(side, types.VARBIT, position=position) for side in (left, right)]
            return _call(types.VARBIT, "||", *found)
    for one, other in ((a, b), (b, a)):
        if one.oid in (types.JSONB.oid, types.BYTEA.oid):
            if is_unknown(other) or other.oid == one.oid:
                sides = [binder.coerce(side, one.bare, position=position) for side in (left, right)]
                return _call(one.bare, "||", *sides)
            if one.oid != types.BYTEA.oid:
                return None
    element_a, element_b = types.element_of(a), types.element_of(b)
    if element_a is not None or element_b is not None:
        array = a if element_a is not None else b
        if element_a is not None and element_b is not None and casts_implicitly(a, b):
            array = b
        elif element_a is None or element_b is None:  # anycompatible: the array and the element meet
            array = _meeting(array, b if element_a is not None else a)
        if is_shaped(a) or is_shaped(b) and element_b is not None:
            array = shaped(array)
        element = types.element_of(array)
        assert element is not None
        sides = []
        for side, own in ((left, element_a), (right, element_b)):
            target = array if own is not None or is_unknown(side.type) else element
            if not casts_implicitly(side.type, target.bare):
                return None
            sides.append(binder.coerce(side, target.bare, position=position))
        return _call(array.bare, "||", *sides)
    if any(side.oid in TEXTS or is_unknown(side) for side in (a, b)):
        sides = [
            side if side.type.oid in TEXTS else binder.coerce(side, types.TEXT, level="explicit")
            for side in (left, right)
        ]
        return _call(types.TEXT, "||", *sides)
    return None


def _arithmetic(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    a, b = left.type, right.type
    if is_unknown(a) and is_unknown(b):
        raise _not_unique(name, position)
    if is_unknown(a) or is_unknown(b):
        known = b if is_unknown(a) else a
        target = known.bare
        if known.oid in (_TS, _TZ, _D, _T) and name in ("+", "-") and not (name == "-" and is_unknown(a)):
            target = types.INTERVAL if name == "+" or known.oid == _T else target
        if target.oid == types.JSONB.oid:
            target = types.TEXT
        left = binder.coerce(left, target, position=position) if is_unknown(a) else left
        right = binder.coerce(right, target, position=position) if is_unknown(b) else right
        a, b = left.type, right.type
    if types.MONEY.oid in (a.oid, b.oid):
        return money_operator(binder, name, left, right)
    if a.oid in NUMBERS and b.oid in NUMBERS:
        if name == "^":
            target = types.NUMERIC if types.NUMERIC.oid in (a.oid, b.oid) and _F8 not in (a.oid, b.oid) else types.FLOAT8
        else:
            target = promoted(a, b)
        if name == "%" and target.oid in (types.FLOAT4.oid, types.FLOAT8.oid):
            return None
        sides = [s if s.type.oid == target.oid else binder.coerce(s, target) for s in (left, right)]
        return _call(target, name, *sides)
    if a.oid in VECTORS and name in ("+", "-", "*"):
        vectors = _vector_sides(binder, left, right, position)
        if vectors is None or vectors[0].type.oid == types.SPARSEVEC.oid:
            return None
        return _call(vectors[0].type.bare, name, *vectors)
    if a.oid == types.JSONB.oid and name == "-" and b.oid in (*NUMBERS[:2], *TEXTS, _TEXT_ARRAY):
        return _call(types.JSONB, "-", left, right)
    return _moments(binder, name, left, right)


def _moments(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression
) -> bound.Expression | None:
    keys = []
    for side in (left, right):
        oid = side.type.oid
        keys.append(_N4 if oid == types.INT2.oid else oid)
    if types.INTERVAL.oid in keys and name in ("*", "/"):
        keys = [_F8 if oid in NUMBERS else oid for oid in keys]
        left, right = (
            binder.coerce(s, types.FLOAT8) if s.type.oid in NUMBERS else s for s in (left, right)
        )
    result = _MOMENTS.get((keys[0], name, keys[1]))
    return None if result is None else _call(SqlType(result), name, left, right)


def _container(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """Operators of json, jsonb and arrays, and bit arithmetic."""
    a, b = left.type, right.type
    if name in ("->", "->>") and a.oid in _JSON:
        if is_unknown(b):
            right = binder.coerce(right, types.TEXT, position=position)
        elif b.oid not in (types.INT4.oid, types.INT2.oid, *TEXTS):
            return None
        return _call(types.TEXT if name == "->>" else a.bare, name, left, right)
    if name in ("#>", "#>>", "#-") and a.oid in _JSON:
        right = binder.coerce(right, types.array_of(types.TEXT), position=position)
        return _call(types.TEXT if name == "#>>" else a.bare, name, left, right)
    if name in ("?", "?|", "?&") and a.oid == types.JSONB.oid:
        target = types.TEXT if name == "?" else types.array_of(types.TEXT)
        return _call(types.BOOL, name, left, binder.coerce(right, target, position=position))
    if name in ("@>", "<@", "&&"):
        known = b if is_unknown(a) else a
        if known.oid != types.JSONB.oid and types.element_of(known) is None:
            return None
        sides = [binder.coerce(side, known.bare, position=position) for side in (left, right)]
        return _call(types.BOOL, name, *of_one_form(binder, sides))
    if name in ("&", "|", "#", "<<", ">>"):
        return _bitwise(binder, name, left, right, position)
    if name == "^@" and all(is_unknown(side) or side.oid in TEXTS for side in (a, b)):
        sides = [binder.coerce(side, types.TEXT) for side in (left, right)]
        return bound.FunctionCall(types.BOOL, "starts_with", tuple(sides))
    return None


def _over_bits(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    shifts = name in ("<<", ">>")
    known = BITS if not shifts else (types.INT2.oid, types.INT4.oid)
    if not (is_unknown(left.type) or left.type.oid in BITS):
        return None
    if not (is_unknown(right.type) or right.type.oid in known):
        return None
    left = binder.coerce(left, types.BIT, position=position)
    right = binder.coerce(right, types.INT4 if shifts else types.BIT, position=position)
    return _call(types.BIT, name, left, right)


def _bitwise(
    binder: Binder, name: str, left: bound.Expression, right: bound.Expression, position: int | None
) -> bound.Expression | None:
    """Of integers; a shift has the type of what is shifted, by an integer."""
    a, b = left.type, right.type
    if a.oid in BITS or b.oid in BITS:
        return _over_bits(binder, name, left, right, position)
    if not all(is_unknown(side) or side.oid in NUMBERS[:3] for side in (a, b)):
        return None
    if is_unknown(a) and is_unknown(b):
        raise _not_unique(name, position)
    known = b if is_unknown(a) else a
    shifts = name in ("<<", ">>")
    target = known.bare if shifts or is_unknown(a) or is_unknown(b) else promoted(a, b)
    other = types.INT4 if shifts else target
    sides = (
        binder.coerce(left, target, position=position),
        binder.coerce(right, other, level="assignment", position=position),
    )
    return _call(target, name, *sides)
