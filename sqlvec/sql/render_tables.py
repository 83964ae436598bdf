"""Functions in FROM, and set-returning functions in the target list: rows are the elements of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import FeatureNotSupported, InvalidParameterValue
from sqlvec.sql import bound
from sqlvec.sql.render_arrays import items
from sqlvec.sql.render_cast import text_out_of, zoned
from sqlvec.sql.render_json import path_arguments
from sqlvec.sql.render_numeric import as_text
from sqlvec.sql.render_ranges import range_list
from sqlvec.sql.render_routines import routine_rows
from sqlvec.sql.render_types import INTEGERS, ZERO_BASED, duckdb_type, is_numeric
from sqlvec.types.shaped_array import is_shaped

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_TIMES = (types.TIMESTAMP.oid, types.TIMESTAMPTZ.oid)
_LISTS = {
    "generate_subscripts": "range(1, len({0}) + 1)",
    "regexp_split_to_table": "sqlvec_regexp_split({0}, {1}, {2})",
    "string_to_table": "sqlvec_string_to_array({0}, {1}, {2})",
    "jsonb_array_elements": "sqlvec_json_elements({0})",
    "json_array_elements": "sqlvec_json_elements({0})",
    "jsonb_array_elements_text": "sqlvec_json_elements_text({0})",
    "json_array_elements_text": "sqlvec_json_elements_text({0})",
    "jsonb_path_query": "sqlvec_jsonpath_query({0}, {1}, {2}, {3})",
    "jsonb_path_query_tz": "sqlvec_jsonpath_query({0}, {1}, {2}, {3})",
    "jsonb_object_keys": "sqlvec_json_keys({0})",
    "json_object_keys": "sqlvec_json_keys({0})",
    "regexp_matches": "sqlvec_regexp_matches({0}, {1}, {2})",
    "pg_listening_channels": "CAST([] AS VARCHAR[])",
    "pg_tablespace_databases": "CAST([] AS BIGINT[])",
}
# A list for each column of a function whose rows have several.
_RECORDS = {
    "jsonb_each": ("sqlvec_json_keys({0})", "sqlvec_json_values({0})"),
    "json_each": ("sqlvec_json_keys({0})", "sqlvec_json_values({0})"),
    "jsonb_each_text": ("sqlvec_json_keys({0})", "sqlvec_json_values_text({0})"),
    "json_each_text": ("sqlvec_json_keys({0})", "sqlvec_json_values_text({0})"),
    "_pg_expandarray": ("{0}", "range(1, len({0}) + 1)"),
    "pg_options_to_table": (
        "list_transform({0}, lambda o: split_part(o, '=', 1))",
        "list_transform({0}, lambda o: CASE WHEN contains(o, '=') THEN substring(o, instr(o, '=') + 1) END)",
    ),
    "aclexplode": (
        "sqlvec_acl_numbers({0}, 'grantor')", "sqlvec_acl_numbers({0}, 'grantee')",
        "sqlvec_acl_privileges({0})",
        "list_transform(sqlvec_acl_numbers({0}, 'grantable'), lambda n: n = 1)",
    ),
    "analyze": (
        "range(1, len(sqlvec_analyzed_words({0}, {1})) + 1)", "sqlvec_analyzed_words({0}, {1})",
        "sqlvec_analyzed_terms({0}, {1})",
    ),
    "ts_parse": (
        "sqlvec_ts_kinds(CAST({0} AS VARCHAR), {1})", "sqlvec_ts_tokens(CAST({0} AS VARCHAR), {1})",
    ),
    "ts_token_type": (
        "range(1, 24)", "sqlvec_ts_token_names(CAST({0} AS VARCHAR), false)",
        "sqlvec_ts_token_names(CAST({0} AS VARCHAR), true)",
    ),
    "ts_debug": (
        "sqlvec_ts_debug({0}, {1}, 'alias')", "sqlvec_ts_debug({0}, {1}, 'description')",
        "sqlvec_ts_debug({0}, {1}, 'token')", "sqlvec_ts_debug_lists({0}, {1}, 'dictionaries')",
        "sqlvec_ts_debug({0}, {1}, 'dictionary')", "sqlvec_ts_debug_lists({0}, {1}, 'lexemes')",
    ),
    "tsvector_unnest": (
        "sqlvec_tsvector_to_array_tsvector({0})", "sqlvec_ts_positions({0})", "sqlvec_ts_weights({0})",
    ),
}  # fmt: skip
SET_RETURNING = frozenset(["unnest", "generate_series", "pg_partition_ancestors", *_LISTS])


def set_returning(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """A set-returning function in the target list: one row per element; None for any other function."""
    if e.name not in SET_RETURNING:
        return None
    element = f"unnest({list_of(r, e)})"
    return f"CAST({element} AS {duckdb_type(e.type)})"


def table_function(r: ExpressionRenderer, relation: bound.FunctionScan) -> str:
    """A query for the function's rows: columns c0 ..., the ordinality last."""
    call = relation.call
    if isinstance(call, bound.RecordCall):
        return _records(r, relation, call)
    if isinstance(call, bound.RoutineCall):
        return routine_rows(r, relation, call)
    if not isinstance(call, bound.FunctionCall) or call.name not in SET_RETURNING:
        ordinality = ", CAST(1 AS BIGINT) AS c1" if relation.ordinality else ""
        return f"SELECT {r.output(call)} AS c0{ordinality}"
    if not relation.ordinality:
        streamed = _streamed_series(r, call)
        if streamed is not None:
            return streamed
    elements = list_of(r, call)
    target = duckdb_type(call.type)
    if not relation.ordinality:
        return f"SELECT CAST(unnest({elements}) AS {target}) AS c0"
    places = f"CAST(unnest(range(1, len({elements}) + 1)) AS BIGINT)"
    return f"SELECT CAST(unnest({elements}) AS {target}) AS c0, {places} AS c1"


