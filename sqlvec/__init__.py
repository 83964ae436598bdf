"""sqlvec: vector, full-text and hybrid search over the PostgreSQL protocol."""

__version__ = "0.1.0"
