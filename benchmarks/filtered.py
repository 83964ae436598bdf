"""The nearest ten of some of the rows: queries a second and recall, by the share that matches.

pgvector gets the setting that serves it best: an iterative scan, so that it returns ten rows.
"""

from __future__ import annotations

from benchmarks.exact import nearest
from benchmarks.measure import SERVERS, Line, Pair, rate_line, rates, recall
from benchmarks.wordnet import Wordnet

SHARES = (0.5, 0.1, 0.01, 0.001)


def run(pair: Pair, data: Wordnet) -> list[Line]:
    pair.connections["pgvector"].execute("SET hnsw.iterative_scan = strict_order")
    pair.execute("SET hnsw.ef_search = 64")
    parameters = [(vector,) for vector in data.question_vectors[:100]]
    shown = []
    for share in SHARES:
        limit = int(len(data.vectors) * share)
        exact = nearest(data.vectors[:limit], data.question_vectors[: len(parameters)], 10)
        sql = f"SELECT id FROM docs WHERE id < {limit} ORDER BY embedding <=> %s LIMIT 10"
        both, found = rates(pair, {name: (sql, parameters) for name in SERVERS})
        recalls = {name: recall(found[name], exact) for name in SERVERS}
        line = rate_line(f"top-10 of {100 * share:g} % of the rows", both, recalls)
        line.detail["share"] = share
        shown.append(line)
    return shown
