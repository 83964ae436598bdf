"""The rows of indexes over expressions, bit strings and sparse vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sqlvec.storage.index_rows import IndexRows, packed_bits
from sqlvec.storage.vectors import VectorColumn
from sqlvec.types import BIT, HALFVEC, SPARSEVEC, SqlType
from sqlvec.types.sparse_vector import SparseVector
from tests.sim.simfs import SimFs


def _rows(sql_type: SqlType) -> IndexRows:
    make: Callable[[], VectorColumn] = lambda: VectorColumn(SimFs(), "own", sql_type.typmod)  # noqa: E731
    return IndexRows(sql_type, None, make)


def test_dense_values_lie_in_a_file_of_their_own() -> None:
    rows = _rows(SqlType(HALFVEC.oid, 3))
    rows.add([np.array([1, 2, 3], np.float16), None])
    rows.add([np.array([4, 5, 6], np.float16)])
    view = rows.view(3)
    assert view.array[:, :3].tolist() == [[1, 2, 3], [0, 0, 0], [4, 5, 6]]
    assert view.present.ids().tolist() == [0, 2]
    assert rows.file_name() == "own"


def test_bits_are_packed_the_first_lowest() -> None:
    rows = _rows(SqlType(BIT.oid, 70))
    rows.add(["1" + "0" * 69, None, "0" * 69 + "1"])
    assert rows.view(3).array.tolist() == [[1, 0], [0, 0], [0, 1 << 5]]
    assert rows.file_name() == ""


def test_sparse_values_are_laid_end_to_end() -> None:
    rows = _rows(SqlType(SPARSEVEC.oid, 5))
    first = SparseVector(5, np.array([0, 4], np.int32), np.array([1.5, 2], np.float32))
    rows.add([first])
    rows.add([None, SparseVector(5, np.array([2], np.int32), np.array([3], np.float32))])
    starts, places, values = rows.view(3).array
    assert starts.tolist() == [0, 2, 2, 3]
    assert (places[:3].tolist(), values[:3].tolist()) == ([0, 4, 2], [1.5, 2, 3])


def test_a_view_holds_no_rows_behind_it() -> None:
    rows = _rows(SqlType(BIT.oid, 3))
    rows.add(["101"] * 100)
    assert rows.view(70).present.count == 70


@pytest.mark.parametrize("bits", ["", "1", "01" * 40, "1" * 64])
def test_packing_keeps_every_bit(bits: str) -> None:
    packed = packed_bits(bits, 2)
    unpacked = np.unpackbits(packed.view(np.uint8), bitorder="little")
    assert "".join(map(str, unpacked.tolist())) == bits.ljust(128, "0")
