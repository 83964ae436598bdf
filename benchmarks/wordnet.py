"""The documents, vectors and questions that the benchmarks ask about.

WordNet as it lies beside a checkout; without it, the sample that is shipped with the package.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.correlation import closeness, crowded
from benchmarks.exact import nearest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "wordnet"
NEAR = 60


class Wordnet:
    """bodies, pos, lexname and vectors (f32[rows, dims]) of the documents; questions, their vectors,
    and the documents that are judged relevant to each (empty sets for the sample, which has none).
    For filters, both from 0 to 1: luck, by which documents stand in random order, and closeness to
    where near_vectors lie, which are questions too."""

    def __init__(self, rows: int | None, queries: int, folder: Path = FOLDER) -> None:
        if folder.is_dir():
            with gzip.open(folder / "docs.jsonl.gz", "rt") as lines:
                docs = [json.loads(line) for line in lines]
            bodies = [", ".join(doc["lemmas"]) + ": " + doc["gloss"] for doc in docs]
            pos = [doc["pos"] for doc in docs]
            lexname = [doc["lexname"] for doc in docs]
            vectors = np.load(folder / "vectors_f16.npy").astype(np.float32)
            question_vectors = np.load(folder / "queries_f32.npy")
            asked = (folder / "queries.jsonl").read_text().splitlines()
            questions = [json.loads(line)["text"] for line in asked]
            judged = _judgements(folder / "qrels.tsv")
            relevant = [judged.get(json.loads(line)["qid"], set()) for line in asked]
        else:
            from sqlvec.demo.sample_data import load_sample

            sample = load_sample()
            bodies = [doc.body for doc in sample.documents]
            pos = [doc.pos for doc in sample.documents]
            lexname = [doc.lexname for doc in sample.documents]
            vectors, question_vectors = sample.vectors, sample.question_vectors
            questions = sample.questions
            relevant = [set() for _ in questions]
        step = max(1, len(questions) // queries)
        self.bodies, self.vectors = bodies[:rows], vectors[:rows]
        self.pos, self.lexname = pos[:rows], lexname[:rows]
        self.questions = questions[::step][:queries]
        self.question_vectors = np.ascontiguousarray(question_vectors[::step][:queries])
        self.relevant = relevant[::step][:queries]
        self.dims = self.vectors.shape[1]
        self.luck = np.random.default_rng(5).permutation(len(self.vectors)) / len(self.vectors)
        self.near_vectors = question_vectors[crowded(question_vectors, NEAR)]
        self.closeness = closeness(self.vectors, self.near_vectors[0])

    def nearest(self, k: int) -> np.ndarray:
        """i64[queries, k]: the exact answers."""
        return nearest(self.vectors, self.question_vectors, k)

    def ndcg(self, found: Sequence[Sequence[int]]) -> float:
        """Mean nDCG@10 of answers to the first questions; 0 without judgements."""
        values = []
        for some, relevant in zip(found, self.relevant, strict=False):
            gain = sum(1 / np.log2(i + 2) for i, doc in enumerate(some[:10]) if doc in relevant)
            best = sum(1 / np.log2(i + 2) for i in range(min(10, len(relevant))))
            values.append(gain / best if best else 0.0)
        return float(np.mean(values))


def _judgements(path: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for line in path.read_text().splitlines()[1:]:
        question, document, relevant = line.split("\t")
        if int(relevant):
            found.setdefault(question, set()).add(int(document))
    return found
