"""Scans beside each other: the shards of a table, the legs of a fusion. Kernels release the interpreter lock, so
that cores share the work; the caller does its part of it. A hand-over costs some 40 microseconds: small scans are
not worth it, and what is done beside others is not split further.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from sqlvec.exec.priority import give_way

CORES = len(os.sched_getaffinity(0))

Item = TypeVar("Item")
Result = TypeVar("Result")
_here = threading.local()


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], *, worthwhile: bool
) -> list[Result]:
    """What work gives for each item, in their order; the first error is raised when all have ended."""
    if not worthwhile or len(items) < 2 or CORES < 2 or getattr(_here, "busy", False):
        return [work(item) for item in items]

    def alone(item: Item) -> Result:
        _here.busy = True  # a thread that waited for others of the pool could wait for ever
        try:
            return work(item)
        finally:
            _here.busy = False

    others = [_threads().submit(alone, item) for item in items[1:]]
    try:
        first = alone(items[0])
    finally:
        for other in others:
            other.exception()
    return [first, *(other.result() for other in others)]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, CORES), "sqlvec-scan", give_way)
