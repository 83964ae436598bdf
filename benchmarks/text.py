"""Full text and hybrid search: BM25 against ts_rank_cd over GIN, fusion against the CTE.

Quality is nDCG@10 on WordNet's judgements, where the whole of it is loaded: a fusion that is faster and finds less
would be no gain.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Line, Pair, rate_line, rates
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
    return lines
