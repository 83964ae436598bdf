"""make bench: the same vectors through the same driver into both servers; ratios, recall, JSON and a plot.

Absolute figures depend on the machine; the ratios are what to read. Rounds alternate between the servers and
medians are taken.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from tests.harness.live_server import LiveServer
from tests.harness.oracle import running_oracle

ROOT = Path(__file__).resolve().parents[1]
WORDNET = ROOT.parent / "shared" / "data" / "wordnet"
RESULTS = Path(__file__).resolve().parent / "results"
ROUNDS = 3
# As a careful administrator sets PostgreSQL up for this machine; its durability is not switched off.
POSTGRESQL = ("shared_buffers=2GB", "max_wal_size=4GB", "jit=off", "effective_cache_size=8GB")


class Data:
    """Documents with vectors, and questions."""

    def __init__(self, rows: int | None, queries: int) -> None:
        if WORDNET.is_dir():
            with gzip.open(WORDNET / "docs.jsonl.gz", "rt") as lines:
                docs = [json.loads(line) for line in lines]
            self.bodies = [", ".join(doc["lemmas"]) + ": " + doc["gloss"] for doc in docs]
            self.vectors = np.load(WORDNET / "vectors_f16.npy").astype(np.float32)
            self.query_vectors = np.load(WORDNET / "queries_f32.npy")
            lines_of = (WORDNET / "queries.jsonl").read_text().splitlines()
            self.questions = [json.loads(line)["text"] for line in lines_of]
        else:
            from sqlvec.demo.sample_data import load_sample

            sample = load_sample()
            self.bodies = [doc.body for doc in sample.documents]
            self.vectors, self.query_vectors = sample.vectors, sample.question_vectors
            self.questions = sample.questions
        self.bodies, self.vectors = self.bodies[:rows], self.vectors[:rows]
        self.query_vectors = np.ascontiguousarray(self.query_vectors[:queries])
        self.questions = self.questions[:queries]
        self.dims = self.vectors.shape[1]

    def nearest(self, limit: int | None = None) -> np.ndarray:
        scores = self.query_vectors @ self.vectors[:limit].T
        return np.argsort(-scores, axis=1)[:, :10]


def load(connection: psycopg.Connection, data: Data, text_index: str) -> dict[str, float]:
    """Loads and indexes; seconds of each step."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    connection.execute(f"CREATE TABLE docs (id bigint PRIMARY KEY, body text, embedding vector({data.dims}))")
    seconds = {}
    started = perf_counter()
    with connection.cursor().copy("COPY docs FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "text", "vector"])
        for i, (body, vector) in enumerate(zip(data.bodies, data.vectors, strict=True)):
            copy.write_row([i, body, vector])
    seconds["copy"] = perf_counter() - started
    started = perf_counter()
    connection.execute("CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)")
    seconds["hnsw build"] = perf_counter() - started
    started = perf_counter()
    connection.execute(text_index)
    seconds["text index build"] = perf_counter() - started
    connection.execute("ANALYZE docs")
    return seconds


def rate(connection: psycopg.Connection, sql: str, parameters: list[Any]) -> tuple[float, list[list[int]]]:
    """Queries a second, prepared and binary, and the ids found."""
    found = []
    cursor = connection.cursor(binary=True)
    cursor.execute(sql, parameters[0], prepare=True)
    started = perf_counter()
    for parameter in parameters:
        found.append([row[0] for row in cursor.execute(sql, parameter, prepare=True).fetchall()])
    return len(parameters) / (perf_counter() - started), found


def recall(found: list[list[int]], exact: np.ndarray) -> float:
    hits = [len(set(a) & set(b.tolist())) / len(b) for a, b in zip(found, exact, strict=True)]
    return float(np.mean(hits))


def compare(
    connections: dict[str, psycopg.Connection],
    statements: dict[str, tuple[str, list[Any]]],
    measure: Callable[[list[list[int]]], float] | None,
) -> dict[str, Any]:
    """Alternating rounds over both servers: median rates, recall."""
    rates: dict[str, list[float]] = {name: [] for name in statements}
    seen: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, (sql, parameters) in statements.items():
            one, found = rate(connections[name], sql, parameters)
            rates[name].append(one)
            if measure is not None:
                seen[name] = measure(found)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {"rates": medians, "recall": seen, "ratio": medians["sqlvec"] / medians["pgvector"]}


def at_recall(sweep: list[dict[str, Any]], name: str, target: float) -> float | None:
    """Queries a second at a recall, between the measured points; None when it is not reached."""
    points = sorted((p["recall"][name], p["rates"][name]) for p in sweep)
    for (r0, q0), (r1, q1) in pairwise(points):
        if r0 <= target <= r1 and r1 > r0:
            return q0 + (q1 - q0) * (target - r0) / (r1 - r0)
    return points[0][1] if points and points[0][0] >= target else None


def run(data: Data) -> dict[str, Any]:
    results: dict[str, Any] = {"rows": len(data.vectors), "dims": data.dims}
    with tempfile.TemporaryDirectory() as folder, running_oracle(POSTGRESQL) as oracle:
        server = LiveServer(Path(folder))
        connections = {
            "sqlvec": psycopg.connect(server.dsn, autocommit=True),
            "pgvector": psycopg.connect(oracle, autocommit=True),
        }
        bm25 = "CREATE INDEX ON docs USING bm25 (body)"
        gin = "CREATE INDEX ON docs USING gin (to_tsvector('english', body))"
        seconds = {"sqlvec": load(connections["sqlvec"], data, bm25)}
        connections["pgvector"].execute("SET maintenance_work_mem = '1GB'")
        seconds["pgvector"] = load(connections["pgvector"], data, gin)
        results["seconds"] = seconds
        results["sweep"] = sweep(connections, data)
        results["filtered"] = filtered(connections, data)
        results["text"] = text(connections, data)
        for connection in connections.values():
            connection.close()
        server.stop()
    return results


def sweep(connections: dict[str, psycopg.Connection], data: Data) -> list[dict[str, Any]]:
    sql = "SELECT id FROM docs ORDER BY embedding <=> %s LIMIT 10"
    exact = data.nearest()
    points = []
    for ef in (16, 24, 40, 64, 100, 200):
        for connection in connections.values():
            connection.execute(f"SET hnsw.ef_search = {ef}")
        parameters = [(vector,) for vector in data.query_vectors]
        both = {name: (sql, parameters) for name in connections}
        points.append({"ef": ef, **compare(connections, both, lambda f: recall(f, exact))})
    return points


def filtered(connections: dict[str, psycopg.Connection], data: Data) -> dict[str, Any]:
    found = {}
    connections["pgvector"].execute("SET hnsw.iterative_scan = strict_order")
    for connection in connections.values():
        connection.execute("SET hnsw.ef_search = 64")
    for share in (0.5, 0.1, 0.01, 0.001):
        limit = int(len(data.vectors) * share)
        exact = data.nearest(limit)
        sql = f"SELECT id FROM docs WHERE id < {limit} ORDER BY embedding <=> %s LIMIT 10"
        parameters = [(vector,) for vector in data.query_vectors[:100]]
        both = {name: (sql, parameters) for name in connections}
        found[f"{share:g}"] = compare(connections, both, lambda f: recall(f, exact[: len(f)]))  # noqa: B023
    return found


def text(connections: dict[str, psycopg.Connection], data: Data) -> dict[str, Any]:
    questions = [(question,) for question in data.questions[:100]]
    ranked = (
        "SELECT id FROM docs, (SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery q) t "
        "WHERE to_tsvector('english', body) @@ q ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC LIMIT 10"
    )
    lexical = compare(
        connections,
        {"sqlvec": ("SELECT id FROM docs ORDER BY body <@> %s LIMIT 10", questions), "pgvector": (ranked, questions)},
        None,
    )
    both = list(zip(data.query_vectors[:100], data.questions[:100], strict=True))
    fused = "SELECT id, rrf(embedding <=> %s, body <@> %s) AS score FROM docs ORDER BY score DESC LIMIT 10"
    by_hand = """WITH v AS (SELECT id, RANK() OVER (ORDER BY embedding <=> %s) AS rank FROM docs
            ORDER BY embedding <=> %s LIMIT 20),
        t AS (SELECT id, RANK() OVER (ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC) AS rank
            FROM docs, (SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery q) x
            WHERE to_tsvector('english', body) @@ q
            ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC LIMIT 20)
        SELECT coalesce(v.id, t.id), coalesce(1.0/(60+v.rank), 0.0) + coalesce(1.0/(60+t.rank), 0.0) AS score
        FROM v FULL OUTER JOIN t ON v.id = t.id ORDER BY score DESC LIMIT 10"""
    hybrid = compare(
        connections,
        {"sqlvec": (fused, both), "pgvector": (by_hand, [(v, v, q) for v, q in both])},
        None,
    )
    return {"bm25": lexical, "hybrid": hybrid}


def table(results: dict[str, Any]) -> str:
    """The ratios as Markdown."""
    lines = ["| question | sqlvec | PostgreSQL + pgvector | ratio |", "|---|---|---|---|"]
    ours, theirs = results["seconds"]["sqlvec"], results["seconds"]["pgvector"]
    for name in ours:
        lines.append(f"| {name} | {ours[name]:.1f} s | {theirs[name]:.1f} s | {theirs[name] / ours[name]:.1f}x |")
    for target in (0.90, 0.95, 0.99):
        pair = [at_recall(results["sweep"], name, target) for name in ("sqlvec", "pgvector")]
        if None not in pair:
            lines.append(f"| top-10 at recall {target:.2f} | {pair[0]:.0f}/s | {pair[1]:.0f}/s | {pair[0] / pair[1]:.1f}x |")
    for share, one in results["filtered"].items():
        shown = [f"{one['rates'][n]:.0f}/s at recall {one['recall'][n]:.3f}" for n in ("sqlvec", "pgvector")]
        lines.append(f"| top-10 of {float(share):.1%} of the rows | {shown[0]} | {shown[1]} | {one['ratio']:.1f}x |")
    for name, one in results["text"].items():
        rates = one["rates"]
        lines.append(f"| {name} top-10 | {rates['sqlvec']:.0f}/s | {rates['pgvector']:.0f}/s | {one['ratio']:.1f}x |")
    return "\n".join(lines)


def plot(results: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    for name in ("sqlvec", "pgvector"):
        points = sorted((p["recall"][name], p["rates"][name]) for p in results["sweep"])
        axes.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=name)
    axes.set_xlabel("recall@10")
    axes.set_ylabel("queries/s")
    axes.set_yscale("log")
    axes.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("--rows", type=int, help="only the first so many documents")
    parser.add_argument("--queries", type=int, default=300)
    args = parser.parse_args()
    data = Data(args.rows, args.queries)
    results = run(data)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(results, indent=2))
    plot(results, RESULTS / "recall.png")
    print(table(results))


if __name__ == "__main__":
    main()
