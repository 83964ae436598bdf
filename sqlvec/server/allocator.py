"""Memory of a server: the C library keeps what is freed, and the collector of cycles looks away from what lasts."""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
KEPT_BYTES_MAX = 256 << 20  # free at the end of the heap before it is given back
COLLECT_AFTER = (2_000, 20, 50)  # objects more than before; collections of the younger; of the middle ones
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


def leave_alone_what_lasts() -> None:
    """Modules, kernels and catalogs stay for the server's life: a collection that walks over them keeps every client
    waiting for 70 ms, and finds nothing. Cycles are rare, so that whole collections can be too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
