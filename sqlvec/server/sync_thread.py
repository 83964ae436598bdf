"""The thread in which a store's log is made durable, and how the event loop hears of it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.errors import DatabaseError
from sqlvec.kernels.sync_loop import ERRNO, FILE, STOP, sync_loop

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger("sqlvec.sync")
Done = Callable[[Exception | None], None]


class CompiledSync:
    """By kernels.sync_loop: nobody waits for the interpreter."""

    def __init__(self, store: Store, done: Done) -> None:
        self._store = store
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._state = np.zeros(3, np.int64)
        self._request, self._reply = os.eventfd(0), os.eventfd(0)
        self._lsn = 0
        self._loop.add_reader(self._reply, self._replied)
        arguments = (self._request, self._reply, self._state)
        self._thread = Thread(target=sync_loop, args=arguments, name="sqlvec-sync", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Makes durable what is in the log now; done is called later, in the loop."""
        try:
            descriptor, self._lsn = self._store.wal.begin_sync()
        except DatabaseError as error:
            self._loop.call_soon(self._done, error)
            return
        self._state[FILE] = descriptor
        os.eventfd_write(self._request, 1)

    def _replied(self) -> None:
        os.eventfd_read(self._reply)
        try:
            self._store.wal.end_sync(self._lsn, self._state.item(ERRNO))
        except DatabaseError as error:
            log.exception("sync failed, the database takes no writes any more")
            self._done(error)
        else:
            self._done(None)

    def close(self) -> None:
        self._state[STOP] = 1
        os.eventfd_write(self._request, 1)
        self._thread.join()
        self._loop.remove_reader(self._reply)
        os.close(self._request)
        os.close(self._reply)


class PlainSync:
    """By the interpreter, where there is no eventfd."""

    def __init__(self, store: Store, done: Done) -> None:
        self._store = store
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[bool] = SimpleQueue()  # an executor's future costs more
        self._thread = Thread(target=self._sync_when_asked, name="sqlvec-sync", daemon=True)
        self._thread.start()

    def start(self) -> None:
        self._asked.put(True)

    def _sync_when_asked(self) -> None:
        while self._asked.get():
            failure: Exception | None = None
            try:
                self._store.sync()
            except Exception as error:
                log.exception("sync failed, the database takes no writes any more")
                failure = error
            self._loop.call_soon_threadsafe(self._done, failure)

    def close(self) -> None:
        self._asked.put(False)
        self._thread.join()


def sync_thread(store: Store, done: Done) -> CompiledSync | PlainSync:
    """done is called after each start(), with the failure or None."""
    return CompiledSync(store, done) if hasattr(os, "eventfd") else PlainSync(store, done)
