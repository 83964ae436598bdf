"""Expressions as PostgreSQL shows them: pg_get_expr, pg_get_constraintdef, pg_get_indexdef (ruleutils.c).

Written out, every operator stands in parentheses and every conversion is shown; pretty, parentheses stand
only where they are needed, as in psql's \\d.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec import types
from sqlvec.catalog.identifiers import quote_identifier, quote_string
from sqlvec.catalog.names import routine_is_visible, user_type_name
from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.viewpoint import Viewpoint
from sqlvec.errors import DatabaseError
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.context import BindContext
from sqlvec.sql.expression_text import bind_expression_text
from sqlvec.sql.operators import COMPARISONS, DISTANCES
from sqlvec.sql.parse import ParsedStatement
from sqlvec.sql.qualified_text import qualified_expression
from sqlvec.sql.type_rules import NUMBERS, REG_KINDS, is_unknown
from sqlvec.types import SqlType

_SYMBOLS = {metric: symbol for symbol, metric in DISTANCES.items()}
_KEYWORDS = {"current_timestamp", "current_date", "current_user", "session_user", "current_role",
             "current_catalog", "current_schema", "user"}  # fmt: skip
_TESTS = {
    "null": "IS NULL", "not_null": "IS NOT NULL", "unknown": "IS UNKNOWN", "not_unknown": "IS NOT UNKNOWN",
    "true": "IS TRUE", "not_true": "IS NOT TRUE", "false": "IS FALSE", "not_false": "IS NOT FALSE",
}  # fmt: skip
_LOW, _HIGH = frozenset("+-"), frozenset("*/%")
_PLAIN_TEXTS = (types.TEXT.oid, types.VARCHAR.oid)
# What surrounds its parts, so that these need no parentheses of their own.
_ENCLOSING = (bound.ArrayExpression, bound.RowExpression, bound.Coalesce, bound.Case)


class Unprintable(Exception):
    """An expression that has no text here."""


def expression_text(
    view: Viewpoint, text: str, table: Table | None, target: SqlType | None, pretty: bool
) -> tuple[str, SqlType]:
    """The expression over the table's columns; the text itself where it cannot be bound any more. A literal
    takes the type of target; another conversion to it, of the whole expression, is not shown."""
    place = (view.search_path, view.temporary_schema)
    key = ("expression", text, table.oid if table else 0, target, pretty, place)
    known = view.catalog.memo.get(key)
    if known is None:
        try:
            shown, of_type = _shown(view, text, table, target, pretty)
            known = (qualified_expression(view, shown), of_type)
        except (DatabaseError, Unprintable):
            known = (text, target or types.TEXT)
        view.catalog.memo[key] = known
    return known  # type: ignore[no-any-return]


def _shown(
    view: Viewpoint, text: str, table: Table | None, target: SqlType | None, pretty: bool
) -> tuple[str, SqlType]:
    context = BindContext(
        view.catalog, view.search_path, lambda name: "", temporary_schema=view.temporary_schema
    )
    binder = Binder(ParsedStatement("", {}, 0), context, ())
    binder.shows = True
    expression = bind_expression_text(binder, text, table, 1)
    if target is not None and is_unknown(expression.type):
        expression = binder.coerce(expression, target.bare)
    settled = binder.settled(expression)
    return Printer(view.catalog, view, table, pretty).text(settled), settled.type


class Printer:
    """Prints bound expressions over one table."""

    def __init__(
        self, catalog: Catalog, view: Viewpoint, table: Table | None, pretty: bool
    ) -> None:
        self.catalog = catalog
        self.view = view
        self.table = table
        self.pretty = pretty

    def text(self, e: bound.Expression) -> str:
        handler = _HANDLERS.get(type(e))
        if handler is None:
            raise Unprintable(type(e).__name__)
        return handler(self, e)

    def part(self, e: bound.Expression, parent: bound.Expression, *, first: bool = True) -> str:
        """An argument, in parentheses where pretty needs them; written out, it brings its own."""
        text = self.text(e)
        return f"({text})" if self.pretty and not _is_simple(e, parent, first) else text

    def own(self, text: str) -> str:
        """An operator's own parentheses."""
        return text if self.pretty else f"({text})"

    # ---------------------------------------------------------------- leaves

    def _const(self, e: bound.Const) -> str:
        if e.value is None:
            return f"NULL::{self._type_name(e.type)}"
        oid = e.type.oid
        if oid == types.BOOL.oid:
            return "true" if e.value else "false"
        if oid in REG_KINDS:
            from sqlvec.catalog.names import SHOWERS

            return f"{quote_string(SHOWERS[REG_KINDS[oid]](self.view, e.value))}::{self._type_name(e.type)}"
        text = e.type.definition.render(e.value)
        if oid in NUMBERS:
            return self._number(e.type, text)
        return f"{quote_string(text)}::{self._type_name(e.type)}"

    def _type_name(self, sql_type: SqlType) -> str:
        if sql_type.own is not None:
            return user_type_name(self.view, sql_type.oid) or sql_type.name
        unbounded = _UNBOUNDED if sql_type.typmod < 0 else {}
        return unbounded.get(sql_type.oid, sql_type.name)

    def _number(self, sql_type: SqlType, text: str) -> str:
        """A literal as it was typed before the parser converted it: an integer, or a numeric."""
        oid = sql_type.oid
        whole = text.lstrip("-").isdigit()
        small = whole and -(2**31) <= int(text) < 2**31
        if oid == types.NUMERIC.oid and not whole:
            return text if not text.startswith("-") else f"{quote_string(text)}::numeric"
        if oid in (types.INT4.oid, types.INT8.oid) and small:
            return text if not text.startswith("-") else f"{quote_string(text)}::integer"
        if oid in (types.INT8.oid, types.INT2.oid) or (whole and not small) or "n" in text:
            return f"{quote_string(text)}::{self._type_name(sql_type)}"
        typed = "integer" if whole else "numeric"
        literal = text if not text.startswith("-") else f"{quote_string(text)}::{typed}"
        return f"{self.own(literal)}::{self._type_name(sql_type)}"

    def _column(self, e: bound.ColumnRef) -> str:
        if self.table is not None and not self.table.name:  # of a domain
            return e.name.upper()
        return quote_identifier(e.name)

    # ---------------------------------------------------------------- operators and functions

    def _call(self, e: bound.FunctionCall) -> str:
        if e.operator:
            return self._operator(e)
        if e.name in _KEYWORDS and not e.args:
            return e.name.upper()
        args = ", ".join(self._argument(arg, e) for arg in e.args)
        return f"{quote_identifier(e.name)}({args})"

    def _written(self, e: bound.WrittenCall) -> str:
        routine = self.view.catalog.routines[e.oid]
        name = quote_identifier(routine.name)
        if not routine_is_visible(self.view, routine):
            name = f"{quote_identifier(self.view.catalog.schemas[routine.schema_oid].name)}.{name}"
        shown = [self._argument(arg, e) for arg in e.args]
        for place, word in enumerate(e.names, len(shown) - len(e.names)):
            shown[place] = f"{quote_identifier(word)} => {shown[place]}"
        if e.variadic:
            shown[-1] = f"VARIADIC {shown[-1]}"
        return f"{name}({', '.join(shown)})"

    def _argument(self, arg: bound.Expression, call: bound.Expression) -> str:
        return self.text(_as_text(arg))

    def _operator(self, e: bound.FunctionCall) -> str:
        args = [_as_text(_unpromoted(arg, e.name)) for arg in e.args]
        if len(args) == 1:
            return self.own(f"{e.name} {self.part(args[0], e)}")
        left = self.part(args[0], e)
        return self.own(f"{left} {e.name} {self.part(args[1], e, first=False)}")

    def _distance(self, e: bound.Distance) -> str:
        left = self.part(e.left, e)
        return self.own(f"{left} {_SYMBOLS[e.metric]} {self.part(e.right, e, first=False)}")

    # ---------------------------------------------------------------- logic

    def _boolean(self, e: bound.Boolean) -> str:
        if e.op == "not":
            return self.own(f"NOT {self.part(e.args[0], e)}")
        return self.own(f" {e.op.upper()} ".join(self.part(arg, e) for arg in e.args))

    def _test(self, e: bound.Test) -> str:
        return self.own(f"{self.part(e.arg, e)} {_TESTS[e.kind]}")

    def _distinct(self, e: bound.DistinctFrom) -> str:
        sides = f"{self.part(e.left, e)} IS DISTINCT FROM {self.part(e.right, e, first=False)}"
        if not e.negated:
            return self.own(sides)
        return self.own(f"NOT {sides}")

    def _in_list(self, e: bound.InList) -> str:
        """x IN (...) is x = ANY (ARRAY[...])."""
        arg, items = _as_text(e.arg), [self.text(item) for item in e.items]
        array = f"ARRAY[{', '.join(items)}]"
        if e.arg.type.oid == types.VARCHAR.oid:
            words = [self.text(_retyped(item, types.VARCHAR)) for item in e.items]
            array = f"{self.own('ARRAY[' + ', '.join(words) + ']')}::text[]"
        word, name = ("ALL", "<>") if e.negated else ("ANY", "=")
        return self.own(f"{self.part(arg, e)} {name} {word} ({array})")

    def _any_all(self, e: bound.AnyAll) -> str:
        word = "ALL" if e.all else "ANY"
        return self.own(f"{self.part(_as_text(e.arg), e)} {e.op} {word} ({self.text(e.array)})")

    # ---------------------------------------------------------------- casts and containers

    def _cast(self, e: bound.Cast) -> str:
        text = self.text(e.arg)
        if self.pretty and not _is_simple(e.arg, e, True):
            text = f"({text})"
        return f"{self.own(text)}::{self._type_name(e.type)}"

    def _domain_check(self, e: bound.DomainCheck) -> str:
        name = self._type_name(types.array_of(e.domain) if e.depth else e.domain)
        return f"{self.own(self.text(e.arg))}::{name}"

    def _case(self, e: bound.Case) -> str:
        whens = [f"WHEN {self.text(when)} THEN {self.text(then)}" for when, then in e.whens]
        otherwise = self.text(e.otherwise) if e.otherwise is not None else f"NULL::{self._type_name(e.type)}"
        lines = "".join(f"\n    {when}" for when in whens)
        return f"\nCASE{lines}\n    ELSE {otherwise}\nEND"

    def _coalesce(self, e: bound.Coalesce) -> str:
        return f"{e.kind.upper()}({', '.join(self.text(arg) for arg in e.args)})"

    def _array(self, e: bound.ArrayExpression) -> str:
        items = ", ".join(self.text(item) for item in e.items)
        return f"ARRAY[{items}]" if items else f"ARRAY[]::{self._type_name(e.type)}"

    def _row(self, e: bound.RowExpression) -> str:
        return f"ROW({', '.join(self.text(item) for item in e.items)})"

    def _subscript(self, e: bound.Subscript) -> str:
        if e.slice or e.index is None:
            raise Unprintable("slice")
        arg = self.text(e.arg)
        return f"{arg if isinstance(e.arg, bound.ColumnRef) else f'({arg})'}[{self.text(e.index)}]"


