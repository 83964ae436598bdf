import logging
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.store import Store
from tests.sim.history import SimClock

INDEX = 20003


def run_jobs(database: Any) -> None:
    while jobs := database.store.jobs():
        for job in jobs:
            job.run()


def killed(database: Any) -> None:
    database.fs = database.fs.kill()
    database.store = Store.open(database.fs, SimClock(), database.settings)


def graph_of(database: Any) -> HnswGraph:
    graph = database.shard.index(INDEX)
    assert isinstance(graph, HnswGraph)
    return graph


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name in ("settings", "links", "upper", "offsets", "levels", "scales"):
        assert np.array_equal(one[name], other[name]), name


def file_of(database: Any, kind: str) -> str:
    (name,) = [n for n in database.fs.list("data") if n.endswith(kind)]
    return f"data/{name}"


@pytest.fixture
def linked(make_database: Callable[..., Any]) -> Any:
    """200 rows that a snapshot holds, and 300 that only the log holds, in three frames."""
    database = make_database()
    database.insert(list(range(200)))
    database.add_indexes()
    run_jobs(database)
    database.reopen()
    for start in (200, 300, 400):
        database.insert(list(range(start, start + 100)))
        run_jobs(database)
    return database


def test_a_killed_server_links_nothing_again(linked: Any) -> None:
    before = graph_of(linked).arrays()
    killed(linked)
    assert linked.store.jobs() == []
    assert_same(before, graph_of(linked).arrays())


def test_linking_goes_on_where_it_stopped(linked: Any) -> None:
    killed(linked)
    linked.insert(list(range(500, 700)))
    run_jobs(linked)
    before = graph_of(linked).arrays()
    killed(linked)
    assert_same(before, graph_of(linked).arrays())
    assert graph_of(linked).linked == 700


def test_an_index_made_over_old_rows_is_saved_by_the_first_job(
    make_database: Callable[..., Any],
) -> None:
    database = make_database()
    database.insert(list(range(100)))
    database.add_indexes()
    while database.shard.link_step(INDEX, threads=2):
        pass
    before = graph_of(database).arrays()
    run_jobs(database)
    killed(database)
    assert_same(before, graph_of(database).arrays())


def test_a_power_loss_costs_the_last_links_only(linked: Any) -> None:
    for seed in range(10):
        store = Store.open(linked.fs.crash(Random(seed)), SimClock(), linked.settings)
        shard = store.shard(20000)
        graph = shard.index(INDEX)
        assert graph.linked in (200, 300, 400, 500)
        assert len(shard.visible(store.begin()).ids()) == 500
        while shard.link_step(INDEX):
            pass
        assert graph.linked == 500


def test_a_long_log_is_condensed_by_a_job(make_database: Callable[..., Any]) -> None:
    database = make_database(link_log_bytes_min=1_000)
    database.add_indexes()
    for start in range(0, 200, 50):
        database.insert(list(range(start, start + 50)))
        run_jobs(database)
    assert file_of(database, ".graph")
    assert database.fs.size(file_of(database, ".links")) <= 2 * database.fs.size(
        file_of(database, ".graph")
    )
    before = graph_of(database).arrays()
    killed(database)
    assert_same(before, graph_of(database).arrays())


def test_row_ids_of_rolled_back_rows_are_linked_when_others_get_them(linked: Any) -> None:
    tx = linked.store.begin()
    linked.insert(list(range(1000, 1050)), tx)
    tx.rollback()
    run_jobs(linked)
    assert graph_of(linked).linked == 550
    killed(linked)
    assert graph_of(linked).linked == 500
    linked.insert(list(range(2000, 2050)))
    run_jobs(linked)
    before = graph_of(linked).arrays()
    killed(linked)
    assert_same(before, graph_of(linked).arrays())
    view = linked.shard.vectors(3)
    found = graph_of(linked).search(view.array, view.array[520], 1, 100, None)
    assert found.row_ids.tolist() == [520]


@pytest.mark.parametrize("kind", [".graph", ".links"])
@pytest.mark.parametrize("place", [0, 9, 0.5, 0.99])
def test_damage_is_reported_and_the_graph_made_again(
    linked: Any, kind: str, place: float, caplog: pytest.LogCaptureFixture
) -> None:
    before = linked.ids()
    name = file_of(linked, kind)
    offset = int(place * linked.fs.size(name)) if isinstance(place, float) else place
    linked.fs.rot(name, offset)
    with caplog.at_level(logging.WARNING):
        killed(linked)
        assert linked.ids() == before
    (record,) = [r for r in caplog.records if r.name == "sqlvec.storage.graph_files"]
    assert name in record.reason and "offset" in record.reason
    assert graph_of(linked).linked < 500
    run_jobs(linked)
    assert graph_of(linked).linked == 500
    again = graph_of(linked).arrays()
    killed(linked)
    assert_same(again, graph_of(linked).arrays())


def test_a_frame_of_another_log_is_none_of_this_one(linked: Any) -> None:
    name = file_of(linked, ".links")
    data = linked.fs.read(name)
    linked.reopen()
    other = file_of(linked, ".links")
    linked.fs.names[other].append(data[8:])
    killed(linked)
    assert graph_of(linked).linked == 500 and INDEX not in linked.shard.link_logs


def test_a_full_disk_while_links_are_logged_loses_none(linked: Any) -> None:
    linked.insert(list(range(500, 520)))
    jobs = linked.store.jobs()
    linked.fs.fail_at = linked.fs.operations + 2  # the append; the first is the opening
    with pytest.raises(Exception, match="injected"):
        jobs[0].run()
    assert graph_of(linked).linked == 520
    run_jobs(linked)
    before = graph_of(linked).arrays()
    killed(linked)
    assert_same(before, graph_of(linked).arrays())
