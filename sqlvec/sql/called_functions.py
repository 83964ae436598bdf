"""Functions that are one call of a Python function (exec/relational_*).

    by name, or by name and the kind of the first argument (bytea, bit) where that decides

{n} is an argument, {*} all of them; arguments that are not given have the defaults at the end of the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.functions import MEASURES
from sqlvec.sql.render_cast import interval_parts, moment_of, text_of
from sqlvec.sql.render_numeric import as_text
from sqlvec.sql.render_types import TEXTS, duckdb_type, is_numeric
from sqlvec.sql.type_rules import BITS

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_CALLS: dict[str | tuple[str, str], str] = {
    ("btrim", "bytea"): "sqlvec_bytes_trim({0}, {1}, 'btrim')",
    ("ltrim", "bytea"): "sqlvec_bytes_trim({0}, {1}, 'ltrim')",
    ("rtrim", "bytea"): "sqlvec_bytes_trim({0}, {1}, 'rtrim')",
    ("position", "bytea"): "sqlvec_bytes_position({1}, {0})",
    ("position", "bit"): "sqlvec_bit_position({1}, {0})",
    ("substring", "bytea"): "sqlvec_bytes_substring({0}, {1}, {2})",
    ("substr", "bytea"): "sqlvec_bytes_substring({0}, {1}, {2})",
    ("substring", "bit"): "sqlvec_bit_substring({0}, {1}, {2})",
    ("overlay", "bytea"): "sqlvec_bytes_overlay({0}, {1}, {2}, {3})",
    ("overlay", "bit"): "sqlvec_bit_overlay({0}, {1}, {2}, {3})",
    ("octet_length", "bit"): "((length({0}) + 7) // 8)", ("bit_length", "bit"): "length({0})",
    ("bit_length", "bytea"): "(8 * octet_length({0}))",
    "get_byte": "sqlvec_get_byte({0}, {1})", "set_byte": "sqlvec_set_byte({0}, {1}, {2})",
    ("get_bit", "bytea"): "sqlvec_get_bit({0}, {1})",
    ("set_bit", "bytea"): "sqlvec_set_bit({0}, {1}, {2})",
    ("get_bit", "bit"): "sqlvec_bit_get({0}, {1})", ("set_bit", "bit"): "sqlvec_bit_set({0}, {1}, {2})",
    ("bit_count", "bytea"): "sqlvec_bytes_bit_count({0})",
    ("bit_count", "bit"): "length(replace({0}, '0', ''))",
    "normalize": "sqlvec_normalize({0}, {1})", "is_normalized": "sqlvec_is_normalized({0}, {1})",
    "unistr": "sqlvec_unistr({0})",
    "regexp_count": "sqlvec_regexp_count({0}, {1}, {2}, {3})",
    "regexp_instr": "sqlvec_regexp_instr({0}, {1}, {2}, {3}, {4}, {5}, {6})",
    "regexp_like": "sqlvec_regexp_like({0}, {1}, {2})",
    "regexp_substr": "sqlvec_regexp_substr({0}, {1}, {2}, {3}, {4}, {5})",
    "atan2d": "(atan2({0}, {1}) / atan(1) * 45)",
    **{name: f"sqlvec_measure('{name}', {{0}})" for name in MEASURES},
}  # fmt: skip
_DEFAULTS: dict[str, tuple[str, ...]] = {
    "normalize": ("", "'NFC'"), "is_normalized": ("", "'NFC'"),
    "regexp_count": ("", "", "1", "''"), "regexp_instr": ("", "", "1", "1", "0", "''", "0"),
    "regexp_like": ("", "", "''"), "regexp_substr": ("", "", "1", "1", "''", "0"),
    "substring": ("", "", "CAST(NULL AS BIGINT)"), "substr": ("", "", "CAST(NULL AS BIGINT)"),
    "overlay": ("", "", "", "CAST(NULL AS BIGINT)"),
}  # fmt: skip


def called_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """The call; None for a function that is none of these."""
    handler = _HANDLERS.get(e.name)
    if handler is not None and (found := handler(r, e)) is not None:
        return found
    template = _CALLS.get(e.name) or _CALLS.get((e.name, _kind(e)))
    if template is None:
        return None
    args = r.all(e.args)
    args += _DEFAULTS.get(e.name, ())[len(args) :]
    call = template.format(*args)
    same = e.type.oid in TEXTS or e.type.oid == types.BOOL.oid
    return f"({call})" if same else f"CAST({call} AS {duckdb_type(e.type)})"


def _kind(e: bound.FunctionCall) -> str:
    oid = e.args[0].type.oid if e.args else 0
    return "bytea" if oid == types.BYTEA.oid else "bit" if oid in BITS else ""


def _nulls(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    word = "IS NULL" if e.name == "num_nulls" else "IS NOT NULL"
    tests = " + ".join(f"CAST({r.render(arg)} {word} AS INTEGER)" for arg in e.args)
    return f"CAST({tests} AS INTEGER)"


def _text_substring(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """substring(text SIMILAR pattern ESCAPE escape)."""
    if len(e.args) != 3 or e.args[1].type.oid not in TEXTS:
        return None
    return f"sqlvec_sql_substring({', '.join(r.all(e.args))})"


def _replace_from(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    if len(e.args) < 4 or e.args[3].type.oid in TEXTS:
        return None
    args = [*r.all(e.args), *("1", "''")[len(e.args) - 4 :]]
    return f"sqlvec_regexp_replace_from({', '.join(args)})"


def _exact(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    if not is_numeric(e.type):
        return None
    args = [as_text(r, a) if is_numeric(a.type) else f"CAST({r.render(a)} AS VARCHAR)" for a in e.args]
    return f"sqlvec_numeric('{e.name}', {', '.join([*args, 'NULL'][:2])})"


def _scale(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    return f"CAST(sqlvec_numeric('{e.name}', {as_text(r, e.args[0])}, NULL) AS INTEGER)"


def _width_bucket(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    if len(e.args) != 2:
        if not is_numeric(e.args[0].type):
            return None
        texts = ", ".join(as_text(r, arg) for arg in e.args[:3])
        return f"CAST(sqlvec_numeric_bucket({texts}, {r.render(e.args[3])}) AS INTEGER)"
    value, bounds = (r.comparable(arg) for arg in e.args)
    item = r.fresh()
    below = f"len(list_filter({bounds}, lambda {item}: {item} <= {value}))"
    return f"CASE WHEN {value} IS NOT NULL THEN CAST({below} AS INTEGER) END"


def _making(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    args = r.all(e.args)
    if e.name == "make_timestamptz":
        args += [f"'{r.context.time_zone}'"][len(args) - 6 :]
    return moment_of(f"sqlvec_{e.name}({', '.join(args)})", e.type.oid)


def _bin(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    width, moment, origin = r.all(e.args)
    parts = f"{interval_parts(width)}, sqlvec_us_of({moment}), sqlvec_us_of({origin})"
    return moment_of(f"sqlvec_bin_moment({parts})", e.type.oid)


_SIZES = {
    types.BOOL.oid: 1, types.INT2.oid: 2, types.INT4.oid: 4, types.FLOAT4.oid: 4, types.DATE.oid: 4,
    types.OID.oid: 4, types.INT8.oid: 8, types.FLOAT8.oid: 8, types.TIME.oid: 8, types.TIMESTAMP.oid: 8,
    types.TIMESTAMPTZ.oid: 8, types.INTERVAL.oid: 16, types.UUID.oid: 16,
}  # fmt: skip
_VARYING_HEADER = 4
_ELEMENT_SIZES = {types.VECTOR.oid: 4, types.HALFVEC.oid: 2}


def _column_size(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """Bytes as PostgreSQL would keep them, uncompressed; of other types those of the text."""
    arg = e.args[0]
    value = r.render(arg)
    if arg.type.oid in _SIZES:
        size = str(_SIZES[arg.type.oid])
    elif arg.type.oid in _ELEMENT_SIZES:
        dims = r.render(bound.FunctionCall(types.INT4, "vector_dims", (arg,)))
        size = f"8 + {_ELEMENT_SIZES[arg.type.oid]} * {dims}"
    elif arg.type.oid == types.BYTEA.oid:
        size = f"{_VARYING_HEADER} + octet_length({value})"
    else:
        size = f"{_VARYING_HEADER} + strlen({text_of(r, arg)})"
    return f"CASE WHEN {value} IS NOT NULL THEN CAST({size} AS INTEGER) END"


def _overlaps(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    ends = []
    for start, end in (e.args[:2], e.args[2:]):
        if end.type.oid == types.INTERVAL.oid:
            end = bound.FunctionCall(start.type, "+", (start, end), True)
        ends += [f"epoch_us({r.render(moment)})" for moment in (start, end)]
    return f"sqlvec_overlap({', '.join(ends)})"


_HANDLERS = {
    "num_nulls": _nulls, "num_nonnulls": _nulls, "substring": _text_substring,
    "regexp_replace": _replace_from, "gcd": _exact, "lcm": _exact, "factorial": _exact,
    "trim_scale": _exact, "scale": _scale, "min_scale": _scale, "width_bucket": _width_bucket,
    "make_time": _making, "make_timestamp": _making, "make_timestamptz": _making, "date_bin": _bin,
    "overlaps": _overlaps, "pg_column_size": _column_size,
}  # fmt: skip
