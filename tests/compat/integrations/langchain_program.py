"""langchain-postgres' PGVectorStore with a hybrid search configuration, as its documentation uses it."""

from __future__ import annotations

import json
import sys

from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.hybrid_search_config import (
    HybridSearchConfig,
    reciprocal_rank_fusion,
    weighted_sum_ranking,
)
from langchain_postgres.v2.indexes import HNSWIndex
from words import DIMS, TEXTS, embedding


class Words(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [embedding(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return embedding(text)


def hybrid() -> HybridSearchConfig:
    """A new one for each search: a configuration keeps the first query that it is used with."""
    return HybridSearchConfig(
        tsv_column="content_tsv",
        tsv_lang="pg_catalog.english",
        fusion_function=reciprocal_rank_fusion,
        fusion_function_parameters={"rrf_k": 60, "fetch_top_k": 10},
    )


def main(dsn: str) -> None:
    engine = PGEngine.from_connection_string(url=dsn.replace("postgresql://", "postgresql+asyncpg://"))
    weighted = HybridSearchConfig(tsv_column="content_tsv", fusion_function=weighted_sum_ranking)
    engine.init_vectorstore_table(table_name="store", vector_size=DIMS, hybrid_search_config=hybrid())
    store = PGVectorStore.create_sync(
        engine=engine, table_name="store", embedding_service=Words(), hybrid_search_config=hybrid()
    )
    ids = store.add_texts(TEXTS, metadatas=[{"number": i} for i in range(len(TEXTS))])

    def found(documents: list) -> list[int]:
        return [document.metadata["number"] for document in documents]

    told = {
        "hybrid": found(store.similarity_search("apple tree", k=2, hybrid_search_config=hybrid())),
        "scored": [
            (document.metadata["number"], score)
            for document, score in store.similarity_search_with_score("apple pie", k=3, hybrid_search_config=hybrid())
        ],
        "weighted": found(store.similarity_search("sky", k=2, hybrid_search_config=weighted)),
        "diverse": found(store.max_marginal_relevance_search("apple", k=2)),
    }
    store.apply_vector_index(HNSWIndex())
    told["indexed"] = found(store.similarity_search("apple tree", k=2, hybrid_search_config=hybrid()))
    store.delete(ids[:1])
    told["after a deletion"] = found(store.similarity_search("apple pie", k=5, hybrid_search_config=hybrid()))
    print(json.dumps(told))


main(sys.argv[1])
