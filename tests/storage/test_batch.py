from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from sqlvec.catalog.objects import Column, Table
from sqlvec.storage.batch import row_batch
from sqlvec.types import INT4, TEXT, VECTOR, SqlType

TABLE = Table(
    1,
    "t",
    2200,
    (
        Column(1, "n", INT4),
        Column(2, "gone", TEXT, dropped=True),
        Column(3, "v", SqlType(VECTOR.oid, 2)),
        Column(4, "free", VECTOR),
    ),
)
VALUES = np.array([[1, 2], [3, 4]], np.float32)


def test_what_is_not_given_is_null() -> None:
    batch = row_batch(TABLE, {1: pa.array([1, 2], pa.int32())})
    assert batch.row_count == 2 and set(batch.columns) == {1, 4}
    assert batch.columns[4].null_count == 2
    assert batch.vectors[3].present is not None and not batch.vectors[3].present.any()
    assert batch.types[3].typmod == 2


def test_arrays_are_brought_to_the_type_of_the_column() -> None:
    chunked = pa.chunked_array([[1], [None]], pa.int64())
    assert row_batch(TABLE, {1: chunked}).columns[1].equals(pa.array([1, None], pa.int32()))


@pytest.mark.parametrize(
    "given",
    [
        SimpleNamespace(vectors=VALUES, present=np.array([True, False])),
        pa.array([[1, 2], None], pa.list_(pa.float32(), 2)),
        pa.array([[1, 2], None], pa.list_(pa.float32())),
        pa.chunked_array([[[1, 2]], [None]], pa.list_(pa.float32(), 2)),
    ],
)
def test_vectors_come_in_any_form(given: object) -> None:
    vectors = row_batch(TABLE, {3: given}).vectors[3]
    assert vectors.vectors[0].tolist() == [1, 2]
    assert vectors.present is not None and vectors.present.tolist() == [True, False]


def test_vectors_that_are_all_there_need_no_presence() -> None:
    whole = pa.array(VALUES.tolist(), pa.list_(pa.float32(), 2))
    for given in (whole, SimpleNamespace(vectors=VALUES, present=np.ones(2, np.bool_))):
        vectors = row_batch(TABLE, {3: given}).vectors[3]
        assert vectors.present is None and vectors.vectors.tolist() == VALUES.tolist()


def test_a_vector_column_without_dims_is_an_array() -> None:
    given = SimpleNamespace(vectors=VALUES, present=np.array([True, False]))
    assert row_batch(TABLE, {4: given}).columns[4].to_pylist() == [[1, 2], None]
