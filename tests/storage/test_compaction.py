from collections.abc import Callable
from typing import Any

import numpy as np

from sqlvec.storage.compaction import compact_shard, compactable


def test_small_neighbours_become_one(make_database: Callable[..., Any]) -> None:
    database = make_database(segments_merged=4)
    database.add_indexes()
    for start in range(0, 40, 10):
        database.insert(list(range(start, start + 10)))
        if start == 20:
            assert compactable(database.shard) == ()
        database.store.flush()
    database.delete([5, 25])
    assert compact_shard(database.store, database.shard)
    (segment,) = database.shard.segments
    assert (segment.low, segment.high) == (0, 40)
    expected = [i for i in range(40) if i not in (5, 25)]
    assert database.ids() == expected
    assert segment.read(1, [4, 5, 6]) == [4, None, 6]
    tx = database.store.begin()
    assert database.shard.find_key((1,), (25,), tx) is None
    assert database.shard.find_key((1,), (26,), tx) == 26
    assert database.shard.index(20002).row_count == 40
    database.reopen()
    assert database.ids() == expected and len(database.shard.segments) == 1
    assert len([n for n in database.fs.list("data") if n.endswith(".segment")]) == 1


def test_what_a_snapshot_can_see_is_kept(make_database: Callable[..., Any]) -> None:
    database = make_database(segments_merged=2)
    database.insert([1])
    database.store.flush()
    database.insert([2])
    database.store.flush()
    old = database.store.begin()
    database.delete([1])
    compact_shard(database.store, database.shard)
    assert database.ids(old) == [1, 2] and database.ids() == [2]
    assert database.shard.find_key((1,), (1,), old) == 0


def test_large_segments_are_left_alone(make_database: Callable[..., Any]) -> None:
    database = make_database(segments_merged=2, segment_rows_max=15)
    for start in (0, 10):
        database.insert(list(range(start, start + 10)))
        database.store.flush()
    assert compactable(database.shard) == ()
    database.insert([100])
    database.store.flush()
    assert [s.low for s in compactable(database.shard)] == [10, 20]
    parts = database.shard.parts()
    compact_shard(database.store, database.shard)
    assert [p.column(1).to_pylist() for p in parts][2] == [100]
    assert database.shard.gather(1, np.array([0, 20])) == [0, 100]
