"""The catalog: what exists, as immutable values, and the system tables that show it."""
