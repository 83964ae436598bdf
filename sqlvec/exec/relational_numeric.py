"""numeric in text form: PostgreSQL's arithmetic with its rules of scale.

Text in, text out; what the relational engine calls for numbers whose scale is not known beforehand. A result
has at least 16 significant digits and never fewer decimals than its arguments.
Source: numeric.c (select_div_scale, power_var, sqrt_var, exp_var, ln_var, numeric_stddev_internal).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from functools import partial

from sqlvec import types
from sqlvec.errors import DataException, DivisionByZero, NumericValueOutOfRange
from sqlvec.exec.relational_errors import (
    InvalidLogarithmArgument,
    InvalidPowerArgument,
    InvalidWidthBucketArgument,
)
from sqlvec.types import SqlType

SIGNIFICANT_DIGITS = 16
SCALE_MAX = 1000
_WIDE = Context(prec=2200, Emax=999_999, Emin=-999_999)
_GROUP = 4  # PostgreSQL's digits are base 10000; its estimates count in them
_WEIGHT_OFFSET = 2**31
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_LOG10_E = 0.434294481903252
_RANGES = {
    types.INT2.oid: (-(2**15), 2**15 - 1, "smallint"),
    types.INT4.oid: (-(2**31), 2**31 - 1, "integer"),
    types.INT8.oid: (-(2**63), 2**63 - 1, "bigint"),
}


def read(text: str) -> Decimal:
    """Of text that is known to be a numeric's."""
    return Decimal(text)


def show(value: Decimal) -> str:
    return types.NUMERIC.definition.render(value)  # type: ignore[no-any-return]


def scale_of(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: Decimal, scale: int, mode: str = ROUND_HALF_UP) -> Decimal:
    """value with exactly `scale` decimals."""
    return value.quantize(Decimal(1).scaleb(-scale), mode, context=_WIDE)


def _clamped(scale: int) -> int:
    return min(max(scale, 0), SCALE_MAX)


def _leading(value: Decimal) -> tuple[int, int]:
    """Weight and value of the first base-10000 digit; (0, 0) for zero."""
    if not value:
        return 0, 0
    weight = value.adjusted() // _GROUP
    first = abs(value).scaleb(-weight * _GROUP, context=_WIDE)
    return weight, int(first)


# ---------------------------------------------------------------- arithmetic


def division_scale(a: Decimal, b: Decimal) -> int:
    weight_a, first_a = _leading(a)
    weight_b, first_b = _leading(b)
    weight = weight_a - weight_b - (first_a <= first_b)
    scale = SIGNIFICANT_DIGITS - weight * _GROUP
    return _clamped(max(scale, scale_of(a), scale_of(b)))


def divide(a: Decimal, b: Decimal) -> Decimal:
    if b == 0 and not a.is_nan():
        raise DivisionByZero("division by zero")
    if not (a.is_finite() and b.is_finite()):
        return Decimal(0) if b.is_infinite() and a.is_finite() else _special(_WIDE.divide, a, b)
    return rounded(_WIDE.divide(a, b), division_scale(a, b))


def _special(operation: Callable[[Decimal, Decimal], Decimal], a: Decimal, b: Decimal) -> Decimal:
    """With NaN and infinities; what has no answer is NaN."""
    context = Context(prec=50, traps=[])
    return getattr(context, operation.__name__)(a, b)  # type: ignore[no-any-return]


def add(a: Decimal, b: Decimal) -> Decimal:
    return _WIDE.add(a, b) if a.is_finite() and b.is_finite() else _special(_WIDE.add, a, b)


def subtract(a: Decimal, b: Decimal) -> Decimal:
    return _WIDE.subtract(a, b) if a.is_finite() and b.is_finite() else _special(_WIDE.subtract, a, b)


def multiply(a: Decimal, b: Decimal) -> Decimal:
    return _WIDE.multiply(a, b) if a.is_finite() and b.is_finite() else _special(_WIDE.multiply, a, b)


def _modulo(a: Decimal, b: Decimal) -> Decimal:
    if b == 0:
        raise DivisionByZero("division by zero")
    return rounded(_WIDE.remainder(a, b), max(scale_of(a), scale_of(b)))


