"""Full text and hybrid search: BM25 against ts_rank_cd over GIN, fusion against the CTE."""

from __future__ import annotations

from benchmarks.measure import Line, Pair, rate_line, rates
from benchmarks.wordnet import Wordnet

QUESTIONS = 100
ANY_TERM = "(SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery q) t"
BM25 = "SELECT id FROM docs ORDER BY body <@> %s LIMIT 10"
TS_RANK = f"""SELECT id FROM docs, {ANY_TERM} WHERE to_tsvector('english', body) @@ q
    ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC LIMIT 10"""
RRF = """SELECT id, rrf(embedding <=> %s, body <@> %s) AS score FROM docs
    ORDER BY score DESC LIMIT 10"""
BY_HAND = f"""WITH v AS (
        SELECT id, RANK() OVER (ORDER BY embedding <=> %s) AS rank FROM docs
        ORDER BY embedding <=> %s LIMIT 20),
    w AS (
        SELECT id, RANK() OVER (ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC) AS rank
        FROM docs, {ANY_TERM} WHERE to_tsvector('english', body) @@ q
        ORDER BY ts_rank_cd(to_tsvector('english', body), q) DESC LIMIT 20)
    SELECT coalesce(v.id, w.id),
        coalesce(1.0/(60+v.rank), 0.0) + coalesce(1.0/(60+w.rank), 0.0) AS score
    FROM v FULL OUTER JOIN w ON v.id = w.id ORDER BY score DESC LIMIT 10"""


def run(pair: Pair, data: Wordnet) -> list[Line]:
    questions = data.questions[:QUESTIONS]
    pairs = list(zip(data.question_vectors, questions, strict=False))
    words = [(question,) for question in questions]
    lexical, _ = rates(pair, {"sqlvec": (BM25, words), "pgvector": (TS_RANK, words)})
    by_hand = [(vector, vector, question) for vector, question in pairs]
    hybrid, _ = rates(pair, {"sqlvec": (RRF, pairs), "pgvector": (BY_HAND, by_hand)})
    return [
        rate_line("BM25 against ts_rank_cd, top-10", lexical),
        rate_line("rrf() against the CTE, top-10", hybrid),
    ]
