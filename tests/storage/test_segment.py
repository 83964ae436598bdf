from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from sqlvec.errors import DataCorrupted
from sqlvec.storage.keys import KeyDefinition
from sqlvec.storage.part import ShardColumns
from sqlvec.storage.segment import Segment, SegmentRows, write_segment, write_tombstones
from sqlvec.storage.vectors import VectorBatch, VectorColumn
from sqlvec.storage.visibility import ABORTED, LIVE
from sqlvec.types import INT8, JSONB, TEXT, VECTOR, SqlType
from tests.sim.simfs import SimFs

TYPES = {1: INT8, 2: TEXT, 3: SqlType(VECTOR.oid, 2), 4: JSONB}


pytestmark = pytest.mark.parametrize("fs", ["mmap", "pread"], indirect=True)


def rows(fs: SimFs) -> tuple[SegmentRows, ShardColumns]:
    vector = VectorColumn(fs, "v", 2)
    vector.write(100, VectorBatch(np.ones((4, 2), np.float32), np.array([1, 1, 0, 1], np.bool_)))
    columns = {
        1: (INT8, pa.array([5, 6, 7, None])),
        2: (TEXT, pa.array(["a", "b", None, "d"])),
        4: (JSONB, pa.array(["{}"] * 4)),
    }
    made = SegmentRows(
        low=100,
        high=104,
        begins=np.array([1, 2, ABORTED, 3]),
        ends=np.array([LIVE, 9, LIVE, LIVE]),
        keep=np.array([True, True, False, True]),
        columns=columns,
        vectors={3: vector},
        keys=[KeyDefinition((1,)), KeyDefinition((1, 2), True), KeyDefinition((9,))],
        bm25={77: {"terms": np.arange(3)}},
    )
    return made, ShardColumns(types=dict(TYPES), vectors={(3, 2): vector})


def test_a_segment_reads_as_it_was_written(fs: SimFs) -> None:
    made, columns = rows(fs)
    size = write_segment(fs, "s", made, filter_text_bytes_max=64)
    segment = Segment(fs, "s", columns)
    assert (segment.low, segment.high, fs.size("s")) == (100, 104, size)
    assert segment.column(1).to_pylist() == [5, 6, None, None]
    assert segment.read(2, [0, 3, 2]) == ["a", "d", None]
    assert segment.begins.tolist() == [1, 2, ABORTED, 3]
    assert segment.ends().tolist() == [LIVE, 9, LIVE, LIVE]
    assert segment.bm25(77)["terms"].tolist() == [0, 1, 2] and segment.bm25(78) == {}
    assert segment.column(3).to_pylist() == [[1, 1], [1, 1], None, [1, 1]]
    assert {key: words.tolist() for key, words in segment.presence().items()} == {(3, 2): [0b1011]}


def test_filters_are_kept_for_what_is_compared(fs: SimFs) -> None:
    made, columns = rows(fs)
    long = (TEXT, pa.array(["x" * 100] * 4))
    write_segment(
        fs, "s", replace(made, columns={**made.columns, 5: long}), filter_text_bytes_max=64
    )
    segment = Segment(fs, "s", columns)
    found = segment.filter(1)
    assert found is not None and found.equal(6).ids().tolist() == [1]
    assert segment.filter(2) is not None
    assert segment.filter(4) is None and segment.filter(5) is None


def test_key_runs_hold_the_rows_that_are_kept(fs: SimFs) -> None:
    made, columns = rows(fs)
    write_segment(fs, "s", made, filter_text_bytes_max=64)
    segment = Segment(fs, "s", columns)
    one = segment.key_run(KeyDefinition((1,)))
    assert sorted(one.rows.tolist()) == [100, 101] and len(one.bloom) > 0
    both = segment.key_run(KeyDefinition((1, 2), True))
    assert sorted(both.rows.tolist()) == [100, 101, 103]
    unwritten = segment.key_run(KeyDefinition((2,)))
    assert sorted(unwritten.rows.tolist()) == [100, 101, 103] and len(unwritten.bloom) == 0


def test_later_deletions_are_tombstones(fs: SimFs) -> None:
    made, columns = rows(fs)
    write_segment(fs, "s", made, filter_text_bytes_max=64)
    segment = Segment(fs, "s", columns)
    ends = segment.ends()
    ends[3] = 20
    write_tombstones(fs, "t", segment, ends)
    again = Segment(fs, "s", columns, tombstones="t")
    assert again.ends().tolist() == [LIVE, 9, LIVE, 20]
    assert again.written_ends.tolist() == made.ends.tolist()


def test_a_damaged_column_is_found_when_it_is_read(fs: SimFs) -> None:
    made, columns = rows(fs)
    write_segment(fs, "s", made, filter_text_bytes_max=64)
    at = fs.read("s").index(np.array([5, 6], np.int64).tobytes())
    fs.rot("s", at)
    segment = Segment(fs, "s", columns)
    assert segment.read(2, [0]) == ["a"]
    with pytest.raises(DataCorrupted, match='block "column/1" in file "s"'):
        segment.column(1)
