"""The shipped sample: 5,000 synsets of WordNet with their embeddings, and 200 sentences as queries.

    docs.jsonl.gz      id, pos, lexname, lemmas, gloss; line i belongs to row i of the vectors
    vectors_f16.npy    float16 [5000, 384], unit length
    queries.jsonl      qid, text, docs (ids of the relevant synsets)
    queries_f16.npy    float16 [200, 384]
"""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER = struct.pack(">h", -1)


@dataclass(frozen=True, slots=True)
class Document:
    id: int
    pos: str
    lexname: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Sample:
    documents: list[Document]
    vectors: np.ndarray  # f32[documents, dims]
    questions: list[str]
    question_vectors: np.ndarray  # f32[questions, dims]


def load_sample() -> Sample:
    """Reads the sample from the package."""
    folder = resources.files("sqlvec.demo") / "sample"
    with gzip.open(io.BytesIO((folder / "docs.jsonl.gz").read_bytes()), "rt") as lines:
        documents = [_document(json.loads(line)) for line in lines]
    questions = (folder / "queries.jsonl").read_text().splitlines()
    return Sample(
        documents,
        _array(folder / "vectors_f16.npy"),
        [json.loads(line)["text"] for line in questions],
        _array(folder / "queries_f16.npy"),
    )


def _array(path: Traversable) -> np.ndarray:
    loaded: np.ndarray = np.load(io.BytesIO(path.read_bytes()))
    return loaded.astype(np.float32)


def _document(fields: dict[str, object]) -> Document:
    lemmas = ", ".join(fields["lemmas"])  # type: ignore[arg-type]
    return Document(
        int(str(fields["id"])),
        str(fields["pos"]),
        str(fields["lexname"]),
        lemmas,
        f"{lemmas}: {fields['gloss']}",
    )


def copy_rows(sample: Sample) -> Iterator[bytes]:
    """The documents as tuples of binary COPY: id, pos, lexname, title, body, embedding."""
    dims = sample.vectors.shape[1]
    vectors = sample.vectors.astype(">f4")
    vector_header = struct.pack(">ihh", 4 + 4 * dims, dims, 0)
    for document, vector in zip(sample.documents, vectors, strict=True):
        parts = [struct.pack(">hiq", 6, 8, document.id)]
        for text in (document.pos, document.lexname, document.title, document.body):
            data = text.encode()
            parts += [struct.pack(">i", len(data)), data]
        parts += [vector_header, vector.tobytes()]
        yield b"".join(parts)


def vector_literal(vector: np.ndarray) -> str:
    """A vector as pgvector's text."""
    return "[" + ",".join(f"{value:.6g}" for value in vector.tolist()) + "]"