def _records(r: ExpressionRenderer, relation: bound.FunctionScan, call: bound.RecordCall) -> str:
    lists = record_lists(r, call)
    columns = [
        f"CAST(unnest({found}) AS {duckdb_type(sql_type)}) AS c{place}"
        for place, (found, (_, sql_type)) in enumerate(zip(lists, call.fields, strict=True))
    ]
    if relation.ordinality:
        longest = f"greatest({', '.join(f'len({found})' for found in lists)})"
        columns.append(f"CAST(unnest(range(1, {longest} + 1)) AS BIGINT) AS c{len(lists)}")
    return f"SELECT {', '.join(columns)}"


def record_lists(r: ExpressionRenderer, call: bound.RecordCall) -> list[str]:
    """A list for each column."""
    if call.name == "pg_partition_tree":
        columns = [bound.Const(types.TEXT, name) for name, _ in call.fields]
        lists = [_catalog_list(r, "sqlvec_partition_tree", (*call.args, name)) for name in columns]
        return [f"list_transform({found}, lambda n: n = 1)" if name.value == "isleaf" else found
                for name, found in zip(columns, lists, strict=True)]  # fmt: skip
    args = r.all(call.args)
    if call.name == "unnest":
        return [_elements(r, arg) for arg in call.args]
    return [template.format(*args) for template in _RECORDS[call.name]]


def record_field(r: ExpressionRenderer, e: bound.Field) -> str:
    """(call).field in a target list: a row an element."""
    return f"CAST(unnest({record_lists(r, e.call)[e.place]}) AS {duckdb_type(e.type)})"


