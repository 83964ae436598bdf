"""Full text and hybrid search: BM25 against ts_rank_cd over GIN, fusion against the CTE, and COPY into both.

Quality is nDCG@10 on WordNet's judgements, where the whole of it is loaded: a fusion that is faster and finds less
would be no gain.
"""

from __future__ import annotations

import io
from pathlib import Path

import psycopg

from benchmarks.measure import Line, Pair, in_turn, rate_line, rates, seconds_line, timed
from benchmarks.plots import plot_quality
from benchmarks.wordnet import Wordnet

QUESTIONS = 100
ANY_TERM = "(SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery q) t"
BM25 = "SELECT id FROM docs ORDER BY body <@> %s LIMIT 10"
TS_RANK = f"""SELECT id FROM docs, {ANY_TERM} WHERE to_tsvector('english', body) @@ q
    ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC LIMIT 10"""
FUSED = """SELECT id, {}(embedding <=> %s, body <@> %s) AS score FROM docs
    ORDER BY score DESC LIMIT 10"""
LISTS = f"""WITH v AS (
        SELECT id, RANK() OVER (ORDER BY embedding <=> %s) AS rank FROM docs
        ORDER BY embedding <=> %s LIMIT 20),
    w AS (
        SELECT id, RANK() OVER (ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC) AS rank
        FROM docs, {ANY_TERM} WHERE to_tsvector('english', body) @@ q
        ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC LIMIT 20)"""
OURS = """WITH v AS (
        SELECT id, RANK() OVER (ORDER BY embedding <=> %s) AS rank FROM docs
        ORDER BY embedding <=> %s LIMIT 20),
    w AS (SELECT id, RANK() OVER (ORDER BY body <@> %s) AS rank FROM docs ORDER BY body <@> %s LIMIT 20)"""
SUM = """ SELECT coalesce(v.id, w.id),
        coalesce(1.0/(60+v.rank), 0.0) + coalesce(1.0/(60+w.rank), 0.0) AS score
    FROM v FULL OUTER JOIN w ON v.id = w.id ORDER BY score DESC LIMIT 10"""
INDEXES = {"sqlvec": "USING bm25 (body)", "pgvector": "USING gin (to_tsvector('english', body))"}


def run(pair: Pair, data: Wordnet, results: Path) -> list[Line]:
    questions = data.questions[:QUESTIONS]
    pairs = list(zip(data.question_vectors, questions, strict=False))
    words = [(question,) for question in questions]
    by_hand = [(vector, vector, question) for vector, question in pairs]
    ours_by_hand = [(vector, vector, question, question) for vector, question in pairs]
    asked = {
        "BM25 against ts_rank_cd, top-10": {"sqlvec": (BM25, words), "pgvector": (TS_RANK, words)},
        "rrf() against the CTE, top-10": {
            "sqlvec": (FUSED.format("rrf"), pairs), "pgvector": (LISTS + SUM, by_hand),
        },
        "relative_score() against the CTE, top-10": {
            "sqlvec": (FUSED.format("relative_score"), pairs), "pgvector": (LISTS + SUM, by_hand),
        },
        "the CTE, over BM25 and as it is, top-10": {
            "sqlvec": (OURS + SUM, ours_by_hand), "pgvector": (LISTS + SUM, by_hand),
        },
    }  # fmt: skip
    lines = []
    for question, statements in asked.items():
        measured, found = rates(pair, statements)
        line = rate_line(question, measured)
        line.detail["ndcg"] = {name: data.ndcg(answers) for name, answers in found.items()}
        if any(line.detail["ndcg"].values()):
            line.sqlvec += f" at nDCG {line.detail['ndcg']['sqlvec']:.3f}"
            line.pgvector += f" at nDCG {line.detail['ndcg']['pgvector']:.3f}"
        lines.append(line)
    plot_quality(lines, results / "hybrid.png")
    return [*lines, _copy(pair, data)]


def _copy(pair: Pair, data: Wordnet) -> Line:
    """COPY of the texts into a table with a text index, and one search, which has to find what came."""
    text = io.StringIO()
    for number, body in enumerate(data.bodies):
        escaped = body.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
        text.write(f"{number}\t{escaped}\n")
    block = text.getvalue().encode()
    searches = {
        "sqlvec": "SELECT id FROM copied ORDER BY body <@> 'water' LIMIT 10",
        "pgvector": """SELECT id FROM copied WHERE to_tsvector('english', body) @@ 'water'::tsquery
            ORDER BY ts_rank_cd(to_tsvector('english', body), 'water'::tsquery) DESC LIMIT 10""",
    }

    def load(name: str) -> float:
        connection = pair.connections[name]
        connection.execute("DROP TABLE IF EXISTS copied")
        connection.execute("CREATE TABLE copied (id bigint, body text)")
        connection.execute(f"CREATE INDEX ON copied {INDEXES[name]}")
        return timed(lambda: _load(connection, block, searches[name]))

    line = seconds_line("COPY into a table with a text index, and a search", in_turn(load))
    pair.execute("DROP TABLE copied")
    return line


def _load(connection: psycopg.Connection, block: bytes, search: str) -> None:
    with connection.cursor().copy("COPY copied FROM STDIN") as copy:
        for start in range(0, len(block), 1 << 16):
            copy.write(block[start : start + (1 << 16)])
    assert connection.execute(search).fetchone() is not None, search
