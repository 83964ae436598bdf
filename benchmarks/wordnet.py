"""The documents, vectors and questions that the benchmarks ask about.

WordNet as it lies beside a checkout; without it, the sample that is shipped with the package.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "wordnet"


class Wordnet:
    """bodies and vectors (f32[rows, dims]) of the documents; questions and their vectors."""

    def __init__(self, rows: int | None, queries: int) -> None:
        if FOLDER.is_dir():
            with gzip.open(FOLDER / "docs.jsonl.gz", "rt") as lines:
                docs = [json.loads(line) for line in lines]
            bodies = [", ".join(doc["lemmas"]) + ": " + doc["gloss"] for doc in docs]
            vectors = np.load(FOLDER / "vectors_f16.npy").astype(np.float32)
            question_vectors = np.load(FOLDER / "queries_f32.npy")
            asked = (FOLDER / "queries.jsonl").read_text().splitlines()
            questions = [json.loads(line)["text"] for line in asked]
        else:
            from sqlvec.demo.sample_data import load_sample

            sample = load_sample()
            bodies = [doc.body for doc in sample.documents]
            vectors, question_vectors = sample.vectors, sample.question_vectors
            questions = sample.questions
        step = max(1, len(questions) // queries)
        self.bodies, self.vectors = bodies[:rows], vectors[:rows]
        self.questions = questions[::step][:queries]
        self.question_vectors = np.ascontiguousarray(question_vectors[::step][:queries])
        self.dims = self.vectors.shape[1]

    def nearest(self, k: int, limit: int | None = None) -> np.ndarray:
        """i64[queries, k]: the exact answer among the first `limit` documents."""
        vectors = self.vectors[:limit]
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        scores = self.question_vectors @ unit.T
        return np.argsort(-scores, axis=1)[:, :k]
