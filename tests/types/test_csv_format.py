"""The csv reader against Python's own."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from sqlvec.types.csv_format import CsvReader

ROWS = st.lists(st.lists(st.text('ab",;\n\'é', max_size=5), min_size=2, max_size=4), max_size=6)


@given(ROWS, st.sampled_from(",;"), st.data())
def test_rows_are_those_that_were_written(
    rows: list[list[str]], delimiter: str, data: st.DataObject
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    lines = text.getvalue().split("\n")[:-1]
    reader, found = CsvReader({"delimiter": delimiter}), []
    while lines:
        size = data.draw(st.integers(1, len(lines)))
        found += reader.rows(lines[:size], "\n")
        lines = lines[size:]
    assert [row.fields for row in found] == rows
    assert not reader.pending
    assert [row.text.count("\n") for row in found] == [
        sum(field.count("\n") for field in row) for row in rows
    ]