_INTEGERS = frozenset(t.oid for t in (types.INT2, types.INT4, types.INT8))
_FLOATS = frozenset(t.oid for t in (types.FLOAT4, types.FLOAT8))
_MOMENTS = frozenset(t.oid for t in (types.DATE, types.TIMESTAMP, types.TIMESTAMPTZ))
_ARITHMETIC = frozenset("+-*/")


def _unpromoted(e: bound.Expression, operator: str) -> bound.Expression:
    """Where PostgreSQL has an operator of both types, neither side is shown as converted."""
    if not isinstance(e, bound.Cast) or e.explicit:
        return e
    pair = {e.arg.type.oid, e.type.oid}
    if operator in COMPARISONS and pair <= _MOMENTS:
        return e.arg
    numbers = pair <= _INTEGERS or pair <= _FLOATS
    return e.arg if numbers and (operator in COMPARISONS or operator in _ARITHMETIC) else e


def _as_text(e: bound.Expression) -> bound.Expression:
    """varchar has no operators and functions of its own: it is shown as converted to text."""
    if e.type.oid == types.VARCHAR.oid and not isinstance(e, bound.Const):
        return bound.Cast(types.TEXT, e, False)
    return _retyped(e, types.TEXT) if e.type.oid == types.VARCHAR.oid else e


