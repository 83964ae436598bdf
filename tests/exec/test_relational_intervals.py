"""Interval arithmetic against PostgreSQL's."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.errors import DivisionByZero
from sqlvec.exec import relational_intervals as intervals

parts = st.tuples(st.integers(-60, 60), st.integers(-60, 60), st.integers(-(10**11), 10**11))
moments = st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1))


def _literal(value: tuple[int, int, int]) -> str:
    months, days, microseconds = value
    return f"('{months} months {days} days'::interval + '{microseconds} us'::interval)"


def _asked(dsn: str, expression: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(f"select ({expression})::text".encode()).fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]


@settings(deadline=None, max_examples=40)
@given(parts, st.sampled_from([0.5, 2.0, -1.0, 1.5, 3.0, 10.0]))
def test_scaled_intervals_are_postgresqls(oracle: str, value: tuple[int, int, int], factor: float) -> None:
    shown = intervals.text(*intervals.multiply(*value, factor))
    assert shown == _asked(oracle, f"{_literal(value)} * {factor}")
    quotient = intervals.divide(*value, factor)
    assert quotient is not None
    assert intervals.text(*quotient) == _asked(oracle, f"{_literal(value)} / {factor}")


@settings(deadline=None, max_examples=40)
@given(moments, moments)
def test_age_is_postgresqls(oracle: str, a: datetime, b: datetime) -> None:
    epoch = datetime(1970, 1, 1)
    later, earlier = ((t - epoch) // (datetime.resolution) for t in (a, b))
    assert intervals.text(*intervals.age(later, earlier)) == _asked(
        oracle, f"age(timestamp '{a}', timestamp '{b}')"
    )


@settings(deadline=None, max_examples=40)
@given(parts, st.sampled_from(["hours", "days", "interval"]))
def test_justified_intervals_are_postgresqls(oracle: str, value: tuple[int, int, int], kind: str) -> None:
    shown = intervals.text(*intervals.justify(kind, *value))
    assert shown == _asked(oracle, f"justify_{kind}({_literal(value)})")


@settings(deadline=None, max_examples=40)
@given(parts, st.sampled_from(["year", "month", "day", "hour", "minute", "second", "epoch", "quarter",
                               "milliseconds", "microseconds", "decade"]))  # fmt: skip
def test_fields_are_postgresqls(oracle: str, value: tuple[int, int, int], unit: str) -> None:
    assert intervals.field(unit, *value) == _asked(oracle, f"extract({unit} from {_literal(value)})")


def test_division_by_zero_is_refused() -> None:
    with pytest.raises(DivisionByZero, match="division by zero"):
        intervals.divide(1, 0, 0, 0.0)
