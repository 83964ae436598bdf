"""Scans of several shards side by side. Kernels release the interpreter lock, so that cores share the work; the
caller does its part of it. A hand-over costs some 40 microseconds: small scans are not worth it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

ROWS_MIN = 50_000  # of all shards; below they are scanned one after the other
CORES = os.cpu_count() or 1

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], row_count: int
) -> list[Result]:
    """What work gives for each item, in their order; the first error is raised when all have ended."""
    if len(items) < 2 or CORES < 2 or row_count < ROWS_MIN:
        return [work(item) for item in items]
    others = [_threads().submit(work, item) for item in items[1:]]
    try:
        first = work(items[0])
    finally:
        for other in others:
            other.exception()
    return [first, *(other.result() for other in others)]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, "shards")
