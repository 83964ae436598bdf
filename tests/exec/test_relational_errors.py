"""The engine's exceptions as PostgreSQL's errors."""

from __future__ import annotations

import duckdb
import pytest

from sqlvec.errors import DivisionByZero, InternalError
from sqlvec.exec.relational_errors import ErrorKeeper, translated


@pytest.mark.parametrize(
    ("error", "sqlstate", "message"),
    [
        (duckdb.OutOfRangeException("Overflow in addition of INT32 (1 + 1)!"), "22003", "integer out of range"),
        (duckdb.OutOfRangeException("Overflow in addition of INT16 (1 + 1)!"), "22003", "smallint out of range"),
        (duckdb.OutOfRangeException("Overflow in multiplication of INT64 (9 * 9)!"), "22003", "bigint out of range"),
        (duckdb.OutOfRangeException("Overflow in addition of DECIMAL(38) (9 + 1)"), "22003",
         "value overflows numeric format"),
        (duckdb.OutOfRangeException("Overflow in negation of numeric value!"), "22003", "integer out of range"),
        (duckdb.ConversionException("Type DOUBLE with value 3e10 can't be cast because the value is out of "
                                    "range for the destination type INT32"), "22003", "integer out of range"),
        (duckdb.ConversionException("Could not cast value 400 to DECIMAL(4,2)"), "22003", "numeric field overflow"),
        (duckdb.ConversionException("Cannot cast list with length 2 to array with length 3"), "22000",
         "expected 3 dimensions, not 2"),
        (duckdb.ConversionException("Date and time not in timestamp range"), "22008", "timestamp out of range"),
        (duckdb.InvalidInputException("Division by zero in expression (5 % 0)."), "22012", "division by zero"),
        (duckdb.InvalidInputException("sqlvec:2201F:cannot take square root of a negative number"), "2201F",
         "cannot take square root of a negative number"),
        (duckdb.InvalidInputException("More than one row returned by a subquery used as an expression"), "21000",
         "more than one row returned by a subquery used as an expression"),
        (duckdb.NotImplementedException("Unknown TimeZone 'Mars'!"), "22023", 'time zone "Mars" not recognized'),
        (duckdb.OutOfMemoryException("failed to pin block"), "53200", "out of memory"),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), "57014",
         "canceling statement due to user request"),
        (duckdb.BinderException("No function matches"), "0A000", "this query is not supported"),
        (duckdb.InternalException("assertion"), "XX000", "the relational engine failed"),
    ],
)  # fmt: skip
def test_exceptions_become_sqlstates(error: Exception, sqlstate: str, message: str) -> None:
    found = translated(error, ErrorKeeper())
    assert (found.sqlstate, found.message) == (sqlstate, message)


def test_numeric_overflow_tells_the_limit() -> None:
    found = translated(duckdb.ConversionException("Could not cast value 400 to DECIMAL(4,2)"), ErrorKeeper())
    assert found.detail == "A field with precision 4, scale 2 must round to an absolute value less than 10^2."


def test_an_error_of_ours_is_found_again_by_its_token_once() -> None:
    keeper = ErrorKeeper()
    original = DivisionByZero("division by zero", hint="kept")

    def fail() -> None:
        raise original

    with pytest.raises(RuntimeError) as raised:
        keeper.guard(fail)()
    wrapped = duckdb.InvalidInputException(f"Python exception occurred: {raised.value}")
    assert translated(wrapped, keeper) is original
    assert isinstance(translated(wrapped, keeper), InternalError)


def test_whatever_fails_after_a_cancel_request_is_the_cancel() -> None:
    found = translated(duckdb.Error("connection closed"), ErrorKeeper(), cancelled=True)
    assert found.sqlstate == "57014"
