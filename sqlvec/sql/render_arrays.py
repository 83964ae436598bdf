"""Arrays of any shape in DuckDB's words: their literals (types.shaped_array).

What concerns elements works on the list of them; sqlvec_shaped_* functions know the shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.render_types import TEXTS, Rendered, duckdb_type, is_numeric, literal, zone_word
from sqlvec.sql.type_rules import VECTORS
from sqlvec.types import SqlType
from sqlvec.types.shaped_array import is_shaped, of_lists, plain, public_oid

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_SHAPES = {
    "array_length": "CAST(sqlvec_shaped_length({0}, {1}) AS INTEGER)",
    "array_lower": "CAST(sqlvec_shaped_lower({0}, {1}) AS INTEGER)",
    "array_upper": "CAST(sqlvec_shaped_upper({0}, {1}) AS INTEGER)",
    "array_ndims": "CAST(sqlvec_shaped_ndims({0}) AS INTEGER)",
    "array_dims": "sqlvec_shaped_dims({0})",
    "cardinality": "CAST(len(sqlvec_shaped_items({0})) AS INTEGER)",
}
_OF_ITEMS = frozenset(["array_to_string", "array_position", "array_positions"])


def shaped_text(r: ExpressionRenderer, value: str, sql_type: SqlType) -> str:
    """The output text of a rendered value."""
    zone = zone_word(r.context.time_zone)
    return f"sqlvec_shaped_shown({value}, {sql_type.oid}, {zone})" if zone != "''" else value


def parsed_shaped(r: ExpressionRenderer, text: str, target: SqlType) -> str:
    return f"sqlvec_shaped_parse({text}, {target.oid}, {target.typmod}, {zone_word(r.context.time_zone)})"


def shaped_key(value: str, sql_type: SqlType) -> str:
    """What DuckDB compares as PostgreSQL compares the values."""
    return f"sqlvec_shaped_key({value}, {sql_type.oid})"


def items(r: ExpressionRenderer, value: str, sql_type: SqlType, reader: str = "items") -> str:
    """The elements as a list; by the readers plain and vector an error where the array has a shape."""
    from sqlvec.sql.render_cast import parsed

    of = types.element_of(sql_type)
    assert of is not None, sql_type
    texts = f"sqlvec_shaped_{reader}({value})"
    if of.oid in TEXTS or is_numeric(of):
        return texts
    item = r.fresh()
    return f"list_transform({texts}, lambda {item}: {parsed(r, item, of.bare)})"


def shaped_cast(r: ExpressionRenderer, value: str, source: SqlType, target: SqlType) -> str | None:
    """To, from and between arrays of any shape; None for other casts."""
    from sqlvec.sql.render_cast import convert, text_out_of

    if is_shaped(source) and is_shaped(target):
        if source.oid == target.oid:
            return parsed_shaped(r, value, target) if target.typmod >= 0 else value
        lists = convert(r, items(r, value, source), plain(source), plain(target))
        texts = _texts(r, lists, plain(target))
        return parsed_shaped(r, f"sqlvec_shaped_like({value}, {texts})", target)
    if is_shaped(target):
        if source.oid != public_oid(target.oid):
            value, source = convert(r, value, source, plain(target)), plain(target)
        return parsed_shaped(r, text_out_of(r, value, source), target)
    if is_shaped(source):
        reader = "vector" if target.oid in VECTORS else "plain"
        return convert(r, items(r, value, source, reader), plain(source), target)
    return None


def shaped_constant(known: bound.Const, target: SqlType) -> str:
    """A list, or a list of lists, as a parameter brings it."""
    value = known.value
    if isinstance(value, list):
        of = types.element_of(known.type)
        assert of is not None, known
        value = of_lists(value, of.definition.render)
    if value is not None:
        definition = target.definition
        value = definition.apply_typmod(definition.parse(value), target.typmod, True)
    return literal(value, target)


def _texts(r: ExpressionRenderer, lists: str, sql_type: SqlType) -> str:
    from sqlvec.sql.render_cast import text_out_of

    of = types.element_of(sql_type)
    assert of is not None, sql_type
    item = r.fresh()
    return f"list_transform({lists}, lambda {item}: {text_out_of(r, item, of)})"


def as_shaped(r: ExpressionRenderer, e: bound.Expression) -> str:
    """Any array in the form of shapes."""
    from sqlvec.sql.render_cast import text_out_of

    return r.render(e) if is_shaped(e.type) else text_out_of(r, r.render(e), e.type)


def stacked(r: ExpressionRenderer, e: bound.ArrayExpression) -> str:
    """ARRAY[array, ...]; of elements, an array that stands where others have a shape."""
    if e.items and all(types.element_of(item.type) is None for item in e.items):
        of = plain(e.type)
        return parsed_shaped(r, text_of_list(r, bound.ArrayExpression(of, e.items)), e.type)
    parts = ", ".join(as_shaped(r, item) for item in e.items)
    return parsed_shaped(r, f"sqlvec_shaped_stack(CAST([{parts}] AS VARCHAR[]))", e.type)


def text_of_list(r: ExpressionRenderer, e: bound.Expression) -> str:
    from sqlvec.sql.render_cast import text_out_of

    return text_out_of(r, r.render(e), e.type)


def shaped_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """Functions over arrays of any shape; None for other functions."""
    if not any(is_shaped(arg.type) for arg in e.args):
        return None
    name = e.name
    if name == "array_items":
        return items(r, r.render(e.args[0]), e.args[0].type)
    if name == "array_element":
        return _element(r, e)
    if name == "array_assign":
        array, ends, given, new = e.args
        return f"sqlvec_shaped_assign({as_shaped(r, array)}, {r.render(ends)}, {r.render(given)}, {as_shaped(r, new)})"
    if name == "array_part":
        return f"sqlvec_shaped_part({', '.join(r.all(e.args))})"
    if name in _SHAPES:
        return _SHAPES[name].format(*r.all(e.args))
    if name == "array_cat":
        return f"sqlvec_shaped_cat({', '.join(as_shaped(r, arg) for arg in e.args)})"
    if name in ("array_append", "array_prepend"):
        return _extended(r, e)
    if name in _OF_ITEMS or name in ("array_remove", "array_replace"):
        return _over_items(r, e)
    return None


def plain_arguments_of(e: bound.FunctionCall) -> bound.FunctionCall:
    """The call over lists: an error where one of the arrays has a shape."""
    args = tuple(bound.Cast(plain(a.type), a, False) if is_shaped(a.type) else a for a in e.args)
    return bound.FunctionCall(plain(e.type), e.name, args, e.operator)


def assigned_list(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """array_assign of a list: which elements it has is told by their places, whatever they are."""
    array, ends, given, new = r.all(e.args)
    place = r.fresh()
    places = f"sqlvec_array_places(len({array}), {ends}, {given}, len({new}))"
    taken = f"CASE WHEN {place} > 0 THEN ({array})[{place}] WHEN {place} < 0 THEN ({new})[-{place}] END"
    return f"list_transform({places}, lambda {place}: {taken})"


def _element(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    from sqlvec.sql.render_cast import parsed

    array, subscripts = r.all(e.args)
    text = f"sqlvec_shaped_element({array}, {subscripts})"
    if e.type.oid in TEXTS:
        return text
    return f"CAST({text} AS {duckdb_type(e.type)})" if is_numeric(e.type) else parsed(r, text, e.type)


def _extended(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    array, item = e.args if e.name == "array_append" else e.args[::-1]
    one = as_shaped(r, bound.ArrayExpression(plain(array.type), (item,)))
    sides = [as_shaped(r, array), one]
    if e.name == "array_prepend":
        sides.reverse()
    return f"sqlvec_shaped_{e.name.removeprefix('array_')}({', '.join(sides)})"


def _over_items(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """The same over the list of elements."""
    from sqlvec.sql.render_functions import function

    array, *rest = e.args
    of = plain(array.type)
    flat = Rendered(of, items(r, r.render(array), array.type))
    if e.name == "array_replace":
        call = bound.FunctionCall(of, e.name, (flat, *rest))
        return f"sqlvec_shaped_like({r.render(array)}, {_texts(r, function(r, call), of)})"
    if e.name == "array_remove":
        listed = Rendered(of, items(r, r.render(array), array.type, "plain"))
        call = bound.FunctionCall(of, e.name, (listed, *rest))
        return text_of_list(r, Rendered(of, function(r, call)))
    if e.name in ("array_position", "array_positions"):
        listed = Rendered(of, items(r, f"sqlvec_shaped_searched({r.render(array)})", array.type))
        found = function(r, bound.FunctionCall(e.type, e.name, (listed, *rest)))
        low = f"CAST(coalesce(sqlvec_shaped_lower({r.render(array)}, 1), 1) - 1 AS INTEGER)"
        if e.name == "array_position":
            return f"({found} + {low})"
        item = r.fresh()
        return f"list_transform({found}, lambda {item}: {item} + {low})"
    return function(r, bound.FunctionCall(e.type, e.name, (flat, *rest)))


def shaped_operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """|| and containment; None for operators over other types. Comparisons are those of keys."""
    if not any(is_shaped(arg.type) for arg in e.args):
        return None
    if e.name == "||":
        if all(types.element_of(arg.type) is not None for arg in e.args):
            return f"sqlvec_shaped_cat({', '.join(as_shaped(r, arg) for arg in e.args)})"
        name = "array_append" if types.element_of(e.args[0].type) is not None else "array_prepend"
        return _extended(r, bound.FunctionCall(e.type, name, e.args))
    from sqlvec.sql.render_operators import operator

    flat = tuple(
        Rendered(plain(a.type), items(r, r.render(a), a.type)) if is_shaped(a.type) else a for a in e.args
    )
    return operator(r, bound.FunctionCall(e.type, e.name, flat, True))


def shaped_json(r: ExpressionRenderer, e: bound.Expression) -> str:
    from sqlvec.sql.render_json import json_or_null

    of = types.element_of(e.type)
    assert of is not None, e
    item = r.fresh()
    value = r.render(e)
    inner = json_or_null(r, Rendered(of, item))
    return f"sqlvec_shaped_json({value}, list_transform({items(r, value, e.type)}, lambda {item}: {inner}))"
