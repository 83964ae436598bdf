"""System tables: pg_catalog and information_schema, made from the catalog when they are read.

facts and tables say which tables there are; a module an area makes their rows; rows puts them together.
"""
