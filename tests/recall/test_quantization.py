"""Recall of every operator class that has codes, under every quantization: after the build, inserts, deletes, a
restart and a change of the codes; and what pgvector's own way of binary quantization finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from tests.harness.live_server import LiveServer
from tests.harness.world import World, world

K, ROWS, DIMS = 10, 3_000, 64
OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}
MEMORY = {"none": 0.0, "int8": 0.35, "bit": 0.12, "pq": 0.12}  # most bytes of codes a byte of vectors


@dataclass
class Rows:
    """Clustered vectors, and new questions about them."""

    dice: np.random.Generator
    centers: np.ndarray

    def vectors(self, count: int) -> np.ndarray:
        chosen = self.dice.integers(0, len(self.centers), count)
        noise = self.dice.normal(scale=0.4, size=(count, DIMS))
        return (self.centers[chosen] + noise).round(3)

    def insert(self, place: World, first: int, count: int) -> None:
        for low in range(first, first + count, 500):
            rows = [
                f"({i}, '{v.tolist()}')"
                for i, v in enumerate(self.vectors(min(500, first + count - low)), low)
            ]
            place.sql(f"INSERT INTO t VALUES {', '.join(rows)}")


@pytest.fixture(scope="module")
def rows() -> Rows:
    dice = np.random.default_rng(5)
    return Rows(dice, dice.normal(size=(40, DIMS)) + 0.3)


@pytest.fixture(scope="module", params=["vector", "halfvec"])
def place(request: pytest.FixtureRequest, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One index for each operator class."""
    with world(tmp_path_factory.mktemp("quantized")) as made:
        made.sql(f"CREATE TABLE t (id int PRIMARY KEY, v {request.param}({DIMS}))")
        rows.insert(made, 0, ROWS)
        for metric in OPERATORS:
            made.sql(f"CREATE INDEX {metric} ON t USING hnsw (v {request.param}_{metric}_ops)")
        yield made


