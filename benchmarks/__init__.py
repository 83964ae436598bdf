"""Benchmarks: sqlvec against PostgreSQL with pgvector on the same machine in the same run."""
