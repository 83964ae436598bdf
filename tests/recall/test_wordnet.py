"""All of WordNet over a real connection: filters, recall, quality, restart. Needs the shared data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector

from tests.harness.live_server import LiveServer

QUERIES = 100


class Wordnet:
    def __init__(self, folder: Path) -> None:
        with gzip.open(folder / "docs.jsonl.gz", "rt") as lines:
            self.docs = [json.loads(line) for line in lines]
        self.vectors = np.load(folder / "vectors_f16.npy").astype(np.float32)
        self.query_vectors = np.load(folder / "queries_f32.npy")
        self.queries = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
        self.lexnames = np.array([doc["lexname"] for doc in self.docs])
        self.relevant: dict[str, set[int]] = {}
        for line in (folder / "qrels.tsv").read_text().splitlines()[1:]:
            qid, doc, _ = line.split()
            self.relevant.setdefault(qid, set()).add(int(doc))


@pytest.fixture(scope="module")
def data(wordnet: Path) -> Wordnet:
    return Wordnet(wordnet)


@pytest.fixture(scope="module")
def loaded(data: Wordnet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    live = LiveServer(tmp_path_factory.mktemp("wordnet"))
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        register_vector(connection)
        connection.execute(
            "CREATE TABLE docs (id bigint PRIMARY KEY, pos text, lexname text, body text, embedding vector(384))"
        )
        sql = "COPY docs FROM STDIN WITH (FORMAT BINARY)"
        with connection.cursor().copy(sql) as copy:
            copy.set_types(["int8", "text", "text", "text", "vector"])
            for doc, vector in zip(data.docs, data.vectors, strict=True):
                body = ", ".join(doc["lemmas"]) + ": " + doc["gloss"]
                copy.write_row([doc["id"], doc["pos"], doc["lexname"], body, vector])
        connection.execute("CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)")
        connection.execute("CREATE INDEX ON docs USING bm25 (body)")
    yield live
    assert live.stop() == 0


@pytest.fixture
def docs(loaded: LiveServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(loaded.dsn, autocommit=True) as connection:
        register_vector(connection)
        connection.execute("SET hnsw.ef_search = 64")
        yield connection


def _recall(
    docs: psycopg.Connection, data: Wordnet, where: str, mask: np.ndarray, count: int
) -> float:
    """Recall@10 under a filter; every answer has min(10, matching) rows that all satisfy it."""
    members = np.flatnonzero(mask)
    scores = data.query_vectors[:count] @ data.vectors[members].T
    wanted = min(10, len(members))
    hits = total = 0
    sql = f"SELECT id FROM docs WHERE {where} ORDER BY embedding <=> %s LIMIT 10"
    for i in range(count):
        found = [row[0] for row in docs.execute(sql, (data.query_vectors[i],), binary=True)]
        assert len(found) == wanted, (where, i, len(found))
        assert mask[found].all(), (where, i)
        border = np.sort(scores[i])[::-1][wanted - 1]
        own = data.vectors[found] @ data.query_vectors[i]
        hits += int((own >= border - 1e-5).sum())
        total += wanted
    return hits / total


def test_every_document_is_there(docs: psycopg.Connection, data: Wordnet) -> None:
    row = docs.execute("SELECT count(*), count(embedding), max(id) FROM docs").fetchone()
    assert row == (len(data.docs), len(data.docs), len(data.docs) - 1)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_recall_under_id_ranges(docs: psycopg.Connection, data: Wordnet, share: float) -> None:
    limit = int(len(data.docs) * share)
    mask = np.arange(len(data.docs)) < limit
    assert _recall(docs, data, f"id < {limit}", mask, QUERIES) >= 0.95


def test_recall_under_every_lexname(docs: psycopg.Connection, data: Wordnet) -> None:
    names = sorted(set(data.lexnames.tolist()))
    assert len(names) == 45
    for name in names:
        assert _recall(docs, data, f"lexname = '{name}'", data.lexnames == name, QUERIES) >= 0.95, name


def test_recall_without_a_filter(docs: psycopg.Connection, data: Wordnet) -> None:
    assert _recall(docs, data, "true", np.ones(len(data.docs), bool), QUERIES) >= 0.95


def _ndcg(found: list[int], relevant: set[int]) -> float:
    gain = sum(1 / np.log2(i + 2) for i, doc in enumerate(found[:10]) if doc in relevant)
    return float(gain / sum(1 / np.log2(i + 2) for i in range(min(10, len(relevant)))))


def test_fusion_is_better_than_either_leg(docs: psycopg.Connection, data: Wordnet) -> None:
    statements = {
        "bm25": "SELECT id FROM docs ORDER BY body <@> %(text)s LIMIT 10",
        "dense": "SELECT id FROM docs ORDER BY embedding <=> %(vector)s LIMIT 10",
        "rrf": "SELECT id, rrf(embedding <=> %(vector)s, body <@> %(text)s) AS s FROM docs ORDER BY s DESC LIMIT 10",
        "relative": "SELECT id, relative_score(embedding <=> %(vector)s, body <@> %(text)s) AS s FROM docs "
        "ORDER BY s DESC LIMIT 10",
    }
    quality = {}
    for name, sql in statements.items():
        values = []
        for query, vector in zip(data.queries, data.query_vectors, strict=True):
            found = docs.execute(sql, {"text": query["text"], "vector": vector}).fetchall()
            values.append(_ndcg([row[0] for row in found], data.relevant[query["qid"]]))
        quality[name] = float(np.mean(values))
    print(quality)
    assert quality["bm25"] >= 0.254
    assert quality["rrf"] >= 0.268
    assert quality["relative"] >= 0.28
    for fused in ("rrf", "relative"):
        assert quality[fused] > max(quality["bm25"], quality["dense"]), quality


def test_kill_in_a_load_loses_nothing_committed(data: Wordnet, tmp_path: Path) -> None:
    """The graph is on disk as it was linked: approximate answers after the restart are those from before.
    While rows wait, part of an answer is exact, so `before` is taken when none does."""
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        register_vector(connection)
        connection.execute("CREATE TABLE docs (id bigint PRIMARY KEY, embedding vector(384))")
        connection.execute("CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)")
        with connection.cursor().copy("COPY docs FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "vector"])
            for i in range(20_000):
                copy.write_row([i, data.vectors[i]])
        live.wait_until_linked()
        before = _answers(connection, data)
        copy_again = connection.cursor().copy("COPY docs FROM STDIN WITH (FORMAT BINARY)")
        with pytest.raises(psycopg.OperationalError):
            with copy_again as copy:
                copy.set_types(["int8", "vector"])
                for i in range(20_000, 60_000):
                    copy.write_row([i, data.vectors[i]])
                    if i == 40_000:
                        live.kill()
    again = LiveServer(tmp_path)
    with psycopg.connect(again.dsn, autocommit=True) as connection:
        register_vector(connection)
        assert connection.execute("SELECT count(*), max(id) FROM docs").fetchone() == (20_000, 19_999)
        assert _answers(connection, data) == before
    assert again.stop() == 0


def _answers(connection: psycopg.Connection, data: Wordnet) -> list[list[int]]:
    """Of the graph alone, with a narrow walk, and of an exact scan."""
    connection.execute("SET hnsw.ef_search = 10")
    return [
        [row[0] for row in connection.execute(sql, (data.query_vectors[i],))]
        for sql in (
            "SELECT id FROM docs ORDER BY embedding <=> %s LIMIT 10",
            "SELECT id FROM docs WHERE id < 8000 ORDER BY embedding <=> %s LIMIT 10",
        )
        for i in range(50)
    ]


def test_the_first_answer_after_a_start_comes_soon(loaded: LiveServer, data: Wordnet) -> None:
    """Runs last in this file: it restarts the loaded server."""
    with psycopg.connect(loaded.dsn) as connection:
        register_vector(connection)
        sql = "SELECT id FROM docs ORDER BY embedding <=> %s LIMIT 10"
        before = connection.execute(sql, (data.query_vectors[0],)).fetchall()
    assert loaded.stop() == 0
    started = perf_counter()
    again = LiveServer(loaded.directory)
    loaded.process, loaded.port, loaded.dsn = again.process, again.port, again.dsn
    with psycopg.connect(loaded.dsn) as connection:
        register_vector(connection)
        after = connection.execute(sql, (data.query_vectors[0],)).fetchall()
    print(f"first answer after {perf_counter() - started:.2f} s")
    assert after == before
