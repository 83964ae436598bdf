from collections.abc import Callable
from typing import Any


def kinds(database: Any) -> list[str]:
    return sorted(job.kind for job in database.store.jobs())


def test_a_quiet_store_wants_nothing(database: Any) -> None:
    database.insert([1])
    assert kinds(database) == []


def test_jobs_are_wanted_until_they_are_done(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_rows_max=10, link_log_bytes_min=100, segments_merged=2)
    database.add_indexes()
    for start in (0, 20):
        database.insert(list(range(start, start + 20)))
        assert {"flush", "link"} <= set(kinds(database))
        for job in database.store.jobs():
            job.run(lambda: False)
    assert kinds(database) == ["compact"]
    for job in database.store.jobs():
        assert (job.table_oid, job.tenant) == (20000, "")
        job.run()
    assert kinds(database) == []
    assert database.ids() == list(range(40))
    assert len(database.shard.segments) == 1 and database.shard.index(20003).linked == 40


def test_a_cancelled_link_stops_and_can_go_on(make_database: Callable[..., Any]) -> None:
    database = make_database()
    database.add_indexes()
    database.insert(list(range(100)))
    (job,) = database.store.jobs()
    job.run(lambda: True)
    assert database.shard.index(20003).linked < 100
    job.run()
    assert database.shard.index(20003).linked == 100


def test_a_long_log_asks_for_a_checkpoint(make_database: Callable[..., Any]) -> None:
    database = make_database(wal_bytes_max=2000)
    database.insert(list(range(50)))
    assert kinds(database) == ["checkpoint"]
    database.store.jobs()[0].run()
    assert kinds(database) == [] and database.store.wal.bytes == 0


def test_a_job_of_a_dropped_table_does_nothing(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_rows_max=1)
    database.insert([1, 2, 3])
    jobs = database.store.jobs()
    tx = database.store.begin()
    tx.catalog = tx.catalog.without(20000)
    database.store.commit(tx)
    for job in jobs:
        job.run()
    database.store.flush()
    assert database.fs.list("data") == []
