"""Group commit: everybody who waits shares one fsync, in a thread; then all become visible, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Committer:
    """One a store."""

    def __init__(self, store: Any, pool: ThreadPoolExecutor) -> None:
        self.store = store
        self.pool = pool
        self.waiting: list[tuple[Any, Callable[[BaseException | None], None]]] = []
        self.running = False

    def wait(self, ticket: Any, done: Callable[[BaseException | None], None]) -> None:
        """Calls done once the commit is durable and visible, or failed."""
        self.waiting.append((ticket, done))
        if not self.running:
            self.running = True
            self._start()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self.pool, self.store.sync).add_done_callback(self._synced)

    def _synced(self, future: asyncio.Future[None]) -> None:
        failure = future.exception()
        if failure is None:
            self.store.publish()
        waiting, self.waiting = self.waiting, []
        for ticket, done in waiting:
            if failure is not None or ticket.done:
                done(failure)
            else:  # appended after this fsync began
                self.waiting.append((ticket, done))
        if self.waiting:
            self._start()
        else:
            self.running = False
