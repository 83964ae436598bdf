"""Writers wait while storage is behind, readers do not; and who has begun to write is let be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sqlvec.database import Cluster, Connection
from sqlvec.storage.graph_files import link_rows
from sqlvec.storage.jobs import Job
from sqlvec.storage.locks import LockOwner, LockWait, Request
from sqlvec.storage.settings import StorageSettings
from tests.storage.conftest import DOCS, EMBEDDING_INDEX, Database


def must_wait(database: Database) -> Request:
    with pytest.raises(LockWait) as caught:
        database.store.stall.await_room(LockOwner(), DOCS)
    return caught.value.request


def run(jobs: list[Job], kind: str) -> None:
    for job in jobs:
        if job.kind == kind:
            job.run()


def test_a_full_memtable_stalls_writers_until_it_is_flushed(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(memtable_bytes_max=2_000, memtable_bytes_stall=4_000)
    database.insert(list(range(100)))
    assert not database.store.stall.is_stalled(DOCS)
    database.store.stall.await_room(LockOwner(), DOCS)
    database.insert(list(range(100, 300)))
    assert database.store.stall.is_stalled(DOCS)
    request = must_wait(database)
    assert not request.done and len(database.ids()) == 300
    run(database.store.jobs(), "flush")
    assert request.done and request.error is None
    assert not database.store.stall.is_stalled(DOCS)


def test_rows_of_an_open_transaction_do_not_stall_it(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_bytes_max=2_000, memtable_bytes_stall=4_000)
    tx = database.store.begin()
    for start in range(0, 400, 100):
        database.insert(list(range(start, start + 100)), tx)
    database.insert([1_000])
    assert not database.store.stall.is_stalled(DOCS), "nothing could be flushed"
    database.store.commit(tx)
    assert database.store.stall.is_stalled(DOCS)
    database.store.flush()
    assert not database.store.stall.is_stalled(DOCS)


def test_too_many_unlinked_rows_stall_writers_until_they_are_linked(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(unlinked_rows_stall=100)
    database.add_indexes()
    database.insert(list(range(250)))
    request = must_wait(database)
    database.shard.link_step(EMBEDDING_INDEX, 100)
    database.store.stall.review()
    assert not request.done
    link_rows(database.store, database.shard, EMBEDDING_INDEX, lambda: False)
    assert request.done


def test_too_many_segments_stall_writers_until_they_are_merged(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(segments_stall=3, segments_merged=4)
    for start in range(0, 400, 100):
        database.insert(list(range(start, start + 100)))
        database.store.flush()
    database.insert(list(range(400, 500)))
    request = must_wait(database)
    run(database.store.jobs(), "compact")
    assert request.done


def test_a_dropped_table_stalls_nobody(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_bytes_stall=1_000)
    database.insert(list(range(200)))
    request = must_wait(database)
    tx = database.store.begin()
    tx.catalog = tx.catalog.without(DOCS)
    database.store.commit(tx)
    database.store.jobs()
    assert request.done


def test_linking_makes_room_for_a_flush(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_rows_max=1_000)
    database.add_indexes()
    database.insert(list(range(2_500)))
    kinds = [job.kind for job in database.store.jobs()]
    assert kinds[:2] == ["flush", "link"]
    run(database.store.jobs(), "link")
    assert database.shard.index(EMBEDDING_INDEX).linked == 1_000
    run(database.store.jobs(), "flush")
    run(database.store.jobs(), "link")
    assert database.shard.index(EMBEDDING_INDEX).linked == 2_500


@pytest.fixture
def connections(tmp_path: Path) -> Iterator[list[Connection]]:
    cluster = Cluster.open(tmp_path, storage=StorageSettings(memtable_bytes_stall=1_000))
    database = cluster.database("postgres")
    yield [database.connect("postgres", pid, 0, {}) for pid in (1, 2)]
    cluster.close()


def run_sql(connection: Connection, text: str) -> list[tuple[Any, ...]]:
    (parsed,) = connection.parse(text)
    result = connection.execute(connection.prepare(parsed))
    rows = [row for batch in result.batches() for row in zip(*batch, strict=True)]
    connection.wait(connection.end_group())
    return rows


def test_a_statement_that_writes_waits_and_says_for_what(connections: list[Connection]) -> None:
    writer, other = connections
    run_sql(writer, "CREATE TABLE t (id int PRIMARY KEY, body text)")
    run_sql(writer, "INSERT INTO t SELECT i, 'a body' FROM generate_series(1, 1000) AS i")
    with pytest.raises(LockWait) as caught:
        run_sql(other, "INSERT INTO t VALUES (2000, '')")
    request = caught.value.request
    activity = "SELECT pid, state, wait_event_type, wait_event FROM pg_stat_activity ORDER BY pid"
    assert run_sql(writer, activity) == [
        (1, "active", None, None), (2, "active", "IPC", "WriteStall"),
    ]  # fmt: skip
    assert run_sql(writer, "SELECT count(*) FROM t") == [(1000,)]
    assert run_sql(writer, "SELECT * FROM pg_locks WHERE NOT granted") == []
    writer.store.flush()
    assert request.done
    run_sql(other, "INSERT INTO t VALUES (2000, '')")
    assert run_sql(writer, "SELECT count(*) FROM t") == [(1001,)]
