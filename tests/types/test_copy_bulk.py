"""COPY by columns gives what it gives field by field, or leaves it to that."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec import types
from sqlvec.errors import DatabaseError
from sqlvec.types import SqlType
from sqlvec.types.copy_format import CopyDecoder

TYPES = (
    types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8, types.BOOL, types.TEXT, types.DATE,
    types.TIMESTAMP, types.TIMESTAMPTZ, types.UUID, types.NUMERIC, SqlType(types.VARCHAR.oid, 4 + 3),
    SqlType(types.TIMESTAMP.oid, 2), types.array_of(types.INT4),
)  # fmt: skip
FIELDS = st.sampled_from([
    "1", "-7", "+3", " 4", "0x10", "00012", "32768", "1.5", ".5", "1e5", "1e400", "1e-400", "nan", "inf", "-Infinity",
    "t", "f", "true", "yes", "abc", "abcd", "x  ", "é", "\\N", "N", '""', '"a"', '"a""b"', '"a,b"', '"a\nb"', 'a"b"c', '"x"y',
    "\\t", "\\\\", "a\\Nb", "\\.", "", "2024-02-29", "2023-02-29", "0000-01-01", "0001-01-01", "infinity",
    "2024-01-02 10:00:00", "2024-01-02 10:00:00.123456", "2024-01-02 10:00", "2024-01-02T10:00:00",
    "2024-01-02 10:00:00+02", "2024-01-02 10:00:00.5-05:30", "2024-01-02 24:00:00", "2024-01-02 10:00:00Z",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{1,2}",
])  # fmt: skip


@pytest.mark.parametrize("form", ["text", "csv"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_columns_and_fields_are_read_alike(form: str, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    rows = data.draw(st.lists(st.lists(FIELDS, min_size=len(chosen), max_size=len(chosen)), max_size=4))
    end = data.draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = "".join(("," if form == "csv" else "\t").join(row) + end for row in rows)
    if data.draw(st.booleans()):
        text = text.removesuffix(end)
    assert _read(chosen, form, text, bulk=True) == _read(chosen, form, text, bulk=False)


def _plain(array: pa.Array) -> pa.Array:
    """Moments as numbers: Python has no infinite ones."""
    if pa.types.is_date32(array.type):
        return array.cast(pa.int32())
    return array.cast(pa.int64()) if pa.types.is_timestamp(array.type) else array


def _read(chosen: list[SqlType], form: str, text: str, *, bulk: bool) -> Any:
    decoder = CopyDecoder(chosen, {"format": form})
    decoder.bulk.usable &= bulk
    try:
        batches = [*decoder.feed(text.encode()), *decoder.finish()]
    except DatabaseError as error:
        return error.sqlstate, error.message, error.where
    columns = zip(*(batch.columns for batch in batches), strict=True)
    found = [[v for array in column for v in _plain(array).to_pylist()] for column in columns]
    return repr(found), [[array.type for array in batch.columns] for batch in batches]
