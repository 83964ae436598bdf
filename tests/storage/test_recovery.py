from random import Random
from typing import Any

from sqlvec.storage.store import Store
from tests.sim.history import SimClock


def crashed(database: Any, seed: int = 1) -> None:
    database.fs = database.fs.crash(Random(seed))
    database.store = Store.open(database.fs, SimClock(), database.settings)


def test_committed_rows_come_back_from_the_log(database: Any) -> None:
    database.insert([1, 2, 3])
    database.delete([2])
    lost = database.store.begin()
    database.insert([4], lost)
    crashed(database)
    assert database.ids() == [1, 3]
    assert database.shard.gather(3, database.shard.visible(database.store.begin()).ids())[
        1
    ].tolist() == [3, 0, -3]
    assert database.insert([5]) == 3


def test_interleaved_transactions_get_their_own_row_ids_back(database: Any) -> None:
    first, second, aborted = (database.store.begin() for _ in range(3))
    database.insert([1], first)
    database.insert([2], second)
    database.insert([3], aborted)
    database.insert([4], first)
    aborted.rollback()
    database.store.commit(second)
    database.store.commit(first)
    crashed(database)
    assert database.ids() == [1, 2, 4]
    assert database.shard.visible(database.store.begin()).ids().tolist() == [0, 1, 3]


def test_rows_behind_a_flush_are_replayed_onto_it(database: Any) -> None:
    database.insert([1, 2])
    database.store.flush()
    database.insert([3])
    database.delete([1])
    crashed(database)
    assert database.ids() == [2, 3]
    assert database.shard.memtable.low == 2


def test_orphans_of_an_interrupted_flush_are_removed(database: Any) -> None:
    database.insert([1])
    database.fs.create("data/0000000099.segment").append(b"half")
    database.fs.sync_dir("data")
    crashed(database)
    assert "0000000099.segment" not in database.fs.list("data")
    assert database.ids() == [1]


def test_a_truncated_shard_does_not_come_back(database: Any) -> None:
    database.insert([1])
    database.store.flush()
    tx = database.store.begin()
    tx.truncate(20000)
    database.store.commit(tx)
    database.insert([2])
    crashed(database)
    assert database.ids() == [2]
    crashed(database)
    assert database.ids() == [2]


def test_indexes_hold_the_recovered_rows(database: Any) -> None:
    database.add_indexes()
    database.insert([1, 2])
    crashed(database)
    shard = database.shard
    assert shard.index(20002).row_count == 2 and shard.index(20003).linked == 0
    assert not shard.link_step(20003)
    assert shard.index(20003).linked == 2


def test_opening_twice_changes_nothing(database: Any) -> None:
    database.insert([1, 2])
    crashed(database)
    sizes = {name: node.size for name, node in database.fs.names.items() if name != "epoch"}
    crashed(database)
    assert sizes == {name: node.size for name, node in database.fs.names.items() if name != "epoch"}
    assert database.ids() == [1, 2]
