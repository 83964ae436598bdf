"""A shard that is mostly dead is written anew: what it takes is given back, and nobody notices."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from sqlvec.database import Cluster, Prepared
from sqlvec.errors import DatabaseError, SerializationFailure
from sqlvec.index.bm25 import parse_query
from sqlvec.storage.check import verify
from sqlvec.storage.jobs import Job
from sqlvec.storage.locks import LockOwner, LockWait, Mode, Request, RowMode
from sqlvec.storage.rewrite import rewrite_shard
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.store import Store
from tests.sim.history import SimClock
from tests.sim.simfs import Crashed
from tests.storage.conftest import BODY_INDEX, DOCS, EMBEDDING_INDEX, Database


def update(database: Database, key: int, times: int) -> None:
    """New versions of one row, each in a transaction of its own."""
    for _ in range(times):
        tx = database.store.begin()
        database.delete([key], tx)
        database.insert([key], tx)
        database.store.commit(tx)


def run_jobs(store: Store) -> list[str]:
    """Run what is pending until nothing is; the kinds of jobs that ran."""
    kinds: list[str] = []
    while jobs := store.jobs():
        kinds += [job.kind for job in jobs]
        for job in jobs:
            job.run()
    return kinds


def link(database: Database) -> None:
    while database.shard.link_step(EMBEDDING_INDEX):
        pass


def nearest(database: Database, key: int) -> int:
    """The id that the graph finds at the place of a key's vector."""
    shard, tx = database.shard, database.store.begin()
    view, rows = shard.vectors(3), shard.visible(tx)
    query = np.zeros(view.array.shape[1], np.float32)
    query[:3] = [key, 0, -key]
    found = shard.index(EMBEDDING_INDEX).search(view.array, query, 1, 20, rows & view.present)
    tx.rollback()
    return int(shard.gather(1, found.row_ids)[0])


@pytest.fixture
def worn(make_database: Callable[..., Any]) -> Database:
    """Forty rows, ten of which were updated until three in four versions are dead."""
    database: Database = make_database(dead_rows_min=100, dead_nodes_min=10_000)
    database.add_indexes()
    database.insert(list(range(40)))
    for key in range(10):
        update(database, key, 12)
    link(database)
    return database


def test_a_worn_shard_gets_new_row_ids(worn: Database) -> None:
    before, shard = sorted(worn.ids()), worn.shard
    assert shard.row_count == 160
    assert "rewrite" in run_jobs(worn.store)
    assert worn.shard is not shard and worn.shard.row_count == 40
    assert sorted(worn.ids()) == before
    assert worn.shard.index(BODY_INDEX).row_count == 40
    tx = worn.store.begin()
    assert worn.shard.gather(2, np.array([worn.shard.find_key((1,), (7,), tx)])) == ["body of 7"]
    worn.reopen()
    assert sorted(worn.ids()) == before and worn.shard.row_count == 40
    worn.store.close()
    assert verify(worn.fs) == []


def test_the_graph_is_copied_not_linked_again(worn: Database) -> None:
    assert rewrite_shard(worn.store, worn.shard)
    graph = worn.shard.index(EMBEDDING_INDEX)
    assert graph.linked == 40
    assert [nearest(worn, key) for key in range(40)] == list(range(40))
    worn.reopen()
    assert worn.shard.index(EMBEDDING_INDEX).linked == 40
    assert [nearest(worn, key) for key in range(40)] == list(range(40))


def test_texts_are_found_in_the_new_shard_and_score_the_same(worn: Database) -> None:
    def scores() -> dict[int, float]:
        shard, tx = worn.shard, worn.store.begin()
        index, visible = shard.text_index(BODY_INDEX), shard.visible(tx)
        rows, found = index.search(parse_query("body 7", "english"), 50, visible, None)
        tx.rollback()
        return dict(zip(shard.gather(1, rows), found.tolist(), strict=True))

    before = scores()
    assert rewrite_shard(worn.store, worn.shard)
    assert scores() == before and len(before) == 40


