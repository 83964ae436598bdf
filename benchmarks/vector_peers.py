"""The engines that vector search in process is compared with.

One that is not installed is left out, and said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

K = 10
M, EF_CONSTRUCTION = 16, 200
INSERTED_AT_ONCE = 500
Ask = Callable[[np.ndarray], Sequence[int] | np.ndarray]  # the ids of the nearest K


@dataclass(slots=True)
class Engine:
    """at: how it is asked at an ef. build_rate: vectors a second of one thread, if measured."""

    at: Callable[[int], Ask]
    build_rate: float | None = None


def hnswlib(vectors: np.ndarray) -> dict[str, Engine]:
    try:
        from hnswlib import Index
    except ImportError:
        print("hnswlib: not installed")
        return {}
    index = Index("cosine", vectors.shape[1])
    index.init_index(len(vectors), M=M, ef_construction=EF_CONSTRUCTION)
    index.set_num_threads(1)
    started = thread_time()
    index.add_items(vectors, num_threads=1)
    rate = len(vectors) / (thread_time() - started)

    def at(ef: int) -> Ask:
        index.set_ef(ef)
        return lambda query: index.knn_query(query, K, num_threads=1)[0][0]

    return {"hnswlib": Engine(at, rate)}


def zvec(vectors: np.ndarray, folder: Path) -> dict[str, Engine]:
    """A collection on disk, built by all cores and read by the thread that asks. `zvec` gives documents
    with the keys that they came with; `zvec ids` gives numbers of its own, which it can do as long as
    nothing is written, and which are made keys here."""
    try:
        import zvec as library
    except ImportError:
        print("zvec: not installed")
        return {}
    library.init(query_threads=1, log_level=library.LogLevel.ERROR)
    path = str(folder / "zvec")
    _write_collection(library, path, vectors)
    collection = library.open(path, library.CollectionOption(read_only=True))
    keys = np.array(collection.resolve_internal_ids(np.arange(len(vectors))), np.int64)

    def at(ef: int) -> Ask:
        width = library.HnswQueryParam(ef=ef)

        def ask(query: np.ndarray) -> list[int]:
            asked = library.Query("embedding", vector=query, param=width)
            return [int(doc.id) for doc in collection.query(asked, topk=K, output_fields=[])]

        return ask

    def ids_at(ef: int) -> Ask:
        width = library.HnswQueryParam(ef=ef)

        def ask(query: np.ndarray) -> np.ndarray:
            asked = library.Query("embedding", vector=query, param=width)
            found: np.ndarray = keys[collection.query_internal_ids(asked, topk=K)]
            return found

        return ask

    return {"zvec": Engine(at), "zvec ids": Engine(ids_at)}


def _write_collection(library: Any, path: str, vectors: np.ndarray) -> None:
    parameters = library.HnswIndexParam(
        metric_type=library.MetricType.COSINE, m=M, ef_construction=EF_CONSTRUCTION
    )
    column = library.VectorSchema(
        "embedding", library.DataType.VECTOR_FP32, vectors.shape[1], parameters
    )
    collection = library.create_and_open(path, library.CollectionSchema("docs", vectors=[column]))
    for first in range(0, len(vectors), INSERTED_AT_ONCE):
        collection.insert(_documents(library, vectors, first))
    collection.optimize(library.OptimizeOption(concurrency=os.cpu_count() or 1))
    collection.close()


def _documents(library: Any, vectors: np.ndarray, first: int) -> list[Any]:
    some = vectors[first : first + INSERTED_AT_ONCE]
    return [
        library.Doc(id=str(first + i), vectors={"embedding": row}) for i, row in enumerate(some)
    ]
