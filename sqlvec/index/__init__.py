"""Indexes: arrays in, arrays out; no files. Rows are known by row id alone."""