def test_an_open_snapshot_keeps_what_it_sees_and_the_old_shard_can_be_read_on(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(dead_rows_min=20)
    database.insert(list(range(10)))
    update(database, 3, 30)
    reader = database.store.begin()
    old, rows = database.shard, database.shard.visible(reader).ids()
    database.delete([1, 2])
    assert rewrite_shard(database.store, database.shard)
    assert sorted(database.ids(reader)) == list(range(10))
    assert sorted(old.gather(1, rows)) == list(range(10))
    assert old.vectors(3).array[rows[-1], 0] == old.gather(1, rows)[-1]
    assert sorted(database.ids()) == [0, *range(3, 10)]
    assert database.shard.row_count == 10


def test_rows_that_a_snapshot_may_see_hold_the_rewrite_back(worn: Database) -> None:
    database = worn
    reader = database.store.begin(0)
    assert not rewrite_shard(database.store, database.shard)
    assert "rewrite" not in [job.kind for job in database.store.jobs()], "not again at once"
    reader.rollback()
    database.store.clock.sleep(2.0)
    assert "rewrite" in run_jobs(database.store)


def test_what_is_committed_meanwhile_is_in_the_new_shard(worn: Database) -> None:
    writes = [lambda: worn.insert([100]), lambda: worn.delete([4]), lambda: update(worn, 5, 2)]

    def meanwhile() -> None:
        if worn.store.lock._is_owned():  # type: ignore[attr-defined]
            worn.fs.meanwhile = meanwhile
            return
        writes.pop(0)()
        worn.fs.meanwhile = meanwhile if writes else None

    worn.fs.meanwhile = meanwhile
    assert rewrite_shard(worn.store, worn.shard)
    assert not writes
    expected = sorted([*(i for i in range(40) if i != 4), 100])
    assert sorted(worn.ids()) == expected
    worn.store = Store.open(worn.fs.kill(), SimClock(), worn.settings)
    assert sorted(worn.ids()) == expected


def test_the_log_of_before_is_skipped_and_that_of_after_applied(worn: Database) -> None:
    assert rewrite_shard(worn.store, worn.shard)
    worn.delete([0, 20])
    worn.insert([200])
    expected = sorted(worn.ids())
    worn.store = Store.open(worn.fs.kill(), SimClock(), worn.settings)
    assert sorted(worn.ids()) == expected
    assert [nearest(worn, key) for key in (1, 39)] == [1, 39]


def test_writers_that_do_not_let_go_are_not_kept_waiting(worn: Database) -> None:
    store, owner = worn.store, LockOwner()
    writer = store.begin(owner=owner)
    store.locks.lock_relation(owner, DOCS, Mode.ROW_EXCLUSIVE)
    worn.insert([50], writer)
    names = set(worn.fs.names)
    before = store.clock.monotonic()
    assert not rewrite_shard(store, worn.shard)
    assert store.clock.monotonic() - before < 0.2
    other = LockOwner()
    store.locks.lock_relation(other, DOCS, Mode.ROW_EXCLUSIVE)  # does not wait
    assert len(set(worn.fs.names) - names) <= 1, "but for what was flushed, all is thrown away"
    store.commit(writer)
    store.locks.end(other, 0)
    store.clock.sleep(60.0)
    assert rewrite_shard(store, worn.shard)
    assert sorted(worn.ids()) == [*range(40), 50]


def test_a_writer_waits_for_the_swap_alone(worn: Database) -> None:
    store = worn.store
    free: list[LockOwner] = []
    waits: list[Request] = []

    def write() -> None:
        worn.fs.meanwhile = write
        if store.lock._is_owned():  # type: ignore[attr-defined]
            return
        owner = LockOwner()
        try:
            store.locks.lock_relation(owner, DOCS, Mode.ROW_EXCLUSIVE)
        except LockWait as wait:
            waits.append(wait.request)
            worn.fs.meanwhile = None
            return
        update(worn, 1, 1)
        store.locks.end(owner, 0)
        free.append(owner)

    worn.fs.meanwhile = write
    assert rewrite_shard(store, worn.shard)
    (request,) = waits
    assert request.done and request.error is None and len(free) > 1


def test_a_transaction_that_met_the_old_shard_cannot_write_to_it(worn: Database) -> None:
    old, tx = worn.shard, worn.store.begin()
    row = old.find_key((1,), (3,), tx)
    assert rewrite_shard(worn.store, old)
    with pytest.raises(SerializationFailure):
        tx.delete(old, np.array([row], np.int64))


def test_who_follows_a_replaced_row_finds_its_successor_in_the_new_shard(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(dead_rows_min=20)
    database.insert(list(range(4)))
    update(database, 2, 30)
    reader = database.store.begin()
    reader.rereads = True
    tx = database.store.begin()
    old = database.shard.find_key((1,), (2,), tx)
    database.delete([2], tx)
    new = database.insert([2], tx)
    tx.replace(database.shard, np.array([old]), np.array([new]), keys_changed=False)
    database.store.commit(tx)
    assert rewrite_shard(database.store, database.shard)
    row = database.shard.find_key((1,), (2,), reader)
    found = reader.lock_rows(database.shard, np.array([row]), RowMode.UPDATE)
    assert found.stale is not None
    assert database.shard.sees(int(found.rows[0]), database.store.begin())


def test_jobs_of_the_old_shard_do_nothing(worn: Database) -> None:
    update(worn, 11, 50)
    stale: list[Job] = worn.store.jobs()
    assert {"rewrite", "link"} <= {job.kind for job in stale}
    assert rewrite_shard(worn.store, worn.shard)
    expected, names = sorted(worn.ids()), set(worn.fs.names)
    for job in stale:
        job.run()
    assert sorted(worn.ids()) == expected and set(worn.fs.names) == names


def test_a_shard_without_a_live_row_loses_all_its_files(make_database: Callable[..., Any]) -> None:
    database = make_database(dead_rows_min=20)
    database.insert(list(range(30)))
    database.store.flush()
    database.delete(list(range(30)))
    assert rewrite_shard(database.store, database.shard)
    assert database.fs.list("data") == [] and database.shard.row_count == 0
    database.insert([1])
    database.reopen()
    assert database.ids() == [1]


@pytest.mark.parametrize("kind", ["crash", errno.EIO, errno.ENOSPC])
def test_whatever_operation_fails_nothing_is_lost(
    make_database: Callable[..., Any], kind: int | str
) -> None:
    at = 0
    while True:
        at += 1
        database = make_database(dead_rows_min=20)
        database.add_indexes()
        database.insert(list(range(8)))
        update(database, 3, 20)
        database.store.flush()
        database.delete([1])
        fs, expected = database.fs, sorted(database.ids())
        start = fs.operations
        if kind == "crash":
            fs.crash_at = start + at
        else:
            fs.fail_at, fs.fail_errno = start + at, kind
        try:
            done = rewrite_shard(database.store, database.shard)
        except (Crashed, DatabaseError):
            done = False
        if kind != "crash":
            assert sorted(database.ids()) == expected
        after = Store.open(fs.crash(Random(at)), SimClock(), database.settings)
        found = Database(fs, after, database.settings)
        assert sorted(found.ids()) == expected
        after.close()
        fs.crash_at = fs.fail_at = None
        if done and fs.operations < start + at:
            break
    assert at > 20


def disk_and_memory(database: Database) -> tuple[int, int]:
    shard = database.shard
    arrays = [shard.times.begins, shard.times.ends, shard.claims.holders, shard.claims.successors]
    graph = shard.indexes.get(EMBEDDING_INDEX)
    if graph is not None:
        arrays += graph.arrays().values()
    return database.store.disk_bytes(), sum(array.nbytes for array in arrays)


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("updates", [2_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_row_that_is_updated_forever_takes_bounded_space(
    make_database: Callable[..., Any], updates: int, indexed: bool
) -> None:
    database = make_database(
        dead_rows_min=min(4_096, updates // 10), wal_bytes_max=1 << 20, wal_file_bytes_max=1 << 18
    )
    if indexed:
        database.add_indexes()
    database.insert(list(range(5)))
    most = 0
    for _ in range(20):
        update(database, 2, updates // 20)
        database.store.clock.sleep(2.0)
        run_jobs(database.store)
        most = max(most, database.shard.row_count)
    database.store.flush()
    disk, memory = disk_and_memory(database)
    assert sorted(database.ids()) == list(range(5))
    assert most < updates // 4
    assert disk < 4 << 20 and memory < 4 << 20


def test_prepared_statements_go_on_over_a_rewrite(tmp_path: Path) -> None:
    cluster = Cluster.open(tmp_path, storage=StorageSettings(dead_rows_min=100))
    database = cluster.database("postgres")
    connection = database.connect("postgres", 1, 0, {})
    prepared: dict[str, Prepared] = {}

    def run(text: str) -> list[tuple[Any, ...]]:
        if text not in prepared:
            prepared[text] = connection.prepare(connection.parse(text)[0])
        result = connection.execute(prepared[text])
        rows = [row for batch in result.batches() for row in zip(*batch, strict=True)]
        connection.wait(connection.end_group())
        return rows

    run("CREATE TABLE t (id int PRIMARY KEY, n int, body text, e vector(2))")
    run("CREATE INDEX ON t USING hnsw (e vector_l2_ops)")
    run("CREATE INDEX ON t USING bm25 (body)")
    run("INSERT INTO t SELECT i, 0, 'word' || i, format('[%s,0]', i)::vector "
        "FROM generate_series(1, 9) AS i")  # fmt: skip
    scans = (
        "SELECT n FROM t WHERE id = 4",
        "SELECT id, n FROM t ORDER BY e <-> '[4.1,0]' LIMIT 2",
        "SELECT id, n FROM t ORDER BY body <@> 'word4' LIMIT 1",
        "SELECT count(*), sum(n) FROM t",
    )
    shards: set[Any] = set()
    for updates in range(150, 600, 150):
        for _ in range(150):
            run("UPDATE t SET n = n + 1 WHERE id = 4")
        shards.update(database.store.open_shards.values())
        for job in database.jobs():
            job.run()
        assert [run(scan) for scan in scans] == [
            [(updates,)], [(4, updates), (5, 0)], [(4, updates)], [(9, updates)],
        ]  # fmt: skip
    assert sum(shard.retired for shard in shards) == 3
    cluster.close()
