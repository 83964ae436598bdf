"""Lines of COPY TO written by columns are those that are written one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec import types
from sqlvec.exec.arrow_rows import ArrowColumn
from sqlvec.exec.copy_text import text_rows
from sqlvec.types.copy_format import CopyEncoder

DAY = 86_400_000_000
VALUES: dict[types.SqlType, st.SearchStrategy[Any]] = {
    types.INT4: st.integers(-(2**31), 2**31 - 1),
    types.FLOAT8: st.floats() | st.integers(-(10**6), 10**6).map(lambda n: n / 100),
    types.BOOL: st.booleans(),
    types.TEXT: st.text("ab\\\t\n\r\b\v\f,;\"'Né", max_size=4) | st.sampled_from(["", "\\N", "NULL", "\\."]),
    types.DATE: st.integers(-1_000, 40_000),
    types.TIMESTAMP: st.integers(-1_000 * DAY, 40_000 * DAY),
    types.NUMERIC: st.decimals(-100, 100, places=2),
}
OPTIONS = st.sampled_from([
    {"format": "text"}, {"format": "csv"}, {"format": "csv", "delimiter": ";", "null": "NULL"},
    {"format": "text", "null": "NULL"}, {"format": "csv", "quote": "'"}, {"format": "text", "delimiter": ","},
])  # fmt: skip


@given(data=st.data(), options=OPTIONS)
@settings(deadline=None, max_examples=300)
def test_lines_are_those_that_are_written_one_by_one(data: st.DataObject, options: dict[str, Any]) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    count, skipped = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 2))
    columns: list[Sequence[Any]] = []
    for sql_type in chosen:
        datums = data.draw(
            st.lists(st.none() | VALUES[sql_type], min_size=count + skipped, max_size=count + skipped)
        )
        columns.append(ArrowColumn(sql_type, sql_type.definition.to_arrow(datums).slice(skipped)))
    one_by_one = CopyEncoder(chosen, options, [f"c{i}" for i in range(len(chosen))]).rows(columns)
    by_columns = text_rows(columns, options, "")
    assert by_columns is None or by_columns == one_by_one
    if options == {"format": "text"} and types.NUMERIC not in chosen:
        assert by_columns is not None
