"""Random histories against a store, and a model that says what each commit must leave.

The model is a list of states, one for each commit that was appended: a dict from key to values.
After a crash the recovered state must be one of them, and none older than the last acknowledged
one (I6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import (
    Column,
    Constraint,
    Index,
    IndexColumn,
    Sequence,
    Table,
)
from sqlvec.catalog.tenants import STATES
from sqlvec.errors import DatabaseError, SnapshotTooOld
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.row_set import RowSet
from sqlvec.storage.idle import close_shards
from sqlvec.storage.keys import hash_columns
from sqlvec.storage.locks import LockOwner, LockWait
from sqlvec.storage.placement import shard_name, shard_numbers
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.shard import Shard
from sqlvec.storage.store import Store
from sqlvec.storage.transaction import Transaction
from sqlvec.storage.vectors import VectorBatch
from sqlvec.types import INT8, TEXT, VECTOR, SqlType
from tests.sim.simfs import SimFs

DIMS = 3
DOCS, TENANT_DOCS, SEQUENCE, SPLIT_DOCS = 20000, 20010, 20020, 20030
SPLIT_SHARDS = 3
SIDE_OIDS = 30000
TINY = StorageSettings(
    wal_file_bytes_max=4_000,
    manifest_bytes_max=3_000,
    segments_merged=2,
    link_log_bytes_min=1_000,
    memtable_bytes_max=1_000,
    memtable_bytes_stall=2_000,
    unlinked_rows_stall=100,
    dead_nodes_min=3,
    dead_rows_min=30,
    flat_to_hnsw_rows=5,
)

Key = tuple[int, str, int]  # table oid, tenant, id
Row = tuple[str | None, tuple[float, ...] | None]
State = dict[Key, Row]


class SimClock:
    """A clock that is set, and stands still otherwise."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_us(self) -> int:
        return int(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def docs_table(oid: int, name: str, *, tenant: bool) -> Table:
    columns = (
        Column(1, "id", INT8, not_null=True),
        Column(2, "body", TEXT),
        Column(3, "embedding", SqlType(VECTOR.oid, DIMS)),
        Column(4, "tenant", TEXT),
    )
    key = Constraint(oid + 1, f"{name}_pkey", "p", (1,))
    return Table(oid, name, 2200, columns, (key,), tenant_attnum=4 if tenant else 0)


def indexes(oid: int, quantization: str = "") -> tuple[Index, Index]:
    body = (IndexColumn(2),)
    embedding = (IndexColumn(3, operator_class="vector_l2_ops"),)
    options = {"quantization": quantization} if quantization else {}
    return Index(oid + 2, f"b{oid}", oid, "bm25", body), Index(
        oid + 3, f"h{oid}", oid, "hnsw", embedding, options=options
    )


def rows_of(store: Store, tx: Transaction | None = None) -> State:
    """Everything visible, read through parts, vectors and visibility."""
    if tx is None:
        own = store.begin()
        try:
            return rows_of(store, own)
        finally:
            own.rollback()  # an open one would hold the horizon back, and keep truncated shards
    state: State = {}
    for oid in (DOCS, TENANT_DOCS, SPLIT_DOCS):
        for shard in store.shards(oid):
            ids = shard.visible(tx).ids()
            if len(ids) == 0:
                continue
            columns = [shard.gather(attnum, ids) for attnum in (1, 2, 3)]
            for key, body, vector in zip(*columns, strict=True):
                assert (oid, shard.tenant, key) not in state, "a key is found twice (I5)"
                values = None if vector is None else tuple(vector.tolist())
                state[oid, shard.tenant, key] = (body, values)
    return state


@dataclass
class History:
    """Runs random steps on a store; states[i] is the state after the i-th appended commit."""

    fs: SimFs
    rng: Random
    states: list[State]
    acknowledged: int = 0  # index into states
    visible: int = 0  # the same, of commits that did not wait for the disk
    store: Store | None = None
    next_id: int = 0
    last_value: int = 0
    settings: StorageSettings = TINY
    quantization: str = ""  # of the vector indexes
    interleaved: bool = True  # when segments are written depends on the settings
    clock: SimClock = field(default_factory=SimClock)
    readers: list[tuple[Transaction, State]] = field(default_factory=list)
    past: list[tuple[int, State]] = field(default_factory=list)  # what was committed at which time
    writer: tuple[Transaction, State] | None = None  # an open transaction, and the rows it inserted

    def open(self) -> Store:
        self.readers.clear()
        self.writer = None
        self.store = Store.open(self.fs, self.clock, self.settings)
        if DOCS not in self.store.catalog.relations:
            self._create()
        return self.store

    def begin(self) -> None:
        """An open store with its tables: an error may have kept them from being created."""
        if self.store is None or self.store.closed:
            self.open()
        elif DOCS not in self.store.catalog.relations:
            self._create()

    def _create(self) -> None:
        assert self.store is not None
        tx = self.store.begin()
        docs = docs_table(DOCS, "docs", tenant=False)
        tenants = docs_table(TENANT_DOCS, "tenant_docs", tenant=True)
        catalog = tx.catalog.with_relation(docs, *indexes(DOCS, self.quantization))
        tx.catalog = catalog.with_relation(
            tenants, Sequence(SEQUENCE, "ids", 2200, INT8),
            *indexes(TENANT_DOCS, self.quantization),
        )
        split = replace(
            docs_table(SPLIT_DOCS, "split_docs", tenant=False), shards=SPLIT_SHARDS, split_by=(1,)
        )
        tx.catalog = tx.catalog.with_relation(split, *indexes(SPLIT_DOCS, self.quantization))
        self.commit(tx, dict(self.states[self.visible]))

    def recover(self, fs: SimFs) -> None:
        """Reopen what a crash left, and check it against the states that are possible."""
        self.fs = fs
        store = self.open()
        found = rows_of(store)
        possible = self.states[self.acknowledged :]
        assert found in possible, "recovered state is not a prefix that holds every commit"
        check_structure(store, found)
        self.past = [entry for entry in self.past if entry[0] <= store.history.last_us]
        self.forget_all_but(found)

    def forget_all_but(self, state: State) -> None:
        self.states = [state]
        self.acknowledged = self.visible = 0

    def commit(self, tx: Transaction, state: State) -> None:
        assert self.store is not None
        self.store.append(tx)
        self._appended(state)
        if self.rng.random() < 0.1:  # another session looks while this one waits for the disk
            self.store.publish()
            seen = rows_of(self.store)
            assert seen != state or seen in self.states[: self.visible + 1], (
                "a commit is visible before it is durable (I2)"
            )
        self.store.sync()
        self.store.publish()
        self.acknowledged = self.visible = len(self.states) - 1

    def _appended(self, state: State) -> None:
        assert self.store is not None
        self.states.append(state)
        self.past.append((self.store.history.last_us, state))

    def give_up(self) -> None:
        """Roll every open transaction back, after an error; what was appended is made visible."""
        assert self.store is not None
        self.readers.clear()
        self.writer = None
        for tx in list(self.store._transactions.values()):
            tx.rollback()
        self.store.sync()
        self.store.publish()

    def end_readers(self) -> None:
        for tx, _ in self.readers:
            tx.rollback()
        self.readers.clear()

    # ------------------------------------------------------------ steps

    def step(self) -> None:
        steps = [
            (10, self.write),
            (2, self.rolled_back),
            (2, self.flush),
            (2, self.jobs),
            (1, self.reopen),
            (1, self.truncate),
            (1, self.sequence),
            (2, self.two_at_once),
            (1, self.add_column),
            (1, self.side_table),
            (1, self.begin_reader),
            (2, self.read_again),
            (1, self.unwaited),
            (2, self.look_back),
            (1, self.slow_writer),
            (1, self.alter_tenant),
            (1, self.drop_tenant),
            (2, self.close_shards),
        ]
        weights = [weight for weight, _ in steps]
        self.rng.choices([action for _, action in steps], weights)[0]()

    def write(self) -> None:
        assert self.store is not None
        for oid in (DOCS, TENANT_DOCS):
            self._await_room(oid)
        tx = self.store.begin()
        state = self.change(tx, dict(self.states[self.visible]))
        self.commit(tx, state)

    def _await_room(self, oid: int) -> None:
        """A stalled writer waits until the jobs have caught up, which they do."""
        store = self.store
        assert store is not None
        if not store.stall.is_stalled(oid) or store.maintenance.locked():
            return
        owner = LockOwner()
        try:
            store.stall.await_room(owner, oid)
        except LockWait as wait:
            for _ in range(5):
                for job in store.jobs():
                    job.run()
            assert wait.request.done, "a stall that no job ends"
        finally:
            with store.lock:
                store.locks.end(owner, 0)

    def rolled_back(self) -> None:
        assert self.store is not None
        tx = self.store.begin()
        self.change(tx, dict(self.states[self.visible]))
        token = tx.savepoint()
        self.change(tx, dict(rows_of(self.store, tx)))
        tx.rollback_to(token)
        if self.rng.random() < 0.5:
            tx.rollback()
        else:
            self.commit(tx, rows_of(self.store, tx))

    def unwaited(self) -> None:
        """A commit that is visible before it is durable, and may be lost until another one is."""
        assert self.store is not None
        tx = self.store.begin()
        state = self.change(tx, dict(self.states[self.visible]))
        self.store.append(tx, durable=False)
        self._appended(state)
        self.visible = len(self.states) - 1
        assert rows_of(self.store) == state

    def slow_writer(self) -> None:
        """A transaction that writes now, and ends in a later step."""
        assert self.store is not None
        if self.writer is None:
            tx, rows = self.store.begin(), {}
            self._insert(tx, DOCS, "", 2, rows)
            self.writer = tx, rows
            return
        (tx, rows), self.writer = self.writer, None
        if self.rng.random() < 0.3:
            tx.rollback()
        else:
            self.commit(tx, {**self.states[self.visible], **rows})

    def alter_tenant(self) -> None:
        """A tenant becomes active, inactive or offloaded; its rows are the same."""
        assert self.store is not None
        tenant, state = self.rng.choice(["a", "b"]), self.rng.choice(STATES)
        found = self.store.shard_id(TENANT_DOCS, tenant)
        if found is not None:
            tx = self.store.begin()
            tx.shard_changes = tx.shard_changes.set_state([found], state)
            self.commit(tx, dict(self.states[self.visible]))

    def drop_tenant(self) -> None:
        """As dropping a table does, it shows in older snapshots too: no reader may be there."""
        assert self.store is not None
        tenant = self.rng.choice(["a", "b"])
        found = self.store.shard_id(TENANT_DOCS, tenant)
        if found is None or self.readers:
            return
        tx = self.store.begin()
        state = dict(self.states[self.visible])
        if self.rng.random() < 0.3:
            self._insert(tx, TENANT_DOCS, tenant, 2, state)
        if self.settings.retention_us:  # as DROP TENANT does, for the past to stay
            shard = self.store.shard_by_id(found)
            tx.delete(shard, shard.visible(tx).ids())
        else:
            tx.shard_changes = tx.shard_changes.drop([found])
        if self.rng.random() < 0.2:
            tx.rollback()
            return
        gone = (TENANT_DOCS, tenant)
        self.commit(tx, {key: row for key, row in state.items() if key[:2] != gone})

    def close_shards(self) -> None:
        """Those of tenants are closed, whether or not they were idle for long."""
        assert self.store is not None
        self._plan_meanwhile(self.rng)
        shard_ids = list(self.store.open_shards)
        store = self.store
        self._run_beside_others(lambda: _close(store, shard_ids))

    def begin_reader(self) -> None:
        assert self.store is not None
        if len(self.readers) < 3:
            # Another session may have met an error with its commit appended and not published.
            self.readers.append((self.store.begin(), dict(self.states[self.visible])))

    def read_again(self) -> None:
        """A reader sees what it saw, whatever was committed, flushed and merged since (I3)."""
        if not self.readers:
            return
        tx, state = self.rng.choice(self.readers)
        assert rows_of(self.store, tx) == state, "a snapshot has changed"
        if self.rng.random() < 0.5:
            tx.rollback()
            self.readers.remove((tx, state))

    def look_back(self) -> None:
        """A time within the retention shows what was there then, whatever happened since; an older one nothing."""
        assert self.store is not None
        if not self.past:
            return
        time, state = self.rng.choice(self.past)
        tx = self.store.begin()
        retention = self.settings.retention_us
        now = max(self.clock.now_us(), self.store.history.last_us)
        try:
            self.store.travel(tx, time)
        except SnapshotTooOld:
            assert not retention or time < now - retention, "history was forgotten too early"
        else:
            assert time >= now - retention, "history that is not kept was shown"
            assert rows_of(self.store, tx) == state, "the past has changed"
        tx.rollback()

    def two_at_once(self) -> None:
        """Two commits under one fsync, rows of both interleaved."""
        assert self.store is not None
        first, second = self.store.begin(), self.store.begin()
        state = dict(self.states[self.visible])
        self._insert(first, DOCS, "", 2, state)
        after_second = dict(self.states[self.visible])
        self._insert(second, DOCS, "", 3, after_second)
        self._insert(first, DOCS, "", 1, state)
        self.store.append(first)
        self._appended(state)
        self.commit(second, {**state, **after_second})

    def change(self, tx: Transaction, state: State) -> State:
        for _ in range(self.rng.randint(1, 3)):
            oid = self.rng.choice([DOCS, DOCS, TENANT_DOCS, SPLIT_DOCS])
            tenant = self.rng.choice(["a", "b"]) if oid == TENANT_DOCS else ""
            if oid == SPLIT_DOCS:
                tenant = shard_name(self._number_of(self.next_id))
            if self.rng.random() < 0.6:
                self._insert(tx, oid, tenant, self.rng.choice([1, 1, 2, 7, 70]), state)
            else:
                self._delete(tx, oid, tenant, state)
        return state

    def _insert(self, tx: Transaction, oid: int, tenant: str, count: int, state: State) -> None:
        assert self.store is not None
        shard = self.store.shard(oid, tenant, create=True)
        if oid == SPLIT_DOCS:  # the first row's shard takes those of the next ids that are its own
            own = self._number_of(self.next_id)
            ids = [i for i in range(self.next_id, self.next_id + count) if self._number_of(i) == own]
        else:
            ids = list(range(self.next_id, self.next_id + count))
        self.next_id, count = self.next_id + count, len(ids)
        bodies = [None if self.rng.random() < 0.2 else f"text {i}" * (i % 5) for i in ids]
        present = np.array([self.rng.random() < 0.8 for _ in ids])
        vectors = np.array([[i, i / 2, -i] for i in ids], np.float32)
        if count == 1 and self.rng.random() < 0.5:
            self._insert_row(tx, shard, ids[0], bodies[0], vectors[0] if present[0] else None, tenant)
        else:
            tx.insert(
                shard,
                {
                    1: pa.array(ids, pa.int64()),
                    2: pa.array(bodies, pa.string()),
                    3: VectorBatch(vectors, present),
                    4: pa.array([tenant] * count, pa.string()),
                },
            )
        for i, body, has, vector in zip(ids, bodies, present, vectors.tolist(), strict=True):
            state[oid, tenant, i] = (body, tuple(vector) if has else None)

    def _insert_row(self, tx: Transaction, shard: Shard, *values: object) -> None:
        columns = tx.catalog.table(shard.table_oid).live_columns
        given = dict(enumerate(values, 1))
        row_id = tx.insert_row(shard, [given.get(column.attnum) for column in columns])
        assert row_id is not None

    def _number_of(self, key: int) -> int:
        """The shard of a split table that has the key."""
        hashes, _ = hash_columns([pa.array([key], pa.int64())], [INT8], nulls=False)
        return int(shard_numbers(hashes, SPLIT_SHARDS)[0])

    def _delete(self, tx: Transaction, oid: int, tenant: str, state: State) -> None:
        assert self.store is not None
        keys = [key for key in state if key[:2] == (oid, tenant)]
        shard = self.store.shard(oid, tenant)
        if not keys or shard is None:
            return
        chosen = self.rng.sample(keys, self.rng.randint(1, len(keys)))
        rows = [shard.find_key((1,), (key[2],), tx) for key in chosen]
        assert None not in rows, chosen
        tx.delete(shard, np.array(rows, np.int64))
        for key in chosen:
            del state[key]

    def flush(self) -> None:
        assert self.store is not None
        self._plan_meanwhile(self.rng)
        self._run_beside_others(self.store.flush)

    def jobs(self) -> None:
        assert self.store is not None
        self.clock.sleep(1.0)  # for what was tried in vain before
        jobs = self.store.jobs()
        rng = Random(self.rng.random())  # how many jobs there are depends on the settings
        rng.shuffle(jobs)
        for job in jobs:
            keen = self.write if rng.random() < 0.15 else None
            if job.kind == "compact" and rng.random() < 0.2:
                keen = self.truncate
            self._plan_meanwhile(rng, keen)
            self._run_beside_others(job.run)

    def _run_beside_others(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self.fs.meanwhile = None

    def _plan_meanwhile(self, rng: Random, keen: Callable[[], None] | None = None) -> None:
        """Another session commits while a segment is written; a keen one as often as it can."""
        work = rng.choice(
            [None, self.write, self.write, self.truncate, self.side_table, self.two_at_once]
        )
        work = keen or work
        passed = 4 if keen else rng.choice([0, 0, 1, 3, 9, 27])  # operations on such files before it

        def unless_locked() -> None:
            nonlocal passed
            assert self.store is not None and work is not None
            passed -= 1
            if passed >= 0 or self.store.lock._is_owned():  # type: ignore[attr-defined]
                self.fs.meanwhile = unless_locked
            else:
                self._as_another_session(work)
                if keen or rng.random() < 0.7:
                    self._plan_meanwhile(rng, keen)

        self.fs.meanwhile = unless_locked if work is not None and self.interleaved else None

    def _as_another_session(self, work: Callable[[], None]) -> None:
        """Its error is its own: what it did not append is undone, and the job does not hear of it."""
        store = self.store
        assert store is not None
        before = set(store._transactions)
        try:
            work()
        except DatabaseError as error:
            if error.sqlstate not in ("58030", "53100"):
                raise
            for tx_id, tx in list(store._transactions.items()):
                if tx_id not in before:
                    tx.rollback()
            self.readers = [(tx, state) for tx, state in self.readers if not tx.closed]
            if self.writer is not None and self.writer[0].closed:
                self.writer = None
            if store.failure is None:
                store.sync()
                store.publish()
                self.acknowledged = self.visible = len(self.states) - 1

    def reopen(self) -> None:
        assert self.store is not None
        self.end_readers()
        self.store.close()
        self.acknowledged = len(self.states) - 1
        self.open()
        assert rows_of(self.store) == self.states[-1], "an orderly end lost something"

    def truncate(self) -> None:
        """Whose shards are dropped if nobody else looks."""
        assert self.store is not None
        if self.rng.random() < 0.5:
            self.end_readers()
            if self.writer is not None:
                self.writer[0].rollback()
                self.writer = None
        oid = self.rng.choice([DOCS, DOCS, TENANT_DOCS])
        tx = self.store.begin()
        tx.truncate(oid)
        self.commit(tx, {k: v for k, v in self.states[self.visible].items() if k[0] != oid})

    def add_column(self) -> None:
        """A column with a fill value, committed or rolled back; older rows must answer it."""
        assert self.store is not None
        tx = self.store.begin()
        table = tx.catalog.table(DOCS)
        attnum = len(table.columns) + 1
        wider = replace(table, columns=(*table.columns, Column(attnum, f"c{attnum}", INT8)))
        tx.catalog = tx.catalog.with_relation(wider)
        tx.set_fill(DOCS, attnum, pa.array([attnum], pa.int64()))
        state = dict(self.states[self.visible])
        self._insert(tx, DOCS, "", 2, state)
        if self.rng.random() < 0.4:
            tx.rollback()
        else:
            self.commit(tx, state)

    def side_table(self) -> None:
        """A table comes, or goes with its rows; or its creation is rolled back."""
        assert self.store is not None
        tx = self.store.begin()
        old = [r.oid for r in tx.catalog.relations.values() if r.name == "side"]
        if old:
            tx.catalog = tx.catalog.without(*old)
            self.commit(tx, dict(self.states[self.visible]))
            return
        first = max(tx.catalog.next_oid, SIDE_OIDS)  # not one of the tables that always are there
        catalog, oid = replace(tx.catalog, next_oid=first).reserve_oids(2)
        tx.catalog = catalog.with_relation(docs_table(oid, "side", tenant=False))
        self._insert(tx, oid, "", 3, {})
        if self.rng.random() < 0.3:
            tx.rollback()
        else:
            self.commit(tx, dict(self.states[self.visible]))

    def sequence(self) -> None:
        assert self.store is not None
        relation = self.store.catalog.relations[SEQUENCE]
        assert isinstance(relation, Sequence)
        value = self.store.next_value(relation)
        tx = self.store.begin()
        self._insert(tx, DOCS, "", 1, state := dict(self.states[self.visible]))
        self.commit(tx, state)
        assert value > self.last_value, "a sequence's value was given out twice"
        self.last_value = value


def _close(store: Store, shard_ids: list[int]) -> None:
    close_shards(store, shard_ids)


def check_structure(store: Store, state: State) -> None:
    """Every key is found by its key, in the row that holds it; parts cover the row ids."""
    tx = store.begin()
    for oid, tenant, key in state:
        shard = store.shard(oid, tenant)
        assert shard is not None
        row = shard.find_key((1,), (key,), tx)
        assert row is not None, (oid, tenant, key)
        assert shard.gather(1, np.array([row]))[0] == key
    check_fills(store, tx)
    for shard in store.open_shards.values():
        at = 0
        for part in shard.parts():
            assert part.low == at, (part.low, at)
            at = part.high
        assert at == shard.row_count
        for index_oid in shard.indexes:
            index = shard.index(index_oid)
            if isinstance(index, HnswGraph):
                check_graph(index, shard, tx)
            else:
                assert index.row_count == shard.row_count
    tx.rollback()


def check_graph(graph: HnswGraph, shard: Shard, tx: Transaction) -> None:
    """Links lead to rows that were linked, and a search finds every visible one of these."""
    arrays, linked = graph.arrays(), graph.linked
    assert linked <= shard.row_count, (linked, shard.row_count)
    present = shard.vectors(3).present
    for links in (arrays["links"], arrays["upper"]):
        ends = np.unique(links[links >= 0]).astype(np.int64)
        assert present.contains(ends).all(), "a link to a row that has no vector"
    rows = shard.visible(tx) & present
    ids = rows.ids()
    ids = ids[ids < linked]
    if len(ids):
        view = shard.vectors(3)
        found = graph.search(
            view.array, view.array[ids[0]], len(ids), 10, RowSet.from_ids(ids, rows.row_count)
        )
        assert sorted(found.row_ids.tolist()) == ids.tolist()


def check_fills(store: Store, tx: Transaction) -> None:
    """Rows answer an added column with its fill value, or with the null they were written with."""
    table, shard = store.catalog.table(DOCS), store.shard(DOCS)
    if shard is None:
        return
    rows = shard.visible(tx).ids()
    for column in table.columns[4:]:
        values = shard.gather(column.attnum, rows)
        assert set(values) <= {column.attnum, None}, (column, values)
