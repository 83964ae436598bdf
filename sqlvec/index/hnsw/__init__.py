"""HNSW graphs over row ids."""

from sqlvec.index.hnsw.graph import HnswGraph, SearchResult

__all__ = ["HnswGraph", "SearchResult"]
