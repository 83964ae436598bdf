import logging
from collections.abc import Callable
from typing import Any

import pytest

from sqlvec.errors import DiskFull
from sqlvec.storage.disk_guard import LOOK_SECONDS, DiskGuard
from sqlvec.storage.settings import StorageSettings
from tests.sim.history import SimClock
from tests.sim.simfs import SimFs


def test_a_full_disk_refuses_writes_until_there_is_room(fs: SimFs) -> None:
    clock = SimClock()
    guard = DiskGuard(fs, clock, StorageSettings())
    guard.check()
    fs.full = True
    guard.check()  # not looked at yet
    clock.sleep(LOOK_SECONDS)
    with pytest.raises(DiskFull, match="read-only because the disk is 100 % full") as caught:
        guard.check()
    assert caught.value.sqlstate == "53100" and caught.value.hint
    fs.full = False
    clock.sleep(LOOK_SECONDS)
    guard.check()


def test_a_warning_comes_once(fs: SimFs, caplog: pytest.LogCaptureFixture) -> None:
    clock = SimClock()
    guard = DiskGuard(fs, clock, StorageSettings(disk_use_warning_percentage=5))
    for _ in range(3):
        guard.check()
        clock.sleep(LOOK_SECONDS)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_reading_goes_on_and_writing_comes_back(make_database: Callable[..., Any]) -> None:
    database = make_database(wal_file_bytes_max=500, manifest_bytes_max=1)
    database.insert([1, 2])
    database.fs.full = True
    clock = database.store.clock
    for step in range(6):
        tx = database.store.begin()
        with pytest.raises(DiskFull):
            database.insert([3 + step], tx)
            database.store.commit(tx)
        tx.rollback()
        clock.sleep(0.4)
        assert database.ids() == [1, 2]
        if step == 0:
            with pytest.raises(DiskFull):
                database.store.flush()
    database.fs.full = False
    clock.sleep(LOOK_SECONDS)
    database.insert([100])
    database.store.flush()
    database.reopen()
    assert database.ids() == [1, 2, 100]
