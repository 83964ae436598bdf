"""Ranges and multiranges in DuckDB's words: BLOBs, their datums.

Values of the subtype go to the functions, and come from them, as text: of whole numbers and numerics their digits, of
days and moments their count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.ranges import (
    CONSTRUCTORS,
    FAMILIES,
    MULTIRANGE_CONSTRUCTORS,
    NAMES,
    family_of,
    is_multirange,
    is_range,
)
from sqlvec.sql.render_types import duckdb_type, zone_word
from sqlvec.types import SqlType
from sqlvec.types.spans import ARITHMETIC, RELATIONS

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer


def range_text(r: ExpressionRenderer, value: str, sql_type: SqlType) -> str:
    return f"sqlvec_range_shown({value}, {sql_type.oid}, {zone_word(r.context.time_zone)})"


def parsed_range(r: ExpressionRenderer, text: str, target: SqlType) -> str:
    return f"sqlvec_range_parse({text}, {target.oid}, {zone_word(r.context.time_zone)})"


def range_cast(value: str, source: SqlType, target: SqlType) -> str | None:
    """A range as a multirange; None for other casts."""
    if not (is_range(source) and is_multirange(target)):
        return None
    return f"sqlvec_range_join([{value}], {target.oid})"


def range_operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """None for operators over other types."""
    if len(e.args) != 2 or (e.name not in RELATIONS and e.name not in ARITHMETIC):
        return None
    left, right = e.args
    family = family_of(left.type) or family_of(right.type)
    if family is None:
        return None
    if right.type.oid not in FAMILIES:
        return f"sqlvec_range_holds({r.render(left)}, {left.type.oid}, {_key(r, right)})"
    if left.type.oid not in FAMILIES:
        return f"sqlvec_range_holds({r.render(right)}, {right.type.oid}, {_key(r, left)})"
    a, b = r.render(left), r.render(right)
    if e.name in ARITHMETIC:
        return f"sqlvec_range_arithmetic('{e.name}', {a}, {b}, {left.type.oid})"
    return f"sqlvec_range_relation('{e.name}', {a}, {left.type.oid}, {b}, {right.type.oid})"


def range_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """None for other functions."""
    if e.name not in NAMES:
        return None
    name = e.name
    if name in CONSTRUCTORS:
        ends = [_key(r, arg) for arg in e.args[:2]]
        flags = r.render(e.args[2]) if len(e.args) > 2 else "'[)'"
        return f"sqlvec_range_make({', '.join(ends)}, {flags}, {e.type.oid})"
    if name in MULTIRANGE_CONSTRUCTORS:
        if len(e.args) == 1 and e.args[0].type.definition.category == "A":
            return f"sqlvec_range_join({r.render(e.args[0])}, {e.type.oid})"
        return f"sqlvec_range_join(CAST([{', '.join(r.all(e.args))}] AS BLOB[]), {e.type.oid})"
    family = family_of(e.args[0].type)
    if family is None:
        return None
    values = r.all(e.args)
    oid = e.args[0].type.oid
    if name == "multirange":
        return f"sqlvec_range_join([{values[0]}], {e.type.oid})"
    if name == "range_merge":
        ranges = f"[{', '.join(values)}]"
        return f"sqlvec_range_hull(CAST({ranges} AS BLOB[]), {oid}, {e.type.oid})"
    if e.type.oid == types.BOOL.oid:
        return f"sqlvec_range_test('{name}', {values[0]}, {oid})"
    return _value(f"sqlvec_range_bound('{name}', {values[0]}, {oid})", e.type)


def range_list(r: ExpressionRenderer, e: bound.Expression) -> str | None:
    """The ranges of a multirange, as a list; None for what is none."""
    return f"sqlvec_range_parts({r.render(e)}, {e.type.oid})" if is_multirange(e.type) else None


def _key(r: ExpressionRenderer, e: bound.Expression) -> str:
    from sqlvec.sql.render_numeric import as_text

    oid = e.type.oid
    if oid == types.NUMERIC.oid:
        return as_text(r, e)
    value = r.render(e)
    if oid == types.DATE.oid:
        value = f"sqlvec_days_of({value})"
    elif oid in (types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid):
        value = f"sqlvec_us_of({value})"
    return f"CAST({value} AS VARCHAR)"


def _value(text: str, sql_type: SqlType) -> str:
    from sqlvec.sql.render_cast import moment_of

    oid = sql_type.oid
    if oid == types.NUMERIC.oid:
        return text
    if oid in (types.DATE.oid, types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid):
        return moment_of(f"CAST({text} AS BIGINT)", oid)
    return f"CAST({text} AS {duckdb_type(sql_type)})"
