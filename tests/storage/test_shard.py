from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sqlvec.storage.shard import GATHER_ROWS_SMALL


@pytest.fixture(params=["memtable", "segment", "both", "many"])
def filled(request: pytest.FixtureRequest, make_database: Callable[..., Any]) -> Any:
    """300 rows with ids 1000.., in one of the places where rows can be."""
    database = make_database(segments_merged=100)
    for start in range(0, 300, 30):
        database.insert(list(range(1000 + start, 1030 + start)))
        if request.param == "many" or (request.param == "both" and start == 150):
            database.store.flush()
    if request.param == "segment":
        database.store.flush()
    return database


def test_gather_gives_datums_in_the_order_of_the_rows(filled: Any) -> None:
    rows = np.array([299, 0, 150, 150, 31])
    assert filled.shard.gather(1, rows) == [1299, 1000, 1150, 1150, 1031]
    assert filled.shard.gather(2, rows)[:2] == ["body of 1299", "body of 1000"]
    assert filled.shard.gather(3, rows)[4].tolist() == [1031, 0, -1031]
    many = np.arange(299, -1, -1)
    assert len(many) > GATHER_ROWS_SMALL
    assert filled.shard.gather(1, many) == list(range(1299, 999, -1))
    assert filled.shard.gather(1, np.zeros(0, np.int64)) == []


def test_take_gives_the_same_as_a_table(filled: Any) -> None:
    rows = np.array([299, 0, 150, 31])
    taken = filled.shard.take([2, 1, 3], rows)
    assert taken.column_names == ["2", "1", "3"]
    assert taken.column("1").to_pylist() == [1299, 1000, 1150, 1031]
    assert taken.column("3").to_pylist()[3] == [1031, 0, -1031]
    assert filled.shard.take([1], np.arange(300)).column(0).to_pylist() == list(range(1000, 1300))
    assert filled.shard.take([1, 2], np.zeros(0, np.int64)).num_rows == 0


def test_parts_cover_the_rows(filled: Any) -> None:
    parts = filled.shard.parts()
    assert parts[0].low == 0 and parts[-1].high == 300 == filled.shard.row_count
    assert all(a.high == b.low for a, b in pairwise(parts))
    assert [i for p in parts for i in p.column(1).to_pylist()] == list(range(1000, 1300))


def test_keys_are_found_one_by_one_and_together(filled: Any) -> None:
    tx = filled.store.begin()
    assert filled.shard.find_key((1,), (1207,), tx) == 207
    assert filled.shard.find_key((1,), (7,), tx) is None
    assert filled.shard.find_key((1,), (None,), tx) is None
    assert filled.shard.find_key((2,), ("body of 1003",), tx) == 3
    column = filled.shard.take([1], np.array([5, 250])).column(0).combine_chunks()
    assert filled.shard.find_keys((1,), [column], tx).tolist() == [5, 250]


def test_vectors_are_a_view_of_all_rows(filled: Any) -> None:
    view = filled.shard.vectors(3)
    assert view.array.shape == (300, 16) and view.dims == 3 and view.present.count == 300
    assert view.array[:, 0].tolist() == list(range(1000, 1300))


def test_everything_is_there_after_reopening(filled: Any) -> None:
    filled.delete([1000, 1299])
    filled.reopen()
    assert filled.ids() == list(range(1001, 1299))
    assert filled.shard.vectors(3).array[299, 0] == 1299
    assert filled.shard.row_count == 300


def test_a_reader_keeps_what_it_took_while_others_write(database: Any) -> None:
    database.insert([1, 2])
    shard = database.shard
    parts, rows, view = shard.parts(), shard.visible(database.store.begin()), shard.vectors(3)
    for start in range(100, 700, 100):
        database.insert(list(range(start, start + 100)))
    database.store.flush()
    assert parts[0].column(1).to_pylist() == [1, 2] and rows.ids().tolist() == [0, 1]
    assert view.array.shape[0] == 2 and view.array[1].tolist()[:3] == [2, 0, -2]


def test_an_update_leaves_one_row_of_the_key(database: Any) -> None:
    database.insert([1])
    for round in range(5):
        tx = database.store.begin()
        database.delete([1], tx)
        database.insert([1], tx, body=f"round {round}")
        database.store.commit(tx)
        if round == 2:
            database.store.flush()
    tx = database.store.begin()
    row = database.shard.find_key((1,), (1,), tx)
    assert database.shard.gather(2, np.array([row])) == ["round 4"]
    assert database.shard.visible(tx).count == 1 and database.shard.row_count == 6


def test_indexes_cover_all_rows_and_come_back(database: Any) -> None:
    database.insert([1, 2, 3])
    database.add_indexes()
    database.insert([4])
    shard = database.shard
    body, graph = shard.index(20002), shard.index(20003)
    assert body.row_count == 4 and graph.linked == 0
    assert shard.link_step(20003, 2) >= 0
    while shard.link_step(20003):
        pass
    assert graph.linked == 4 and shard.index(5) is None and shard.link_step(5) == 0
    database.store.flush()
    database.insert([5])
    database.reopen()
    shard = database.shard
    assert shard.index(20003).linked == 4
    assert shard.index(20002).row_count == 5
    tx = database.store.begin()
    view = shard.vectors(3)
    query = view.array[2]
    found = shard.index(20003).search(view.array, query, 1, 10, shard.visible(tx), "auto")
    assert found.row_ids.tolist() == [2]


def test_rows_of_open_transactions_are_not_linked(database: Any) -> None:
    database.insert([1])
    database.add_indexes()
    tx = database.store.begin()
    database.insert([2], tx)
    database.insert([3])
    while database.shard.link_step(20003):
        pass
    assert database.shard.index(20003).linked == 1
    tx.rollback()
    while database.shard.link_step(20003):
        pass
    assert database.shard.index(20003).linked == 3
