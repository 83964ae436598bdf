"""Recall of every operator class of hnsw: after the build, inserts, deletes and a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tests.harness.live_server import LiveServer

RECALL_MIN, K, QUERIES, ROWS, CLUSTERS = 0.95, 10, 8, 1_200, 30
_OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>"}
CLASSES = [
    *(("v", f"vector_{metric}_ops", op) for metric, op in _OPERATORS.items()),
    *(("h", f"halfvec_{metric}_ops", op) for metric, op in _OPERATORS.items()),
    *(("s", f"sparsevec_{metric}_ops", op) for metric, op in _OPERATORS.items()),
    ("b", "bit_hamming_ops", "<~>"),
    ("b", "bit_jaccard_ops", "<%>"),
]


@dataclass
class World:
    """A server, its folder, and the vectors that were made."""

    live: LiveServer
    folder: Path
    dice: np.random.Generator
    centers: np.ndarray
    places: np.ndarray
    patterns: np.ndarray

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.live.dsn, autocommit=True)

    def row(self) -> dict[str, str]:
        """One of the clusters, with noise, as the text of each column."""
        cluster = int(self.dice.integers(CLUSTERS))
        dense = self.centers[cluster] + self.dice.normal(scale=0.4, size=16)
        values = self.dice.normal(loc=1.0, scale=0.3, size=12)
        flips = self.dice.random(128) < 0.08
        bits = self.patterns[cluster] ^ flips
        sparse = ",".join(
            f"{p + 1}:{v:.4f}" for p, v in zip(self.places[cluster], values, strict=True)
        )
        text = "[" + ",".join(f"{x:.4f}" for x in dense) + "]"
        return {
            "v": text,
            "h": text,
            "s": f"{{{sparse}}}/300",
            "b": "".join(np.where(bits, "1", "0")),
        }

    def insert(self, connection: psycopg.Connection, first: int, count: int) -> None:
        rows = [self.row() for _ in range(count)]
        with connection.cursor().copy("COPY t (id, v, h, s, b) FROM STDIN") as copy:
            for i, row in enumerate(rows, first):
                copy.write_row((i, row["v"], row["h"], row["s"], row["b"]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("classes")
    dice = np.random.default_rng(5)
    made = World(
        LiveServer(folder),
        folder,
        dice,
        dice.normal(size=(CLUSTERS, 16)),
        np.sort(np.array([dice.choice(300, 12, replace=False) for _ in range(CLUSTERS)])),
        dice.random((CLUSTERS, 128)) < 0.4,
    )
    with made.connect() as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute(
            "CREATE TABLE t (id int PRIMARY KEY, v vector(16), h halfvec(16), s sparsevec(300), b bit(128))"
        )
        made.insert(connection, 0, ROWS)
        for column, name, _ in CLASSES:
            connection.execute(f"CREATE INDEX {name} ON t USING hnsw ({column} {name})")
    yield made
    made.live.stop()


def _recall(world: World, connection: psycopg.Connection, column: str, operator: str) -> float:
    """The share of returned rows that are as near as the exact answer's, by distance, so that ties count."""
    hits = 0
    for _ in range(QUERIES):
        query = world.row()[column]
        distance = f"{column} {operator} '{query}'"
        found = connection.execute(
            f"SELECT {distance} FROM t ORDER BY {distance} LIMIT {K}"
        ).fetchall()
        exact = connection.execute(
            f"SELECT d FROM (SELECT {distance} AS d FROM t OFFSET 0) e ORDER BY d LIMIT {K}"
        ).fetchall()
        assert len(found) == K
        border = exact[-1][0] + 1e-6 * max(1.0, abs(exact[-1][0]))
        hits += sum(row[0] <= border for row in found)
    return hits / (K * QUERIES)


def _assert_recall(world: World) -> None:
    with world.connect() as connection:
        for column, name, operator in CLASSES:
            distance = f"{column} {operator} '{world.row()[column]}'"
            plan = connection.execute(f"EXPLAIN SELECT id FROM t ORDER BY {distance} LIMIT 10").fetchall()
            assert any(f"index: {name}" in line[0] for line in plan), plan
            assert _recall(world, connection, column, operator) >= RECALL_MIN, name
            connection.execute("SET sqlvec.target_recall = 0.99")
            assert _recall(world, connection, column, operator) >= 0.99, name
            connection.execute("RESET sqlvec.target_recall")


def test_recall_holds_after_build_inserts_deletes_restart_and_reindex(world: World) -> None:
    _assert_recall(world)
    with world.connect() as connection:
        world.insert(connection, ROWS, 300)
    _assert_recall(world)
    with world.connect() as connection:
        connection.execute("DELETE FROM t WHERE id % 4 = 1")
    _assert_recall(world)
    assert world.live.stop() == 0
    world.live = LiveServer(world.folder)
    _assert_recall(world)
    with world.connect() as connection:
        connection.execute("REINDEX TABLE t")
    _assert_recall(world)
