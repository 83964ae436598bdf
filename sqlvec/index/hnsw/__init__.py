"""HNSW graphs over row ids."""

from sqlvec.index.hnsw.changes import GraphChanges
from sqlvec.index.hnsw.graph import HnswGraph, SearchResult

__all__ = ["GraphChanges", "HnswGraph", "SearchResult"]
