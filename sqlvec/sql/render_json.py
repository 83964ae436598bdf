"""json and jsonb: making documents from values, and the functions over documents.

Both are text. A document is made by joining the JSON text of its parts, typed by PostgreSQL's rules
(datum_to_json); a jsonb is brought to canonical form at the end by sqlvec_jsonb.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.errors import InvalidParameterValue
from sqlvec.sql import bound
from sqlvec.sql.composites import composite_of
from sqlvec.sql.render_arrays import shaped_json
from sqlvec.sql.render_cast import text_of, text_out_of
from sqlvec.sql.render_numeric import as_text
from sqlvec.sql.render_types import (
    FLOATS,
    INTEGERS,
    JSONS,
    OIDS,
    Rendered,
    is_numeric,
    is_record,
    quoted,
)
from sqlvec.types.shaped_array import is_shaped

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_TO_JSON = frozenset(["to_json", "to_jsonb", "row_to_json", "array_to_json"])
_CALLS = {
    "typeof": "sqlvec_json_typeof({0})", "array_length": "CAST(sqlvec_json_length({0}) AS INTEGER)",
    "set": "sqlvec_json_set({0}, {1}, {2}, {3})", "insert": "sqlvec_json_insert({0}, {1}, {2}, {3})",
    "assign": "sqlvec_json_assign(coalesce({0}, {3}), {1}, coalesce({2}, 'null'))",
    "strip_nulls": "sqlvec_json_strip_nulls({0})", "set_lax": "sqlvec_json_set_lax({0}, {1}, {2}, {3}, {4})", "pretty": "sqlvec_json_pretty({0})",
    "exists": "sqlvec_json_has({0}, {1})",
}  # fmt: skip
_CALL_DEFAULTS = {("set_lax", 3): "true", ("set_lax", 4): "'use_json_null'", ("set", 3): "true", ("insert", 3): "false"}


def json_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """A function of json or jsonb; None when the name is none."""
    name = e.name
    if name in _TO_JSON:
        return canonical(e, json_text(r, e.args[0]))
    if name in ("json_build_object", "jsonb_build_object"):
        return canonical(e, _object(r, e))
    if name in ("json_build_array", "jsonb_build_array"):
        items = [json_or_null(r, arg) for arg in e.args]
        return canonical(e, _joined("[", items, ", ", "]"))
    if name in ("json_object", "jsonb_object"):
        lists = [*r.all(e.args), "CAST(NULL AS VARCHAR[])"][:2]
        return canonical(e, f"sqlvec_json_object({', '.join(lists)})")
    if name == "json_strip_nulls":
        return f"sqlvec_json_strip_nulls_plain({r.render(e.args[0])})"
    family, _, operation = name.partition("_")
    if family not in ("json", "jsonb"):
        return None
    if operation in ("extract_path", "extract_path_text"):
        path = ", ".join(r.all(e.args[1:]))
        suffix = "_text" if operation.endswith("text") else ""
        return f"sqlvec_json_path{suffix}({r.render(e.args[0])}, CAST([{path}] AS VARCHAR[]))"
    if operation.startswith("path_"):
        return f"sqlvec_json{operation.removesuffix('_tz')}({', '.join(path_arguments(r, e))})"
    template = _CALLS.get(operation)
    if template is None:
        return None
    args = r.all(e.args)
    while (default := _CALL_DEFAULTS.get((operation, len(args)))) is not None:
        args.append(default)
    return template.format(*args)


def path_arguments(r: ExpressionRenderer, e: bound.FunctionCall) -> list[str]:
    """Document, path, variables, and whether errors are passed over."""
    return [*r.all(e.args), *["'{}'", "false"][len(e.args) - 2 :]]


def canonical(e: bound.Expression, text: str) -> str:
    return f"sqlvec_jsonb({text})" if e.type.oid == types.JSONB.oid else text


def json_or_null(r: ExpressionRenderer, e: bound.Expression) -> str:
    return f"coalesce({json_text(r, e)}, 'null')"


def json_text(r: ExpressionRenderer, e: bound.Expression) -> str:
    """The JSON of a value; NULL for NULL."""
    oid = e.type.oid
    if is_record(e.type) or composite_of(e.type) is not None:
        return _record(r, e)
    if is_numeric(e.type):
        return f"sqlvec_json_of_number({as_text(r, e)})"
    if oid in FLOATS:
        return f"sqlvec_json_of_number({text_of(r, e)})"
    if oid in INTEGERS or oid == types.BOOL.oid or (oid in OIDS and oid == types.OID.oid):
        return f"CAST({r.render(e)} AS VARCHAR)"
    if oid in JSONS:
        return r.render(e)
    if oid == types.TIMESTAMP.oid:
        return f"('\"' || replace(CAST({r.render(e)} AS VARCHAR), ' ', 'T') || '\"')"
    if oid == types.TIMESTAMPTZ.oid:
        text = text_out_of(r, r.render(e), e.type)
        return f"('\"' || replace({text}, ' ', 'T') || ':00\"')"
    if is_shaped(e.type):
        return shaped_json(r, e)
    element = types.element_of(e.type)
    if element is not None and e.type.definition.category == "A":
        item = r.fresh()
        inner = json_or_null(r, Rendered(element, item))
        items = f"list_transform({r.render(e)}, lambda {item}: {inner})"
        return f"('[' || array_to_string({items}, ',') || ']')"
    return f"CAST(to_json({text_of(r, e)}) AS VARCHAR)"


def _record(r: ExpressionRenderer, e: bound.Expression) -> str:
    parts = []
    for name, value in r.fields_of(e):
        key = quoted(_key_text(name) + ":")
        parts.append(f"{key} || {json_or_null(r, value)}")
    text = _joined("{", parts, ",", "}")
    if isinstance(e, bound.RowRef):
        return f"CASE WHEN NOT {r.row_is_null(e)} THEN {text} END"
    if composite_of(e.type) is not None and not isinstance(e, bound.RowExpression):
        return f"CASE WHEN {r.render(e)} IS NOT NULL THEN {text} END"
    return text


def _key_text(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _joined(start: str, parts: Sequence[str], separator: str, end: str) -> str:
    if not parts:
        return quoted(start + end)
    inner = f" || {quoted(separator)} || ".join(parts)
    return f"({quoted(start)} || {inner} || {quoted(end)})"


def _object(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    if len(e.args) % 2:
        raise InvalidParameterValue(
            "argument list must have even number of elements",
            hint=f"The arguments of {e.name}() must consist of alternating keys and values.",
        )
    parts = []
    for key, value in zip(e.args[::2], e.args[1::2], strict=True):
        parts.append(f"{json_key(r, key)} || ' : ' || {json_or_null(r, value)}")
    return _joined("{", parts, ", ", "}")


def json_key(r: ExpressionRenderer, e: bound.Expression, maker: str = "") -> str:
    """The text of a value as an object's key; NULL is refused."""
    return f"CAST(to_json(sqlvec_json_key({text_of(r, e)}, {quoted(maker)})) AS VARCHAR)"


def json_aggregate(
    r: ExpressionRenderer, e: bound.Aggregate | bound.WindowCall
) -> tuple[str, str, tuple[str, str]] | None:
    """What string_agg joins, the separator, and the brackets, of json_agg and its kin."""
    if e.name in ("json_agg", "jsonb_agg"):
        structured = is_record(e.args[0].type) or e.args[0].type.definition.category == "A"
        return json_or_null(r, e.args[0]), ", \n " if structured else ", ", ("[", "]")
    if e.name in ("json_object_agg", "jsonb_object_agg"):
        pair = f"{json_key(r, e.args[0], e.name)} || ' : ' || {json_or_null(r, e.args[1])}"
        return pair, ", ", ("{ ", " }")
    return None