def _retyped(e: bound.Expression, target: SqlType) -> bound.Expression:
    if isinstance(e, bound.Const) and e.type.oid in _PLAIN_TEXTS:
        return bound.Const(target, e.value)
    return e


# Types whose plain name would mean one of length 1.
_UNBOUNDED = {types.BPCHAR.oid: "bpchar", types.BIT.oid: '"bit"'}


# ---------------------------------------------------------------- isSimpleNode


def _is_simple(e: bound.Expression, parent: bound.Expression, first: bool) -> bool:
    """Whether the argument needs no parentheses inside its parent."""
    if isinstance(e, bound.Cast):
        return _is_simple(e.arg, e, True)
    if _is_operator(e):
        if _is_operator(parent) and (found := _by_priority(e, parent, first)):
            return found
        return _is_enclosed(parent)
    if isinstance(e, (bound.Test, bound.DistinctFrom, bound.InList, bound.AnyAll)):
        return _is_enclosed(parent)
    if isinstance(e, bound.Boolean):
        return _is_enclosed_boolean(e, parent)
    return True


def _is_operator(e: bound.Expression) -> bool:
    return isinstance(e, bound.Distance) or (isinstance(e, bound.FunctionCall) and e.operator)


def _symbol(e: bound.Expression) -> str:
    if isinstance(e, bound.FunctionCall) and len(e.args) == 2:
        return e.name
    return ""


