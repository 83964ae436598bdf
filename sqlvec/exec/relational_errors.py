"""What the relational engine reports, as PostgreSQL's errors.

Functions of ours raise DatabaseErrors; the engine wraps them into its own exception, of which only the text
is left. So the error is kept by a token that its text names. An error raised in SQL is
error('sqlvec:22012:division by zero'): SQLSTATE and message.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import duckdb

from sqlvec import errors
from sqlvec.errors import (
    CardinalityViolation,
    ConfigurationLimitExceeded,
    DatabaseError,
    DataException,
    DatetimeFieldOverflow,
    DivisionByZero,
    FeatureNotSupported,
    InternalError,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    OutOfMemory,
    QueryCanceled,
)


class InvalidRegularExpression(DatabaseError):
    """A regular expression that cannot be compiled."""

    sqlstate = "2201B"


class InvalidLogarithmArgument(DatabaseError):
    """The logarithm of zero or of a negative number."""

    sqlstate = "2201E"


class InvalidPowerArgument(DatabaseError):
    """A power or root that is undefined."""

    sqlstate = "2201F"


class InvalidWidthBucketArgument(DatabaseError):
    """width_bucket with impossible bounds or count."""

    sqlstate = "2201G"


class SubstringError(DatabaseError):
    """A substring of negative length."""

    sqlstate = "22011"


class InvalidArgumentForNtile(DatabaseError):
    """ntile into no buckets."""

    sqlstate = "22014"


class InvalidArgumentForNthValue(DatabaseError):
    """nth_value before the first row."""

    sqlstate = "22016"


_OWN = (
    InvalidArgumentForNtile,
    InvalidArgumentForNthValue,
    InvalidRegularExpression,
    InvalidLogarithmArgument,
    InvalidPowerArgument,
    InvalidWidthBucketArgument,
    SubstringError,
)
_BY_STATE: dict[str, type[DatabaseError]] = {
    found.sqlstate: found
    for found in (*vars(errors).values(), *_OWN)
    if isinstance(found, type) and issubclass(found, DatabaseError)
}
_TOKEN = re.compile(r"sqlvec-error-(\d+)")
_RAISED = re.compile(r"sqlvec:(\w{5}):([^\n]*)")
_KEPT_MAX = 1000
_INTEGERS = {"INT8": "smallint", "INT16": "smallint", "INT32": "integer", "INT64": "bigint"}
_INTEGER = re.compile(r"\bINT(?:8|16|32|64)\b")


class ErrorKeeper:
    """Errors that functions raised, until the engine's exception about them arrives."""

    def __init__(self) -> None:
        self._kept: dict[int, DatabaseError] = {}
        self._next = 0
        self._lock = threading.Lock()

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its DatabaseErrors kept."""

        @wraps(function)
        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except DatabaseError as error:
                raise RuntimeError(self._keep(error)) from error

        return call

    def _keep(self, error: DatabaseError) -> str:
        with self._lock:
            self._next += 1
            self._kept[self._next] = error
            if len(self._kept) > _KEPT_MAX:  # errors of statements that failed otherwise first
                del self._kept[next(iter(self._kept))]
            return f"sqlvec-error-{self._next}"

    def find(self, text: str) -> DatabaseError | None:
        match = _TOKEN.search(text)
        if match is None:
            return None
        with self._lock:
            return self._kept.pop(int(match[1]), None)


def translated(error: Exception, keeper: ErrorKeeper, *, cancelled: bool = False) -> DatabaseError:
    """What the client is told of an exception of the engine."""
    text = str(error)
    kept = keeper.find(text)
    if kept is not None:
        return kept
    raised = _RAISED.search(text)
    if raised is not None:
        return _BY_STATE.get(raised[1], InternalError)(raised[2].strip())
    if cancelled or isinstance(error, duckdb.InterruptException) or "INTERRUPT" in text[:12]:
        return QueryCanceled("canceling statement due to user request")
    lowered = text.lower()
    if "division by zero" in lowered or "divide by zero" in lowered:
        return DivisionByZero("division by zero")
    if "failed to offload" in lowered and "max_temp_directory_size" in text:
        return ConfigurationLimitExceeded("temporary file size exceeds temp_file_limit")
    if isinstance(error, duckdb.OutOfMemoryException) or "out of memory" in lowered:
        return OutOfMemory("out of memory", detail=_first_line(text))
    if "more than one row returned by a subquery" in lowered:
        return CardinalityViolation(
            "more than one row returned by a subquery used as an expression"
        )
    if "timezone" in lowered and "'" in text:
        return InvalidParameterValue(f'time zone "{text.split(chr(39))[1]}" not recognized')
    return _by_class(error, text)


def _by_class(error: Exception, text: str) -> DatabaseError:
    lowered = text.lower()
    if isinstance(error, duckdb.ConversionException):
        return _conversion(text)
    if isinstance(error, duckdb.OutOfRangeException) or "overflow" in lowered:
        return _out_of_range(text)
    if isinstance(error, (duckdb.NotImplementedException, duckdb.BinderException)):
        return FeatureNotSupported("this query is not supported", detail=_first_line(text))
    if isinstance(error, duckdb.CatalogException):
        return FeatureNotSupported("this query is not supported", detail=_first_line(text))
    return InternalError("the relational engine failed", detail=_first_line(text))


def _out_of_range(text: str) -> DatabaseError:
    """Arithmetic that left its type."""
    named = _INTEGER.search(text)
    if named is not None:
        return NumericValueOutOfRange(f"{_INTEGERS[named[0]]} out of range")
    if "DECIMAL" in text or "HUGEINT" in text:
        return NumericValueOutOfRange("value overflows numeric format")
    return _moment(text) or NumericValueOutOfRange("integer out of range")


def _conversion(text: str) -> DatabaseError:
    """A cast that failed. Text is not cast by the engine, so a value was out of range."""
    line = _first_line(text)
    lengths = re.findall(r"length (\d+)", line)
    if "Cannot cast list" in line and len(lengths) == 2:
        return DataException(f"expected {lengths[1]} dimensions, not {lengths[0]}")
    target = re.findall(r"U?INT\d+|DECIMAL\(\d+,\d+\)", line)
    if target and target[-1].startswith("DECIMAL"):
        precision, scale = map(int, re.findall(r"\d+", target[-1]))
        limit = f"10^{precision - scale}" if precision > scale else "1"
        return NumericValueOutOfRange(
            "numeric field overflow",
            detail=f"A field with precision {precision}, scale {scale} must round to an absolute "
            f"value less than {limit}.",
        )
    if target:
        return NumericValueOutOfRange(f"{_INTEGERS.get(target[-1], 'bigint')} out of range")
    return _moment(line) or InvalidTextRepresentation("invalid value", detail=line)


def _moment(text: str) -> DatabaseError | None:
    lowered = text.lower()
    for word in ("timestamp", "interval", "date", "time"):
        if word in lowered:
            return DatetimeFieldOverflow(f"{word} out of range")
    return None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
