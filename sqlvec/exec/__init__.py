"""Execution: a physical plan and a snapshot in, batches out."""