def _by_priority(e: bound.Expression, parent: bound.Expression, first: bool) -> bool:
    """+ - and * / % bind as everyone knows; nothing is assumed of other operators."""
    own, outer = _symbol(e), _symbol(parent)
    if own not in _LOW | _HIGH or outer not in _LOW | _HIGH or not own or not outer:
        return False
    if own in _HIGH and outer in _LOW:
        return True
    if own in _LOW and outer in _HIGH:
        return False
    return first


def _is_enclosed(parent: bound.Expression) -> bool:
    if isinstance(parent, bound.WrittenCall):
        return True
    if isinstance(parent, bound.FunctionCall):
        return not parent.operator
    return isinstance(parent, (bound.Boolean, *_ENCLOSING))


def _is_enclosed_boolean(e: bound.Boolean, parent: bound.Expression) -> bool:
    if isinstance(parent, bound.Boolean):
        if e.op in ("not", "and"):
            return parent.op in ("and", "or")
        return parent.op == "or"
    if isinstance(parent, bound.FunctionCall):
        return not parent.operator
    return isinstance(parent, (bound.WrittenCall, *_ENCLOSING))


_HANDLERS: dict[type[bound.Expression], Callable[[Printer, Any], str]] = {
    bound.Const: Printer._const,
    bound.ColumnRef: Printer._column,
    bound.FunctionCall: Printer._call,
    bound.WrittenCall: Printer._written,
    bound.Distance: Printer._distance,
    bound.Boolean: Printer._boolean,
    bound.Test: Printer._test,
    bound.DistinctFrom: Printer._distinct,
    bound.InList: Printer._in_list,
    bound.AnyAll: Printer._any_all,
    bound.Cast: Printer._cast,
    bound.DomainCheck: Printer._domain_check,
    bound.Case: Printer._case,
    bound.Coalesce: Printer._coalesce,
    bound.ArrayExpression: Printer._array,
    bound.RowExpression: Printer._row,
    bound.Subscript: Printer._subscript,
}
