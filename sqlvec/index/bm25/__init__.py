"""BM25: here is a query, give me the rows and their scores."""

from sqlvec.index.bm25.analyzer import analyzer
from sqlvec.index.bm25.index import Bm25Index
from sqlvec.index.bm25.lexeme_index import LexemeIndex
from sqlvec.index.bm25.posting_index import PostingIndex
from sqlvec.index.bm25.query_syntax import parse_match, parse_query

__all__ = ["Bm25Index", "LexemeIndex", "PostingIndex", "analyzer", "parse_match", "parse_query"]
