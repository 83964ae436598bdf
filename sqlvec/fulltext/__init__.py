"""PostgreSQL's text search: a document is a tsvector, a query a tsquery; here they are made, matched and ranked."""
