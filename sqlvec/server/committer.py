"""Group commit: everybody who waits shares one fsync, in a thread; then all become visible, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlvec.server.busy_poll import BusyPoll

log = logging.getLogger("sqlvec.committer")
Done = Callable[[BaseException | None], None]


class Committer:
    """One a store. Its thread does nothing but fsync; all else happens in the loop."""

    def __init__(self, store: Any, busy_poll: BusyPoll) -> None:
        self.store = store
        self.waiting: list[tuple[Any, Done]] = []
        self._running = False
        self._busy_poll = busy_poll
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[bool] = SimpleQueue()  # an executor's future costs more than the rest
        self._thread = Thread(target=self._sync_when_asked, name="sqlvec-sync", daemon=True)
        self._thread.start()

    def wait(self, ticket: Any, done: Done) -> None:
        """Calls done once the commit is durable and visible, or failed."""
        self.waiting.append((ticket, done))
        if not self._running:
            self._running = True
            self._busy_poll.hold()  # the thread needs the interpreter, and then the loop sleeps well
            self._asked.put(True)

    def close(self) -> None:
        """After the last wait."""
        self._asked.put(False)
        self._thread.join()

    def _sync_when_asked(self) -> None:
        while self._asked.get():
            failure: BaseException | None = None
            try:
                self.store.sync()
            except Exception as error:
                log.exception("sync failed, the database takes no writes any more")
                failure = error
            self._loop.call_soon_threadsafe(self._synced, failure)

    def _synced(self, failure: BaseException | None) -> None:
        if failure is None:
            self.store.publish()
        waiting, self.waiting = self.waiting, []
        for ticket, done in waiting:
            if failure is not None or ticket.done:
                done(failure)
            else:  # appended after this fsync began
                self.waiting.append((ticket, done))
        if self.waiting:
            self._asked.put(True)
        else:
            self._running = False
            self._busy_poll.free()
