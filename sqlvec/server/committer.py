"""Group commit: everybody who waits shares one fsync, in a thread; then all become visible, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlvec.server.sync_thread import sync_thread

if TYPE_CHECKING:
    from sqlvec.server.busy_poll import BusyPoll
    from sqlvec.storage.store import Store

Done = Callable[[BaseException | None], None]


class Committer:
    """One a store."""

    def __init__(self, store: Store, busy_poll: BusyPoll) -> None:
        self.store = store
        self.waiting: list[tuple[Any, Done]] = []
        self._running = False
        self._busy_poll = busy_poll
        self._thread = sync_thread(store, self._synced)

    def wait(self, ticket: Any, done: Done) -> None:
        """Calls done once the commit is durable and visible, or failed."""
        self.waiting.append((ticket, done))
        if not self._running:
            self._running = True
            self._busy_poll.hold()  # the loop will be woken, and others need the processor
            self._thread.start()

    def close(self) -> None:
        """After the last wait."""
        self._thread.close()

    def _synced(self, failure: BaseException | None) -> None:
        if failure is None:
            self.store.publish()
        waiting, self.waiting = self.waiting, []
        left = [] if failure is not None else [w for w in waiting if not w[0].done]
        self.waiting += left  # appended after this fsync began
        if self.waiting:
            self._thread.start()  # before anybody is answered: the disk is the slowest of all
        else:
            self._running = False
            self._busy_poll.free()
        for ticket, done in waiting:
            if failure is not None or ticket.done:
                done(failure)
