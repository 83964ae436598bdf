"""PostgreSQL's functions, operators and aggregates in DuckDB's words.

A name that is not in a table is the same in both. sqlvec_* are functions of ours, registered by
exec.relational_functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.catalog.definitions import NAMES as CATALOG_NAMES
from sqlvec.sql import bound
from sqlvec.sql.render_types import duckdb_type
from sqlvec.types import SqlType

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_INTEGERS = (types.INT2.oid, types.INT4.oid, types.INT8.oid)
_FLOATS = (types.FLOAT4.oid, types.FLOAT8.oid)
_JSON = (types.JSON.oid, types.JSONB.oid)
# {n} are the arguments.
_TEMPLATES = {
    "char_length": "length({0})", "character_length": "length({0})", "octet_length": "sqlvec_octet_length({0})",
    "btrim": "trim({*})", "strpos": "instr({0}, {1})", "position": "instr({1}, {0})",
    "substr": "substring({*})", "ceiling": "ceil({0})", "pow": "power({*})", "to_hex": "lower(to_hex({0}))",
    "quote_literal": "('''' || replace({0}, '''', '''''') || '''')",
    "quote_ident": "sqlvec_quote_ident({0})", "split_part": "split_part({*})", "initcap": "sqlvec_initcap({0})",
    "concat": "concat({*})", "date_part": "CAST(date_part({*}) AS DOUBLE)", "extract": "sqlvec_extract({*})",
    "cardinality": "len({0})", "array_upper": "nullif(len({0}), 0)", "array_lower": "CASE WHEN len({0}) > 0 THEN 1 END",
    "array_length": "nullif(len({0}), 0)", "array_ndims": "CASE WHEN len({0}) > 0 THEN 1 END",
    "array_append": "list_append({0}, {1})", "array_prepend": "list_prepend({0}, {1})", "array_cat": "list_concat({0}, {1})",
    "array_remove": "list_filter({0}, x -> x IS DISTINCT FROM {1})", "array_position": "list_position({0}, {1})",
    "array_to_string": "array_to_string({0}, {1})", "string_to_array": "string_split({0}, {1})",
    "regexp_split_to_array": "regexp_split_to_array({0}, {1})", "gen_random_uuid": "CAST(uuid() AS VARCHAR)",
    "jsonb_typeof": "sqlvec_json_typeof({0})", "json_typeof": "sqlvec_json_typeof({0})",
    "jsonb_array_length": "CAST(json_array_length({0}) AS INTEGER)", "json_array_length": "CAST(json_array_length({0}) AS INTEGER)",
    "to_json": "CAST(to_json({0}) AS VARCHAR)", "to_jsonb": "sqlvec_jsonb(CAST(to_json({0}) AS VARCHAR))",
    "row_to_json": "CAST(to_json({0}) AS VARCHAR)", "array_to_json": "CAST(to_json({0}) AS VARCHAR)",
    "json_build_object": "CAST(json_object({*}) AS VARCHAR)", "jsonb_build_object": "sqlvec_jsonb(CAST(json_object({*}) AS VARCHAR))",
    "json_build_array": "CAST(json_array({*}) AS VARCHAR)", "jsonb_build_array": "sqlvec_jsonb(CAST(json_array({*}) AS VARCHAR))",
    "vector_dims": "len({0})", "l2_norm": "sqrt(list_sum(list_transform({0}, x -> x * x)))",
    "vector_norm": "sqrt(list_sum(list_transform({0}, x -> x * x)))",
    "inner_product": "CAST(list_inner_product({0}, {1}) AS DOUBLE)", "to_timestamp": "to_timestamp({0})",
    "timezone": "timezone({*})", "mod": "({0} % {1})", "div": "trunc({0} / {1})", "timeofday": "CAST(now() AS VARCHAR)",
    "current_schemas": "['pg_catalog', 'public']", "starts_with": "starts_with({*})", "pg_is_in_recovery": "false",
    "oidvectortypes": "''", "pi": "pi()", "log": "log10({0})", "isfinite": "isfinite({0})",
}  # fmt: skip
_OPERATORS = {
    "~~": "({0} LIKE {1} ESCAPE '\\')", "!~~": "({0} NOT LIKE {1} ESCAPE '\\')",
    "~~*": "({0} ILIKE {1} ESCAPE '\\')", "!~~*": "({0} NOT ILIKE {1} ESCAPE '\\')",
    "~": "regexp_matches({0}, {1})", "~*": "regexp_matches({0}, {1}, 'i')",
    "!~": "(NOT regexp_matches({0}, {1}))", "!~*": "(NOT regexp_matches({0}, {1}, 'i'))",
    "^": "power({0}, {1})", "#": "xor({0}, {1})",
}  # fmt: skip
_JSON_OPERATORS = {
    "->": "json_extract({0}, {1})", "->>": "json_extract_string({0}, {1})",
    "?": "list_contains(json_keys({0}), {1})", "@>": "json_contains({0}, {1})", "<@": "json_contains({1}, {0})",
    "||": "sqlvec_jsonb(CAST(json_merge_patch({0}, {1}) AS VARCHAR))",
    "#>": "sqlvec_json_path({0}, {1}, false)", "#>>": "sqlvec_json_path({0}, {1}, true)",
}  # fmt: skip
_AGGREGATES = {
    "every": "bool_and", "json_agg": "json_group_array", "jsonb_agg": "json_group_array",
    "json_object_agg": "json_group_object", "jsonb_object_agg": "json_group_object",
    "variance": "var_samp", "stddev": "stddev_samp", "percentile_cont": "quantile_cont",
    "percentile_disc": "quantile_disc",
}  # fmt: skip
# Values that the executor knows and puts into the statement.
CONTEXT_FUNCTIONS = frozenset(
    [
        "now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "current_date",
        "current_timestamp", "current_database", "current_catalog", "current_schema", "current_user",
        "session_user", "user", "current_role", "version", "pg_backend_pid", "current_setting",
        "set_config", "nextval", "currval", "lastval", "setval", "pg_relation_size",
        "pg_total_relation_size", "pg_table_size", "pg_indexes_size", "pg_database_size",
        "pg_size_pretty", "txid_current", "pg_sleep", "pg_advisory_lock", "pg_advisory_xact_lock",
        "pg_advisory_unlock", "pg_advisory_unlock_all", "analyze", "sqlvec_analyze", "subvector",
        "l2_normalize", "pg_typeof",
    ]
)  # fmt: skip


def _fill(template: str, args: list[str]) -> str:
    text = template.replace("{*}", ", ".join(args))
    for i, arg in enumerate(args):
        text = text.replace("{" + str(i) + "}", arg)
    return text


def render_function(e: bound.FunctionCall, args: list[str]) -> str:
    name = e.name
    if name in CATALOG_NAMES:
        call = f"sqlvec_catalog('{name}', json_array({', '.join(args)}))"
        return f"CAST({call} AS {duckdb_type(e.type)})"
    if name in CONTEXT_FUNCTIONS:
        call = f"sqlvec_call('{name}', json_array({', '.join(args)}))"
        return f"CAST({call} AS {duckdb_type(e.type)})"
    if name == "round" and e.type.oid in _FLOATS:
        return f"round_even({args[0]}, 0)"
    if name in ("like_escape", "similar_to_escape"):
        return args[0]
    if name == "length" and e.args[0].type.oid == types.BYTEA.oid:
        return f"CAST(octet_length({args[0]}) AS INTEGER)"
    if name == "date_trunc" and e.type.oid == types.TIMESTAMPTZ.oid:
        return f"date_trunc({', '.join(args)})"
    if name == "to_char":
        return f"sqlvec_to_char({e.args[0].type.oid}, CAST({args[0]} AS VARCHAR), {args[1]})"
    template = _TEMPLATES.get(name)
    call = _fill(template, args) if template else f"{name}({', '.join(args)})"
    return f"CAST({call} AS {duckdb_type(e.type)})"


def render_operator(e: bound.FunctionCall, args: list[str]) -> str:
    name = e.name
    left = e.args[0].type
    if len(args) == 1:
        return f"({name}{args[0]})"
    if left.oid in _JSON and name in _JSON_OPERATORS:
        call = _fill(_JSON_OPERATORS[name], args)
        if e.type.oid == types.JSONB.oid and name == "->":
            return f"sqlvec_jsonb(CAST({call} AS VARCHAR))"
        return f"CAST({call} AS {duckdb_type(e.type)})"
    if name in _OPERATORS:
        return _fill(_OPERATORS[name], args)
    if name == "/":
        return _division(e, args)
    if name in ("@>", "<@", "&&"):
        call = {"@>": "list_has_all({0}, {1})", "<@": "list_has_all({1}, {0})", "&&": "list_has_any({0}, {1})"}
        return _fill(call[name], args)
    if name == "||":
        return _concatenation(e, args)
    if left.oid == types.DATE.oid and name == "-" and e.type.oid == types.INT4.oid:
        return f"CAST({args[0]} - {args[1]} AS INTEGER)"
    shown = {"=": "=", "<>": "<>"}.get(name, name)
    rendered = f"({args[0]} {shown} {args[1]})"
    if e.type.oid in (*_INTEGERS, types.NUMERIC.oid, types.DATE.oid, types.VECTOR.oid):
        if e.type.oid == types.VECTOR.oid:
            return f"list_transform(list_zip({args[0]}, {args[1]}), p -> CAST(p[1] {name} p[2] AS FLOAT))"
        return f"CAST({rendered} AS {duckdb_type(e.type)})"
    return rendered


def _division(e: bound.FunctionCall, args: list[str]) -> str:
    if e.type.oid in _INTEGERS:
        return f"CAST(sqlvec_divide({args[0]}, {args[1]}) AS {duckdb_type(e.type)})"
    if e.type.oid == types.INTERVAL.oid:
        return f"({args[0]} * (1.0 / {args[1]}))"
    checked = f"CASE WHEN {args[1]} = 0 THEN error('division by zero') ELSE {args[0]} / {args[1]} END"
    return f"CAST({checked} AS {duckdb_type(e.type)})"


def _concatenation(e: bound.FunctionCall, args: list[str]) -> str:
    if e.type.definition.category != "A":
        return f"({args[0]} || {args[1]})"
    lists = [types.element_of(arg.type) is not None for arg in e.args]
    if all(lists):
        return f"list_concat({args[0]}, {args[1]})"
    if lists[0]:
        return f"list_append({args[0]}, {args[1]})"
    return f"list_prepend({args[0]}, {args[1]})"


def render_aggregate(renderer: ExpressionRenderer, e: bound.Aggregate) -> str:
    args = renderer.all(e.args)
    order = ""
    if e.order_by and not e.within_group:
        order = " ORDER BY " + ", ".join(renderer.sort_key(key) for key in e.order_by)
    where = f" FILTER (WHERE {renderer.render(e.filter)})" if e.filter else ""
    if e.within_group:
        value = renderer.render(e.order_by[0].expression)
        if e.name == "mode":
            call = f"mode({value})"
        else:
            fraction = args[0] if not e.order_by[0].descending else f"(1 - {args[0]})"
            call = f"{_AGGREGATES[e.name]}({value}, {fraction})"
        return f"CAST({call}{where} AS {duckdb_type(e.type)})"
    call = render_aggregate_call(e.name, args, e.star, e.type, e.distinct, order)
    rendered = f"{call}{where}"
    if e.name in ("jsonb_agg", "jsonb_object_agg"):
        return f"sqlvec_jsonb(CAST({rendered} AS VARCHAR))"
    return f"CAST({rendered} AS {duckdb_type(e.type)})"


def render_aggregate_call(
    name: str,
    args: list[str],
    star: bool,
    result: SqlType,
    distinct: bool = False,
    order: str = "",
) -> str:
    """The call without FILTER, OVER and cast."""
    if star:
        return "count(*)"
    if name in ("avg", "sum") and result.oid == types.VECTOR.oid:
        return f"sqlvec_vector_{name}(list({args[0]}))"
    shown = _AGGREGATES.get(name, name)
    word = "DISTINCT " if distinct else ""
    return f"{shown}({word}{', '.join(args)}{order})"

