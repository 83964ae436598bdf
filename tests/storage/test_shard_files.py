from typing import Any

import pytest

from sqlvec.errors import DataCorrupted
from sqlvec.storage.store import Store
from tests.sim.history import SimClock


def test_a_shard_is_opened_when_it_is_first_used(database: Any) -> None:
    database.insert([1, 2])
    database.reopen()
    assert database.store.open_shards == {}
    start = database.fs.operations
    assert database.ids() == [1, 2]
    assert len(database.store.open_shards) == 1
    touched = database.fs.trace[start:]
    assert not any("tombstones" in line or "graph" in line for line in touched)


def test_a_graph_snapshot_is_mapped_and_grows_again(database: Any) -> None:
    database.insert(list(range(40)))
    database.add_indexes()
    while database.shard.link_step(20003):
        pass
    database.reopen()
    graph = database.shard.index(20003)
    assert graph.linked == 40
    database.insert(list(range(100, 140)))
    while database.shard.link_step(20003):
        pass
    assert graph.linked == 80
    files = database.shard.directory.files
    assert [file.linked for file in files.graphs] == [40]
    database.reopen()
    assert [f.linked for f in database.shard.directory.files.graphs] == [80]
    assert len([n for n in database.fs.list("data") if n.endswith(".graph")]) == 1


def test_postings_are_read_from_segments(database: Any) -> None:
    database.insert([1, 2])
    database.add_indexes()
    database.store.flush()
    database.insert([3])
    database.reopen()
    segments = database.shard.segments
    assert all(segment.bm25(20002) for segment in segments)
    assert database.shard.index(20002).row_count == 3


def test_a_damaged_segment_is_named(database: Any) -> None:
    database.insert([1, 2])
    database.store.close()
    (name,) = [n for n in database.fs.list("data") if n.endswith(".segment")]
    for offset in range(database.fs.size(f"data/{name}")):
        database.fs.names[f"data/{name}"].buffer[offset] ^= 0xFF
    database.store = Store.open(database.fs, SimClock(), database.settings)
    with pytest.raises(DataCorrupted, match=name):
        database.ids()


def test_bytes_on_disk_are_those_of_its_files(database: Any) -> None:
    database.insert([1])
    database.store.flush()
    shard = database.shard
    sizes = [database.fs.size(name) for name in shard.directory.files.names()]
    assert shard.disk_bytes() == sum(sizes) > 0
    assert database.store.disk_bytes() > shard.disk_bytes()
