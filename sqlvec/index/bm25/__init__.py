"""BM25: here is a query, give me the rows and their scores."""

from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.index.bm25.index import Bm25Index
from sqlvec.index.bm25.query import Bm25Query, parse_match, parse_query

__all__ = ["Bm25Index", "Bm25Query", "analyzer", "parse_match", "parse_query"]
