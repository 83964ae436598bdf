"""Segments are merged in a process of its own, whose death costs the work and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlvec.errors import DataCorrupted, DiskFull, IoError
from sqlvec.index.bm25 import parse_query
from sqlvec.storage import compaction
from sqlvec.storage.compaction import compact_shard
from sqlvec.storage.rewrite import rewrite_shard
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.store import Store
from sqlvec.storage.vfs import OsFs, Vfs
from sqlvec.storage.workshop import IDLE_SECONDS_MAX, OwnProcess
from tests.sim.history import SimClock
from tests.storage.conftest import BODY_INDEX, Database, docs_table


def pid_of(vfs: Vfs, plan: int) -> int:
    return os.getpid() + plan


def die(vfs: Vfs, plan: int) -> int:
    os._exit(plan)


def find_the_disk_full(vfs: Vfs, plan: str) -> int:
    raise DiskFull("could not write", hint=plan)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[OwnProcess]:
    made = OwnProcess(OsFs(str(tmp_path)), str(tmp_path), SimClock(), 100)
    yield made
    made.close()


def test_small_work_is_done_here_and_large_work_elsewhere(shop: OwnProcess) -> None:
    assert shop.run(pid_of, 0, 100) == os.getpid() and shop.process is None
    first = shop.run(pid_of, 0, 101)
    assert first != os.getpid() and shop.process is not None
    assert shop.run(pid_of, 2, 101) == first + 2, "one process for all"


def test_an_error_comes_back_as_it_was(shop: OwnProcess) -> None:
    with pytest.raises(DiskFull) as caught:
        shop.run(find_the_disk_full, "Buy one.", 101)
    assert (caught.value.message, caught.value.hint) == ("could not write", "Buy one.")
    assert shop.run(pid_of, 0, 101) != os.getpid()


def test_another_process_follows_one_that_died(shop: OwnProcess) -> None:
    first = shop.run(pid_of, 0, 101)
    with pytest.raises(IoError, match="maintenance process has died"):
        shop.run(die, 1, 101)
    assert shop.run(pid_of, 0, 101) not in (first, os.getpid())


def test_an_idle_process_is_ended(shop: OwnProcess) -> None:
    shop.run(pid_of, 0, 101)
    shop.rest()
    assert shop.process is not None
    shop._clock.sleep(IDLE_SECONDS_MAX + 1)
    shop.rest()
    assert shop.process is None


def test_the_process_ends_with_its_server(shop: OwnProcess) -> None:
    shop.run(pid_of, 0, 101)
    process = shop.process
    assert process is not None and process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    settings = StorageSettings(segments_merged=3, dead_rows_min=20)
    vfs = OsFs(str(tmp_path / "db"))
    store = Store.open(vfs, SimClock(), settings)
    store.workshop = OwnProcess(vfs, str(tmp_path / "db"), store.clock, 0)
    tx = store.begin()
    tx.catalog = tx.catalog.with_relation(docs_table())
    store.commit(tx)
    made = Database(vfs, store, settings)  # type: ignore[arg-type]
    made.insert(list(range(10)))
    store.flush()
    made.add_indexes()  # younger than the first segment
    for start in (10, 20):
        made.insert(list(range(start, start + 10)))
        store.flush()
    yield made
    if not store.closed:
        store.close()


def found(database: Database, text: str) -> list[int]:
    shard, tx = database.shard, database.store.begin()
    index = shard.text_index(BODY_INDEX)
    assert index is not None
    rows, _ = index.search(parse_query(text, "english"), 50, shard.visible(tx), None)
    tx.rollback()
    ids: list[int] = shard.gather(1, rows)
    return ids


def test_segments_are_merged_and_shards_rewritten_elsewhere(database: Database) -> None:
    assert compact_shard(database.store, database.shard)
    assert isinstance(database.store.workshop, OwnProcess)
    assert database.store.workshop.process is not None
    assert len(database.shard.segments) == 1 and database.ids() == list(range(30))
    assert found(database, "7") == [7] and found(database, "27") == [27]
    database.delete(list(range(25)))
    assert rewrite_shard(database.store, database.shard)
    assert database.shard.row_count == 5 and database.ids() == list(range(25, 30))
    assert found(database, "7") == [] and found(database, "27") == [27]
    assert database.shard.vectors(3).array[:, 0].tolist() == list(range(25, 30))
    database.store.close()
    again = Store.open(database.fs, SimClock(), database.settings)
    assert Database(database.fs, again, database.settings).ids() == list(range(25, 30))
    again.close()


def test_a_killed_merge_leaves_nothing_and_is_done_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(database.fs.list("data"))
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "merge_segments", write_half_and_die)
        with pytest.raises(IoError):
            compact_shard(database.store, database.shard)
    assert set(database.fs.list("data")) == before and database.ids() == list(range(30))
    assert compact_shard(database.store, database.shard)
    assert database.ids() == list(range(30))


def write_half_and_die(vfs: Vfs, plan: object) -> None:
    file = vfs.create(plan.name)  # type: ignore[attr-defined]
    file.append(b"half a segment")
    os._exit(1)


def test_damage_is_found_there_and_told_here(database: Database, tmp_path: Path) -> None:
    name = database.shard.segments[0].name
    path = tmp_path / "db" / name
    data = bytearray(path.read_bytes())
    at = database.shard.segments[0].file._entries["column/2"].offset + 5
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataCorrupted, match="checksum mismatch"):
        compact_shard(database.store, database.shard)
    assert database.store.failure is None