def _quotient(a: Decimal, b: Decimal) -> Decimal:
    if b == 0:
        raise DivisionByZero("division by zero")
    return rounded(_WIDE.divide_int(a, b), 0)


def _power(a: Decimal, b: Decimal) -> Decimal:
    if a == 0 and b < 0:
        raise InvalidPowerArgument("zero raised to a negative power is undefined")
    whole = b == b.to_integral_value()
    if a < 0 and not whole:
        raise InvalidPowerArgument(
            "a negative number raised to a non-integer power yields a complex result"
        )
    least = max(scale_of(a), scale_of(b))
    if a == 0:
        return rounded(Decimal(0 if b else 1), _clamped(max(SIGNIFICANT_DIGITS, least)))
    digits = float(b) * (math.log10(float(abs(a).scaleb(-a.adjusted()))) + a.adjusted())
    if digits > 131072:
        raise NumericValueOutOfRange("value overflows numeric format")
    scale = _clamped(max(SIGNIFICANT_DIGITS - int(digits), least))
    if digits < -SCALE_MAX - 10:
        return rounded(Decimal(0), scale)
    context = Context(prec=int(abs(digits)) + scale + 30, Emax=999_999, Emin=-999_999)
    return rounded(context.power(a, b), scale)


def _round(a: Decimal, digits: Decimal) -> Decimal:
    return _cut(a, int(digits), ROUND_HALF_UP)


def _truncate(a: Decimal, digits: Decimal) -> Decimal:
    return _cut(a, int(digits), ROUND_DOWN)


def _cut(a: Decimal, digits: int, mode: str) -> Decimal:
    if not a.is_finite():
        return a
    cut = rounded(a, min(max(digits, -SCALE_MAX), SCALE_MAX), mode)
    return rounded(cut, 0) if digits < 0 else cut


# ---------------------------------------------------------------- roots and logarithms


def _sqrt(a: Decimal) -> Decimal:
    if a < 0:
        raise InvalidPowerArgument("cannot take square root of a negative number")
    weight, _ = _leading(a)
    if weight >= 0:
        digits = weight * _GROUP // 2 + 1
    else:
        digits = 1 - (1 - weight * _GROUP) // 2
    scale = _clamped(max(SIGNIFICANT_DIGITS - digits, scale_of(a)))
    return square_root(a, scale)


def square_root(a: Decimal, scale: int) -> Decimal:
    return rounded(Context(prec=abs(a.adjusted()) + scale + 20).sqrt(a), scale)


def _exp(a: Decimal) -> Decimal:
    digits = float(a) * _LOG10_E
    if digits > 131072:
        raise NumericValueOutOfRange("value overflows numeric format")
    scale = _clamped(max(SIGNIFICANT_DIGITS - int(max(digits, -SCALE_MAX)), scale_of(a)))
    context = Context(prec=int(abs(digits)) + scale + 20, Emax=999_999, Emin=-999_999)
    return rounded(context.exp(a), scale)


def _log_weight(a: Decimal) -> int:
    """About the decimal weight of ln(a)."""
    if Decimal("0.9") <= a <= Decimal("1.1"):
        rest = abs(a - 1)
        return rest.adjusted() if rest else 0
    logarithm = abs(float(_WIDE.create_decimal(a).ln(Context(prec=20))))
    return int(math.log10(logarithm))


def _check_logarithm(a: Decimal) -> None:
    if a == 0:
        raise InvalidLogarithmArgument("cannot take logarithm of zero")
    if a < 0:
        raise InvalidLogarithmArgument("cannot take logarithm of a negative number")


def _ln(a: Decimal) -> Decimal:
    _check_logarithm(a)
    scale = _clamped(max(SIGNIFICANT_DIGITS - _log_weight(a), scale_of(a)))
    return rounded(a.ln(Context(prec=scale + 40)), scale)


def _log(base: Decimal, a: Decimal) -> Decimal:
    _check_logarithm(base)
    _check_logarithm(a)
    if base == 1:
        raise DivisionByZero("division by zero")
    scale = SIGNIFICANT_DIGITS - (_log_weight(a) - _log_weight(base))
    scale = _clamped(max(scale, scale_of(a), scale_of(base)))
    context = Context(prec=scale + 60)
    return rounded(context.divide(a.ln(context), base.ln(context)), scale)