@pytest.fixture(autouse=True)
def walks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows would be scanned exactly once some are deleted."""
    monkeypatch.setattr("sqlvec.index.hnsw.graph.FLAT_ROWS_MAX", 100)


def exact(stored: np.ndarray, metric: str, question: np.ndarray) -> np.ndarray:
    """The distances of the nearest, by numpy."""
    if metric == "l2":
        found = np.sqrt(((stored - question) ** 2).sum(axis=1))
    else:
        found = -(stored @ question)
    if metric == "cosine":
        norms = np.linalg.norm(stored, axis=1) * np.linalg.norm(question)
        found = 1 + found / norms
    return np.sort(found)[:K]


def assert_recall(
    place: World, rows: Rows, quantization: str, least: float = 0.95, questions: int = 10
) -> None:
    """By distance, so that ties count; it has to be a walk by the codes that finds them."""
    stored = np.array([row[0] for row in place.sql("SELECT v FROM t")], np.float64)
    for metric, operator in OPERATORS.items():
        hits = 0
        for question in rows.vectors(questions):
            distance = f"v {operator} '{question.tolist()}'"
            sql = f"SELECT {distance} FROM t ORDER BY {distance} LIMIT {K}"
            found = np.array(place.sql(sql), np.float64)[:, 0]
            assert len(found) == K
            asked = np.array(question, stored_type(place))
            border = exact(stored, metric, asked.astype(np.float64))[-1]
            hits += int((found <= border + 1e-6 * abs(border)).sum())
        plan = str(place.sql(f"EXPLAIN ANALYZE {sql}"))
        # A graph over inner products may need so wide a search that it is exact.
        assert "walk  " in plan or (least >= 0.99 and metric == "ip"), plan
        assert f"quantization: {quantization}  " in plan, plan
        assert hits >= least * K * questions, (metric, quantization, hits)


def stored_type(place: World) -> type[np.floating]:
    """In which precision the column has its elements."""
    ((name,),) = place.sql("SELECT pg_typeof(v)::text FROM t LIMIT 1")
    return np.float16 if name == "halfvec" else np.float32


def set_all(place: World, quantization: str) -> None:
    for metric in OPERATORS:
        place.sql(f"ALTER INDEX {metric} SET (quantization = {quantization})")
    place.maintain()


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_recall_and_memory_through_the_life_of_an_index(
    place: World, rows: Rows, quantization: str
) -> None:
    set_all(place, quantization)
    assert_recall(place, rows, quantization)
    ((first,),) = place.sql("SELECT max(id) + 1 FROM t")
    rows.insert(place, int(str(first)), 500)
    assert_recall(place, rows, quantization)
    place.maintain()
    assert_recall(place, rows, quantization)
    place.sql(f"DELETE FROM t WHERE id % 8 = {QUANTIZATIONS.index(quantization)}")
    assert_recall(place, rows, quantization)
    place.maintain()
    place.reopen()
    assert_recall(place, rows, quantization)
    place.sql("REINDEX TABLE t")
    assert_recall(place, rows, quantization)
    for metric in OPERATORS:
        sql = "SELECT code_bytes::float8 / vector_bytes FROM sqlvec_index_memory WHERE indexrelname = $1"
        ((share,),) = place.sql(sql, metric)
        learned = 0.1 if quantization == "pq" else 0.01  # 64 KiB of centroids, of few rows
        assert float(str(share)) <= MEMORY[quantization] + learned


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_a_target_is_met_by_every_quantization(
    place: World, rows: Rows, quantization: str
) -> None:
    set_all(place, quantization)
    place.sql("SET sqlvec.target_recall = 0.99")
    try:
        for operator in OPERATORS.values():  # who asks has it measured
            (question,) = rows.vectors(1)
            place.sql(f"SELECT id FROM t ORDER BY v {operator} '{question.tolist()}' LIMIT 10")
        place.maintain()
        assert_recall(place, rows, quantization, 0.99, questions=30)
    finally:
        place.sql("RESET sqlvec.target_recall")


def test_pgvectors_own_binary_quantization_goes_by_its_index(place: World, rows: Rows) -> None:
    """An expression index over the signs, and a query that orders its nearest again."""
    column = "halfvec" if stored_type(place) is np.float16 else "vector"
    place.sql(
        f"CREATE INDEX signs ON t USING hnsw ((binary_quantize(v)::bit({DIMS})) bit_hamming_ops)"
    )
    stored = np.array([row[0] for row in place.sql("SELECT v FROM t")], np.float64)
    hits = 0
    for question in rows.vectors(10):
        asked = f"'{question.tolist()}'"
        inner = (
            f"SELECT * FROM t ORDER BY binary_quantize(v)::bit({DIMS}) <~> "
            f"binary_quantize({asked}::{column}) LIMIT 400"
        )
        sql = f"SELECT v <=> {asked} FROM ({inner}) s ORDER BY v <=> {asked} LIMIT {K}"
        assert "index: signs" in str(place.sql(f"EXPLAIN {sql}"))
        found = np.array(place.sql(sql), np.float64)[:, 0]
        assert len(found) == K
        border = exact(stored, "cosine", question)[-1]
        hits += int((found <= border + 1e-4 * abs(border)).sum())
    place.sql("DROP INDEX signs")
    assert hits >= 95


# ---------------------------------------------------------------- all of WordNet


@pytest.fixture(scope="module")
def live(wordnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    live = LiveServer(tmp_path_factory.mktemp("quantized_wordnet"))
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        register_vector(connection)
        connection.execute("CREATE TABLE docs (id bigint PRIMARY KEY, embedding vector(384))")
        vectors = np.load(wordnet / "vectors_f16.npy").astype(np.float32)
        with connection.cursor().copy("COPY docs FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "vector"])
            for i, vector in enumerate(vectors):
                copy.write_row([i, vector])
        connection.execute(
            "CREATE INDEX docs_e ON docs USING hnsw (embedding vector_cosine_ops) "
            "WITH (quantization = bit)"
        )
    yield live
    assert live.stop() == 0


@pytest.fixture
def docs(live: LiveServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        register_vector(connection)
        yield connection


@pytest.mark.long
def test_wordnet_under_every_quantization(
    live: LiveServer, docs: psycopg.Connection, wordnet: Path
) -> None:
    """With the settings that nobody has touched; int8 and none, which keep no more than ef, at ef 64."""
    vectors = np.load(wordnet / "vectors_f16.npy").astype(np.float32)
    questions = np.load(wordnet / "queries_f32.npy")[:200]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = np.argsort(-(questions @ vectors.T), axis=1)[:, :K]
    view = "SELECT quantization, code_bytes::float8 / vector_bytes, reason FROM sqlvec_index_memory"
    for quantization in ("bit", "pq", "int8", "none"):
        docs.execute(f"ALTER INDEX docs_e SET (quantization = {quantization})")
        live.wait_until_walked_by("docs_e", quantization)
        name, share, reason = docs.execute(view).fetchone()  # type: ignore[misc]
        assert (name, reason) == (quantization, "") and share <= MEMORY[quantization]
        docs.execute(f"SET hnsw.ef_search = {40 if quantization in ('bit', 'pq') else 64}")
        sql = "SELECT id FROM docs ORDER BY embedding <=> %s LIMIT 10"
        found = [{row[0] for row in docs.execute(sql, (q,), binary=True)} for q in questions]
        hits = sum(len(f & set(e.tolist())) for f, e in zip(found, exact, strict=True))
        assert hits / (K * len(questions)) >= 0.95, quantization
