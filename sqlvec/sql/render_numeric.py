"""numeric in its two forms (see render_types): which form an expression has, and its arithmetic.

numeric_form is a function of the expression alone (and of the parameters' values), so that whoever renders
an expression knows its form without rendering it. Text is computed with by sqlvec_numeric(operation, a, b).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlvec import types
from sqlvec.sql import bound
from sqlvec.sql.render_types import (
    DIGITS,
    INTEGERS,
    Fixed,
    declared_form,
    fixed,
    is_numeric,
    value_form,
)

if TYPE_CHECKING:
    from sqlvec.sql.render_expression import ExpressionRenderer

_OPERATIONS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo", "^": "power"}
_ROUNDING = {"round": "round", "trunc": "trunc"}
_WHOLE = {"ceil": "ceil", "ceiling": "ceil", "floor": "floor"}
_SAME_FORM = frozenset(["min", "max", "first_value", "last_value", "nth_value"])
_EXTRACT_SCALES = {"epoch": 6, "second": 6, "seconds": 6, "milliseconds": 3, "millisecond": 3}
WIDE = 38  # digits of the widest fixed form


def key_of(text: str) -> str:
    """A key that orders texts as numbers, and is one for 1.0 and 1.00."""
    return f"sqlvec_numeric_key({text})"


def numeric_form(r: ExpressionRenderer, e: bound.Expression) -> Fixed | None:
    """The form that rendering e gives; only for expressions of type numeric."""
    declared = declared_form(e.type)
    if isinstance(e, bound.ColumnRef):
        return r.forms.get((e.relation_id, e.ordinal), declared)
    if isinstance(e, (bound.Cast, bound.Subquery)) and e.type.typmod >= 0:
        return declared
    known = r.constant(e)
    if known is not None:
        return declared or value_form(known.value)
    finder = _FORMS.get(type(e))
    return finder(r, e) if finder else declared


def _cast_form(r: ExpressionRenderer, e: bound.Cast) -> Fixed | None:
    source = e.arg.type
    if source.oid in DIGITS:
        return Fixed(DIGITS[source.oid], 0)
    return numeric_form(r, e.arg) if is_numeric(source) else None


def _case_form(r: ExpressionRenderer, e: bound.Case) -> Fixed | None:
    branches = [then for _, then in e.whens] + ([e.otherwise] if e.otherwise else [])
    return common_form(r, branches)


def _coalesce_form(r: ExpressionRenderer, e: bound.Coalesce) -> Fixed | None:
    return numeric_form(r, e.args[0]) if e.kind == "nullif" else common_form(r, e.args)


def common_form(r: ExpressionRenderer, parts: Sequence[bound.Expression]) -> Fixed | None:
    """A form for one of the parts or another: fixed when all have one scale (NULL has any)."""
    forms = []
    for part in parts:
        known = r.constant(part)
        if known is None or known.value is not None:
            forms.append(numeric_form(r, part))
    return one_scale(forms)


def one_scale(forms: Sequence[Fixed | None]) -> Fixed | None:
    """A form that shows the values of all these forms as they would be shown alone."""
    found = [form for form in forms if form is not None]
    if not found or len(found) < len(forms) or len({form.scale for form in found}) > 1:
        return None
    return max(found, key=lambda form: form.precision)


def _call_form(r: ExpressionRenderer, e: bound.FunctionCall) -> Fixed | None:
    if e.name == "extract":
        return _extract_form(r, e)
    if e.name == "sign":
        return Fixed(1, 0) if numeric_form(r, e.args[0]) else None
    forms = [numeric_form(r, arg) if is_numeric(arg.type) else None for arg in e.args]
    first = forms[0] if forms else None
    if first is None:
        return None
    if len(e.args) == 1:
        if e.name in ("-", "+", "abs"):
            return first
        rounds = e.name in _WHOLE or e.name in _ROUNDING
        return fixed(min(WIDE, first.precision - first.scale + 1), 0) if rounds else None
    if e.name in _ROUNDING:
        return _rounded_form(r, e, first)
    second = forms[1]
    return None if second is None else _operator_form(e.name, first, second)


def _operator_form(name: str, a: Fixed, b: Fixed) -> Fixed | None:
    scale = max(a.scale, b.scale)
    whole = max(a.precision - a.scale, b.precision - b.scale)
    if name in ("+", "-"):
        return fixed(whole + scale + 1, scale)
    if name == "*":
        return fixed(a.precision + b.precision, a.scale + b.scale)
    return fixed(whole + scale, scale) if name in ("%", "mod") else None


def _rounded_form(r: ExpressionRenderer, e: bound.FunctionCall, form: Fixed) -> Fixed | None:
    digits = r.constant_value(e.args[1])
    if digits is None or digits < 0:
        return None
    return fixed(form.precision - form.scale + 1 + digits, digits)


def _extract_form(r: ExpressionRenderer, e: bound.FunctionCall) -> Fixed | None:
    field = r.constant_value(e.args[0])
    if not isinstance(field, str):
        return None
    of_date = e.args[1].type.oid == types.DATE.oid
    return Fixed(25, 0 if of_date else _EXTRACT_SCALES.get(field.lower(), 0))


def _aggregate_form(
    r: ExpressionRenderer, e: bound.Aggregate | bound.WindowCall
) -> Fixed | None:
    if not e.args:
        return None
    if e.name == "sum" and e.args[0].type.oid in INTEGERS:
        return Fixed(WIDE, 0)
    if not is_numeric(e.args[0].type):
        return None
    form = numeric_form(r, e.args[0])
    if e.name == "sum":
        return Fixed(WIDE, form.scale) if form else None
    if e.name in ("lag", "lead"):
        return common_form(r, [e.args[0], *e.args[2:]])
    return form if e.name in _SAME_FORM else None


_FORMS: dict[type, Callable[..., Fixed | None]] = {
    bound.Cast: _cast_form,
    bound.Case: _case_form,
    bound.Coalesce: _coalesce_form,
    bound.FunctionCall: _call_form,
    bound.Aggregate: _aggregate_form,
    bound.WindowCall: _aggregate_form,
}


# ---------------------------------------------------------------- rendering


def in_form(r: ExpressionRenderer, e: bound.Expression, form: Fixed | None) -> str:
    """The expression in the given form; a fixed one must be able to show it."""
    rendered = r.render(e)
    own = numeric_form(r, e)
    if form is None:
        return fixed_text(rendered, own) if own else rendered
    return rendered if own == form else f"CAST({rendered} AS {form.sql})"


def fixed_text(rendered: str, form: Fixed) -> str:
    """A decimal as text; DuckDB leaves the zero before the point out when all digits are decimals."""
    if form.precision == form.scale:
        rendered = f"CAST({rendered} AS DECIMAL({min(WIDE, form.scale + 1)},{form.scale}))"
    return f"CAST({rendered} AS VARCHAR)"


def as_text(r: ExpressionRenderer, e: bound.Expression) -> str:
    return in_form(r, e, None)


def comparable_numerics(r: ExpressionRenderer, expressions: Sequence[bound.Expression]) -> list[str]:
    """The numbers as decimals if one decimal type holds them all, else as keys."""
    forms = [numeric_form(r, e) for e in expressions]
    if all(forms):
        whole = max(form.precision - form.scale for form in forms if form)
        scale = max(form.scale for form in forms if form)
        if whole + scale <= WIDE:
            return r.all(expressions)
    return [key_of(as_text(r, e)) for e in expressions]


def numeric_operator(r: ExpressionRenderer, e: bound.FunctionCall) -> str:
    """+ - * / % ^ and the signs."""
    form = numeric_form(r, e)
    if len(e.args) == 1:
        inner = r.render(e.args[0])
        if e.name == "+":
            return inner
        return f"(-{inner})" if form else f"sqlvec_numeric('negate', {inner}, NULL)"
    if form is None:
        left, right = (as_text(r, arg) for arg in e.args)
        return f"sqlvec_numeric('{_OPERATIONS[e.name]}', {left}, {right})"
    left, right = r.all(e.args)
    return f"CAST({left} {e.name} {right} AS {form.sql})"


def numeric_function(r: ExpressionRenderer, e: bound.FunctionCall) -> str | None:
    """A function of numerics; None when it is none of numeric's own."""
    name, form = e.name, numeric_form(r, e)
    if name == "mod":
        call = bound.FunctionCall(e.type, "%", e.args, True)
        return numeric_operator(r, call)
    if form is not None and (name in _WHOLE or name in _ROUNDING or name in ("abs", "sign")):
        digits = f", {r.constant_value(e.args[1])}" if len(e.args) > 1 else ""
        shown = _WHOLE.get(name, name)
        return f"CAST({shown}({r.render(e.args[0])}{digits}) AS {form.sql})"
    operation = _TEXT_FUNCTIONS.get((name, len(e.args)))
    if operation is None:
        return None
    args = [
        as_text(r, arg) if is_numeric(arg.type) else f"CAST({r.render(arg)} AS VARCHAR)"
        for arg in e.args
    ]
    if len(args) == 1:
        args.append("NULL")
    return f"sqlvec_numeric('{operation}', {', '.join(args)})"


_TEXT_FUNCTIONS = {
    ("abs", 1): "abs", ("sign", 1): "sign", ("ceil", 1): "ceil", ("ceiling", 1): "ceil",
    ("floor", 1): "floor", ("round", 1): "round", ("round", 2): "round", ("trunc", 1): "trunc",
    ("trunc", 2): "trunc", ("sqrt", 1): "sqrt", ("exp", 1): "exp", ("ln", 1): "ln",
    ("log", 1): "log10", ("log10", 1): "log10", ("log", 2): "log", ("power", 2): "power",
    ("pow", 2): "power", ("div", 2): "div",
}  # fmt: skip
