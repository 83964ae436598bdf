"""Store: one database directory, opened. Begins transactions, commits them, and finds shards.

A commit has three steps, so that a server shares one fsync among all who wait:

    append   conflict check, seqno, one WAL entry           under the lock; not durable yet
    sync     fsync of the log                               in any thread; covers all appended
             before
    publish  durable commits become visible in seqno order  under the lock

Nothing runs by itself, but for the process of a workshop that the owner may give it: jobs() lists what is worth doing and the owner runs it. After a failed
fsync, or a write that cannot be undone, the store answers reads and refuses writes until it is
opened again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock, RLock
from typing import Literal, overload

import pyarrow as pa

from sqlvec.catalog.merging import merged
from sqlvec.catalog.objects import Catalog, Sequence, Table
from sqlvec.catalog.tenants import ACTIVE, OFFLOADED
from sqlvec.errors import DatabaseError, SerializationFailure
from sqlvec.storage import checkpoint, idle, jobs, offload, recovery, tenants
from sqlvec.storage.commit import (
    CommitTicket,
    catalog_operations,
    create_operations,
    drop_operations,
    state_operations,
    write_operations,
)
from sqlvec.storage.disk_guard import DiskGuard
from sqlvec.storage.graph_files import open_graphs
from sqlvec.storage.history import History
from sqlvec.storage.index_rows import IndexValues, no_index_values
from sqlvec.storage.jobs import IndexMemory, IndexRecall, QueuedIndex
from sqlvec.storage.locks import LockOwner, LockTable
from sqlvec.storage.manifest import Manifest, SequenceValue, ShardFiles, Version
from sqlvec.storage.part import ShardColumns
from sqlvec.storage.records import (
    CommitTime,
    Operation,
    SetSequence,
    encode_operations,
    encode_value,
)
from sqlvec.storage.seams import BlobStore, Clock, FileBlobs, SingleNode
from sqlvec.storage.sequences import Sequences
from sqlvec.storage.serializable import SerializableTransactions
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.shard import Shard
from sqlvec.storage.shard_changes import NO_CHANGES
from sqlvec.storage.shard_files import ShardDirectory, open_shard, open_texts
from sqlvec.storage.stall import WriteStall
from sqlvec.storage.transaction import Past, ShardWrites, Transaction
from sqlvec.storage.vfs import Vfs
from sqlvec.storage.wal import DIRECTORY as WAL_DIRECTORY
from sqlvec.storage.wal import Wal
from sqlvec.storage.workshop import Inline, Workshop

FillKey = tuple[int, int]
SequenceState = tuple[SequenceValue | None, SequenceValue | None]


class Store:
    """Made by Store.open; see the module."""

    def __init__(
        self,
        vfs: Vfs,
        clock: Clock,
        settings: StorageSettings,
        index_values: IndexValues,
        blobs: BlobStore | None,
        identity: str,
    ) -> None:
        self.vfs = vfs
        vfs.segment_io = settings.segment_io
        self.blobs = FileBlobs(vfs, offload.DIRECTORY) if blobs is None else blobs
        self.identity = identity
        self.index_values = index_values
        self.clock = clock
        self.settings = settings
        self.workshop: Workshop = Inline(vfs)
        self.lock = RLock()
        self.locks = LockTable(self.lock)
        self.serializable = SerializableTransactions()
        self.maintenance = Lock()  # one flush, compaction or checkpoint at a time
        self.disk = DiskGuard(vfs, clock, settings)
        self.stall = WriteStall(self)
        self.membership = SingleNode(vfs)
        self.manifest = Manifest(vfs, bytes_max=settings.manifest_bytes_max)
        self.wal = Wal(vfs, file_bytes_max=settings.wal_file_bytes_max)
        self.catalog = Catalog()
        self.history = History(settings.retention_us)
        self.read_seqno = 0
        self.epoch = 0
        self.sequences = Sequences({}, settings.sequence_ahead)
        self.open_shards: dict[int, Shard] = {}
        self._made: set[int] = set()  # ids of shards whose creation may not be logged yet
        self.known_shards: dict[int, ShardFiles] = {}  # unopened ones
        self.used_at: dict[int, int] = {}  # of those that were open, in microseconds since 1970
        self.to_offload: set[int] = set()
        self.next_looked_at = 0  # by jobs(every=False)
        self.fills: dict[FillKey, pa.Array] = {}
        self.closed = False
        self._tenants: dict[int, dict[str, int]] = {}  # table oid -> tenant -> shard id
        self._pending: deque[CommitTicket] = deque()
        self._transactions: dict[int, Transaction] = {}
        self._doomed: set[int] = set()  # shard ids whose dropping is appended
        self._appended_catalog = self.catalog
        self._next_oid = 0  # behind those that open transactions have taken
        self._last_seqno = 0
        self._last_tx = 0
        self._visible_lsn = 0
        self._next_file = 1
        self._next_shard = 1
        self._recovering = True

    @classmethod
    def open(
        cls,
        vfs: Vfs,
        clock: Clock,
        settings: StorageSettings | None = None,
        index_values: IndexValues = no_index_values,
        blobs: BlobStore | None = None,
        identity: str = "",
    ) -> Store:
        """Open or create the database of a directory, and recover it. index_values computes what
        indexes over expressions hold. blobs is where offloaded tenants go, a folder of the directory by
        default; identity is what a new database is to be called there.

        ObjectInUse when another process has it, DataCorrupted when its files are damaged,
        ConfigurationError when a newer sqlvec wrote them.
        """
        store = cls(vfs, clock, settings or StorageSettings(), index_values, blobs, identity)
        store.epoch = store.membership.acquire()
        try:
            recovery.recover(store)
        except DatabaseError:
            store.membership.release()
            raise
        return store

    def close(self) -> None:
        """Flush everything, so that the next opening replays nothing; free the directory."""
        if self.closed:
            return
        with self.lock:
            for tx in list(self._transactions.values()):
                tx.rollback()
        try:
            if self.failure is None:
                self.sync()
                self.publish()
                self.flush()
        finally:
            self.closed = True
            self.workshop.close()
            self.wal.close()
            self.manifest.close()
            self.membership.release()

    # ------------------------------------------------------------ transactions

    def begin(
        self, snapshot_seqno: int | None = None, owner: LockOwner | None = None
    ) -> Transaction:
        """A transaction at the newest snapshot, or at an older one; owner is the session it belongs to."""
        with self.lock:
            self._last_tx += 1
            at = self.read_seqno if snapshot_seqno is None else snapshot_seqno
            tx = Transaction(self, self._last_tx, at, owner or LockOwner())
            self._transactions[tx.id] = tx
            self.locks.begin(tx.owner, tx.id)
            return tx

    def commit(self, tx: Transaction) -> CommitTicket:
        """append, sync and publish in one; rolls back and raises when the commit cannot be
        appended.
        """
        try:
            ticket = self.append(tx)
        except DatabaseError:
            tx.rollback()
            raise
        if not ticket.done:
            self.sync()
            self.publish()
        return ticket

    def append(self, tx: Transaction, *, durable: bool = True) -> CommitTicket:
        """Write the commit to the log. After an error the transaction is open: roll it back.

        One that need not be durable is visible at once, unless others before it wait for the disk.
        """
        with self.lock:
            assert not tx.closed, "transaction has ended"
            if tx.tracked is not None:
                self.serializable.check(tx.tracked)
            if not tx.has_writes:
                return self._nothing_written(tx)
            made = [self.open_shards[i] for i in self._made if i in self.open_shards]
            created = [s for s in made if not s.logged and self._is_of(s, tx)]
            self.check_writable()
            catalog = self._committed_catalog(tx)
            dropped = self._dropped_shards(tx, catalog)
            stillborn = [s for s in created if s.table_oid not in catalog.relations]
            created = [s for s in created if s not in stillborn]
            time_us = self.history.next_time(self.clock.now_us())
            operations: list[Operation] = [CommitTime(time_us), *create_operations(created)]
            fills = {key: encode_value(self.fills[key]) for key in tx.fills}
            operations += catalog_operations(tx, self._appended_catalog, catalog, fills)
            for shard, writes in tx.writes.items():
                if shard.shard_id not in dropped and shard not in stillborn:
                    operations += self._shard_operations(shard, writes, catalog)
            operations += drop_operations(dropped)
            operations += state_operations(tx.shard_changes.states)
            ticket = self._append(operations)
            ticket.tx, ticket.dropped, ticket.time_us = tx, dropped, time_us
            self.history.record(ticket.seqno, time_us)
            ticket.states = tx.shard_changes.states
            for shard in stillborn:  # of tables that were created and dropped in the transaction
                tx.writes.pop(shard, None)
                self.forget_shard(shard.shard_id)
            ticket.catalog = catalog if catalog is not self._appended_catalog else None
            self._appended_catalog = catalog
            self._doomed.update(dropped)
            for shard in created:
                shard.logged = True
                self._made.discard(shard.shard_id)
            tx.committed = True
            if tx.tracked is not None:
                self.serializable.commit(tx.tracked, ticket.seqno)
            self._close(tx)
            if not durable:
                ticket.durable = False
                self.publish()
            return ticket

    def _nothing_written(self, tx: Transaction) -> CommitTicket:
        tx.committed = True
        if tx.tracked is not None:
            self.serializable.commit(tx.tracked, self._last_seqno)
        self._close(tx)
        self.locks.end(tx.owner, tx.id)
        return CommitTicket(self.read_seqno, self.wal.lsn, done=True)

    def sync(self) -> None:
        """Make every appended commit durable. An error closes the store to writes."""
        self.wal.sync()

    @property
    def wants_sync(self) -> bool:
        """Whether commits are visible that are not durable: their owner syncs within moments."""
        return self._visible_lsn > self.wal.durable_lsn and self.failure is None

    def publish(self) -> None:
        """Make the durable commits visible, in order, and those that need not be (I2)."""
        with self.lock:
            durable_lsn = self.wal.durable_lsn
            while self._pending and (
                self._pending[0].lsn <= durable_lsn or not self._pending[0].durable
            ):
                self._publish(self._pending.popleft())

    def _append(self, operations: list[Operation]) -> CommitTicket:
        seqno = self._last_seqno + 1
        lsn = self.wal.append(seqno, encode_operations(operations))
        self._last_seqno = seqno
        ticket = CommitTicket(seqno, lsn)
        self._pending.append(ticket)
        return ticket

    def _publish(self, ticket: CommitTicket) -> None:
        assert ticket.seqno > self.read_seqno, (ticket.seqno, self.read_seqno)  # I1
        tx = ticket.tx
        if tx is not None:
            for shard, writes in tx.writes.items():
                shard.publish(tx.id, writes, ticket.seqno)
                if shard.row_count >= shard.stall_look_at:
                    self.stall.look(shard)
            for shard_id, state in ticket.states.items():
                self.set_state(shard_id, state)
            for shard_id in ticket.dropped:
                self.forget_shard(shard_id)
        if ticket.catalog is not None:
            self.history.note_catalog(ticket.seqno, self.catalog, ticket.catalog)
            self.catalog = ticket.catalog
            self._follow_catalog()
        self.read_seqno = ticket.seqno
        self._visible_lsn = ticket.lsn
        ticket.done = True
        if tx is not None:
            self.locks.end(tx.owner, tx.id)

    def _shard_operations(
        self, shard: Shard, writes: ShardWrites, catalog: Catalog
    ) -> list[Operation]:
        gone = shard.shard_id in self._doomed or shard.table_oid not in catalog.relations
        if gone and (writes.ranges or writes.deleted):
            raise SerializationFailure("could not serialize access due to concurrent update")
        return write_operations(shard, writes)

    def _is_of(self, shard: Shard, tx: Transaction) -> bool:
        """Whether a shard's creation is logged with this commit."""
        return shard in tx.writes or shard.shard_id in tx.shard_changes.created

    def _committed_catalog(self, tx: Transaction) -> Catalog:
        current = self._appended_catalog
        if tx.catalog is tx.base_catalog:
            return current
        catalog = merged(tx.base_catalog, tx.catalog, current)
        next_oid = max(catalog.next_oid, current.next_oid)
        version = max(catalog.version, current.version + 1)
        return replace(catalog, next_oid=next_oid, version=version)

    def take_oids(self, first: int, end: int) -> int:
        """Gives out the oids from first on, if nobody else has them: the first that is free, which is then
        the one that was asked for."""
        with self.lock:
            free = max(self._next_oid, self._appended_catalog.next_oid)
            self._next_oid = free if first < free else end
            return max(first, free)

    def _dropped_shards(self, tx: Transaction, catalog: Catalog) -> tuple[int, ...]:
        """Shards of dropped tables, and those that a TRUNCATE left without a row anybody else
        wrote.
        """
        dropped = {i for i in tx.shard_changes.dropped if self.is_known(i)}
        for oid, shard_ids in self._tenants.items():
            if oid not in catalog.relations and oid in self._appended_catalog.relations:
                dropped.update(shard_ids.values())
        for shard, writes in tx.writes.items():
            unseen = shard.times.changed_at > tx.snapshot_seqno or not shard.only_user(tx.id)
            unseen = unseen or len(self._transactions) > 1  # others may see its rows
            unseen = unseen or self.history.retention_us > 0
            if writes.truncated and not writes.ranges and not unseen:
                dropped.add(shard.shard_id)
        return tuple(sorted(dropped))

    # ------------------------------------------------------------ shards

    @overload
    def shard(self, table_oid: int, tenant: str = "") -> Shard | None: ...

    @overload
    def shard(self, table_oid: int, tenant: str = "", *, create: Literal[True]) -> Shard: ...

    def shard(self, table_oid: int, tenant: str = "", *, create: bool = False) -> Shard | None:
        """The shard of a table and tenant; opened, or made, when needed."""
        with self.lock:
            shard_id = self._tenants.get(table_oid, {}).get(tenant)
            if shard_id is not None and not (create and shard_id in self._doomed):
                return self.shard_by_id(shard_id)
            if not create:
                return None
            self.check_writable()
            if shard_id is not None:
                raise SerializationFailure("could not serialize access due to concurrent update")
            return self.make_shard(ShardFiles(self._next_shard, table_oid, tenant))

    def shards(self, table_oid: int) -> list[Shard]:
        """Every shard of a table, by tenant."""
        with self.lock:
            tenants = self._tenants.get(table_oid, {})
            return [self.shard_by_id(tenants[tenant]) for tenant in sorted(tenants)]

    def each_shard(self, table_oid: int) -> Iterator[Shard]:
        """Every shard of a table, by tenant, each opened when it is its turn: whoever keeps none of them
        has few open at a time.
        """
        for tenant in self.tenants(table_oid):
            shard = self.shard(table_oid, tenant)
            if shard is not None:
                yield shard

    def tenants(self, table_oid: int) -> list[str]:
        """The tenants of a table, without opening their shards."""
        with self.lock:
            return sorted(self._tenants.get(table_oid, {}))

    def shard_id(self, table_oid: int, tenant: str) -> int | None:
        """Which shard a tenant has, without opening it; one that is not committed is none."""
        with self.lock:
            found = self._tenants.get(table_oid, {}).get(tenant)
            return None if found is None or found in self._made or found in self._doomed else found

    def shard_ids(self, table_oid: int) -> dict[str, int]:
        """The committed tenants of a table, and their shards."""
        with self.lock:
            found = self._tenants.get(table_oid, {}).items()
            return {tenant: i for tenant, i in found if i not in self._made}

    def is_created(self, shard_id: int) -> bool:
        """Whether an open transaction is to create the shard."""
        return any(shard_id in tx.shard_changes.created for tx in self._transactions.values())

    def is_known(self, shard_id: int) -> bool:
        return shard_id in self.open_shards or shard_id in self.known_shards

    def files_of(self, shard_id: int) -> ShardFiles:
        """What there is of a shard that is_known, as of when it was last written."""
        shard = self.open_shards.get(shard_id)
        return self.known_shards[shard_id] if shard is None else shard.directory.files

    def shard_by_id(self, shard_id: int) -> Shard:
        """The shard, opened when needed. ObjectNotInState (55000) when its tenant is not
        active and the table wants that said.
        """
        with self.lock:
            shard = self.open_shards.get(shard_id)
            if shard is None or shard.resting:
                shard = self._wake(shard_id)
            shard.used = True
            return shard

    def _wake(self, shard_id: int) -> Shard:
        files = self.files_of(shard_id)
        if files.state != ACTIVE and not self._recovering:
            tenants.check_activation(self, files)
            self.set_state(shard_id, ACTIVE)
        shard = self.open_shards.get(shard_id)
        if shard is None:
            idle.make_room(self)
            offload.fetch(self, shard_id)
            shard = self._open_shard(self.known_shards[shard_id])
            shard.logged = True
            try:
                self._attach_indexes(shard)
            except DatabaseError:
                del self.open_shards[shard_id]
                raise
            del self.known_shards[shard_id]
        return shard

    def holds(self, shard: Shard) -> bool:
        """Whether it is still the one that its id stands for: neither dropped nor written anew."""
        return self.open_shards.get(shard.shard_id) is shard

    def open_copy(self, files: ShardFiles) -> Shard:
        """A shard as the files have it, which nobody finds."""
        shard = self._shard_of(files)
        shard.logged = True
        self._attach_indexes(shard)
        return shard

    def is_doomed(self, shard: Shard) -> bool:
        """Whether its dropping is appended."""
        return shard.shard_id in self._doomed

    def set_state(self, shard_id: int, state: str) -> None:
        """What a tenant is to be from now on; the next manifest edit about the shard says so. A shard whose
        tenant is not active is closed when nobody needs it.
        """
        if not self.is_known(shard_id):
            return
        files = replace(self.files_of(shard_id), state=state)
        self.to_offload.discard(shard_id)
        if state == OFFLOADED:
            self.to_offload.add(shard_id)
        shard = self.open_shards.get(shard_id)
        if shard is None:
            self.known_shards[shard_id] = files
        else:
            shard.directory.files = files
            shard.resting = state != ACTIVE

    def make_shard(self, files: ShardFiles, *, logged: bool = False) -> Shard:
        """A new, empty shard; logged: the log knows it already."""
        self.take_shard_id(files.shard_id)
        shard = self._open_shard(files)
        shard.logged = logged
        if not logged:
            self._made.add(files.shard_id)
        self.enter_shard(files)
        self._attach_indexes(shard)
        return shard

    def take_shard_id(self, shard_id: int) -> None:
        """A shard id is never used twice."""
        self._next_shard = max(self._next_shard, shard_id + 1)

    def enter_shard(self, files: ShardFiles) -> None:
        """Make a shard findable."""
        self._tenants.setdefault(files.table_oid, {})[files.tenant] = files.shard_id

    def forget_shard(self, shard_id: int) -> None:
        """Drop a shard. Its files go with the next manifest edit, or at once if none names them."""
        shard = self.open_shards.pop(shard_id, None)
        self._made.discard(shard_id)
        files = self.known_shards.pop(shard_id, None) or (shard.directory.files if shard else None)
        self._doomed.discard(shard_id)
        self.to_offload.discard(shard_id)
        self.used_at.pop(shard_id, None)
        if files is None:
            return
        tenants = self._tenants.get(files.table_oid, {})
        if tenants.get(files.tenant) == shard_id:
            del tenants[files.tenant]
        if not tenants:
            self._tenants.pop(files.table_oid, None)
        if shard is not None:
            self.remove(sorted(shard.file_names() - set(files.names())))

    def _open_shard(self, files: ShardFiles) -> Shard:
        shard = self._shard_of(files)
        self.open_shards[files.shard_id] = shard
        return shard

    def _shard_of(self, files: ShardFiles) -> Shard:
        directory = ShardDirectory(
            self.vfs, self.settings, files, self.next_file, lambda: self.catalog, self.index_values,
            self.horizon, lambda: self.shards(files.table_oid),
        )
        columns = ShardColumns(
            fills=self.fills_of(files.table_oid),
            filter_text_bytes_max=self.settings.filter_text_bytes_max,
        )
        table = self.catalog.relations.get(files.table_oid)
        if isinstance(table, Table):
            columns.learn(table)
        return open_shard(directory, self.lock, columns)

    def _attach_indexes(self, shard: Shard) -> None:
        table = self.catalog.relations.get(shard.table_oid)
        if isinstance(table, Table):
            self._open_indexes(shard, table)

    def _open_indexes(self, shard: Shard, table: Table) -> None:
        indexes = self.catalog.indexes(table.oid)
        open_texts(shard, indexes)
        if not self._recovering:  # a graph speaks of rows that are in the log
            open_graphs(shard, table, indexes)

    # ------------------------------------------------------------ catalog

    def _follow_catalog(self) -> None:
        """Bring the open shards in line with a newly committed catalog."""
        changing = [tx for tx in self._transactions.values() if tx.catalog is not tx.base_catalog]
        for shard in self.open_shards.values():
            table = self.catalog.relations.get(shard.table_oid)
            if not isinstance(table, Table):
                continue  # created by an open transaction
            if not any(tx.changes_relation(table.oid) for tx in changing):
                shard.columns.learn(table)
            for oid in [oid for oid in shard.indexes if oid not in self.catalog.relations]:
                if not self._is_pending_index(oid):
                    shard.drop_index(oid)
            self._open_indexes(shard, table)

    def _is_pending_index(self, oid: int) -> bool:
        return any(oid in catalog.relations for catalog in self.catalogs())

    def catalogs(self) -> list[Catalog]:
        """The one that was committed last, and those that open transactions see."""
        return [self._appended_catalog, *(tx.catalog for tx in self._transactions.values())]

    def restore_columns(self, catalog: Catalog, writes: Mapping[Shard, ShardWrites]) -> None:
        """After DDL was undone: types and indexes are those of `catalog` again."""
        for shard in self.open_shards.values():
            table = catalog.relations.get(shard.table_oid)
            if isinstance(table, Table):
                if shard in writes:
                    shard.columns.learn(table)
                for oid in [oid for oid in shard.indexes if oid not in catalog.relations]:
                    if not self._is_pending_index(oid):
                        shard.drop_index(oid)

    def put_fill(self, table_oid: int, attnum: int, value: pa.Array) -> None:
        self.fills[table_oid, attnum] = value
        self._refresh_fills(table_oid)

    def drop_fill(self, table_oid: int, attnum: int) -> None:
        self.fills.pop((table_oid, attnum), None)
        self._refresh_fills(table_oid)

    def _refresh_fills(self, table_oid: int) -> None:
        for shard in self.open_shards.values():
            if shard.table_oid == table_oid:
                shard.columns.fills = self.fills_of(table_oid)
                shard.forget_parts()

    def fills_of(self, table_oid: int) -> dict[int, pa.Array]:
        return {attnum: value for (oid, attnum), value in self.fills.items() if oid == table_oid}

    # ------------------------------------------------------------ sequences

    def next_value(self, sequence: Sequence) -> int:
        """nextval: SequenceLimitExceeded (2200H) at its end."""
        with self.lock:
            self.check_writable()
            before = self.sequences.state(sequence.count_oid)
            value, logged = self.sequences.next_value(sequence)
            if logged is not None:
                self._log_sequence(sequence.count_oid, logged, before)
            return value

    def set_value(self, sequence: Sequence, value: int, is_called: bool = True) -> None:
        """setval: NumericValueOutOfRange (22003) outside its bounds."""
        with self.lock:
            self.check_writable()
            before = self.sequences.state(sequence.count_oid)
            logged = self.sequences.set_value(sequence, value, is_called)
            self._log_sequence(sequence.count_oid, logged, before)

    def _log_sequence(self, oid: int, logged: SequenceValue, before: SequenceState) -> None:
        try:
            self._append([SetSequence(oid, logged.last_value, logged.is_called)])
        except DatabaseError:
            self.sequences.restore(oid, before)
            raise

    def sequence_value(self, sequence: Sequence) -> SequenceValue:
        """last_value and is_called, as SELECT from the sequence shows them."""
        with self.lock:
            return self.sequences.value(sequence)

    # ------------------------------------------------------------ upkeep

    def jobs(self, *, every: bool = True) -> list[jobs.Job]:
        """What is worth doing now, most urgent first; or what has come up of late, among thousands of shards
        the cheaper question.
        """
        return jobs.pending_jobs(self, every=every)

    def index_queue(self) -> list[QueuedIndex]:
        """How far the graphs of the open shards are linked."""
        return jobs.index_queue(self)

    def index_recall(self) -> list[IndexRecall]:
        """How well the graphs of the open shards answer."""
        return jobs.index_recall(self)

    def index_memory(self) -> list[IndexMemory]:
        """What the graphs of the open shards hold in memory."""
        return jobs.index_memory(self)

    def flush(self) -> None:
        """Write every memtable to segments, snapshot the graphs, shorten the log: CHECKPOINT."""
        checkpoint.flush_all(self, save_graphs=True)

    def disk_bytes(self) -> int:
        """Bytes of all files of the database."""
        names = [f"{d}/{n}" for d in ("data", WAL_DIRECTORY) for n in self.vfs.list(d)]
        return sum(self.vfs.size(name) for name in names)

    def remove_blobs(self) -> None:
        """For who is about to remove the directory: what lies elsewhere."""
        for files in self.manifest.version.shards.values():
            offload.remove(self, files)

    @property
    def failure(self) -> DatabaseError | None:
        """Why the store takes no writes any more; None while it does."""
        return self.wal.failure or self.manifest.failure

    def fail(self, error: DatabaseError) -> None:
        """Take no writes any more."""
        self.manifest.failure = self.manifest.failure or error

    def check_writable(self) -> None:
        """DiskFull or IoError when the store takes no writes now."""
        failure = self.failure
        if failure is not None:
            error = type(failure)("database is closed to writes after an earlier file system error")
            error.detail = failure.message
            raise error
        self.disk.check()

    def horizon(self) -> int:
        """Nobody looks further back than this, neither an open transaction nor AS OF a time: rows that ended
        by then can go. Who takes them away asks reclaim_horizon()."""
        seqnos = [self.oldest_reader()]
        if (first := self.history.first_seqno(self.clock.now_us())) is not None:
            seqnos.append(first)
        return min(seqnos)

    def oldest_reader(self) -> int:
        """No open transaction looks further back than this."""
        seqnos = [tx.oldest_seqno for tx in self._transactions.values()]
        return min([*seqnos, self.read_seqno])

    def reclaim_horizon(self) -> int:
        """The horizon, behind which rows are taken away now. The caller's manifest edit says so; without one
        of its own it calls save_horizon() before."""
        with self.lock:
            horizon = self.horizon()
            self.history.start = max(self.history.start, horizon)
            return horizon

    def save_horizon(self) -> None:
        """Have the manifest say what snapshots are not whole any more."""
        with self.lock:
            if self.manifest.version.history < self.history.start:
                self.install(self.manifest.version)

    def travel(self, tx: Transaction, time_us: int) -> None:
        """Make the transaction's snapshot that of a time in the past."""
        with self.lock:
            tx.snapshot_seqno = self._seqno_at(time_us)

    def past(self, tx: Transaction, time_us: int) -> Past:
        """The snapshot of a time in the past, kept whole until the transaction ends."""
        with self.lock:
            seqno = self._seqno_at(time_us)
            tx.keep(seqno)
            return Past(0, seqno, {}, tx.catalog, NO_CHANGES)

    def _seqno_at(self, time_us: int) -> int:
        """The newest commit that was not later; none that is visible later will be."""
        now_us = max(self.clock.now_us(), self.history.last_us)
        self.history.check_time(time_us, now_us)
        if self._pending and self._pending[0].time_us <= time_us and self.failure is None:
            self.sync()
            self.publish()
        self.history.close(time_us)
        return self.history.seqno_at(time_us)

    def next_file(self) -> int:
        with self.lock:
            self._next_file += 1
            return self._next_file - 1

    def end(self, tx: Transaction) -> None:
        """Called by a transaction that was rolled back."""
        self.serializable.abort(tx.id)
        self._close(tx)
        self._undo_catalog(tx)
        self.locks.end(tx.owner, tx.id)

    def _undo_catalog(self, tx: Transaction) -> None:
        if tx.catalog is tx.base_catalog:
            return
        # Oids that an aborted transaction gave out are not given again: sequences count by them.
        next_oid = tx.catalog.next_oid
        same = self._appended_catalog is self.catalog
        if next_oid > self.catalog.next_oid:
            self.catalog = replace(self.catalog, next_oid=next_oid)
        if same:
            self._appended_catalog = self.catalog
        elif next_oid > self._appended_catalog.next_oid:
            self._appended_catalog = replace(self._appended_catalog, next_oid=next_oid)
        self.restore_columns(self.catalog, tx.writes)
        for oid in [o for o in self._tenants if o in tx.catalog.relations]:
            if not self._is_pending_index(oid) and oid not in self.catalog.relations:
                for shard_id in list(self._tenants[oid].values()):
                    self.forget_shard(shard_id)

    def _close(self, tx: Transaction) -> None:
        tx.closed = True
        self._transactions.pop(tx.id, None)

    def install(self, version: Version) -> None:
        """Make a version current, and remove the files that it no longer names. Files speak of
        durable commits only.
        """
        self.sync()
        before = self.manifest.version
        version = replace(
            version,
            next_file=self._next_file,
            next_shard=self._next_shard,
            history=self.history.start,
        )
        self.manifest.apply(version)
        if before.times and before.times != version.times:
            self.remove([before.times])
        for shard_id, files in before.shards.items():
            after = version.shards.get(shard_id)
            if after is not files:
                kept = set(after.names()) if after is not None else set()
                self.remove(sorted(set(files.names()) - kept))
                if files.offloaded and (after is None or not after.offloaded):
                    offload.remove(self, files)

    def discard(self, names: Iterable[str]) -> None:
        """Remove files that were written in vain, unless the manifest may name them."""
        names = list(names)
        if names and self.manifest.failure is None:
            named = self.manifest.version.names()
            self.remove(name for name in names if name not in named)

    def remove(self, names: Iterable[str]) -> None:
        """What cannot be removed is an orphan, which the next opening removes."""
        for name in names:
            with suppress(DatabaseError):
                self.vfs.remove(name)

    def restore(self, version: Version) -> None:
        """Take over what the manifest says; recovery's first step."""
        self.catalog = self._appended_catalog = version.catalog
        self.read_seqno = self._last_seqno = version.seqno
        self._next_file, self._next_shard = version.next_file, version.next_shard
        self.sequences = Sequences(version.sequences, self.settings.sequence_ahead)
        self.history.load(self.vfs, version.times, version.history, version.changes)
        self.known_shards = dict(version.shards)
        self.identity = version.identity
        for files in version.shards.values():
            self.enter_shard(files)
            if files.state == OFFLOADED and not files.offloaded:
                self.to_offload.add(files.shard_id)

    def replayed(self, seqno: int, catalog: Catalog) -> None:
        """Recovery has applied the entry of a seqno."""
        assert seqno > self.read_seqno, (seqno, self.read_seqno)  # I1
        self.read_seqno = self._last_seqno = seqno
        self.history.note_catalog(seqno, self.catalog, catalog)
        self.catalog = self._appended_catalog = catalog

    def indexes_follow(self) -> None:
        """Recovery's last step: open the indexes of the shards that it touched."""
        self._recovering = False
        self.history.begin(self.read_seqno, self.clock.now_us())
        self._follow_catalog()
