"""Rows of COPY TO in the text and csv formats, written by columns where a whole batch can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sqlvec.exec.arrow_rows import ArrowColumn, column_texts
from sqlvec.exec.context import Datum
from sqlvec.types.copy_format import TEXT_ESCAPES
from sqlvec.types.copy_marks import CopyMarks


def text_rows(
    batch: Sequence[Sequence[Datum]], options: dict[str, Any], zone: str
) -> list[bytes] | None:
    """A line for each row, options as bound.Copy has them; None where rows are to be written one by one."""
    is_csv = options.get("format") == "csv"
    marks = CopyMarks.of(options)
    if not batch or options.get("force_quote") or (not is_csv and marks.delimiter != "\t"):
        return None
    columns = []
    for column in batch:
        texts = column_texts(column, zone) if isinstance(column, ArrowColumn) else None
        if texts is not None:
            texts = _quoted(texts, marks) if is_csv else _escaped(texts)
        if texts is None:
            return None
        columns.append(texts)
    lines = pc.binary_join_element_wise(
        *columns, marks.delimiter, null_handling="replace", null_replacement=marks.null
    )
    ended = pc.binary_join_element_wise(lines, "", "\n")
    return ended.cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]


def _bytes_of(texts: pa.Array) -> bytes:
    data = texts.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def _escaped(texts: pa.Array) -> pa.Array:
    raw = _bytes_of(texts)
    for char, shown in TEXT_ESCAPES.items():
        if char.encode() in raw:
            texts = pc.replace_substring(texts, char, shown)
    return texts


def _quoted(texts: pa.Array, marks: CopyMarks) -> pa.Array | None:
    """The texts as they are, if none needs quotes."""
    raw = _bytes_of(texts)
    special = (marks.delimiter, marks.quote, "\n", "\r")
    if any(char.encode() in raw for char in special):
        return None
    return None if pc.any(pc.equal(texts, marks.null)).as_py() else texts
