from typing import Any

from sqlvec.storage.manifest import read_manifest


def test_a_checkpoint_empties_the_log(database: Any) -> None:
    database.insert([1])
    database.store.flush()
    version, _ = read_manifest(database.fs)
    assert version.seqno == database.store.read_seqno
    assert database.store.wal.bytes == 0
    assert len(database.fs.list("wal")) == 1


def test_an_open_transaction_holds_the_log_back(database: Any) -> None:
    database.insert([1])
    tx = database.store.begin()
    database.insert([2], tx)
    database.insert([3])
    before = database.store.read_seqno
    database.store.flush()
    assert read_manifest(database.fs)[0].seqno == before - 1
    tx.rollback()
    database.store.flush()
    assert read_manifest(database.fs)[0].seqno == before


def test_deletions_of_flushed_rows_become_tombstones(database: Any) -> None:
    database.insert([1, 2, 3])
    database.store.flush()
    database.delete([1])
    database.store.flush()
    database.delete([3])
    database.store.flush()
    assert len([n for n in database.fs.list("data") if n.endswith(".tombstones")]) == 1
    assert database.store.wal.bytes == 0
    database.reopen()
    assert database.ids() == [2]


def test_files_of_replaced_things_are_removed(database: Any) -> None:
    database.add_indexes()
    for start in (0, 10, 20):
        database.insert(list(range(start, start + 10)))
        while database.shard.link_step(20003):
            pass
        database.store.flush()
    kinds = [name.split(".")[1] for name in database.fs.list("data")]
    assert sorted(kinds) == ["graph", "links", "segment", "segment", "segment", "vectors"]
    named = {n for f in read_manifest(database.fs)[0].shards.values() for n in f.names()}
    assert named == {f"data/{name}" for name in database.fs.list("data")}
