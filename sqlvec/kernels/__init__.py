"""Compiled loops over flat arrays; numba is used here alone."""
