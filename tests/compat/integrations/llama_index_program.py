"""llama-index' PGVectorStore with hybrid_search=True, as its documentation uses it."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlparse

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.postgres import PGVectorStore
from words import DIMS, TEXTS, embedding


def main(dsn: str) -> None:
    server = urlparse(dsn)
    store = PGVectorStore.from_params(
        database=server.path[1:],
        host=server.hostname,
        port=str(server.port),
        user=server.username,
        password="none",
        table_name="store",
        embed_dim=DIMS,
        hybrid_search=True,
        text_search_config="english",
        hnsw_kwargs={
            "hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40, "hnsw_dist_method": "vector_cosine_ops",
        },
    )  # fmt: skip
    store.add(
        [
            TextNode(
                id_=str(i),
                text=text,
                embedding=embedding(text),
                metadata={"kind": "ab"[i % 2]},
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"source{i}")},
            )
            for i, text in enumerate(TEXTS)
        ]
    )

    def found(text: str, mode: VectorStoreQueryMode, filters: MetadataFilters | None = None) -> list[int]:
        query = VectorStoreQuery(
            query_embedding=embedding(text), query_str=text, similarity_top_k=2, sparse_top_k=2, mode=mode, filters=filters
        )  # fmt: skip
        return [int(node.node_id) for node in store.query(query).nodes]

    kind = MetadataFilters(filters=[MetadataFilter(key="kind", value="a")])
    told = {mode.value: found("apple tree", mode) for mode in (
        VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.SPARSE,
    )}  # fmt: skip
    told["filtered"] = found("apple tree", VectorStoreQueryMode.HYBRID, kind)
    store.delete("source1")
    told["after a deletion"] = found("apple tree", VectorStoreQueryMode.HYBRID)
    store.clear()
    told["after all"] = found("apple tree", VectorStoreQueryMode.DEFAULT)
    print(json.dumps(told))


main(sys.argv[1])
