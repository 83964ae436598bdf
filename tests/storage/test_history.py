from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.catalog.objects import Column
from sqlvec.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    SnapshotTooOld,
    UndefinedTable,
)
from sqlvec.storage import history
from sqlvec.storage.compaction import compact_shard
from sqlvec.storage.graph_cleanup import clean_graph
from sqlvec.storage.history import History
from sqlvec.storage.store import Store
from sqlvec.types import INT4
from tests.sim.history import SimClock
from tests.storage.conftest import DOCS, EMBEDDING_INDEX, docs_table

HOUR = 3_600_000_000


def ids_at(database: Any, time_us: int) -> list[int]:
    tx = database.store.begin()
    database.store.travel(tx, time_us)
    found = database.ids(tx)
    tx.rollback()
    return sorted(found)


def reopened(database: Any, clock: Any) -> None:
    database.store = Store.open(database.fs.kill(), clock, database.settings)


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 30), st.integers(0, 60)
)
def test_a_time_means_the_newest_commit_that_was_not_later(
    clock: list[int], retention: int, asked: int
) -> None:
    times = History(retention)
    recorded = []
    for seqno, now in enumerate(clock, 5):
        recorded.append((seqno, times.next_time(now)))
        times.record(*recorded[-1])
    assert all(a[1] < b[1] for a, b in pairwise(recorded))
    now = times.last_us
    earlier = [seqno for seqno, time in recorded if time <= asked]
    if asked < now - retention or not earlier:
        with pytest.raises(SnapshotTooOld):
            times.check_time(asked, now)
    elif asked <= now:
        times.check_time(asked, now)
        assert times.seqno_at(asked) == earlier[-1]


def test_many_commits_make_old_times_coarse_and_never_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "ENTRIES_MAX", 64)
    times = History(HOUR)
    for seqno in range(1000):
        times.record(seqno, seqno * 10)
    found = [times.seqno_at(time) for time in range(0, 10_000, 5)]
    assert found[0] == 0 and found[-1] == 999 and found == sorted(found)
    assert all(seqno * 10 <= at * 5 for at, seqno in enumerate(found))
    assert found[-64::2] == list(range(968, 1000))


