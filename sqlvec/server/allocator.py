"""How the C library keeps freed memory: batches come and go, and their pages are wanted again at once."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
KEPT_BYTES_MAX = 256 << 20  # free at the end of the heap before it is given back
MAPPED_BYTES_MIN = 32 << 20  # glibc's largest: bigger arrays have a mapping of their own


def keep_freed_memory() -> bool:
    """True where the C library is told (glibc). Without it each batch of rows is mapped, zeroed by the
    kernel and unmapped: a third of the time of a COPY."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES_MIN) and mallopt(_TRIM_THRESHOLD, KEPT_BYTES_MAX)
    )
