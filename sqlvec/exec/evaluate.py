"""Expressions as Python closures, for the few rows that are returned or written.

compile_expression turns a bound expression into `f(row, context) -> datum`; row is a sequence whose places
are given by `slots`. Only what plan.native admits can be compiled.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from sqlvec import types
from sqlvec.errors import InternalError
from sqlvec.exec.casts import cast_function, check_range, depends_on_zone
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.routine_call import call_of, run_value
from sqlvec.exec.scalar_functions import FUNCTIONS, OPERATORS
from sqlvec.exec.vector_functions import distance
from sqlvec.plan.native import is_native
from sqlvec.sql import bound
from sqlvec.sql.substitution import Place, substituted
from sqlvec.sql.tree import walk
from sqlvec.sql.type_rules import INTEGERS
from sqlvec.types.composite_type import Composite

Row = Sequence[Datum]
Evaluator = Callable[[Row, Context], Datum]
Slots = Mapping[bound.Expression, int]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_expression(expression: bound.Expression, slots: Slots) -> Evaluator:
    """The closure of an expression; a sub-expression found in `slots` is read from the row."""
    place = slots.get(expression)
    if place is not None:
        return lambda row, context: row[place]
    compiler = _COMPILERS.get(type(expression))
    if compiler is None:
        raise InternalError(f"expression {type(expression).__name__} is not evaluated row by row")
    return compiler(expression, slots)


def constant(expression: bound.Expression, context: Context) -> Datum:
    """The value of an expression that refers to no column."""
    if isinstance(expression, bound.Param):
        return context.parameters[expression.number - 1]
    if isinstance(expression, bound.Const):
        return expression.value
    if is_native(expression, numerics=True):
        return compile_expression(expression, {})((), context)
    return context.relational().evaluate([expression], context)[0]


def try_divisions(divisions: Sequence[bound.Expression], parameters: Sequence[Datum]) -> None:
    """Raises what divisions of constants raise, as a planner does that computes them beforehand."""
    for division in divisions:
        values: dict[bound.Expression | Place, bound.Expression] = {
            part: bound.Const(part.type, parameters[part.number - 1])
            for part in walk(division)
            if isinstance(part, bound.Param)
        }
        compile_expression(substituted(division, values), {})((), _NOWHERE)


_NOWHERE = cast(Context, None)  # of what depends on constants alone

_ELEMENTWISE = (types.VECTOR.oid, types.HALFVEC.oid)


def _comparable(expression: bound.Expression, slots: Slots) -> Evaluator:
    """The value in a form that == and < compare as SQL does: a dense vector as its elements."""
    evaluator = compile_expression(expression, slots)
    if expression.type.oid not in _ELEMENTWISE:
        return evaluator

    def elements(row: Row, context: Context) -> Datum:
        value = evaluator(row, context)
        return None if value is None else value.tolist()

    return elements


def _const(expression: bound.Const, slots: Slots) -> Evaluator:
    value = expression.value
    return lambda row, context: value


def _param(expression: bound.Param, slots: Slots) -> Evaluator:
    index = expression.number - 1
    return lambda row, context: context.parameters[index]


def _column(expression: bound.ColumnRef, slots: Slots) -> Evaluator:
    raise InternalError(f'column "{expression.name}" has no place in the row')


def _boolean(expression: bound.Boolean, slots: Slots) -> Evaluator:
    parts = [compile_expression(arg, slots) for arg in expression.args]
    if expression.op == "not":
        inner = parts[0]

        def negate(row: Row, context: Context) -> Datum:
            value = inner(row, context)
            return None if value is None else not value

        return negate
    stop = expression.op == "or"

    def connect(row: Row, context: Context) -> Datum:
        unknown = False
        for part in parts:
            value = part(row, context)
            if value is None:
                unknown = True
            elif value == stop:
                return stop
        return None if unknown else not stop

    return connect


_TESTS: dict[str, Callable[[Datum], bool]] = {
    "null": lambda v: v is None,
    "not_null": lambda v: v is not None,
    "true": lambda v: v is True,
    "not_true": lambda v: v is not True,
    "false": lambda v: v is False,
    "not_false": lambda v: v is not False,
    "unknown": lambda v: v is None,
    "not_unknown": lambda v: v is not None,
}


def _test(expression: bound.Test, slots: Slots) -> Evaluator:
    inner = compile_expression(expression.arg, slots)
    test = _TESTS[expression.kind]
    return lambda row, context: test(inner(row, context))


def _distinct_from(expression: bound.DistinctFrom, slots: Slots) -> Evaluator:
    left = _comparable(expression.left, slots)
    right = _comparable(expression.right, slots)
    negated = expression.negated

    def differ(row: Row, context: Context) -> bool:
        return (left(row, context) != right(row, context)) != negated

    return differ


def _in_list(expression: bound.InList, slots: Slots) -> Evaluator:
    arg = _comparable(expression.arg, slots)
    items = [_comparable(item, slots) for item in expression.items]
    negated = expression.negated

    def contains(row: Row, context: Context) -> Datum:
        value = arg(row, context)
        if value is None:
            return None
        return _membership(value, [item(row, context) for item in items], negated)

    return contains


def _membership(value: Datum, items: Sequence[Datum], negated: bool) -> Datum:
    if any(item is not None and item == value for item in items):
        return not negated
    return None if any(item is None for item in items) else negated


def _any_all(expression: bound.AnyAll, slots: Slots) -> Evaluator:
    arg = _comparable(expression.arg, slots)
    array = compile_expression(expression.array, slots)
    elementwise = expression.arg.type.oid in _ELEMENTWISE
    compare = COMPARISONS[expression.op]
    stop = not expression.all

    def quantify(row: Row, context: Context) -> Datum:
        value, items = arg(row, context), array(row, context)
        if items is None or (value is None and items):
            return None
        unknown = False
        for item in items:
            if item is None:
                unknown = True
            elif compare(value, item.tolist() if elementwise else item) == stop:
                return stop
        return None if unknown else not stop

    return quantify


def _cast(expression: bound.Cast, slots: Slots) -> Evaluator:
    inner = compile_expression(expression.arg, slots)
    source, target, explicit = expression.arg.type, expression.type, expression.explicit
    if depends_on_zone(source, target):
        return _cast_in_zone(expression, inner)
    convert = cast_function(source, target, explicit=explicit)
    if convert is None:
        return inner

    def cast(row: Row, context: Context) -> Datum:
        value = inner(row, context)
        return None if value is None else convert(value)

    return cast


def _domain_check(expression: bound.DomainCheck, slots: Slots) -> Evaluator:
    from sqlvec.exec.domain_values import compiled_check

    inner, checked = compile_expression(expression.arg, slots), compiled_check(expression)
    return lambda row, context: checked(inner(row, context), context)


def _cast_in_zone(expression: bound.Cast, inner: Evaluator) -> Evaluator:
    source, target, explicit = expression.arg.type, expression.type, expression.explicit

    def cast(row: Row, context: Context) -> Datum:
        value = inner(row, context)
        if value is None:
            return None
        convert = cast_function(source, target, explicit=explicit, zone=context.settings.zone)
        return value if convert is None else convert(value)

    return cast


def _row(expression: bound.RowExpression, slots: Slots) -> Evaluator:
    made = expression.type.own
    assert isinstance(made, Composite), expression
    items = [compile_expression(item, slots) for item in expression.items]
    return lambda row, context: made.make([item(row, context) for item in items])


def _composite_field(expression: bound.CompositeField, slots: Slots) -> Evaluator:
    made, attnum = expression.arg.type.own, expression.attnum
    assert isinstance(made, Composite), expression
    inner = compile_expression(expression.arg, slots)

    def field(row: Row, context: Context) -> Datum:
        value = inner(row, context)
        return None if value is None else made.value(value, attnum)

    return field


def _routine_call(expression: bound.RoutineCall, slots: Slots) -> Evaluator:
    args = [compile_expression(arg, slots) for arg in expression.args]
    call = call_of(expression)
    return lambda row, context: run_value(call, [arg(row, context) for arg in args], context)


def _case(expression: bound.Case, slots: Slots) -> Evaluator:
    whens = [
        (compile_expression(when, slots), compile_expression(then, slots))
        for when, then in expression.whens
    ]
    otherwise = None
    if expression.otherwise is not None:
        otherwise = compile_expression(expression.otherwise, slots)

    def choose(row: Row, context: Context) -> Datum:
        for when, then in whens:
            if when(row, context) is True:
                return then(row, context)
        return otherwise(row, context) if otherwise else None

    return choose


def _coalesce(expression: bound.Coalesce, slots: Slots) -> Evaluator:
    args = [compile_expression(arg, slots) for arg in expression.args]
    if expression.kind == "coalesce":

        def first(row: Row, context: Context) -> Datum:
            for arg in args:
                value = arg(row, context)
                if value is not None:
                    return value
            return None

        return first
    if expression.kind == "nullif":
        value_of = args[0]
        left, right = (_comparable(arg, slots) for arg in expression.args)

        def null_if(row: Row, context: Context) -> Datum:
            a, b = left(row, context), right(row, context)
            return None if a is not None and a == b else value_of(row, context)

        return null_if
    pick = max if expression.kind == "greatest" else min
    key = np.ndarray.tolist if expression.type.oid in _ELEMENTWISE else None

    def extreme(row: Row, context: Context) -> Datum:
        values = [v for v in (arg(row, context) for arg in args) if v is not None]
        return pick(values, key=key) if values else None

    return extreme


def _array(expression: bound.ArrayExpression, slots: Slots) -> Evaluator:
    items = [compile_expression(item, slots) for item in expression.items]
    return lambda row, context: [item(row, context) for item in items]


def _distance(expression: bound.Distance, slots: Slots) -> Evaluator:
    left = compile_expression(expression.left, slots)
    right = compile_expression(expression.right, slots)
    metric = expression.metric

    def measure(row: Row, context: Context) -> Datum:
        a, b = left(row, context), right(row, context)
        return None if a is None or b is None else distance(metric, a, b)

    return measure


def _call(expression: bound.FunctionCall, slots: Slots) -> Evaluator:
    if expression.operator and expression.name in COMPARISONS:
        sides = [_comparable(arg, slots) for arg in expression.args]
        return _compare(COMPARISONS[expression.name], sides)
    args = [compile_expression(arg, slots) for arg in expression.args]
    if expression.operator:
        return _operate(expression, args)
    function = FUNCTIONS[expression.name]
    if expression.name == "abs" and expression.type.oid in INTEGERS:
        return _absolute(args[0], expression.type.oid)

    def call(row: Row, context: Context) -> Datum:
        return function(context, *[arg(row, context) for arg in args])

    return call


def _absolute(arg: Evaluator, oid: int) -> Evaluator:
    """The least integer has no counterpart."""

    def call(row: Row, context: Context) -> Datum:
        value = arg(row, context)
        return None if value is None else check_range(abs(value), oid)

    return call


def _compare(compare: Callable[[Any, Any], bool], args: list[Evaluator]) -> Evaluator:
    left, right = args

    def test(row: Row, context: Context) -> Datum:
        a, b = left(row, context), right(row, context)
        return None if a is None or b is None else compare(a, b)

    return test


def _operate(expression: bound.FunctionCall, args: list[Evaluator]) -> Evaluator:
    operate = OPERATORS[expression.name]
    result = expression.type

    def run(row: Row, context: Context) -> Datum:
        values = [arg(row, context) for arg in args]
        return None if None in _identities(values) else operate(result, *values)

    return run


def _identities(values: list[Datum]) -> list[Datum]:
    """None where a value is null, True elsewhere: vectors must not be compared with None by value."""
    return [None if value is None else True for value in values]


_COMPILERS: dict[type[bound.Expression], Callable[[Any, Slots], Evaluator]] = {
    bound.Const: _const,
    bound.Param: _param,
    bound.ColumnRef: _column,
    bound.Boolean: _boolean,
    bound.Test: _test,
    bound.DistinctFrom: _distinct_from,
    bound.InList: _in_list,
    bound.AnyAll: _any_all,
    bound.Cast: _cast,
    bound.DomainCheck: _domain_check,
    bound.RowExpression: _row,
    bound.CompositeField: _composite_field,
    bound.Case: _case,
    bound.Coalesce: _coalesce,
    bound.ArrayExpression: _array,
    bound.Distance: _distance,
    bound.FunctionCall: _call,
    bound.RoutineCall: _routine_call,
}
