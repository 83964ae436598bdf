"""fdatasync when asked, in a thread that never needs the interpreter.

A Python thread that is to sync must first get the interpreter from a loop that is busy with other clients, and
once more when the disk has answered: the disk idles while clients wait for it. This loop is woken by an
eventfd(2), and tells by another, which an event loop can watch.
"""

from __future__ import annotations

import numpy as np
from numba import carray, types

from sqlvec.kernels.jit import kernel

FILE, ERRNO, STOP = 0, 1, 2  # places in state

_read = types.ExternalFunction("read", types.intp(types.intc, types.uintp, types.uintp))
_write = types.ExternalFunction("write", types.intp(types.intc, types.uintp, types.uintp))
_fdatasync = types.ExternalFunction("fdatasync", types.intc(types.intc))
_errno_location = types.ExternalFunction("__errno_location", types.CPointer(types.intc)())


@kernel
def sync_loop(request, reply, state):  # type: ignore[no-untyped-def]
    """state i64[3]: the descriptor to sync, errno of the last time or 0, and whether to end. Whoever writes 1
    to request gets it back from reply; one request at a time."""
    taken = np.zeros(1, np.uint64)
    done = np.ones(1, np.uint64)
    while state[2] == 0:
        if _read(request, taken.ctypes.data, 8) != 8 or state[2] != 0:
            continue
        state[1] = 0
        if _fdatasync(state[0]) != 0:
            state[1] = carray(_errno_location(), 1)[0]
        _write(reply, done.ctypes.data, 8)
