"""Tenants that are inactive or offloaded, and what comes back."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from sqlvec.errors import DataCorrupted, DiskFull, ObjectNotInState, UndefinedFile
from sqlvec.storage.check import verify
from sqlvec.storage.offload import blob_key, read_blob
from sqlvec.storage.seams import FileBlobs
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.store import Store
from sqlvec.storage.tenants import all_tenants
from tests.sim.history import SimClock
from tests.sim.simfs import Crashed, SimFs
from tests.storage.tenant_store import (
    TABLE,
    add_table,
    alter,
    drop,
    ids,
    run_jobs,
    tenant_table,
    write,
)


@pytest.fixture
def store(database: Any) -> Store:
    made = add_table(database.store)
    for tenant in ("a", "b"):
        write(made, tenant, [1, 2, 3])
    return made


def states(store: Store) -> list[tuple[str, str, int]]:
    return [(tenant.name, tenant.state, tenant.rows) for tenant in all_tenants(store)]


def settle(store: Store) -> None:
    """Close what is to be closed, then offload it."""
    run_jobs(store)
    run_jobs(store)


def blobs(store: Store) -> list[str]:
    return store.blobs.list(store.identity)


def test_an_inactive_tenant_is_closed_and_its_use_makes_it_active(store: Store) -> None:
    alter(store, "inactive", "a")
    run_jobs(store)
    assert [shard.tenant for shard in store.open_shards.values()] == ["b"]
    assert states(store) == [("a", "inactive", 3), ("b", "active", 3)]
    assert ids(store, "a") == [1, 2, 3]
    assert states(store)[0] == ("a", "active", 3)


def test_an_offloaded_tenant_has_no_file_until_it_is_used(store: Store) -> None:
    alter(store, "offloaded", "a", "b")
    settle(store)
    assert store.vfs.list("data") == [] and len(blobs(store)) == 4
    assert [tenant.disk_bytes for tenant in all_tenants(store)] == [0, 0]
    assert ids(store, "a") == [1, 2, 3]
    assert states(store) == [("a", "active", 3), ("b", "offloaded", 3)]
    assert len(blobs(store)) == 2 and len(store.vfs.list("data")) == 2
    write(store, "b", [4])
    assert ids(store, "b") == [1, 2, 3, 4] and blobs(store) == []


def test_states_outlive_a_restart_and_a_crash(database: Any, store: Store) -> None:
    alter(store, "offloaded", "a")
    settle(store)
    alter(store, "inactive", "b")
    for after in (database.fs.crash(Random(1)), database.fs):
        if after is database.fs:
            store.close()
        again = Store.open(after, SimClock(), StorageSettings())
        assert states(again) == [("a", "offloaded", 3), ("b", "inactive", 3)]
        assert again.known_shards[again.shard_ids(TABLE)["a"]].offloaded
        assert ids(again, "a") == [1, 2, 3]
        again.membership.release()


def test_a_tenant_goes_and_comes_back_many_times(store: Store) -> None:
    for turn in range(4, 8):
        alter(store, "offloaded", "a")
        settle(store)
        write(store, "a", [turn])
    assert ids(store, "a") == [1, 2, 3, 4, 5, 6, 7] and blobs(store) == []


def test_a_table_may_want_its_tenants_activated_by_command(store: Store) -> None:
    tx = store.begin()
    tx.catalog = tx.catalog.with_relation(tenant_table(tenant_activation="manual"))
    store.commit(tx)
    alter(store, "inactive", "a")
    for _ in range(2):
        with pytest.raises(ObjectNotInState, match='tenant "a" of relation "notes" is inactive') as info:
            store.shard(TABLE, "a")
        assert info.value.hint == "Use ALTER TENANT 'a' SET STATE active to activate it."
        run_jobs(store)
    alter(store, "active", "a")
    assert ids(store, "a") == [1, 2, 3]


def test_dropping_touches_no_row_and_takes_the_blobs_too(store: Store) -> None:
    alter(store, "offloaded", "a")
    settle(store)
    trace = store.vfs.trace  # type: ignore[attr-defined]
    before = len(trace)
    drop(store, "a")
    assert {line.split()[0] for line in trace[before:]} <= {"write", "fsync"}
    assert states(store) == [("b", "active", 3)]
    store.flush()
    assert blobs(store) == []
    write(store, "a", [9])
    assert ids(store, "a") == [9]


def test_every_crash_while_offloading_or_fetching_keeps_the_rows() -> None:
    """The machine stops at each operation in turn; what it finds then is whole, and goes on."""
    at, crashes = 1, 0
    while True:
        fs = SimFs()
        store = add_table(Store.open(fs, SimClock(), identity="d"))
        write(store, "a", [1, 2])
        fs.operations, fs.crash_at = 0, at
        try:
            alter(store, "offloaded", "a")
            settle(store)
            ids(store, "a")
            write(store, "a", [3])
        except Crashed:
            crashes += 1
        else:
            break
        after = fs.crash(Random(at))
        again = Store.open(after, SimClock())
        assert ids(again, "a") in ([1, 2], [1, 2, 3])
        alter(again, "offloaded", "a")
        settle(again)
        assert again.known_shards[again.shard_ids(TABLE)["a"]].offloaded
        assert ids(again, "a")[:2] == [1, 2]
        again.close()
        assert [found for found in verify(after) if found.severity != "orphan"] == []
        at += 1
    assert crashes > 30


def test_a_full_disk_while_fetching_is_told_and_comes_back(store: Store) -> None:
    alter(store, "offloaded", "a")
    settle(store)
    fs = store.vfs
    fs.full = True  # type: ignore[attr-defined]
    with pytest.raises(DiskFull):
        ids(store, "a")
    fs.full = False  # type: ignore[attr-defined]
    assert ids(store, "a") == [1, 2, 3]


def test_check_knows_the_blobs(database: Any, store: Store) -> None:
    alter(store, "offloaded", "a", "b")
    settle(store)
    names = [f"blobs/{key}" for key in blobs(store)]
    store.close()
    assert verify(database.fs) == []
    database.fs.rot(names[0], 5)
    database.fs.remove(names[1])
    FileBlobs(database.fs, "blobs").put_new("0000009999.segment", b"x")
    found = [(one.severity, one.file) for one in verify(database.fs)]
    assert found == [
        ("damage", f"blob {names[0].removeprefix('blobs/')}"),
        ("damage", f"blob {names[1].removeprefix('blobs/')}"),
        ("orphan", "blob 0000009999.segment"),
    ]


def test_a_damaged_or_missing_blob_is_named(database: Any, store: Store) -> None:
    alter(store, "offloaded", "a", "b")
    settle(store)
    for tenant, damage in (("a", database.fs.rot), ("b", None)):
        name = store.known_shards[store.shard_ids(TABLE)[tenant]].blob_names()[0]
        key = blob_key(store.identity, name)
        if damage is not None:
            damage(f"blobs/{key}", 3)
            with pytest.raises(DataCorrupted, match=key):
                ids(store, tenant)
        else:
            store.blobs.delete(key)
            with pytest.raises(UndefinedFile, match=key):
                ids(store, tenant)


def test_blobs_may_lie_elsewhere_beside_those_of_other_databases() -> None:
    elsewhere = SimFs()
    stores = []
    for identity in ("one", "two"):
        blobs_of = FileBlobs(elsewhere)
        made = add_table(Store.open(SimFs(), SimClock(), blobs=blobs_of, identity=identity))
        write(made, "a", [len(stores)])
        alter(made, "offloaded", "a")
        settle(made)
        stores.append(made)
    assert len(elsewhere.list("one")) == len(elsewhere.list("two")) == 2
    assert [ids(made, "a") for made in stores] == [[0], [1]]
    assert elsewhere.list("one") == elsewhere.list("two") == []


def test_a_blob_says_what_it_is(store: Store) -> None:
    alter(store, "offloaded", "a")
    settle(store)
    key = blobs(store)[0]
    assert len(read_blob(store.blobs, key)) == (store.blobs.head(key) or 0) - 16
    store.blobs.put_new("renamed", store.blobs.get(key))
    with pytest.raises(DataCorrupted, match="checksum mismatch"):
        read_blob(store.blobs, "renamed")


def test_use_meanwhile_keeps_a_tenant(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    alter(store, "offloaded", "a")
    run_jobs(store)
    (job,) = [job for job in store.jobs() if job.kind == "offload"]
    put = store.blobs.put_new

    def put_and_use(key: str, *parts: Any) -> None:
        put(key, *parts)
        ids(store, "a")

    monkeypatch.setattr(store.blobs, "put_new", put_and_use)
    job.run()
    assert states(store)[0] == ("a", "active", 3) and blobs(store) == []


def test_states_are_part_of_the_transaction(store: Store) -> None:
    known = store.shard_ids(TABLE)
    tx = store.begin()
    token = tx.savepoint()
    tx.shard_changes = tx.shard_changes.drop([known["a"]]).set_state([known["b"]], "inactive")
    shard = store.shard(TABLE, "a", create=True)
    assert shard.visible(tx).count == 0 and shard.find_key((1, 2), ("a", 1), tx) is None
    tx.rollback_to(token)
    assert shard.visible(tx).count == 3
    store.commit(tx)
    assert states(store) == [("a", "active", 3), ("b", "active", 3)]


def test_rows_written_after_a_drop_in_one_transaction_stay(store: Store) -> None:
    known = store.shard_ids(TABLE)
    tx = store.begin()
    tx.shard_changes = tx.shard_changes.drop([known["a"]])
    shard = store.shard(TABLE, "a", create=True)
    tx.empty(shard)
    assert tx.shard_changes == replace(tx.shard_changes, dropped=frozenset())
    store.commit(tx)
    assert ids(store, "a") == []
