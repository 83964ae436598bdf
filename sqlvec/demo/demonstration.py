"""`sqlvec demo`: starts a server, loads the sample, and answers vector, text and hybrid queries."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from tqdm import tqdm

from sqlvec.demo.sample_data import (
    COPY_HEADER,
    COPY_TRAILER,
    Sample,
    copy_rows,
    load_sample,
    vector_literal,
)

_SCHEMA = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE docs (
    id bigint PRIMARY KEY, pos text NOT NULL, lexname text NOT NULL,
    title text NOT NULL, body text NOT NULL, embedding vector(384));
CREATE TABLE parts_of_speech (pos text PRIMARY KEY, name text NOT NULL);
INSERT INTO parts_of_speech VALUES
    ('n', 'noun'), ('v', 'verb'), ('a', 'adjective'), ('s', 'adjective satellite'), ('r', 'adverb');
"""
_INDEXES = {
    "hnsw index": "CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)",
    "bm25 index": "CREATE INDEX ON docs USING bm25 (body) WITH (text_config = 'english')",
}
_QUERIES: list[tuple[str, str, tuple[str, ...]]] = [
    (
        "Vector search under a filter: the nearest verbs, always exactly five",
        "SELECT id, title, round((embedding <=> %s)::numeric, 4) AS distance FROM docs\n"
        "WHERE pos = 'v' ORDER BY embedding <=> %s LIMIT 5",
        ("vector", "vector"),
    ),
    (
        "Full text: BM25, best first",
        "SELECT id, title, round((body <@> %s)::numeric, 3) AS score FROM docs\n"
        "ORDER BY body <@> %s LIMIT 5",
        ("text", "text"),
    ),
    (
        "Hybrid in one statement: both legs ranked among the nouns, then fused",
        "SELECT id, title, rrf(embedding <=> %s, body <@> %s) AS score FROM docs\n"
        "WHERE pos = 'n' ORDER BY score DESC LIMIT 5",
        ("vector", "text"),
    ),
    (
        "A join with an aggregate over the fifty nearest documents",
        "SELECT p.name, count(*) AS documents, round(min(d.distance)::numeric, 4) AS nearest\n"
        "FROM (SELECT pos, embedding <=> %s AS distance FROM docs ORDER BY distance LIMIT 50) d\n"
        "JOIN parts_of_speech p USING (pos) GROUP BY p.name ORDER BY documents DESC",
        ("vector",),
    ),
    (
        "How the hybrid query was run",
        "EXPLAIN (ANALYZE) SELECT id, rrf(embedding <=> %s, body <@> %s) AS score FROM docs\n"
        "WHERE pos = 'n' ORDER BY score DESC LIMIT 5",
        ("vector", "text"),
    ),
]


class DemoFailed(Exception):
    """The demo could not do what it promises; the message says what."""


def run(args: argparse.Namespace) -> int:
    """Runs the demo; args.once ends it by itself. Returns the exit status."""
    with ExitStack() as stack:
        directory = args.data_dir or stack.enter_context(tempfile.TemporaryDirectory())
        server, dsn = _start(directory, args.port)
        stack.callback(_stop, server)
        try:
            _demonstrate(dsn)
        except DemoFailed as failure:
            print(f"demo failed: {failure}", file=sys.stderr)
            return 1
        print(f"\nThe server is at {dsn}")
        if args.once:
            return 0
        print(f'Try: psql "{dsn}" -c "\\d docs"    Ctrl-C ends it.')
        _wait(server)
    return 0


def _start(directory: str, port: int) -> tuple[subprocess.Popen[str], str]:
    """A server process that is ready, and its connection string."""
    command = [sys.executable, "-m", "sqlvec", "serve", "--data-dir", directory]
    print("Starting sqlvec (the first start compiles its kernels, which takes a while) ...")
    server = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    line = server.stdout.readline()
    found = re.search(r"postgresql://\S+", line)
    if found is None:
        server.wait()
        raise SystemExit(f"the server did not start: {line.strip() or 'see above'}")
    print(line.strip())
    return server, found.group()


def _stop(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.wait()


def _wait(server: subprocess.Popen[str]) -> None:
    try:
        server.wait()
    except KeyboardInterrupt:
        print()


def _demonstrate(dsn: str) -> None:
    try:
        import psycopg
    except ImportError as missing:
        raise DemoFailed("psycopg is not installed: pip install 'sqlvec[demo]'") from missing
    sample = load_sample()
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            _load(connection, sample)
            _ask(connection, sample)
        except psycopg.Error as error:
            raise DemoFailed(str(error)) from error


def _load(connection: Any, sample: Sample) -> None:
    connection.execute("DROP TABLE IF EXISTS docs, parts_of_speech")
    connection.execute(_SCHEMA)
    bar = tqdm(total=len(sample.documents), unit="doc", desc="COPY BINARY")
    copy_sql = "COPY docs FROM STDIN WITH (FORMAT BINARY)"
    with bar, connection.cursor() as cursor, cursor.copy(copy_sql) as copy:
        copy.write(COPY_HEADER)
        for row in copy_rows(sample):
            copy.write(row)
            bar.update()
        copy.write(COPY_TRAILER)
    for name, sql in tqdm(_INDEXES.items(), desc="indexes", unit="index"):
        _timed(lambda sql=sql: connection.execute(sql))  # type: ignore[misc]
        tqdm.write(f"  {name} built")


def _timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """What the action returned, and its milliseconds."""
    started = perf_counter()
    value = action()
    return value, (perf_counter() - started) * 1000


def _ask(connection: Any, sample: Sample) -> None:
    question = 0
    text = sample.questions[question]
    vector = vector_literal(sample.question_vectors[question])
    arguments = {"vector": vector, "text": text}
    print(f"\nThe question: {text!r} (its embedding is $vector)")
    for title, sql, kinds in _QUERIES:
        parameters = [arguments[kind] for kind in kinds]
        connection.execute(sql, parameters)  # plans once, as an application would have
        cursor, milliseconds = _timed(lambda: connection.execute(sql, parameters))  # noqa: B023
        rows = cursor.fetchall()
        print(f"\n-- {title}")
        print(textwrap.indent(sql % tuple(f"${kind}" for kind in kinds), "   "))
        if not rows:
            raise DemoFailed(f"no rows from: {sql}")
        print(_table([column.name for column in cursor.description], rows))
        print(f"({len(rows)} rows, {milliseconds:.2f} ms)")


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as psql would show them."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(c) for c in column) for column in zip(names, *cells, strict=True)]
    lines = [" | ".join(n.ljust(w) for n, w in zip(names, widths, strict=True))]
    lines.append("-+-".join("-" * width for width in widths))
    for row in cells:
        lines.append(" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    return "\n".join(" " + line for line in lines)


def _cell(value: object) -> str:
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    return text if len(text) <= 96 else text[:93] + "..."
