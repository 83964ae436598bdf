"""to_char, to_date, to_timestamp and to_number against PostgreSQL's."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqlvec.errors import DatetimeFieldOverflow, InvalidDatetimeFormat
from sqlvec.exec import relational_formats as formats

_EPOCH = datetime(1970, 1, 1)
moments = st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1))
MOMENT_PATTERNS = [
    "YYYY-MM-DD HH24:MI:SS.US", "DD/MM/YY HH12:MI AM", "Day, DDth Month YYYY", "FMDay FMMonth FMDD",
    "Dy Mon D ID DDD IDDD", "IYYY IYY IY I IW WW W", "Q CC J RM", "Y,YYY YYY Y", "SSSS MS FF3",
    "a.m. bc MON dy DAY", '"year" YYYY', "HH24MISS", "FMRM|FMHH12|FMMI", "DDTH MMth",
]  # fmt: skip
NUMBER_PATTERNS = [
    "999", "9999.99", "0000.0", "9,999,999.99", "FM9999.99", "FM0999.00", "S999.9", "999.9S", "MI9999",
    "9999MI", "9999PR", "SG9999", "999D99", "9G999", "99", "FM9G999", "0.99", ".99", "9.9EEEE",
]  # fmt: skip


def _asked(dsn: str, expression: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(f"select ({expression})::text".encode()).fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]


@settings(deadline=None, max_examples=60)
@given(moments, st.sampled_from(MOMENT_PATTERNS))
def test_timestamps_are_shown_as_postgresql_shows_them(oracle: str, moment: datetime, pattern: str) -> None:
    microseconds = (moment - _EPOCH) // datetime.resolution
    shown = formats.to_char(microseconds, pattern, "")
    assert shown == _asked(oracle, f"to_char(timestamp '{moment}', '{pattern}')")


@settings(deadline=None, max_examples=120)
@example("3.85", "9.9EEEE")
@example("9950.00", "9.9EEEE")
@example("-0.000995", "9.9EEEE")
@example("123456789012345678901234567890.5", "9.999EEEE")
@given(
    st.decimals(-20000, 20000, places=2).map(lambda d: f"{d:f}"), st.sampled_from(NUMBER_PATTERNS)
)
def test_numbers_are_shown_as_postgresql_shows_them(oracle: str, number: str, pattern: str) -> None:
    expected = _asked(oracle, f"to_char('{number}'::numeric, '{pattern}')")
    assert formats.number_to_char(number, pattern) == expected


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2024-03-05 14:05:06", "YYYY-MM-DD HH24:MI:SS"),
        ("05 Mar 2024", "DD Mon YYYY"),
        ("5/3/24 2:30 pm", "DD/MM/YY HH12:MI PM"),
        ("20240305140506", "YYYYMMDDHH24MISS"),
        ("2024-065", "YYYY-DDD"),
        ("2024-10-2", "IYYY-IW-ID"),
        ("2024-03-05 14:05:06.25", "YYYY-MM-DD HH24:MI:SS.MS"),
        ("March 5, 2024", "FMMonth DD, YYYY"),
    ],
)
def test_texts_are_read_as_postgresql_reads_them(oracle: str, text: str, pattern: str) -> None:
    shown = formats.to_char(formats.to_timestamp(text, pattern), "YYYY-MM-DD HH24:MI:SS.US", "")
    expected = f"to_char(to_timestamp('{text}', '{pattern}'), 'YYYY-MM-DD HH24:MI:SS.US')"
    assert shown == _asked(oracle, expected)


def test_what_is_no_date_is_refused() -> None:
    with pytest.raises(DatetimeFieldOverflow, match='out of range: "2024-02-30"'):
        formats.to_timestamp("2024-02-30", "YYYY-MM-DD")
    with pytest.raises(InvalidDatetimeFormat, match='invalid value "ab" for "DD"'):
        formats.to_timestamp("ab", "DD")
    with pytest.raises(DatetimeFieldOverflow, match="date field value out of range: 2023-02-29"):
        formats.make_date(2023, 2, 29)


def test_numbers_are_read_by_their_pattern() -> None:
    assert formats.to_number("1,234.50", "9,999.99") == "1234.50"
    assert formats.to_number("-12", "S99") == "-12"
    assert formats.to_number("<7>", "9PR") == "-7"