def _divisor(of: Callable[[int, int], int], a: Decimal, b: Decimal) -> Decimal:
    """of: math.gcd or math.lcm. Of numbers with decimals as of those in units of the last."""
    if not (a.is_finite() and b.is_finite()):
        return Decimal("NaN")
    scale = max(scale_of(a), scale_of(b))
    left, right = (int(rounded(x, scale).scaleb(scale, _WIDE)) for x in (a, b))
    return Decimal(of(left, right)).scaleb(-scale, _WIDE)


def _factorial(a: Decimal) -> Decimal:
    if a < 0:
        raise NumericValueOutOfRange("factorial of a negative number is undefined")
    if a > 32177:
        raise NumericValueOutOfRange("value overflows numeric format")
    return Decimal(math.factorial(int(a)))


def _least_scale(a: Decimal) -> int:
    return scale_of(a.normalize(_WIDE)) if a.is_finite() else 0


_UNARY: dict[str, Callable[[Decimal], Decimal]] = {
    "negate": lambda a: a.copy_negate(),
    "abs": lambda a: a.copy_abs(),
    "sign": lambda a: a if a.is_nan() else Decimal((a > 0) - (a < 0)),
    "ceil": lambda a: rounded(a, 0, ROUND_CEILING) if a.is_finite() else a,
    "floor": lambda a: rounded(a, 0, ROUND_FLOOR) if a.is_finite() else a,
    "round": lambda a: _cut(a, 0, ROUND_HALF_UP),
    "trunc": lambda a: _cut(a, 0, ROUND_DOWN),
    "sqrt": _sqrt,
    "exp": _exp,
    "ln": _ln,
    "log10": lambda a: _log(Decimal(10), a),
    "factorial": _factorial,
    "scale": lambda a: Decimal(scale_of(a)),
    "min_scale": lambda a: Decimal(_least_scale(a)),
    "trim_scale": lambda a: rounded(a, _least_scale(a)) if a.is_finite() else a,
}
_BINARY: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "modulo": _modulo,
    "div": _quotient,
    "power": _power,
    "round": _round,
    "trunc": _truncate,
    "log": _log,
    "gcd": partial(_divisor, math.gcd),
    "lcm": partial(_divisor, math.lcm),
}


def calculate(operation: str, a: str | None, b: str | None) -> str | None:
    """sqlvec_numeric: b is NULL for an operation of one argument."""
    if a is None:
        return None
    left = read(a)
    if b is None:
        unary = _UNARY.get(operation)
        return None if unary is None or operation in _TWO_ARGUMENTS else _finite(unary, left)
    right = read(b)
    if left.is_nan() or right.is_nan():
        return "NaN"
    return show(_BINARY[operation](left, right))


_TWO_ARGUMENTS = frozenset(_BINARY) - frozenset(_UNARY)


def _finite(operation: Callable[[Decimal], Decimal], value: Decimal) -> str:
    return "NaN" if value.is_nan() else show(operation(value))


# ---------------------------------------------------------------- comparison and conversion


def key(text: str) -> bytes:
    """Bytes that sort as the numbers do; equal for equal numbers of different scale. NaN is the greatest.

    sign (0 negative, 1 zero, 2 positive, 3 infinite, 4 NaN), decimal weight, digits without trailing zeros;
    of a negative number everything is complemented.
    """
    negative = text[0] == "-"
    whole, _, decimals = (text[1:] if negative else text).partition(".")
    if whole[:1] in ("N", "I"):
        return b"\x05" if whole == "NaN" else b"\x00" if negative else b"\x04"
    whole = whole.lstrip("0")
    digits = (whole + decimals).lstrip("0")
    weight = len(whole) if whole else len(digits) - len(decimals)
    digits = digits.rstrip("0")
    if not digits:
        return b"\x02"
    body = (weight + _WEIGHT_OFFSET).to_bytes(4, "big") + digits.encode()
    return b"\x01" + body.translate(_COMPLEMENT) + b"\xff" if negative else b"\x03" + body


