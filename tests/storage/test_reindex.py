"""A bm25 index whose options change is built anew beside the one that answers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlvec.index.bm25 import Bm25Index, parse_match
from sqlvec.index.row_set import RowSet
from tests.storage.conftest import BODY_INDEX


def change(database: Any, **options: str) -> None:
    tx = database.store.begin()
    index = tx.catalog.relations[BODY_INDEX]
    tx.catalog = tx.catalog.with_relation(replace(index, options={**index.options, **options}))
    database.store.commit(tx)


def found(database: Any, text: str) -> int:
    """How many rows match, by whatever index there is."""
    index = database.shard.index(BODY_INDEX)
    assert isinstance(index, Bm25Index)
    visible = RowSet.full(database.shard.row_count)
    return index.match(parse_match(text, index.builder()), visible).count


def run_jobs(database: Any) -> list[str]:
    jobs = [job for job in database.store.jobs() if job.kind == "reindex"]
    for job in jobs:
        job.run()
    return [job.kind for job in jobs]


def test_the_old_index_answers_until_the_new_one_is_whole(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_rows_max=10)
    database.add_indexes()
    database.insert(list(range(20)), body="running")
    for job in database.store.jobs():
        if job.kind == "flush":
            job.run()
    database.insert(list(range(20, 30)), body="running")
    assert (found(database, "runs"), run_jobs(database)) == (30, [])
    change(database, text_config="simple")
    assert found(database, "runs") == 30
    (job,) = [job for job in database.store.jobs() if job.kind == "reindex"]
    job.run(lambda: True)
    assert found(database, "runs") == 30
    database.insert([30], body="running")
    assert run_jobs(database) == ["reindex"] and run_jobs(database) == []
    assert (found(database, "runs"), found(database, "running")) == (0, 31)
    database.insert([31], body="running")
    assert found(database, "running") == 32


def test_a_restart_goes_by_what_is_defined(make_database: Callable[..., Any]) -> None:
    database = make_database(memtable_rows_max=10)
    database.add_indexes()
    database.insert(list(range(20)), body="running")
    for job in database.store.jobs():
        job.run()
    change(database, text_config="simple")
    database.reopen()
    assert (found(database, "runs"), found(database, "running")) == (0, 20)
    assert run_jobs(database) == []
    database.reopen()
    assert found(database, "running") == 20


def test_a_change_of_numbers_is_taken_too(make_database: Callable[..., Any]) -> None:
    database = make_database()
    database.add_indexes()
    database.insert(list(range(5)), body="cat cat dog")
    change(database, k1="0", b="0.1", positions="false")
    assert run_jobs(database) == ["reindex"]
    index = database.shard.index(BODY_INDEX)
    assert (index.k1, index.b, index.analysis.positions) == (0.0, 0.1, False)


def test_a_flush_that_was_begun_before_brings_nothing_of_the_old(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(memtable_rows_max=10)
    database.add_indexes()
    database.insert(list(range(20)), body="running")
    sealed = database.shard.index(BODY_INDEX).seal(0, 20)
    change(database, text_config="simple")
    run_jobs(database)
    assert not database.shard.index(BODY_INDEX).fits(sealed)
    for job in database.store.jobs():
        job.run()
    database.reopen()
    assert (found(database, "runs"), found(database, "running")) == (0, 20)
