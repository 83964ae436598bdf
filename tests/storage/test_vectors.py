import numpy as np
import pytest

from sqlvec.errors import DataCorrupted
from sqlvec.storage.growing import words_of_mask
from sqlvec.storage.vectors import VectorBatch, VectorCheck, VectorColumn, padded_dims
from tests.sim.simfs import SimFs

pytestmark = pytest.mark.parametrize("fs", ["mmap", "pread"], indirect=True)


def test_rows_are_padded_to_sixteen_floats(fs: SimFs) -> None:
    assert [padded_dims(n) for n in (1, 16, 17, 384)] == [16, 16, 32, 384]
    column = VectorColumn(fs, "v", 17)
    column.write(0, VectorBatch(np.ones((1, 17), np.float32)))
    column.sync()
    assert fs.read("v")[:128] == np.pad(np.ones(17, np.float32), (0, 15)).tobytes()


def test_written_rows_are_read_where_they_were_put(fs: SimFs) -> None:
    column = VectorColumn(fs, "v", 3)
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    column.write(0, VectorBatch(values))
    column.write(6, VectorBatch(values, np.array([True, False, True, False])))
    view = column.view(12)
    assert view.array.shape == (12, 16) and view.dims == 3
    assert view.present.ids().tolist() == [0, 1, 2, 3, 6, 8]
    assert view.array[8].tolist() == [6, 7, 8] + [0] * 13
    assert not view.array[7].any()
    found = column.datums([1, 7, 8])
    assert found[0].tolist() == [3, 4, 5] and found[1] is None and found[2].tolist() == [6, 7, 8]
    assert column.column(6, 9).to_pylist() == [[0, 1, 2], None, [6, 7, 8]]


def test_rows_that_are_written_in_any_order_are_all_in_the_file(fs: SimFs) -> None:
    column = VectorColumn(fs, "v", 3)
    for first in (4, 6, 2, 0):
        column.write(first, VectorBatch(np.full((2, 3), first, np.float32)))
    column.sync()
    kept = np.frombuffer(fs.read("v"), np.float32).reshape(-1, 16)
    assert kept[:8, 0].tolist() == [0, 0, 2, 2, 4, 4, 6, 6]


def test_a_view_stays_as_it_is_while_rows_follow(fs: SimFs) -> None:
    column = VectorColumn(fs, "v", 3)
    column.write(0, VectorBatch(np.ones((2, 3), np.float32)))
    view = column.view(2)
    assert column.view(2) is view
    for row in range(2, 300):
        column.write(row, VectorBatch(np.full((1, 3), row, np.float32)))
    assert view.present.count == 2 and view.array.shape == (2, 16)
    assert column.view(300).array[299, 0] == 299


def test_loaded_from_its_file(fs: SimFs) -> None:
    column = VectorColumn(fs, "v", 3)
    column.write(0, VectorBatch(np.ones((5, 3), np.float32)))
    column.sync()
    again = VectorColumn(fs, "v", 3)
    again.load(words_of_mask(np.array([True, True, False, True, True])), 5, [])
    assert again.view(5).present.count == 4
    assert again.rows(3, 5).tolist() == [[1, 1, 1]] * 2


def test_what_segments_say_of_it_is_verified_at_the_first_read(fs: SimFs) -> None:
    column = VectorColumn(fs, "v", 3)
    column.write(0, VectorBatch(np.ones((300, 3), np.float32)))
    column.sync()
    kept = np.arange(300) % 2 == 0
    checks = [VectorCheck(0, 300, kept, column.digest(0, 300, kept))]
    everything = words_of_mask(np.ones(300, np.bool_))
    for offset, damaged in ((64 * 2 + 5, True), (64 * 2 + 40, True), (64 * 3, False)):
        fs.rot("v", offset)
        again = VectorColumn(fs, "v", 3)
        again.load(everything, 300, checks)
        for read, argument in ((again.view, 300), (again.datums, [1])):
            if damaged:
                with pytest.raises(DataCorrupted, match='file "v" at offset 0'):
                    read(argument)
            else:
                read(argument)
        fs.rot("v", offset)


def test_rows_are_in_the_file_when_they_are_synced(fs: SimFs) -> None:
    column = VectorColumn(fs, "v", 3)
    rows = np.arange(900, dtype=np.float32).reshape(300, 3)
    for first in range(0, 300, 50):
        column.write(first, VectorBatch(rows[first : first + 50]))
        assert column.take_written() and not column.take_written()
    column.mark_written()  # the disk did not take them
    column.sync()
    everything = np.ones(300, np.bool_)
    check = VectorCheck(0, 300, everything, column.digest(0, 300, everything))
    again = VectorColumn(fs, "v", 3)
    again.load(words_of_mask(everything), 300, [check])
    again.write(300, VectorBatch(rows[:1]))  # before anybody has looked at the others
    again.mark_written()
    again.sync()
    assert again.rows(0, 301).tolist() == [*rows.tolist(), [0, 1, 2]]
    assert fs.read("v") == again.view(301).array.tobytes() + bytes(fs.size("v") - 301 * 64)
