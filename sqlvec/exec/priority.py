"""Long work gives way to short: the threads that run it have a lower priority than the event loop's."""

from __future__ import annotations

import os
import threading

NICENESS = 5


def give_way() -> None:
    """For the calling thread, and for those that it starts. Where threads have no priority of their own
    (outside Linux) nothing is changed."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    except OSError:
        return
