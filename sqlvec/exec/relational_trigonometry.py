"""Trigonometric functions that the relational engine lacks, and those in degrees, exact where the result is.

Source: float.c (sind_q1, cosd_q1, dasind ...).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sqlvec.errors import NumericValueOutOfRange

_SIN_30, _ONE_MINUS_COS_60 = math.sin(math.radians(30)), 1 - math.cos(math.radians(60))


def measure(name: str, value: float) -> float | None:
    """name(value); NaN of NaN."""
    if math.isnan(value):
        return value
    if math.isinf(value) and name in _PERIODIC:
        raise NumericValueOutOfRange("input is out of range")
    return _MEASURES[name](value)


def _checked(function: Callable[[float], float], allowed: Callable[[float], bool]) -> Callable[[float], float]:
    def call(value: float) -> float:
        if not allowed(value):
            raise NumericValueOutOfRange("input is out of range")
        return function(value)

    return call


def _overflowing(function: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return math.copysign(math.inf, value) if function is math.sinh else math.inf

    return call


def _sin_first(degrees: float) -> float:
    """Of 0 to 90."""
    if degrees <= 30:
        return math.sin(math.radians(degrees)) / _SIN_30 / 2
    return _cos_small(90 - degrees)


def _cos_small(degrees: float) -> float:
    """Of 0 to 60."""
    return 1 - (1 - math.cos(math.radians(degrees))) / _ONE_MINUS_COS_60 / 2


def _cos_first(degrees: float) -> float:
    return _cos_small(degrees) if degrees <= 60 else math.sin(math.radians(90 - degrees)) / _SIN_30 / 2


def sind(degrees: float) -> float:
    degrees, sign = math.fmod(degrees, 360), 1
    if degrees < 0:
        degrees, sign = -degrees, -1
    if degrees > 180:
        degrees, sign = 360 - degrees, -sign
    return sign * _sin_first(180 - degrees if degrees > 90 else degrees)


def cosd(degrees: float) -> float:
    degrees, sign = abs(math.fmod(degrees, 360)), 1
    if degrees > 180:
        degrees = 360 - degrees
    if degrees > 90:
        degrees, sign = 180 - degrees, -1
    return sign * _cos_first(degrees)


def tand(degrees: float) -> float:
    sine, cosine = sind(degrees), cosd(degrees)
    if cosine == 0:
        return math.copysign(math.inf, sine)
    return sine / cosine / (_sin_first(45) / _cos_first(45)) + 0.0


def cotd(degrees: float) -> float:
    sine, cosine = sind(degrees), cosd(degrees)
    if sine == 0:
        return math.copysign(math.inf, cosine)
    return cosine / sine / (_cos_first(45) / _sin_first(45)) + 0.0


_ASIN_HALF, _ACOS_HALF, _ATAN_1 = math.asin(0.5), math.acos(0.5), math.atan(1.0)


def _asin_first(value: float) -> float:
    """Of 0 to 1."""
    return math.asin(value) / _ASIN_HALF * 30 if value <= 0.5 else 90 - math.acos(value) / _ACOS_HALF * 60


def _acos_first(value: float) -> float:
    return 90 - math.asin(value) / _ASIN_HALF * 30 if value <= 0.5 else math.acos(value) / _ACOS_HALF * 60


def _asind(value: float) -> float:
    return _asin_first(value) if value >= 0 else -_asin_first(-value)


def _acosd(value: float) -> float:
    return _acos_first(value) if value >= 0 else 90 + _asin_first(-value)


def _unit(value: float) -> bool:
    return -1 <= value <= 1


_MEASURES: dict[str, Callable[[float], float]] = {
    "cot": lambda value: 1 / math.tan(value) if value else math.copysign(math.inf, value),
    "sinh": _overflowing(math.sinh), "cosh": _overflowing(math.cosh), "tanh": math.tanh,
    "asinh": math.asinh, "acosh": _checked(math.acosh, lambda value: value >= 1),
    "atanh": _checked(
        lambda value: math.copysign(math.inf, value) if abs(value) == 1 else math.atanh(value), _unit
    ),
    "sind": sind, "cosd": cosd, "tand": tand, "cotd": cotd,
    "asind": _checked(_asind, _unit), "acosd": _checked(_acosd, _unit),
    "atand": lambda value: math.atan(value) / _ATAN_1 * 45,
}  # fmt: skip
_PERIODIC = frozenset(["cot", "sind", "cosd", "tand", "cotd"])
