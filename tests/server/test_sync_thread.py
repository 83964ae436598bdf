"""Making the log durable beside the loop: both ways, and when the disk says no."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sqlvec.errors import DatabaseError, IoError
from sqlvec.server.sync_thread import CompiledSync, PlainSync
from sqlvec.storage.seams import SystemClock
from sqlvec.storage.store import Store
from sqlvec.storage.vfs import OsFs


def started(kind: type[CompiledSync] | type[PlainSync], store: Store, times: int) -> list[object]:
    """What a sync thread told after each start."""

    async def run() -> list[object]:
        told: asyncio.Queue[object] = asyncio.Queue()
        thread = kind(store, told.put_nowait)
        found = []
        for _ in range(times):
            store.wal.append(store.wal._last_seqno + 1, [b"entry"])
            thread.start()
            found.append(await asyncio.wait_for(told.get(), 30))
        thread.close()
        return found

    return asyncio.run(run())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(OsFs(str(tmp_path)), SystemClock())


@pytest.mark.parametrize("kind", [CompiledSync, PlainSync])
def test_what_was_appended_is_durable_when_it_is_told(
    kind: type[CompiledSync] | type[PlainSync], store: Store
) -> None:
    before = store.wal.durable_lsn
    assert started(kind, store, 3) == [None, None, None]
    assert store.wal.durable_lsn == store.wal.lsn > before
    store.wal.close()


def test_a_log_that_cannot_be_synced_takes_nothing_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = store.wal.begin_sync
    monkeypatch.setattr(store.wal, "begin_sync", lambda: (1 << 20, begin()[1]))
    durable = store.wal.durable_lsn
    (failure,) = started(CompiledSync, store, 1)
    assert isinstance(failure, IoError) and "Bad file descriptor" in failure.message
    assert store.wal.durable_lsn == durable
    with pytest.raises(DatabaseError, match="closed to writes"):
        begin()
    with pytest.raises(DatabaseError, match="closed to writes"):
        store.wal.append(store.wal._last_seqno + 1, [b"entry"])


def test_a_descriptor_that_is_being_synced_is_not_closed(store: Store) -> None:
    """The log begins another file meanwhile."""
    store.wal.append(store.wal._last_seqno + 1, [b"entry"])
    descriptor, lsn = store.wal.begin_sync()
    store.wal.truncate(through=store.wal._last_seqno)
    store.wal.append(store.wal._last_seqno + 1, [b"another"])
    store.sync()
    assert descriptor_is_open(descriptor)
    store.wal.end_sync(lsn, 0)
    assert not descriptor_is_open(descriptor)
    assert store.wal.durable_lsn == store.wal.lsn


def descriptor_is_open(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").exists()
