"""Rows of COPY TO in the text and csv formats, written by columns where a whole batch can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sqlvec.exec.arrow_rows import ArrowColumn, column_texts
from sqlvec.exec.context import Datum

# Of a text that COPY writes otherwise, what it writes; the backslash first.
_ESCAPES = {
    "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def text_rows(
    batch: Sequence[Sequence[Datum]], options: dict[str, Any], zone: str
) -> list[bytes] | None:
    """A line for each row, options as bound.Copy has them; None where rows are to be written one by one."""
    is_csv = options.get("format") == "csv"
    delimiter: str = options.get("delimiter", "," if is_csv else "\t")
    null: str = options.get("null", "" if is_csv else "\\N")
    if not batch or options.get("force_quote") or (not is_csv and delimiter != "\t"):
        return None
    columns = []
    for column in batch:
        texts = column_texts(column, zone) if isinstance(column, ArrowColumn) else None
        if texts is not None:
            texts = _quoted(texts, delimiter, null, options) if is_csv else _escaped(texts)
        if texts is None:
            return None
        columns.append(texts)
    lines = pc.binary_join_element_wise(
        *columns, delimiter, null_handling="replace", null_replacement=null
    )
    ended = pc.binary_join_element_wise(lines, "", "\n")
    return ended.cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]


def _bytes_of(texts: pa.Array) -> bytes:
    data = texts.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def _escaped(texts: pa.Array) -> pa.Array:
    raw = _bytes_of(texts)
    for char, shown in _ESCAPES.items():
        if char.encode() in raw:
            texts = pc.replace_substring(texts, char, shown)
    return texts


def _quoted(
    texts: pa.Array, delimiter: str, null: str, options: dict[str, Any]
) -> pa.Array | None:
    """The texts as they are, if none needs quotes."""
    raw = _bytes_of(texts)
    special = (delimiter, options.get("quote", '"'), "\n", "\r")
    if any(char.encode() in raw for char in special):
        return None
    return None if pc.any(pc.equal(texts, null)).as_py() else texts
