"""How types meet: categories, promotion, unification, which casts happen by themselves.

Source: PostgreSQL, "Type Conversion" (chapter 10), and parse_coerce.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec import types
from sqlvec.types import SqlType
from sqlvec.types.composite_type import is_composite
from sqlvec.types.domain_type import value_type
from sqlvec.types.integer import RegType
from sqlvec.types.range_type import NUMERIC_RANGES, Multirange
from sqlvec.types.shaped_array import is_shaped, public_oid

NUMBERS = [t.oid for t in (types.INT2, types.INT4, types.INT8, types.NUMERIC, types.FLOAT4, types.FLOAT8)]
INTEGERS = frozenset(t.oid for t in (types.INT2, types.INT4, types.INT8))
TEXTS = frozenset(t.oid for t in (types.TEXT, types.VARCHAR, types.BPCHAR, types.NAME, types.CHAR))
REG_KINDS = {
    definition.oid: definition.name for definition in types.all_types() if isinstance(definition, RegType)
}
OIDS = frozenset([types.OID.oid, *REG_KINDS])
SEARCH_NAMES = (types.REGCONFIG.oid, types.REGDICTIONARY.oid)
BITS = (types.BIT.oid, types.VARBIT.oid)
VECTORS = (types.VECTOR.oid, types.HALFVEC.oid, types.SPARSEVEC.oid)
_REALS = types.array_of(types.FLOAT4).oid
# pgvector's casts (pg_cast): what happens by itself; the others, and from arrays, on assignment.
_VECTORS_IMPLICIT = frozenset(
    [
        (types.VECTOR.oid, types.HALFVEC.oid),
        (types.VECTOR.oid, types.SPARSEVEC.oid),
        (types.HALFVEC.oid, types.SPARSEVEC.oid),
        (types.VECTOR.oid, _REALS),
    ]
)
_VECTOR_ELEMENTS = frozenset(
    t.oid for t in (types.INT4, types.FLOAT4, types.FLOAT8, types.NUMERIC)
)
_MOMENTS = [types.DATE.oid, types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid]


_NAME, _CHAR = types.NAME.oid, types.CHAR.oid
# Casts among texts that do not happen by themselves.
_ASSIGNED_TEXTS = frozenset(
    [(_NAME, types.VARCHAR.oid), (_NAME, types.BPCHAR.oid), (_NAME, _CHAR), (_CHAR, _NAME)]
    + [(t.oid, _CHAR) for t in (types.TEXT, types.VARCHAR, types.BPCHAR)]
    + [(_CHAR, t.oid) for t in (types.VARCHAR, types.BPCHAR)]
)  # fmt: skip


def is_unknown(sql_type: SqlType) -> bool:
    return sql_type.oid == types.UNKNOWN.oid


def casts_implicitly(source: SqlType, target: SqlType) -> bool:
    """Whether a value of source is accepted where target is wanted, without a word."""
    target = value_type(target)
    a, b = source.oid, target.oid
    if a == b or is_unknown(source):
        return True
    if a in NUMBERS and b in NUMBERS:
        return NUMBERS.index(a) < NUMBERS.index(b)
    if is_shaped(source) != is_shaped(target):
        return public_oid(a) == public_oid(b)
    if a in TEXTS and b in TEXTS:
        return (a, b) not in _ASSIGNED_TEXTS
    if b == types.REGCLASS.oid and a in (types.TEXT.oid, types.VARCHAR.oid):
        return True
    if a == types.PG_NODE_TREE.oid and b == types.TEXT.oid:
        return True
    if a in SEARCH_NAMES or b in SEARCH_NAMES:
        return types.OID.oid in (a, b)
    if a in OIDS or b in OIDS:
        return (a in OIDS or a in INTEGERS) and b in OIDS
    if a in _MOMENTS and b in _MOMENTS:
        return _MOMENTS.index(a) < _MOMENTS.index(b)
    if (a, b) == (types.CIDR.oid, types.INET.oid):
        return True
    if (a, b) in ((types.TIME.oid, types.INTERVAL.oid), (types.TIME.oid, types.TIMETZ.oid)):
        return True
    if (a, b) in _VECTORS_IMPLICIT or (a in BITS and b in BITS):
        return True
    element, wanted = types.element_of(source), types.element_of(target)
    if element is None or wanted is None:
        return False
    if a in (types.INT2VECTOR.oid, types.OIDVECTOR.oid):
        return wanted.oid == element.oid
    return casts_implicitly(element, wanted)


def casts_on_assignment(source: SqlType, target: SqlType) -> bool:
    """Whether INSERT and UPDATE accept it."""
    target = value_type(target)
    if casts_implicitly(source, target):
        return True
    a, b = source.oid, target.oid
    if a in NUMBERS and b in NUMBERS:
        return True
    if b in TEXTS:
        return True
    if a in OIDS and b in (types.INT4.oid, types.INT8.oid):
        return True
    if a in _MOMENTS and b in (*_MOMENTS, types.TIME.oid):
        return True
    if (a, b) in ((types.TIMESTAMPTZ.oid, types.TIMETZ.oid), (types.TIMETZ.oid, types.TIME.oid)):
        return True
    money = types.MONEY.oid
    if (a, b) in ((money, types.NUMERIC.oid), (types.NUMERIC.oid, money), (types.INT4.oid, money), (types.INT8.oid, money)):
        return True
    element = types.element_of(source)
    if b in VECTORS:
        return a in VECTORS or (element is not None and element.oid in _VECTOR_ELEMENTS)
    wanted = types.element_of(target)
    if a in VECTORS:
        return a == types.HALFVEC.oid and b == _REALS
    if element is not None and wanted is not None:
        return casts_on_assignment(element, wanted)
    return (a, b) in (
        (types.JSON.oid, types.JSONB.oid), (types.JSONB.oid, types.JSON.oid),
        (types.INET.oid, types.CIDR.oid),
    )  # fmt: skip


def casts_explicitly(source: SqlType, target: SqlType) -> bool:
    """Whether CAST accepts it."""
    target = value_type(target)
    if casts_on_assignment(source, target):
        return True
    a, b = source.oid, target.oid
    if a in TEXTS:
        return True
    if {a, b} == {types.BOOL.oid, types.INT4.oid}:
        return True
    integers = (types.INT4.oid, types.INT8.oid)
    if (a in integers and b == types.BIT.oid) or (a in BITS and b in integers):
        return True
    numbered = (*OIDS, *SEARCH_NAMES)
    if a in INTEGERS and b in numbered or a in numbered and b in INTEGERS:
        return True
    element, wanted = types.element_of(source), types.element_of(target)
    if element is not None and wanted is not None:
        return casts_explicitly(element, wanted)
    source_range, target_range = source.definition, target.definition
    if isinstance(target_range, Multirange) and target_range.range is source_range:
        return True
    json_like = (types.JSON.oid, types.JSONB.oid)
    if a in json_like and (b in NUMBERS or b == types.BOOL.oid):
        return True
    return (a, b) == (types.INTERVAL.oid, types.TIME.oid)


def has_equality(sql_type: SqlType) -> bool:
    """Whether two values can be told to be equal, as DISTINCT, GROUP BY and UNION ask."""
    element = types.element_of(sql_type)
    return (element or sql_type).oid not in (types.JSON.oid, types.JSONPATH.oid)


def has_sort_key(sql_type: SqlType) -> bool:
    """Whether values are compared by what the relational engine makes of them."""
    compared = sql_type.oid in (*NUMERIC_RANGES, types.JSONB.oid)
    return compared or is_composite(sql_type) or is_shaped(sql_type)


def depends_on_labels(source: SqlType, target: SqlType) -> bool:
    """Whether the cast goes through the text of an enum or a composite, which another name changes."""
    if source.oid == target.oid:
        return False
    return any(t.own is not None and t.own.kind in ("e", "c") for t in (source, target))


def common_type(found: Sequence[SqlType]) -> SqlType | None:
    """The type of UNION, CASE, VALUES, ARRAY over these (parse_coerce.c, select_common_type); None when
    they cannot meet. All unknown gives text."""
    known = [t for t in found if not is_unknown(t)]
    if not known:
        return types.TEXT
    result = known[0]
    for other in known[1:]:
        if public_oid(other.oid) == public_oid(result.oid):
            result = other if is_shaped(other) else result
            continue
        if result.definition.category != other.definition.category:
            return None
        there, back = casts_implicitly(result, other), casts_implicitly(other, result)
        if there and not back and not result.definition.preferred:
            result = other
        elif not casts_implicitly(other, result):
            return None
    same_typmod = all(t == result for t in known) and len(known) == len(found)
    return result if same_typmod else result.bare


def promoted(left: SqlType, right: SqlType) -> SqlType:
    """The type in which two numbers are added."""
    a, b = NUMBERS.index(left.oid), NUMBERS.index(right.oid)
    top = max(a, b)
    if NUMBERS[top] == types.FLOAT4.oid and a != b:
        return types.FLOAT8
    return SqlType(NUMBERS[top])
