"""Keeping the loop awake for a moment after an answer, while a client asks again and again.

A processor that went to sleep takes 30 to 60 us to wake up, more than reading, planning and answering a
short statement take. So when messages follow answers closely the loop polls its sockets for up to AWAKE
before it sleeps; it yields the processor at each turn to whoever wants it. A client that pauses longer
than PAUSE costs one such wait, then none. docs/decisions/0002.
"""

from __future__ import annotations

import asyncio
import os
from time import perf_counter

AWAKE_SECONDS = 100e-6
PAUSE_SECONDS = 250e-6


class BusyPoll:
    """One a loop; arrived() before the messages of one read are handled, answered() after them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answered_at = 0.0
        self._close_by = False
        self._until = 0.0
        self._polling = False
        self._held = 0

    def hold(self) -> None:
        """No polling until free(): another thread needs the interpreter, and the loop will be woken."""
        self._held += 1

    def free(self) -> None:
        self._held -= 1

    def arrived(self) -> None:
        self._close_by = perf_counter() - self._answered_at < PAUSE_SECONDS

    def answered(self) -> None:
        now = self._answered_at = perf_counter()
        if self._close_by and not self._held:
            self._until = now + AWAKE_SECONDS
            if not self._polling:
                self._polling = True
                self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        if not self._held and perf_counter() < self._until:
            os.sched_yield()
            self._loop.call_soon(self._turn)
        else:
            self._polling = False
