"""How fast do documents come in, and how fast are their indexes built?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from pgvector.psycopg import register_vector

from benchmarks.measure import SERVERS, Line, Pair, rate_line, seconds_line, timed
from benchmarks.wordnet import Wordnet

TEXT_INDEX = {
    "sqlvec": "CREATE INDEX ON docs USING bm25 (body)",
    "pgvector": "CREATE INDEX ON docs USING gin (to_tsvector('english', body))",
}
FOUND = {
    "sqlvec": "body @@@ 'water'",
    "pgvector": "to_tsvector('english', body) @@ to_tsquery('english', 'water')",
}
TEXT_ROWS = 60_000
BUILD_GOAL = 4.0
STEPS = ("COPY BINARY without an index", "hnsw build", "text index build")
DOCS = """CREATE TABLE docs (
    id bigint PRIMARY KEY, body text, pos text, lexname text, luck float8, closeness float8,
    embedding vector({}))"""
DOCS_TYPES = ["int8", "text", "text", "text", "float8", "float8", "vector"]
HNSW = "CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)"


def run(pair: Pair, data: Wordnet) -> list[Line]:
    """Leaves docs with its indexes in both servers, for what is asked next."""
    seconds: dict[str, dict[str, float]] = {step: {} for step in STEPS}
    numbers = data.luck.tolist(), data.closeness.tolist()
    columns = zip(data.bodies, data.pos, data.lexname, *numbers, data.vectors, strict=True)
    documents = [[i, *values] for i, values in enumerate(columns)]
    for name in SERVERS:
        connection = pair.connections[name]
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        register_vector(connection)
        connection.execute(DOCS.format(data.dims))
        steps = (
            lambda c=connection: copy(c, "docs", documents, DOCS_TYPES),
            lambda c=connection: c.execute(HNSW),
            lambda c=connection, index=TEXT_INDEX[name]: c.execute(index),
        )
        for step, work in zip(STEPS, steps, strict=True):
            seconds[step][name] = timed(work)
        connection.execute("ANALYZE docs")
    lines = [seconds_line(step, both) for step, both in seconds.items()]
    lines[STEPS.index("hnsw build")].goal = BUILD_GOAL
    return lines


def run_indexed(pair: Pair, data: Wordnet) -> list[Line]:
    """COPY into a table that has an index: rows committed and searchable."""
    some = min(len(data.vectors), 20_000)
    rows = [[i, vector] for i, vector in enumerate(data.vectors[:some])]
    rates = {}
    for name in SERVERS:
        connection = pair.connections[name]
        connection.execute(
            f"CREATE TABLE fed (id bigint PRIMARY KEY, embedding vector({data.dims}))"
        )
        connection.execute("CREATE INDEX ON fed USING hnsw (embedding vector_cosine_ops)")
        rates[name] = some / timed(lambda c=connection: copy(c, "fed", rows, ["int8", "vector"]))
        connection.execute("DROP TABLE fed")
    shown = [f"{rates[name]:.0f} rows/s" for name in SERVERS]
    line = Line("COPY BINARY with an hnsw index", *shown, rates["sqlvec"] / rates["pgvector"])
    line.detail = {"rates": rates}
    return [line, _text_line(pair, data)]


def _text_line(pair: Pair, data: Wordnet) -> Line:
    rows = [[i, body] for i, body in enumerate(data.bodies[:TEXT_ROWS])]
    rates = {}
    for name in SERVERS:
        connection = pair.connections[name]
        connection.execute("CREATE TABLE told (id bigint PRIMARY KEY, body text)")
        connection.execute(TEXT_INDEX[name].replace("docs", "told"))
        count = "SELECT count(*) FROM told WHERE " + FOUND[name]

        def work(c: psycopg.Connection = connection, count: str = count) -> None:
            copy(c, "told", rows, ["int8", "text"])
            c.execute(count)  # an index that is late would be made now

        rates[name] = len(rows) / timed(work)
        connection.execute("DROP TABLE told")
    return rate_line("COPY BINARY with a text index, and one search", rates)


def copy(
    connection: psycopg.Connection,
    table: str,
    rows: Iterable[Sequence[Any]],
    types: list[str],
) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN WITH (FORMAT BINARY)") as stream:
        stream.set_types(types)
        for row in rows:
            stream.write_row(row)
