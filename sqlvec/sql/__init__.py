"""SQL: text to parse tree (PostgreSQL's own grammar), parse tree to bound tree, bound tree to the engine's SQL."""