def test_older_rows_are_seen_through_flush_compaction_and_restart(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(segments_merged=2, retention_us=HOUR)
    seen: dict[int, list[int]] = {}
    for step in range(6):
        database.store.clock.sleep(60)
        database.insert([step])
        if step % 2:
            database.delete([step - 1])
        seen[database.store.history.last_us] = database.ids()
        database.store.flush()
        while compact_shard(database.store, database.shard):
            pass
    assert {time: ids_at(database, time) for time in seen} == seen
    assert ids_at(database, min(seen) - 1) == []
    reopened(database, database.store.clock)
    assert {time: ids_at(database, time) for time in seen} == seen


def test_what_is_older_than_the_retention_is_refused_and_goes(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(segments_merged=2, retention_us=HOUR)
    clock = database.store.clock
    database.insert([1, 2])
    database.delete([1])
    database.store.flush()
    old = database.store.history.last_us
    clock.sleep(3000)
    database.insert([3])
    assert ids_at(database, old) == [2] and ids_at(database, old - 1) == [1, 2]
    clock.sleep(601)
    with pytest.raises(SnapshotTooOld, match="snapshot too old") as caught:
        ids_at(database, old)
    assert caught.value.detail == "History begins at 1970-01-01 00:00:01+00."
    database.store.flush()
    assert compact_shard(database.store, database.shard)
    assert database.shard.segments[0].read(1, [0, 1]) == [None, 2]


def test_what_was_reclaimed_stays_out_of_reach_when_the_clock_goes_back(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(segments_merged=2, retention_us=HOUR)
    clock = database.store.clock
    database.insert([1, 2])
    whole = database.store.history.last_us
    database.store.flush()
    database.delete([1])
    clock.sleep(7200)
    database.insert([3])
    database.store.flush()
    clock.sleep(7200)
    assert compact_shard(database.store, database.shard)
    assert database.shard.segments[0].read(1, [0]) == [None]
    reopened(database, SimClock())
    with pytest.raises(SnapshotTooOld):
        ids_at(database, whole)
    assert ids_at(database, database.store.history.last_us) == [2, 3]


def test_cleaning_a_graph_is_durable_before_it_takes_nodes_out(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(dead_nodes_min=1, retention_us=HOUR)
    database.add_indexes()
    database.insert(list(range(20)))
    whole = database.store.history.last_us
    database.delete(list(range(10)))
    database.shard.link_step(EMBEDDING_INDEX)
    graph = database.shard.index(EMBEDDING_INDEX)
    clean_graph(database.store, database.shard, EMBEDDING_INDEX, lambda: False)
    assert graph.taken_out == 0 and ids_at(database, whole) == list(range(20))
    database.store.clock.sleep(7200)
    database.insert([30])
    clean_graph(database.store, database.shard, EMBEDDING_INDEX, lambda: False)
    assert graph.taken_out == 10
    reopened(database, SimClock())
    with pytest.raises(SnapshotTooOld):
        ids_at(database, whole)


def test_an_open_look_at_the_past_keeps_it_whole(make_database: Callable[..., Any]) -> None:
    database = make_database(retention_us=HOUR)
    database.insert([1])
    tx = database.store.begin()
    past = database.store.past(tx, database.store.history.last_us)
    database.delete([1])
    database.store.clock.sleep(7200)
    database.insert([2])
    tx.refresh()
    assert database.store.horizon() == past.snapshot_seqno < tx.snapshot_seqno
    assert database.ids(past) == [1] and database.ids(tx) == [2]
    tx.rollback()
    assert database.store.horizon() > past.snapshot_seqno


def test_a_commit_that_waits_for_the_disk_is_part_of_its_time(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(retention_us=HOUR)
    tx = database.store.begin()
    database.insert([1], tx)
    database.store.append(tx)
    time = database.store.history.last_us
    assert ids_at(database, time) == [1] == ids_at(database, time)
    later = database.store.begin()
    database.insert([2], later)
    database.store.commit(later)
    assert ids_at(database, time) == [1], "a later commit has the time that was asked for"


def test_the_future_and_a_history_that_is_not_kept_are_refused(
    make_database: Callable[..., Any], database: Any
) -> None:
    kept = make_database(retention_us=HOUR)
    with pytest.raises(InvalidParameterValue, match="is in the future"):
        ids_at(kept, HOUR)
    database.insert([1])
    with pytest.raises(SnapshotTooOld) as caught:
        ids_at(database, database.store.history.last_us)
    assert caught.value.detail == "No history is kept: sqlvec.retention is 0."


def test_history_begins_anew_when_it_was_not_kept_meanwhile(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(segments_merged=2, retention_us=HOUR)
    kept, clock = database.settings, database.store.clock
    database.insert([1, 2])
    whole = database.store.history.last_us
    database.store.flush()
    for settings in (replace(kept, retention_us=0), kept):
        database.settings = settings
        clock.sleep(1)
        reopened(database, clock)
        if settings is not kept:
            database.delete([1])
        database.insert([4 if settings is kept else 3])
        database.store.flush()
        compact_shard(database.store, database.shard)
    with pytest.raises(SnapshotTooOld):
        ids_at(database, whole)
    assert ids_at(database, database.store.history.last_us) == [2, 3, 4]


def test_tables_that_changed_since_are_told(make_database: Callable[..., Any]) -> None:
    database = make_database(retention_us=HOUR)
    times = database.store.history
    table = docs_table()
    with pytest.raises(UndefinedTable, match='relation "docs" did not exist at that time'):
        times.check_table(table, 0)
    first = database.store.read_seqno
    tx = database.store.begin()
    added = replace(table, columns=(*table.columns, Column(4, "n", INT4)))
    tx.catalog = tx.catalog.with_relation(added)
    database.store.commit(tx)
    times.check_table(added, first)
    tx = database.store.begin()
    columns = (replace(added.columns[0], type=INT4), *added.columns[1:])
    tx.catalog = tx.catalog.with_relation(replace(added, columns=columns))
    database.store.commit(tx)
    for _ in range(2):
        with pytest.raises(FeatureNotSupported, match='columns of relation "docs" had other types'):
            database.store.history.check_table(added, database.store.read_seqno - 1)
        database.store.history.check_table(added, database.store.read_seqno)
        database.store.flush()
        reopened(database, database.store.clock)
    assert DOCS in database.store.history.changes