def bucket(value: str, low: str, high: str, count: int) -> int:
    """width_bucket: which of the equal parts between two bounds, 0 and count + 1 outside."""
    if count <= 0:
        raise InvalidWidthBucketArgument("count must be greater than zero")
    operand, first, last = read(value), read(low), read(high)
    if operand.is_nan() or first.is_nan() or last.is_nan():
        raise InvalidWidthBucketArgument("operand, lower bound, and upper bound cannot be NaN")
    if not (first.is_finite() and last.is_finite()):
        raise InvalidWidthBucketArgument("lower and upper bounds must be finite")
    if first == last:
        raise InvalidWidthBucketArgument("lower bound cannot equal upper bound")
    ascending = first < last
    if (operand < first) if ascending else (operand > first):
        return 0
    if (operand >= last) if ascending else (operand <= last):
        return count + 1
    return int((operand - first) * count / (last - first)) + 1


def to_integer(text: str, oid: int) -> int:
    value = read(text)
    low, high, name = _RANGES[oid]
    if not value.is_finite():
        what = "NaN" if value.is_nan() else "infinity"
        raise NumericValueOutOfRange(f"cannot convert {what} to {name}")
    whole = int(rounded(value, 0))
    if not low <= whole <= high:
        raise NumericValueOutOfRange(f"{name} out of range")
    return whole


def of_float(value: float, oid: int) -> str:
    """15 significant digits of a double, 6 of a real."""
    if not math.isfinite(value):
        return types.FLOAT8.definition.render(value)
    digits = 6 if oid == types.FLOAT4.oid else 15
    return show(types.NUMERIC.definition.parse(f"{value:.{digits}g}"))


def with_typmod(text: str, typmod: int) -> str:
    return show(SqlType(types.NUMERIC.oid, typmod).definition.apply_typmod(read(text), typmod))


def greatest(texts: Sequence[str | None]) -> str | None:
    present = [text for text in texts if text is not None]
    return max(present, key=key) if present else None


def least(texts: Sequence[str | None]) -> str | None:
    present = [text for text in texts if text is not None]
    return min(present, key=key) if present else None


def series(start: str, stop: str, step: str) -> list[str]:
    first, last, by = read(start), read(stop), read(step)
    if by == 0:
        raise DataException("step size cannot equal zero")
    scale = max(scale_of(first), scale_of(by))
    found = []
    value = rounded(first, scale)
    while value <= last if by > 0 else value >= last:
        found.append(show(value))
        value = _WIDE.add(value, by)
    return found


# ---------------------------------------------------------------- aggregates


def mean(total: str, count: int) -> str:
    return show(divide(read(total), Decimal(count)))


def deviation(name: str, count: int, total: str, squares: str) -> str | None:
    """From the count, the sum and the sum of squares."""
    return _deviation(name, count, read(total), read(squares))


def _deviation(name: str, count: int, total: Decimal, squares: Decimal) -> str | None:
    sample = not name.endswith("_pop")
    if count <= (1 if sample else 0):
        return None
    scale = scale_of(total) * 2
    spread = _WIDE.subtract(
        rounded(_WIDE.multiply(Decimal(count), squares), scale),
        rounded(_WIDE.multiply(total, total), scale),
    )
    if spread <= 0:
        return "0"
    divisor = Decimal(count * (count - 1) if sample else count * count)
    scale = division_scale(spread, divisor)
    variance = rounded(_WIDE.divide(spread, divisor), scale)
    return show(square_root(variance, scale) if name.startswith("stddev") else variance)


def aggregate(operation: str, texts: Sequence[str | None]) -> str | None:
    """sum, avg or a deviation over the values of a group; NULLs do not count."""
    values = [read(text) for text in texts if text is not None]
    name = operation.removesuffix("_distinct")
    if operation.endswith("_distinct"):
        values = list(dict.fromkeys(values))
    if not values:
        return None
    if any(value.is_nan() for value in values):
        return "NaN"
    total = _sum(values)
    if name == "sum":
        return show(total)
    if name == "avg":
        return show(divide(total, Decimal(len(values))))
    if not total.is_finite():
        return "NaN"
    return _deviation(name, len(values), total, _sum([multiply(v, v) for v in values]))


def _sum(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = add(total, value)
    return total
