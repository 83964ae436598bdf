"""Against PostgreSQL with pgvector, on one machine, through one driver. One file a question."""
