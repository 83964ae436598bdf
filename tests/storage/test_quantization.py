"""Codes of the graphs of a database: given by jobs, beside everything else, and what decides which."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.blocks import BlockFile, FileKind
from sqlvec.storage.check import verify
from sqlvec.storage.jobs import Job
from sqlvec.storage.vfs import OsFs
from tests.harness.world import World, world

DIMS, ROWS = 64, 1_200
Held = tuple[str, str, int]


def insert(place: World, first: int, count: int, table: str = "t") -> None:
    dice = np.random.default_rng(first)
    for low in range(first, first + count, 600):
        vectors = dice.normal(size=(min(600, first + count - low), DIMS)).round(3)
        rows = ", ".join(f"({i}, '{v.tolist()}')" for i, v in enumerate(vectors, low))
        place.sql(f"INSERT INTO {table} VALUES {rows}")


def held(place: World, index: str = "t_e") -> Held:
    """What the walks of an index go by, why, and how wide they are."""
    sql = "SELECT quantization, reason, rescore FROM sqlvec_index_memory WHERE indexrelname = $1"
    ((name, reason, rescore),) = place.sql(sql, index)
    return str(name), str(reason), int(str(rescore))


def graph_of(place: World) -> HnswGraph:
    (shard,) = place.session.store.open_shards.values()
    (graph,) = (g for g in shard.indexes.values() if isinstance(g, HnswGraph))
    return graph


def quantizing(place: World) -> list[Job]:
    return [job for job in place.session.store.jobs() if job.kind == "quantize"]


def nearest(place: World, row: int) -> tuple[int, str]:
    """The nearest row to a stored one, and what EXPLAIN says of how it was found."""
    ((vector,),) = place.sql(f"SELECT e::text FROM t WHERE id = {row}")
    sql = f"SELECT id FROM t ORDER BY e <-> '{vector}' LIMIT 1"
    ((found,),) = place.sql(sql)
    plan = "\n".join(str(line[0]) for line in place.sql(f"EXPLAIN ANALYZE {sql}"))
    return int(str(found)), plan.split("quantization: ")[1].split("  ")[0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.sql(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        yield made


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_an_index_has_its_codes_when_it_is_made_and_after_a_restart(place: World, name: str) -> None:
    insert(place, 0, ROWS)
    place.sql(f"CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops) WITH (quantization = {name}, rescore = 7)")
    assert held(place) == (name, "", 7)
    place.maintain()
    before = graph_of(place).arrays()
    place.reopen()
    assert nearest(place, 5) == (5, name) and held(place) == (name, "", 7)
    assert quantizing(place) == []
    after = graph_of(place).arrays()
    assert before.keys() == after.keys()
    for block, array in before.items():
        np.testing.assert_array_equal(array, after[block], err_msg=block)


def test_the_old_codes_answer_until_a_job_has_made_the_others(place: World) -> None:
    insert(place, 0, ROWS)
    place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
    place.maintain()
    links = graph_of(place).arrays()["links"].copy()
    place.sql("ALTER INDEX t_e SET (quantization = 'bit', rescore = 9)")
    assert held(place) == ("int8", "others are being made", 1)
    assert nearest(place, 7) == (7, "int8")
    (job,) = quantizing(place)
    job.run(lambda: True)
    assert nearest(place, 7) == (7, "int8 (others are being made)"), "it was cancelled"
    place.reopen()
    assert nearest(place, 7) == (7, "int8 (others are being made)"), "a restart came in between"
    place.maintain()
    assert nearest(place, 7) == (7, "bit") and held(place) == ("bit", "", 9)
    np.testing.assert_array_equal(graph_of(place).arrays()["links"], links)
    place.sql("ALTER INDEX t_e RESET (quantization, rescore)")
    place.maintain()
    assert nearest(place, 7) == (7, "int8") and held(place) == ("int8", "", 1)


def test_codes_change_beside_open_transactions(place: World) -> None:
    insert(place, 0, ROWS)
    place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
    other = place.connect()
    place.sql("BEGIN", on=other)
    place.sql(f"INSERT INTO t VALUES (-1, '{[9] * DIMS}')", on=other)
    place.sql("ALTER INDEX t_e SET (quantization = pq)")
    place.sql(f"INSERT INTO t VALUES (-2, '{[-9] * DIMS}')")
    place.maintain()
    assert held(place)[0] == "pq" and nearest(place, -2) == (-2, "pq")
    place.sql("COMMIT", on=other)
    assert nearest(place, -1) == (-1, "pq")
    place.maintain()
    assert nearest(place, -1) == (-1, "pq") and graph_of(place).linked == ROWS + 2
    other.close()


def test_an_index_with_few_rows_is_trained_when_it_has_more(place: World) -> None:
    place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops) WITH (quantization = pq)")
    insert(place, 0, 50)
    place.maintain()
    assert nearest(place, 7) == (7, "int8 (too few rows to train on)")
    assert held(place) == ("int8", "too few rows to train on", 3) and quantizing(place) == []
    insert(place, 50, ROWS)
    place.maintain()
    assert nearest(place, 7) == (7, "pq") and held(place) == ("pq", "", 3)
    assert graph_of(place).quantizer.trained == ROWS + 50 and quantizing(place) == []


def test_an_index_that_has_grown_is_trained_again(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlvec.storage.quantization.TRAINED_AGAIN", 2)
    place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops) WITH (quantization = bit)")
    insert(place, 0, ROWS)
    place.maintain()
    center = graph_of(place).quantizer.kept()["center"].copy()
    insert(place, ROWS, ROWS - 1)
    assert quantizing(place) == []
    insert(place, 2 * ROWS - 1, 1)
    place.maintain()
    assert graph_of(place).quantizer.trained == 2 * ROWS and quantizing(place) == []
    assert (graph_of(place).quantizer.kept()["center"] != center).any()


def test_a_job_for_an_index_that_is_gone_does_nothing(place: World) -> None:
    insert(place, 0, ROWS)
    place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops); ALTER INDEX t_e SET (quantization = bit)")
    (job,) = quantizing(place)
    place.sql("DROP INDEX t_e")
    job.run()
    assert quantizing(place) == []


@pytest.mark.parametrize("block", ["codes", "factors", "center", "flips"])
def test_damaged_codes_are_found(place: World, block: str) -> None:
    insert(place, 0, ROWS)
    place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops) WITH (quantization = bit)")
    place.maintain()
    place.close()
    folder = next(place.directory.rglob("*.graph")).parents[1]
    vfs = OsFs(folder)
    (name,) = [f"data/{name}" for name in vfs.list("data") if name.endswith(".graph")]
    offset = BlockFile(vfs, name, FileKind.GRAPH)._entries[block].offset
    with (folder / name).open("r+b") as file:
        file.seek(offset + 5)
        byte = file.read(1)
        file.seek(offset + 5)
        file.write(bytes([byte[0] ^ 1]))
    (finding,) = verify(vfs)
    assert (finding.severity, finding.file) == ("damage", name) and block in finding.message
    place.open()
    assert place.sql("SELECT count(*) FROM t") == [(ROWS,)]
    place.maintain()
    assert nearest(place, 7) == (7, "bit") and graph_of(place).linked == ROWS


# ---------------------------------------------------------------- the memory limit


def _size(rows: int) -> int:
    """Of codes and links of a graph as bytes, as the limit counts them."""
    return rows * (DIMS + 8 + 128)


def _two_tables(place: World) -> None:
    for table, rows in (("t", ROWS), ("u", 2 * ROWS)):
        if table == "u":
            place.sql(f"CREATE TABLE u (id int PRIMARY KEY, e vector({DIMS}))")
        insert(place, 0, rows, table)


def test_beyond_the_limit_the_largest_index_gets_signs(tmp_path: Path) -> None:
    with world(tmp_path, index_memory_limit_bytes=_size(3 * ROWS) - 1) as place:
        assert place.sql("SHOW sqlvec.index_memory_limit") == [("703kB",)]
        place.sql(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        _two_tables(place)
        place.sql("CREATE INDEX u_e ON u USING hnsw (e vector_l2_ops)")
        assert held(place, "u_e") == ("int8", "", 1), "there is room for one"
        place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
        assert held(place, "u_e") == ("int8", "others are being made", 1)
        place.maintain()
        assert held(place, "u_e") == ("bit", "beyond index_memory_limit", 3)
        assert held(place) == ("int8", "", 1) and quantizing(place) == []
        question = f"EXPLAIN ANALYZE SELECT id FROM u ORDER BY e <-> '{[1] * DIMS}' LIMIT 3"
        assert "quantization: bit (beyond index_memory_limit)" in str(place.sql(question))
        place.sql("ALTER INDEX u_e SET (quantization = int8)")
        place.maintain()
        assert held(place, "u_e") == ("int8", "", 1), "what an index says itself holds"
        assert held(place) == ("bit", "beyond index_memory_limit", 3)


def test_an_index_over_too_many_rows_is_made_with_signs(tmp_path: Path) -> None:
    with world(tmp_path, index_memory_limit_bytes=_size(ROWS) // 2) as place:
        place.sql(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        insert(place, 0, ROWS)
        place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
        assert held(place) == ("bit", "beyond index_memory_limit", 3)


@pytest.mark.parametrize("share, name", [(1.1, "bit"), (1.5, "int8")])
def test_an_index_goes_back_to_bytes_when_they_fit_well(
    tmp_path: Path, share: float, name: str
) -> None:
    with world(tmp_path, index_memory_limit_bytes=_size(ROWS) - 1) as place:
        place.sql(f"CREATE TABLE t (id int PRIMARY KEY, e vector({DIMS}))")
        insert(place, 0, ROWS)
        place.sql("CREATE INDEX t_e ON t USING hnsw (e vector_l2_ops)")
        place.maintain()
        assert held(place)[0] == "bit"
    with world(tmp_path, index_memory_limit_bytes=int(_size(ROWS) * share)) as place:
        place.sql("SELECT count(*) FROM t")
        place.maintain()
        assert held(place)[0] == name
