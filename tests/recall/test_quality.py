"""nDCG@10 on WordNet: BM25, and fusion with exact dense retrieval, against their judgements."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from sqlvec.exec.fused_scan import POOLS
from sqlvec.index.bm25 import Bm25Index, parse_query
from sqlvec.index.fusion import fuse
from sqlvec.index.row_set import RowSet

WORDNET = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "wordnet"
POOL = 100

pytestmark = pytest.mark.skipif(
    not WORDNET.is_dir(),
    reason="needs the WordNet data in ../shared/data/wordnet beside the repository",
)


@pytest.fixture(scope="module")
def queries() -> list[dict]:
    return [json.loads(line) for line in (WORDNET / "queries.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def judgements() -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for line in (WORDNET / "qrels.tsv").read_text().splitlines()[1:]:
        query, document, relevant = line.split("\t")
        if int(relevant):
            found.setdefault(query, set()).add(int(document))
    return found


@pytest.fixture(scope="module")
def lexical(queries):
    """The best rows of each query by BM25: (row ids, scores)."""
    with gzip.open(WORDNET / "docs.jsonl.gz", "rt") as lines:
        documents = [json.loads(line) for line in lines]
    texts = [", ".join(document["lemmas"]) + ": " + document["gloss"] for document in documents]
    index = Bm25Index("english")
    for first in range(0, len(texts), 4096):
        index.add(first, [texts[first : first + 4096]])
    every = RowSet.full(len(texts))
    return [
        index.search(parse_query(query["text"], "english"), POOL, every, None) for query in queries
    ]


@pytest.fixture(scope="module")
def dense():
    """The nearest rows of each query: (row ids, cosine similarities)."""
    vectors = np.load(WORDNET / "vectors_f16.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = np.load(WORDNET / "queries_f32.npy")
    found = []
    for first in range(0, len(wanted), 100):
        scores = wanted[first : first + 100] @ vectors.T
        best = np.argpartition(-scores, POOL, axis=1)[:, :POOL]
        for row_ids, of_query in zip(best, scores, strict=True):
            ordered = row_ids[np.argsort(-of_query[row_ids], kind="stable")].astype(np.int64)
            found.append((ordered, of_query[ordered].astype(np.float64)))
    return found


def ndcg(ranked, queries, judgements) -> float:
    """Mean nDCG@10 with binary relevance."""
    total = 0.0
    for (row_ids, _), query in zip(ranked, queries, strict=True):
        relevant = judgements[query["qid"]]
        gain = sum(
            1 / math.log2(i + 2) for i, row in enumerate(row_ids[:10].tolist()) if row in relevant
        )
        total += gain / sum(1 / math.log2(i + 2) for i in range(min(10, len(relevant))))
    return total / len(queries)


def test_bm25_finds_what_is_relevant(lexical, queries, judgements):
    assert ndcg(lexical, queries, judgements) >= 0.254


@pytest.mark.parametrize(
    "kind, weights, least", [("rrf", [1.0, 1.0], 0.268), ("relative_score", [0.5, 0.5], 0.28)]
)
def test_fusion_is_better_than_either_leg(
    kind, weights, least, lexical, dense, queries, judgements
):
    pool = POOLS[kind]
    fused = [
        fuse(kind, [(near[0][:pool], near[1][:pool], True), (words[0][:pool], words[1][:pool], True)], weights)
        for near, words in zip(dense, lexical, strict=True)
    ]
    better = ndcg(fused, queries, judgements)
    assert better >= least
    assert better > ndcg(lexical, queries, judgements)
    assert better > ndcg(dense, queries, judgements)
