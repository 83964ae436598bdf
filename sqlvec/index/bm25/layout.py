"""What a part of a BM25 index keeps: named arrays, memory-mapped from a segment or in memory.

    starts         i64[terms + 1]   postings of term t are [starts[t], starts[t + 1])
    rows           i32[postings]    offset of the row in the part, ascending within a term
    freqs          u8[postings]     term frequency, 255 for more
    lengths        i32[fields * rows]  how many terms each row has, -1 for a null text; field after field
    term_ends      i64[terms]       where each term ends in term_bytes
    term_bytes     u8[]             the terms in UTF-8, ascending by their bytes
    block_starts   i64[terms + 1]   blocks of term t are [block_starts[t], block_starts[t + 1])
    block_lasts    i32[blocks]      last row of each BLOCK postings of a term
    block_freqs    u8[blocks]       greatest frequency in the block
    block_lengths  i32[blocks]      least length of the block's rows
    row_terms      i32[tokens]      the terms of each row in their order, GAP for a stop word,
                                    BARRIER between fields: for phrases; empty without positions
    row_ends       i64[rows]        where each row ends in row_terms
    totals         i64[2 * fields]  rows that have a term, sum of their lengths; field after field
    analysis       u8[]             what made the terms of texts (analysis.py), in UTF-8

A term of an index over several fields begins with the character whose code is its field's number, so
each field has postings of its own and the fields' terms do not mix.

Nothing depends on the average length or on which rows are visible: bounds are made at query time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sqlvec.errors import DataCorrupted

DTYPES = {
    "starts": np.dtype(np.int64),
    "rows": np.dtype(np.int32),
    "freqs": np.dtype(np.uint8),
    "lengths": np.dtype(np.int32),
    "term_ends": np.dtype(np.int64),
    "term_bytes": np.dtype(np.uint8),
    "block_starts": np.dtype(np.int64),
    "block_lasts": np.dtype(np.int32),
    "block_freqs": np.dtype(np.uint8),
    "block_lengths": np.dtype(np.int32),
    "row_terms": np.dtype(np.int32),
    "row_ends": np.dtype(np.int64),
    "totals": np.dtype(np.int64),
    "analysis": np.dtype(np.uint8),
}


def checked(arrays: Mapping[str, np.ndarray], row_count: int) -> dict[str, np.ndarray]:
    """The arrays as kernels take them, read-only; XX001 when they do not belong together."""
    for name, dtype in DTYPES.items():
        if name not in arrays or arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise DataCorrupted(f'array "{name}" of a bm25 index is missing or has another type')
    sizes = {name: len(arrays[name]) for name in DTYPES}
    terms = sizes["term_ends"]
    fields = sizes["totals"] // 2
    expected = {"starts": terms + 1, "block_starts": terms + 1, "lengths": fields * row_count}
    expected |= {"row_ends": row_count, "totals": 2 * max(fields, 1)}
    if all(sizes[name] == size for name, size in expected.items()):
        expected["rows"] = expected["freqs"] = int(arrays["starts"][-1])
        blocks = int(arrays["block_starts"][-1])
        expected["block_lasts"] = expected["block_freqs"] = expected["block_lengths"] = blocks
        expected["term_bytes"] = int(arrays["term_ends"][-1]) if terms else 0
        expected["row_terms"] = int(arrays["row_ends"][-1]) if row_count else 0
    for name, size in expected.items():
        if sizes[name] != size:
            raise DataCorrupted(
                f'array "{name}" of a bm25 index has {sizes[name]} entries instead of {size}'
            )
    return {name: fixed(np.ascontiguousarray(arrays[name])) for name in DTYPES}


def fixed(array: np.ndarray) -> np.ndarray:
    """A read-only view: kernels are compiled once for memory and mapped files."""
    view: np.ndarray = array.view(np.ndarray)
    view.flags.writeable = False
    return view
