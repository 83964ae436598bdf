import numpy as np
import pyarrow as pa

from sqlvec.storage.keys import KeyDefinition
from sqlvec.storage.part import Part, ShardColumns, vector_dims
from sqlvec.storage.vectors import VectorBatch, VectorColumn
from sqlvec.types import INT4, INT8, TEXT, VECTOR, SqlType
from tests.sim.simfs import SimFs


class ArrayPart(Part):
    def _stored(self, attnum: int) -> pa.Array | None:
        return pa.array([5, None, 5], pa.int64()) if attnum == 1 else None


def test_a_column_added_later_reads_as_its_fill() -> None:
    columns = ShardColumns(types={1: INT8, 2: INT4, 3: TEXT}, fills={2: pa.array([7], pa.int32())})
    part = ArrayPart(10, 13, columns)
    assert part.column(2).equals(pa.array([7, 7, 7], pa.int32()))
    assert part.read(2, [1]) == [7]
    assert part.column(3).equals(pa.nulls(3, pa.string())) and part.read(3, [0, 2]) == [None, None]
    assert part.filter(1) is None and len(part) == 3


def test_a_vector_column_is_read_from_the_vector_file(fs: SimFs) -> None:
    type = SqlType(VECTOR.oid, 2)
    vector = VectorColumn(fs, "v", 2)
    vector.write(11, VectorBatch(np.array([[1, 2]], np.float32)))
    part = ArrayPart(10, 13, ShardColumns(types={4: type}, vectors={(4, 2): vector}))
    vector.reserve(13)
    assert part.column(4).to_pylist() == [None, [1, 2], None]
    assert [None if v is None else v.tolist() for v in part.read(4, [1, 0])] == [[1, 2], None]
    assert (vector_dims(type), vector_dims(VECTOR), vector_dims(None)) == (2, 0, 0)


def test_keys_are_hashed_when_no_run_was_written() -> None:
    run = ArrayPart(10, 13, ShardColumns(types={1: INT8})).key_run(KeyDefinition((1,)))
    assert run.rows.tolist() == [10, 12] and run.hashes[0] == run.hashes[1]
