"""The engines that vector search in process is compared with.

One that is not installed is left out, and said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
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


def hnswlib(vectors: np.ndarray) -> Engine | None:
    try:
        from hnswlib import Index
    except ImportError:
        print("hnswlib: not installed")
        return None
    index = Index("cosine", vectors.shape[1])
    index.init_index(len(vectors), M=M, ef_construction=EF_CONSTRUCTION)
    index.set_num_threads(1)
    started = process_time()
    index.add_items(vectors, num_threads=1)
    rate = len(vectors) / (process_time() - started)

    def at(ef: int) -> Ask:
        index.set_ef(ef)
        return lambda query: index.knn_query(query, K, num_threads=1)[0][0]

    return Engine(at, rate)


def zvec(vectors: np.ndarray, folder: Path) -> Engine | None:
    """A collection on disk, built by all cores, that is asked for ids alone; one thread answers."""
    try:
        import zvec as library
    except ImportError:
        print("zvec: not installed")
        return None
    library.init(query_threads=1, log_level=library.LogLevel.ERROR)
    parameters = library.HnswIndexParam(
        metric_type=library.MetricType.COSINE, m=M, ef_construction=EF_CONSTRUCTION
    )
    column = library.VectorSchema(
        "embedding", library.DataType.VECTOR_FP32, vectors.shape[1], parameters
    )
    schema = library.CollectionSchema("docs", vectors=[column])
    collection = library.create_and_open(str(folder / "zvec"), schema)
    for first in range(0, len(vectors), INSERTED_AT_ONCE):
        collection.insert(_documents(library, vectors, first))
    collection.optimize(library.OptimizeOption(concurrency=os.cpu_count() or 1))

    def at(ef: int) -> Ask:
        width = library.HnswQueryParam(ef=ef)

        def ask(query: np.ndarray) -> list[int]:
            asked = library.Query("embedding", vector=query, param=width)
            return [int(doc.id) for doc in collection.query(asked, topk=K, output_fields=[])]

        return ask

    return Engine(at)


def _documents(library: Any, vectors: np.ndarray, first: int) -> list[Any]:
    some = vectors[first : first + INSERTED_AT_ONCE]
    return [
        library.Doc(id=str(first + i), vectors={"embedding": row}) for i, row in enumerate(some)
    ]