def record_text(r: ExpressionRenderer, e: bound.RecordCall) -> str:
    """The call itself in a target list: its rows as text."""
    lists = record_lists(r, e)
    place = r.fresh()
    items = ", ".join(
        text_out_of(r, f"({found})[{place}]", sql_type)
        for found, (_, sql_type) in zip(lists, e.fields, strict=True)
    )
    places = f"range(1, len({lists[0]}) + 1)"
    return f"unnest(list_transform({places}, lambda {place}: sqlvec_record_text([{items}])))"


def list_of(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """The rows as a list."""
    if e.name == "unnest":
        return _elements(r, e.args[0])
    if e.name == "generate_series":
        return _series(r, e)
    if e.name == "pg_partition_ancestors":
        return _catalog_list(r, "sqlvec_partition_ancestors", e.args)
    args = r.all(e.args)
    if e.name.startswith("jsonb_path_query"):
        args = path_arguments(r, e)
    if e.name == "regexp_matches" and len(args) == 2:
        args.append("''")
    if e.name == "regexp_split_to_table" and len(args) == 2:
        args.append("''")
    if e.name == "string_to_table" and len(args) == 2:
        args.append("CAST(NULL AS VARCHAR)")
    if e.name == "generate_subscripts" and is_shaped(e.args[0].type):
        return f"range(sqlvec_shaped_lower({args[0]}, {args[1]}), sqlvec_shaped_upper({args[0]}, {args[1]}) + 1)"
    if e.name == "generate_subscripts" and e.args[0].type.oid in ZERO_BASED:
        return f"range(0, len({args[0]}))"
    return _LISTS[e.name].format(*args)


def _catalog_list(
    r: ExpressionRenderer, name: str, args: tuple[bound.Expression, ...]
) -> str:
    """Numbers that the catalog tells."""
    return r.render(bound.FunctionCall(types.array_of(types.INT8), name, args))


def _elements(r: ExpressionRenderer, e: bound.Expression) -> str:
    """Of an array or a multirange, as a list."""
    if is_shaped(e.type):
        return items(r, r.render(e), e.type)
    return range_list(r, e) or r.render(e)


def _series(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    step = r.constant(e.args[2]) if len(e.args) > 2 else None
    if step is not None and step.value in (0, (0, 0, 0)):
        raise InvalidParameterValue("step size cannot equal zero")
    if is_numeric(e.type):
        args = [*(as_text(r, arg) for arg in e.args), "'1'"][:3]
        return f"sqlvec_numeric_series({', '.join(args)})"
    args = r.all(e.args)
    if e.type.oid in _TIMES:
        if e.type.oid == types.TIMESTAMPTZ.oid and r.context.time_zone != "UTC":
            return _zoned_series(r, args, step)
        return f"generate_series({', '.join(args)})"
    assert e.type.oid in INTEGERS, e
    return f"generate_series({', '.join(f'CAST({arg} AS BIGINT)' for arg in args)})"


def _zoned_series(r: ExpressionRenderer, args: list[str], step: bound.Const | None) -> str:
    """Hours are steps of time, days and months are steps of the session's calendar."""
    if step is None or step.value is None:
        raise FeatureNotSupported("generate_series over a session time zone needs a constant step")
    months, days, microseconds = step.value
    if not months and not days:
        return f"generate_series({', '.join(args)})"
    if microseconds:
        raise FeatureNotSupported("generate_series over a session time zone needs a step of hours or of days")
    first, last = zoned(r, args[0]), zoned(r, args[1])
    return f"list_transform(generate_series({first}, {last}, {args[2]}), lambda t: {zoned(r, 't')})"


def _streamed_series(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """generate_series of known integers, which need not be a list."""
    if e.name != "generate_series" or e.type.oid not in INTEGERS:
        return None
    values = [r.constant_value(arg) for arg in e.args]
    if not all(isinstance(value, int) for value in values) or values[2:] == [0]:
        return None
    args = ", ".join(f"CAST({value} AS BIGINT)" for value in values)
    return f"SELECT CAST(n AS {duckdb_type(e.type)}) AS c0 FROM generate_series({args}) AS series(n)"
