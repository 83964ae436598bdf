"""PostgreSQL's scalar functions in DuckDB's words.

Templates: {n} is an argument, {*} all of them. sqlvec_* are ours, registered by exec.relational_functions.
A function that depends on the session or the catalog is folded to its value if its arguments are known and
its value holds for the whole statement, otherwise called back row by row through sqlvec_call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.catalog.definitions import NAMES as CATALOG_NAMES
from sqlvec.errors import FeatureNotSupported
from sqlvec.sql import bound
from sqlvec.sql.called_functions import called_function
from sqlvec.sql.functions import LOCKING, UNLOCKING
from sqlvec.sql.network import network_function
from sqlvec.sql.render_arrays import assigned_list, plain_arguments_of, shaped_function
from sqlvec.sql.render_cast import parsed, text_out, text_out_of
from sqlvec.sql.render_json import json_function
from sqlvec.sql.render_moments import moment_function
from sqlvec.sql.render_numeric import numeric_function
from sqlvec.sql.render_ranges import range_function
from sqlvec.sql.render_tables import set_returning
from sqlvec.sql.render_text_search import text_search_function
from sqlvec.sql.render_types import TEXTS, ZERO_BASED, duckdb_type, is_numeric, literal
from sqlvec.sql.render_user_types import user_type_function
from sqlvec.sql.render_vectors import vector_function
from sqlvec.types.shaped_array import is_shaped, public_oid

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_TEMPLATES = {
    # text
    "lower": "lower({0})", "upper": "upper({0})", "initcap": "sqlvec_initcap({0})",
    "char_length": "length({0})", "character_length": "length({0})", "reverse": "reverse({0})",
    "repeat": "repeat({0}, CASE WHEN {1} < 0 THEN 0 ELSE {1} END)", "left": "left({0}, {1})", "right": "right({0}, {1})",
    "replace": "replace({0}, {1}, {2})", "position": "instr({0}, {1})", "strpos": "instr({0}, {1})",
    "split_part": "sqlvec_split_part({0}, {1}, {2})", "translate": "translate({0}, {1}, {2})",
    "ascii": "ascii({0})", "chr": "sqlvec_chr({0})", "md5": "md5({0})", "sha224": "sqlvec_digest('sha224', {0})",
    "sha256": "sqlvec_digest('sha256', {0})", "sha384": "sqlvec_digest('sha384', {0})",
    "sha512": "sqlvec_digest('sha512', {0})",
    "encode": "sqlvec_encode({0}, {1})", "decode": "sqlvec_decode({0}, {1})",
    "convert": "sqlvec_convert({0}, {1}, {2})", "convert_from": "sqlvec_convert_from({0}, {1})",
    "convert_to": "sqlvec_convert_to({0}, {1})",
    "quote_ident": "sqlvec_quote_ident({0})", "quote_literal": "sqlvec_quote_literal({0})",
    "starts_with": "starts_with({0}, {1})", "textin": "{0}", "overlay": "sqlvec_overlay({0}, {1}, {2}, {3})",
    "like_escape": "sqlvec_like_escape({0}, {1})", "similar_to_escape": "sqlvec_similar({0}, {1})",
    "regexp_replace": "sqlvec_regexp_replace({0}, {1}, {2}, {3})",
    "regexp_match": "sqlvec_regexp_match({0}, {1}, {2})",
    "regexp_split_to_array": "sqlvec_regexp_split({0}, {1}, {2})",
    "string_to_array": "sqlvec_string_to_array({0}, {1}, {2})",
    "paradedb_snippet": "sqlvec_paradedb_snippet({0}, {1}, {2}, {3}, {4}, {5}, {6}, {7})",
    "bm25_terms": "sqlvec_bm25_terms({0}, {1})",
    "bm25_highlight": "sqlvec_bm25_highlight({0}, {1}, {2}, {3}, {4})",
    "bm25_snippet": "sqlvec_bm25_snippet({0}, {1}, {2}, {3}, {4}, {5})",
    # mathematics in double precision and integers
    "abs": "abs({0})", "ceil": "ceil({0})", "ceiling": "ceil({0})", "floor": "floor({0})",
    "round": "round_even({0}, 0)", "trunc": "trunc({0})", "sign": "sign({0})", "mod": "({0} % {1})",
    "power": "sqlvec_power({0}, {1})", "pow": "sqlvec_power({0}, {1})", "sqrt": "sqlvec_sqrt({0})",
    "cbrt": "cbrt({0})", "exp": "sqlvec_exp({0})", "ln": "sqlvec_ln({0})", "log": "sqlvec_log10({0})",
    "log10": "sqlvec_log10({0})", "random": "random()", "pi": "pi()", "degrees": "degrees({0})",
    "radians": "radians({0})", "sin": "sin({0})", "cos": "cos({0})", "tan": "tan({0})",
    "asin": "sqlvec_asin({0})", "acos": "sqlvec_acos({0})", "atan": "atan({0})",
    "atan2": "atan2({0}, {1})", "gcd": "gcd({0}, {1})", "lcm": "lcm({0}, {1})",
    "width_bucket": "sqlvec_width_bucket({0}, {1}, {2}, {3})",
    # arrays
    "array_length": "sqlvec_array_length({0}, {1})", "array_upper": "sqlvec_array_length({0}, {1})",
    "array_lower": "CASE WHEN {1} = 1 AND len({0}) > 0 THEN 1 END", "cardinality": "len({0})",
    "array_dims": "CASE WHEN len({0}) > 0 THEN '[1:' || len({0}) || ']' END", "array_ndims": "CASE WHEN len({0}) > 0 THEN 1 END", "array_cat": "sqlvec_array_cat({0}, {1})", "trim_array": "sqlvec_trim_array({0}, {1})",
    "array_append": "list_concat({0}, [{1}])", "array_prepend": "list_concat([{0}], {1})",
    # the server
    "gen_random_uuid": "CAST(uuid() AS VARCHAR)", "pg_is_in_recovery": "false", "inet_server_addr": "NULL",
    "inet_server_port": "NULL",
    "pg_jit_available": "false", "pg_reload_conf": "true", "pg_stat_reset": "''",
    "pg_stat_clear_snapshot": "''", "pg_is_wal_replay_paused": "false",
    "pg_stat_get_numscans": "0",
}  # fmt: skip
_DEFAULTS = {
    ("regexp_replace", 3): "''", ("regexp_match", 2): "''", ("regexp_split_to_array", 2): "''", ("overlay", 3): "CAST(NULL AS INTEGER)",
    ("string_to_array", 2): "CAST(NULL AS VARCHAR)", ("similar_to_escape", 1): "'\\'",
}  # fmt: skip
_TRIMS = {"trim": "trim", "btrim": "trim", "ltrim": "ltrim", "rtrim": "rtrim"}
# One value for a whole statement: folded when the arguments are known.
STABLE = frozenset(
    [
        "now", "transaction_timestamp", "statement_timestamp", "current_timestamp", "current_date",
        "current_database", "current_catalog", "current_schema", "current_user", "session_user",
        "user", "current_role", "version", "pg_backend_pid", "current_setting", "pg_relation_size",
        "pg_total_relation_size", "pg_table_size", "pg_indexes_size", "pg_database_size",
        "pg_tablespace_size", "pg_sequence_last_value", "pg_postmaster_start_time", "pg_conf_load_time",
        "txid_current", "lastval", "currval", "get_current_ts_config", "pg_client_encoding",
        "inet_client_addr", "inet_client_port",
    ]
)  # fmt: skip
VOLATILE = frozenset(
    [
        "clock_timestamp", "nextval", "setval", "set_config", "pg_sleep",
        "pg_size_pretty", *LOCKING, *UNLOCKING,
        "pg_notify", "pg_cancel_backend", "pg_terminate_backend",
        "pg_size_bytes", "pg_blocking_pids",
    ]
)  # fmt: skip


def function(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """A call of a scalar function."""
    name = e.name
    if name in STABLE or name in CATALOG_NAMES or name in VOLATILE or name == "pg_typeof":
        return _session_call(r, e)
    if (over_ranges := range_function(r, e)) is not None:
        return over_ranges
    if (over_shapes := shaped_function(r, e)) is not None:
        return over_shapes
    if is_numeric(e.type) or any(is_numeric(arg.type) for arg in e.args):
        found = called_function(r, e) or numeric_function(r, e)
        if found is not None:
            return found
    families = (
        called_function, set_returning, vector_function, _text_function, _array_function, json_function,
        moment_function, text_search_function, user_type_function,
        network_function,
    )  # fmt: skip
    for family in families:
        found = family(r, e)
        if found is not None:
            return found
    if e.name.startswith("array_") and any(is_shaped(arg.type) for arg in e.args):
        return function(r, plain_arguments_of(e))
    template = _TEMPLATES.get(name)
    if template is None:
        raise FeatureNotSupported(f"function {name} is not supported in this query")
    args = plain_arguments(r, e)
    default = _DEFAULTS.get((name, len(args)))
    return typed(fill(template, [*args, default] if default else args), e)


def plain_arguments(r: ExpressionRenderer, e: bound.FunctionCall) -> list[str]:
    """The arguments, numerics as they stand in arrays."""
    return [r.output(arg) if is_numeric(arg.type) else r.render(arg) for arg in e.args]


def fill(template: str, args: list[str]) -> str:
    return template.replace("{*}", ", ".join(args)).format(*args)


def typed(call: str, e: bound.Expression) -> str:
    """The call with the type that DuckDB may not give it by itself."""
    if e.type.oid in TEXTS or e.type.oid == types.BOOL.oid:
        return f"({call})"
    return f"CAST({call} AS {duckdb_type(e.type)})"


# ---------------------------------------------------------------- the session and the catalog


def _session_call(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    if e.name == "pg_typeof":
        return literal(public_oid(e.args[0].type.oid), types.REGTYPE)
    known = [r.constant(arg) for arg in e.args]
    if e.name not in VOLATILE and r.context.fold is not None and None not in known:
        values = tuple(constant.value for constant in known if constant is not None)
        return literal(r.context.fold(e.name, values), e.type)
    args = ", ".join(r.all(e.args))
    call = f"sqlvec_call({r.context.session}, '{e.name}', {e.type.oid}, CAST(json_array({args}) AS VARCHAR))"
    return call if e.type.oid in TEXTS or e.type.oid == types.VOID.oid else parsed(r, call, e.type)


# ---------------------------------------------------------------- text


def _text_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    name = e.name
    if name in _TRIMS:
        args = [*r.all(e.args), "' '"][:2]
        return f"{_TRIMS[name]}({args[0]}, {args[1]})"
    if name in ("concat", "concat_ws"):
        return f"{name}({', '.join(text_out(r, arg) for arg in e.args)})"
    if name == "format":
        rest = ", ".join(text_out(r, arg) for arg in e.args[1:])
        return f"sqlvec_format({r.render(e.args[0])}, CAST([{rest}] AS VARCHAR[]))"
    if name in ("substring", "substr"):
        return _substring(r, e)
    if name in ("lpad", "rpad"):
        args = [*r.all(e.args), "' '"][:3]
        return f"sqlvec_pad({', '.join(args)}, {str(name == 'lpad').lower()})"
    if name in ("length", "octet_length", "bit_length"):
        return typed(_length(r, e), e)
    if name in ("quote_nullable", "quote_literal"):
        text = text_out(r, e.args[0])
        return f"coalesce(sqlvec_quote_literal({text}), 'NULL')" if name[6] == "n" else f"sqlvec_quote_literal({text})"
    if name == "to_hex":
        return f"lower(to_hex({_unsigned(r, e.args[0])}))"
    if name in ("date", "array_out"):
        return r.render(bound.Cast(e.type, e.args[0]))
    return None


def _unsigned(r: ExpressionRenderer, e: bound.Expression) -> str:
    value = r.render(e)
    if e.type.oid == types.INT8.oid:
        return value
    return f"(CAST({value} AS BIGINT) & 4294967295)"


def _length(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    arg = e.args[0]
    value = r.render(arg)
    if len(e.args) == 2:
        return f"sqlvec_byte_length({value}, {r.render(e.args[1])})"
    if arg.type.oid == types.BYTEA.oid:
        return f"octet_length({value})"
    if e.name == "length":
        return f"length(rtrim({value}, ' '))" if arg.type.oid == types.BPCHAR.oid else f"length({value})"
    return f"strlen({value})" if e.name == "octet_length" else f"(8 * strlen({value}))"


def _substring(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """A start before the first character takes from the length; DuckDB would count from the end."""
    args = r.all(e.args)
    if e.args[1].type.oid in TEXTS:
        return f"sqlvec_regexp_substring({args[0]}, {args[1]})"
    if len(args) == 2:
        return f"substring({args[0]}, CASE WHEN {args[1]} < 1 THEN 1 ELSE {args[1]} END)"
    start, count = (r.constant_value(arg) for arg in e.args[1:])
    if isinstance(start, int) and isinstance(count, int) and start >= 1 and count >= 0:
        return f"substring({', '.join(args)})"
    return f"sqlvec_substring({', '.join(args)})"


# ---------------------------------------------------------------- arrays


def _array_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    name = e.name
    if not name.startswith("array_") or not e.args or any(is_shaped(arg.type) for arg in e.args):
        return None
    if e.args[0].type.oid in ZERO_BASED and name in ("array_lower", "array_upper"):
        array, dimension = r.all(e.args)
        end = "0" if name == "array_lower" else f"len({array}) - 1"
        return typed(f"CASE WHEN {dimension} = 1 THEN {end} END", e)
    if name == "array_assign":
        return typed(assigned_list(r, e), e)
    item = r.fresh()
    if name == "array_to_string":
        return _array_to_string(r, e, item)
    if name in ("array_remove", "array_replace", "array_position", "array_positions"):
        return typed(_search(r, e, item), e)
    if name == "array_fill":
        value, sizes = plain_arguments(r, e)
        return typed(f"list_transform(range(({sizes})[1]), lambda {item}: {value})", e)
    return None


def _search(r: ExpressionRenderer, e: bound.FunctionCall, item: str) -> str:
    array, wanted, *rest = plain_arguments(r, e)
    if e.name == "array_remove":
        return f"list_filter({array}, lambda {item}: {item} IS DISTINCT FROM {wanted})"
    if e.name == "array_replace":
        replaced = f"CASE WHEN {item} IS NOT DISTINCT FROM {wanted} THEN {rest[0]} ELSE {item} END"
        return f"list_transform({array}, lambda {item}: {replaced})"
    first = rest[0] if rest else "1"
    found = (
        f"list_filter(range(greatest({first}, 1), len({array}) + 1), "
        f"lambda {item}: ({array})[{item}] IS NOT DISTINCT FROM {wanted})"
    )
    return f"({found})[1]" if e.name == "array_position" else found


def _array_to_string(r: ExpressionRenderer, e: bound.FunctionCall, item: str) -> str:
    array, separator, *null = r.all(e.args)
    element = types.element_of(e.args[0].type)
    assert element is not None
    text = text_out_of(r, item, element)
    if null:
        text = f"coalesce({text}, {null[0]})"
    joined = f"coalesce(array_to_string(list_transform({array}, lambda {item}: {text}), {separator}), '')"
    return f"CASE WHEN {array} IS NOT NULL AND {separator} IS NOT NULL THEN {joined} END"

