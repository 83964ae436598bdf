from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sqlvec.index.hnsw import HnswGraph
from tests.storage.test_graph_files import INDEX, assert_same, graph_of, killed, run_jobs


@pytest.fixture
def loaded(make_database: Callable[..., Any]) -> Any:
    """5,000 rows, linked and saved."""
    database = make_database(dead_nodes_min=50)
    database.add_indexes()
    database.insert(list(range(5_000)))
    run_jobs(database)
    database.store.flush()
    return database


def kinds(database: Any) -> list[str]:
    return [job.kind for job in database.store.jobs()]


def nodes(graph: HnswGraph) -> set[int]:
    """Rows that links lead to."""
    links = graph.arrays()["links"]
    return set(links[links >= 0].tolist())


def test_deleted_rows_leave_the_graph(loaded: Any) -> None:
    loaded.delete(list(range(0, 5_000, 2)))
    assert kinds(loaded) == ["clean_graph"]
    run_jobs(loaded)
    assert graph_of(loaded).taken_out == 2_500 and kinds(loaded) == []
    assert nodes(graph_of(loaded)) == set(range(1, 5_000, 2))


def test_few_deletions_are_not_worth_a_pass(loaded: Any) -> None:
    loaded.delete(list(range(200)))
    assert kinds(loaded) == []  # not five in a hundred


def test_rows_that_a_snapshot_sees_stay(loaded: Any) -> None:
    reader = loaded.store.begin()
    loaded.delete(list(range(2_000)))
    run_jobs(loaded)
    assert graph_of(loaded).taken_out == 0 and kinds(loaded) == []
    reader.rollback()
    run_jobs(loaded)
    assert graph_of(loaded).taken_out == 2_000


def test_a_cleaned_graph_is_found_again_after_a_kill(loaded: Any) -> None:
    loaded.delete(list(range(1_000)))
    loaded.insert(list(range(6_000, 6_100)))
    run_jobs(loaded)
    before = graph_of(loaded).arrays()
    killed(loaded)
    after = graph_of(loaded).arrays()
    before["settings"], after["settings"] = before["settings"][:7], after["settings"][:7]
    assert_same(before, after)


def test_a_cancelled_pass_can_be_made_again(loaded: Any) -> None:
    loaded.delete(list(range(1_000)))
    (job,) = loaded.store.jobs()
    job.run(lambda: True)
    assert graph_of(loaded).taken_out == 0
    view = loaded.shard.vectors(3)
    living = np.arange(1_000, 5_000)
    found = graph_of(loaded).search(view.array, view.array[3_000], 1, 64, None)
    assert found.row_ids[0] in living
    run_jobs(loaded)
    assert graph_of(loaded).taken_out == 1_000


def test_a_row_that_is_updated_for_ever_keeps_its_graph_small(
    make_database: Callable[..., Any],
) -> None:
    database = make_database(dead_nodes_min=50)
    database.add_indexes()
    for i in range(300):
        database.insert([i])
        if i:
            database.delete([i - 1])
        if i % 100 == 99:
            run_jobs(database)
            assert len(nodes(graph_of(database))) <= 1 and INDEX in database.shard.link_logs
