"""The engine's errors as PostgreSQL's."""

from __future__ import annotations

import re

import duckdb

from sqlvec.errors import (
    CardinalityViolation,
    DatabaseError,
    DivisionByZero,
    FeatureNotSupported,
    InternalError,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    OutOfMemory,
    QueryCanceled,
)
from sqlvec.exec.context import Context

_CONVERSION = re.compile(r"Could not convert string '(.*?)' to (\w+)|invalid .*? \"(.*?)\"", re.S)
_TYPES = {"INT32": "integer", "INT64": "bigint", "INT16": "smallint", "DOUBLE": "double precision",
          "FLOAT": "real", "BOOL": "boolean", "DECIMAL": "numeric"}  # fmt: skip


def translated(error: Exception, context: Context) -> DatabaseError:
    """What the client is told."""
    if isinstance(error.__cause__, DatabaseError):
        return error.__cause__
    if context.cancelled() or isinstance(error, duckdb.InterruptException):
        return QueryCanceled("canceling statement due to user request")
    text = str(error)
    if "division by zero" in text.lower():
        return DivisionByZero("division by zero")
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemory("out of memory", detail=text.splitlines()[0])
    if isinstance(error, duckdb.ConversionException):
        return _conversion(text)
    if isinstance(error, duckdb.OutOfRangeException) or "out of range" in text.lower():
        return NumericValueOutOfRange("value out of range")
    if "More than one row returned" in text:
        return CardinalityViolation("more than one row returned by a subquery used as an expression")
    if isinstance(error, (duckdb.NotImplementedException, duckdb.BinderException, duckdb.CatalogException)):
        return FeatureNotSupported("the statement is not supported", detail=text.splitlines()[0])
    return InternalError("the relational engine failed", detail=text.splitlines()[0])


def _conversion(text: str) -> DatabaseError:
    match = _CONVERSION.search(text)
    if "out of range" in text.lower() or "overflow" in text.lower():
        return NumericValueOutOfRange("value out of range")
    if match is not None and match[1] is not None:
        name = _TYPES.get(match[2], match[2].lower())
        return InvalidTextRepresentation(f'invalid input syntax for type {name}: "{match[1]}"')
    return InvalidTextRepresentation("invalid input syntax", detail=text.splitlines()[0])
