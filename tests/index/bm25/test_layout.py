import numpy as np
import pytest

from sqlvec.errors import DataCorrupted
from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.layout import DTYPES, checked
from sqlvec.index.bm25.part import build_part


def arrays() -> dict[str, np.ndarray]:
    return build_part(0, [["red cat", "red", None]], Analysis("simple")).arrays()


def test_the_layout_is_pinned():
    assert {name: dtype.str for name, dtype in DTYPES.items()} == {
        "starts": "<i8",
        "rows": "<i4",
        "freqs": "|u1",
        "lengths": "<i4",
        "term_ends": "<i8",
        "term_bytes": "|u1",
        "block_starts": "<i8",
        "block_lasts": "<i4",
        "block_freqs": "|u1",
        "block_lengths": "<i4",
        "row_terms": "<i4",
        "row_ends": "<i8",
        "totals": "<i8",
        "analysis": "|u1",
    }
    found = arrays()
    assert found["term_bytes"].tobytes() == b"catred" and found["term_ends"].tolist() == [3, 6]
    assert found["starts"].tolist() == [0, 1, 3] and found["rows"].tolist() == [0, 0, 1]
    assert found["lengths"].tolist() == [2, 1, -1] and found["totals"].tolist() == [2, 3]
    assert found["row_terms"].tolist() == [1, 0, 1] and found["row_ends"].tolist() == [2, 3, 3]


@pytest.mark.parametrize("name", DTYPES)
def test_a_missing_array_is_corruption(name):
    kept = arrays()
    del kept[name]
    with pytest.raises(DataCorrupted, match=f'"{name}"'):
        checked(kept, 3)


@pytest.mark.parametrize("name", [name for name in DTYPES if name != "analysis"])
def test_an_array_of_another_size_is_corruption(name):
    kept = arrays()
    kept[name] = np.append(kept[name], kept[name][-1:])
    with pytest.raises(DataCorrupted):
        checked(kept, 3)


def test_an_array_of_another_type_is_corruption():
    kept = arrays()
    kept["rows"] = kept["rows"].astype(np.int64)
    with pytest.raises(DataCorrupted):
        checked(kept, 3)


def test_arrays_of_another_number_of_rows_are_corruption():
    with pytest.raises(DataCorrupted):
        checked(arrays(), 4)
