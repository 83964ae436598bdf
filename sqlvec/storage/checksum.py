"""crc32c over buffers of any kind."""

from __future__ import annotations

import google_crc32c
import numpy as np

from sqlvec.storage.vfs import Writable


def crc32c(*buffers: Writable) -> int:
    """The CRC-32C (Castagnoli) of the concatenated buffers."""
    crc = 0
    for buffer in buffers:
        if len(buffer) == 0:
            continue
        # The extension takes a flat array without copying it, but refuses a memoryview.
        flat = buffer if isinstance(buffer, bytes) else np.frombuffer(buffer, np.uint8)
        crc = google_crc32c.extend(crc, flat)
    return crc
