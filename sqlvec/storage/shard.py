"""Shard: the rows of one table, or of one tenant of it, addressed by row id.

    segments   rows [0, flushed)            files, immutable
    memtable   rows [flushed, row_count)    growing columns
    times      begin and end of every row   visibility
    vectors    one file per vector(n) column, by row id
    indexes    HNSW graphs and BM25 postings over row ids

A shard is opened when it is first used. Changes happen under the store's lock. Readers take what
they need as values: parts() is a tuple of immutable parts, visible() an immutable row set,
vectors() a view; row ids that a row set does not hold are never looked at, so rows that are added
meanwhile do not matter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Catalog, Index, Table
from sqlvec.index.bm25 import Bm25Index, PostingIndex
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.row_set import RowSet
from sqlvec.storage.batch import RowBatch, one_vector, row_batch
from sqlvec.storage.growing import RowIds
from sqlvec.storage.index_rows import IndexRows, IndexView, has_own_rows
from sqlvec.storage.key_search import KeySearch
from sqlvec.storage.memtable import Memtable
from sqlvec.storage.part import Part, ShardColumns
from sqlvec.storage.records import InsertRow
from sqlvec.storage.row_claims import RowClaims
from sqlvec.storage.row_image import RowLayout, row_layout
from sqlvec.storage.segment import Segment
from sqlvec.storage.vectors import VectorBatch, VectorView
from sqlvec.storage.visibility import ABORTED, LIVE, RowTimes

if TYPE_CHECKING:
    from sqlvec.storage.graph_cleanup import Cleanup
    from sqlvec.storage.link_log import LinkLog
    from sqlvec.storage.shard_files import ShardDirectory
    from sqlvec.storage.transaction import Newest, ShardWrites, Transaction

@dataclass(slots=True)
class RewriteWait:
    """When the shard may be written anew: not before `until`, the clock's seconds; and how long to wait after
    the next vain attempt."""

    until: float = 0.0
    delay: float = 1.0


GATHER_ROWS_SMALL = 64  # up to here rows are read one by one, above by columns


class Shard:
    """See the module. Made by shard_files.open_shard, which knows the files."""

    def __init__(self, directory: ShardDirectory, lock: RLock, columns: ShardColumns) -> None:
        self.directory = directory
        self.shard_id = directory.files.shard_id
        self.table_oid = directory.files.table_oid
        self.tenant = directory.files.tenant
        self.lock = lock
        self.columns = columns
        self.times = RowTimes()
        self.segments: tuple[Segment, ...] = ()
        self.memtable = Memtable(0, directory.settings.block_bytes_max)
        self.indexes: dict[int, HnswGraph | PostingIndex] = {}
        self.index_rows: dict[int, IndexRows] = {}
        self._indexed: dict[int, tuple[Index, Table]] = {}  # what their values are computed by
        self.definitions: dict[int, Index] = {}
        self.keys = KeySearch(self)
        self.logged = bool(directory.files.segments)  # the log or manifest knows that it exists
        self.link_lock = RLock()  # one linking thread per shard
        self.link_logs: dict[int, LinkLog] = {}  # of graphs whose links are in files
        self.cleanups: dict[int, Cleanup] = {}  # the last pass over a graph
        self.deleted = 0  # rows that were committed and deleted
        self.aborted = 0  # rows that were never committed
        self.retired = False  # written anew: another shard stands for it
        self.rewrite = RewriteWait()
        self.stall_look_at = 0  # how many rows there are when the write stall looks next
        self.unsaved_deletes = False  # ends of segment rows that no file has
        self._parts: tuple[Part, ...] | None = ()
        self.claims = RowClaims()
        self._catalog: Catalog | None = None  # the one whose DDL this shard has followed
        self._layout: tuple[Catalog, object, RowLayout | None] | None = None
        self._text_places: list[tuple[int, list[int]]] = []  # BM25 indexes, their columns' places
        self.used = True  # since somebody last looked
        self.used_at = 0  # when that was noticed, in microseconds since 1970
        self.busy = False  # had jobs when it was last looked at
        self.resting = False  # its tenant is not active; to be closed
        self._open: dict[int, tuple[int, ShardWrites]] = {}  # by transaction id: its first row here

    # ------------------------------------------------------------ reading

    @property
    def live_rows(self) -> int:
        """Rows that the newest snapshot sees."""
        return self.times.visible(self.times.changed_at).count

    @property
    def row_count(self) -> int:
        """Row ids in use are [0, row_count), dead and uncommitted ones included."""
        return self.times.row_count

    def visible(self, at: Transaction | Newest | int) -> RowSet:
        """The rows of a snapshot; for a transaction with what it wrote itself."""
        with self.lock:
            if isinstance(at, int):
                return self.times.visible(at)
            if self.shard_id in at.shard_changes.dropped:
                return RowSet.empty(self.row_count)
            committed = self.times.visible(at.snapshot_seqno)
            writes = at.writes.get(self)
            return committed if writes is None else writes.overlay(committed)

    def sees(self, row_id: int, tx: Transaction | Newest) -> bool:
        """Whether one row is visible to the transaction."""
        if self.shard_id in tx.shard_changes.dropped:
            return False
        writes = tx.writes.get(self)
        if writes is not None and writes.changes:
            if self.claims.holder(row_id) == tx.id:
                return False
            if writes.holds(row_id):
                return True
        return self.times.sees(row_id, tx.snapshot_seqno)

    def parts(self) -> tuple[Part, ...]:
        """Every row in row-id order: segments, then the memtable's blocks."""
        parts = self._parts
        if parts is None:
            with self.lock:
                parts = (*self.segments, *self.memtable.parts(self.columns))
                self._parts = parts
        return parts

    def gather(self, attnum: int, row_ids: RowIds) -> list[Any]:
        """Datums of a column, in the order of the row ids; vectors as f32[dims]."""
        parts = self.parts()
        vector = self.columns.vector(attnum)
        ids: list[int] = row_ids.tolist()
        if vector is not None:
            return self.columns.datums(vector, attnum, ids)
        if len(parts) == 1:
            return parts[0].read(attnum, [row - parts[0].low for row in ids])
        values: list[Any] = [None] * len(ids)
        if len(ids) > GATHER_ROWS_SMALL:
            for part, positions, offsets in _by_part(parts, row_ids):
                _scatter(values, positions.tolist(), part.read(attnum, offsets.tolist()))
            return values
        lows = [part.low for part in parts]
        groups: dict[int, tuple[list[int], list[int]]] = {}
        for position, row in enumerate(ids):
            owner = bisect_right(lows, row) - 1
            places, rows = groups.setdefault(owner, ([], []))
            places.append(position)
            rows.append(row - lows[owner])
        for owner, (places, rows) in groups.items():
            _scatter(values, places, parts[owner].read(attnum, rows))
        return values

    def take(self, attnums: Sequence[int], rows: RowSet | RowIds) -> pa.Table:
        """Columns, named by attnum, of the rows in the order given; of a RowSet a chunk for each part, and
        without a copy where its rows follow one another."""
        order = None
        if isinstance(rows, RowSet):
            groups = list(_ascending_by_part(self.parts(), rows))
        else:
            found = _by_part(self.parts(), np.ascontiguousarray(rows, np.int64))
            groups = [(part, offsets) for part, _, offsets in found]
            if len(groups) > 1:
                places = np.concatenate([positions for _, positions, _ in found])
                order = pa.array(np.argsort(places))
        arrays = [self._take_column(attnum, groups, order) for attnum in attnums]
        return pa.table(arrays, names=[str(attnum) for attnum in attnums])

    def take_pieces(
        self, attnums: Sequence[int], rows: RowSet, size: int
    ) -> Iterator[tuple[list[pa.Array], int]]:
        """take() of a RowSet, in pieces of at most size rows: the columns' arrays, and the number of rows."""
        for part, offsets in _ascending_by_part(self.parts(), rows):
            for low in range(0, len(offsets), size):
                piece = offsets[low : low + size]
                yield [_take(part, attnum, piece) for attnum in attnums], len(piece)

    def _take_column(
        self, attnum: int, groups: list[tuple[Part, RowIds | range]], order: pa.Array | None
    ) -> pa.Array | pa.ChunkedArray:
        if not groups:
            return self.columns.missing(attnum, 0)
        taken = [_take(part, attnum, offsets) for part, offsets in groups]
        if len(taken) == 1:
            return taken[0]
        return pa.chunked_array(taken) if order is None else pa.concat_arrays(taken).take(order)

    def vectors(self, attnum: int) -> VectorView:
        """The vectors of a vector(n) column, f32[row_count, padded]."""
        with self.lock:
            vector = self.columns.vector(attnum)
            if vector is None:
                vector = self.directory.make_vectors(self.columns, attnum)
            return vector.view(self.row_count)

    def find_key(
        self, attnums: Sequence[int], values: Sequence[Any], tx: Transaction | Newest
    ) -> int | None:
        """The row with this key that the transaction sees; a null equals nothing."""
        return self.keys.find(tuple(attnums), values, tx)

    def find_keys(
        self, attnums: Sequence[int], columns: Sequence[pa.Array], tx: Transaction
    ) -> RowIds:
        """find_key for many: i64[rows], -1 where there is none."""
        return self.keys.find_many(tuple(attnums), columns, tx)

    def find_conflict(
        self, attnums: Sequence[int], values: Sequence[Any], tx: Transaction
    ) -> int | None:
        """The row that keeps the transaction from writing this key, seen by it or not. LockWait when that
        depends on another open transaction."""
        return self.keys.find_conflict(tuple(attnums), values, tx)

    def find_key_rows(
        self, attnums: Sequence[int], columns: Sequence[pa.Array], at: Transaction | Newest
    ) -> RowIds:
        """Every row that has one of the keys, ascending."""
        return np.unique(self.keys.find_all(tuple(attnums), columns, at)[1])

    def has_duplicates(
        self, attnums: Sequence[int], columns: Sequence[pa.Array], tx: Transaction
    ) -> bool:
        """Whether one of the keys is visible already, or twice among them. May err towards True."""
        return self.keys.has_duplicates(tuple(attnums), columns, tx)

    def index(self, index_oid: int) -> HnswGraph | PostingIndex | None:
        return self.indexes.get(index_oid)

    def text_index(self, index_oid: int) -> Bm25Index | None:
        index = self.indexes.get(index_oid)
        assert index is None or isinstance(index, Bm25Index), index_oid
        return index

    def disk_bytes(self) -> int:
        return self.directory.disk_bytes()

    def memory_bytes(self) -> int:
        """What would be free if it were closed, about; mapped files are the file system's."""
        arrays = [self.times.begins, self.times.ends, self.claims.holders, self.claims.successors]
        texts = (i for i in self.indexes.values() if isinstance(i, PostingIndex))
        return (
            sum(array.nbytes for array in arrays)
            + self.memtable.bytes
            + sum(index.memory_bytes for index in texts)
        )

    def writes_of(self, tx: Transaction) -> ShardWrites | None:
        """What an open transaction did here."""
        return tx.writes.get(self)

    # ------------------------------------------------------------ writing, by Transaction

    def insert(self, tx: Transaction, table: Table, given: Mapping[int, Any]) -> tuple[int, int]:
        """Add uncommitted rows; returns the first row id and the number of rows."""
        batch = row_batch(table, given)
        self._prepare(tx, table)
        hashes = self.keys.check(batch, table, tx)
        dropped = []
        if tx.catalog is not tx.base_catalog:  # else an index that it does not know is being built
            known = (*self.index_rows, *self.indexes)
            dropped = [oid for oid in known if oid not in tx.catalog.relations]
        first = self.append(batch, dropped)
        self.keys.add(hashes, first)
        return first, batch.row_count

    def insert_row(
        self, tx: Transaction, table: Table, datums: Sequence[Any]
    ) -> InsertRow | None:
        """insert() of one row that is not an Arrow batch first; None when something needs it to be."""
        self._prepare(tx, table)
        layout = self._layout_of(table, tx.catalog)
        if layout is None:
            return None
        hashes = self.keys.check_row(datums, table, tx)
        values = layout.encode(datums)
        row_id = self.row_count
        vectors = [
            (self.directory.vectors_for(self.columns, attnum, dims), datums[place], dims)
            for place, attnum, dims in layout.vectors
        ]
        for vector, _, _ in vectors:
            vector.reserve(row_id + 1)  # may find the disk full: nothing has changed yet
        low = self.memtable.append_row(layout, values)
        assert low == row_id, (low, row_id)
        for vector, datum, dims in vectors:
            vector.write(row_id, one_vector(datum, dims))
        for oid, places in self._text_places:
            index = self.indexes[oid]
            assert isinstance(index, Bm25Index), oid
            index.add(row_id, [[datums[place]] for place in places])
        self.times.append(1)
        self._parts = None
        for keys, key_hash in hashes:
            keys.add_one(key_hash, row_id)
        return InsertRow(self.shard_id, row_id, layout, values)

    def _layout_of(self, table: Table, catalog: Catalog) -> RowLayout | None:
        """How a row of the table becomes bytes; None where a type or an index asks for Arrow."""
        known = self._layout
        if known is None or known[0] is not catalog or known[1] is not self.indexes:
            places = {c.attnum: place for place, c in enumerate(table.live_columns)}
            self._text_places = [
                (oid, [places[attnum] for attnum in self.definitions[oid].fields(table)])
                for oid, index in self.indexes.items()
                if isinstance(index, Bm25Index)
                and all(attnum in places for attnum in self.definitions[oid].fields(table))
            ]
            plain = all(
                oid in catalog.relations
                and (isinstance(index, HnswGraph) or oid in dict(self._text_places))
                for oid, index in self.indexes.items()
            )
            layout = row_layout(table) if plain and not self.index_rows else None
            known = self._layout = (catalog, self.indexes, layout)
        return known[2]

    def _prepare(self, tx: Transaction, table: Table) -> None:
        """Follow the transaction's own DDL: columns and indexes that are not committed yet."""
        if self._catalog is tx.catalog:
            return
        self.columns.learn(table)
        for index in tx.catalog.indexes(table.oid):
            if index.oid not in self.indexes:
                self.add_index(index, table)
        self._catalog = tx.catalog

    def append(self, batch: RowBatch, dropped: Sequence[int] = ()) -> int:
        """Add rows with begin UNCOMMITTED; also recovery's way in. dropped: indexes that the transaction
        has dropped, and that may not know these rows' types."""
        first, end = self.row_count, self.row_count + batch.row_count
        vectors = {
            attnum: self.directory.vectors_for(self.columns, attnum, values.vectors.shape[1])
            for attnum, values in batch.vectors.items()
        }
        for vector in vectors.values():
            vector.reserve(end)  # may find the disk full: nothing has changed yet
        indexed = {
            oid: self._index_values(oid, batch.present_column, batch.row_count)
            for oid in self.index_rows
            if oid not in dropped
        }
        posted = {
            oid: [[None] * batch.row_count] * index.fields
            if oid in dropped
            else self._texts(self.definitions[oid], batch.present_column, batch.row_count)
            for oid, index in self.indexes.items()
            if isinstance(index, PostingIndex)
        }
        low = self.memtable.append(batch.columns, batch.types, batch.row_count)
        assert low == first, (low, first)
        for attnum, vector in vectors.items():
            vector.write(first, batch.vectors[attnum])
        for oid, texts in posted.items():
            index = self.indexes[oid]
            assert isinstance(index, PostingIndex), oid
            index.add(first, texts)
        for oid, rows in self.index_rows.items():
            rows.add(indexed.get(oid) or [None] * batch.row_count)
        self.times.append(batch.row_count)
        self._parts = None
        return first

    def skip_to(self, row_id: int) -> None:
        """Make `row_id` the next one; recovery's way over row ids that nobody has."""
        first, count = self.row_count, row_id - self.row_count
        if count <= 0:
            return
        self.memtable.skip(row_id)
        for index in self.indexes.values():
            if isinstance(index, PostingIndex):
                index.add(first, [[None] * count for _ in range(index.fields)])
        for rows in self.index_rows.values():
            rows.add([None] * count)
        self.times.append(count, begin=ABORTED)
        self.aborted += count
        self._parts = None

    def take_times(self, begins: RowIds, ends: RowIds) -> None:
        """When the rows begin and end, all of them, as files or another shard have it."""
        self.times = RowTimes(begins, ends)
        self.deleted = int(np.count_nonzero((begins < ABORTED) & (ends != LIVE)))
        self.aborted = int(np.count_nonzero(begins == ABORTED))

    def forget_parts(self) -> None:
        """Have the parts made anew: what their columns answer has changed."""
        self._parts = None

    def hold(self, tx_id: int, row_ids: RowIds) -> RowIds:
        """Claim rows for deletion; returns those not already claimed by the same transaction."""
        return self.claims.hold(tx_id, row_ids, self.row_count)

    def release(self, deleted: Sequence[RowIds]) -> None:
        for row_ids in deleted:
            self.claims.release(row_ids)

    def abort_rows(self, ranges: Sequence[tuple[int, int]]) -> None:
        for low, high in ranges:
            self.times.abort(low, high)
            self.aborted += high - low

    def open_rows(self, tx_id: int, writes: ShardWrites) -> None:
        """Note from which row on the transaction has rows here."""
        self._open[tx_id] = (writes.ranges[0][0] if writes.ranges else self.row_count, writes)

    def close_rows(self, tx_id: int) -> None:
        self._open.pop(tx_id, None)

    def publish(self, tx_id: int, writes: ShardWrites, seqno: int) -> None:
        """Make a transaction's rows begin and its deleted rows end."""
        for low, high in writes.ranges:
            self.times.begin(low, high, seqno)
        deleted = writes.deleted_ids()
        if len(deleted):
            self.times.end(deleted, seqno)
            self.release([deleted])
            self.note_deleted(deleted)
        self.close_rows(tx_id)

    def note_deleted(self, row_ids: RowIds) -> None:
        self.deleted += len(row_ids)
        if len(row_ids) and int(row_ids.min()) < self.memtable.low:
            self.unsaved_deletes = True

    @property
    def in_use(self) -> bool:
        """Whether an open transaction wrote here."""
        return bool(self._open)

    def only_user(self, tx_id: int) -> bool:
        return self._open.keys() <= {tx_id}

    @property
    def settled(self) -> int:
        """Rows below this are committed or dead: no open transaction can change that they began."""
        return min((first for first, _ in self._open.values()), default=self.row_count)

    def writer_of(self, row_id: int) -> int:
        """The open transaction that inserted the row."""
        return next(tx_id for tx_id, (_, w) in self._open.items() if w.holds(row_id))

    # ------------------------------------------------------------ versions, by flush and compaction

    def replace_parts(self, segments: tuple[Segment, ...], flushed: int) -> None:
        """Put segments in the place of what they were written from."""
        assert not segments or segments[-1].high == flushed, (segments[-1].high, flushed)
        self.segments = segments
        if flushed > self.memtable.low:
            self.memtable.forget_below(flushed)
            self.keys.forget_below(flushed)
        self._parts = None

    def file_names(self) -> set[str]:
        """Every file that it uses, those included that the manifest does not name."""
        names = {*self.directory.files.names(), *(v.name for v in self.columns.vectors.values())}
        return names | {name for rows in self.index_rows.values() if (name := rows.file_name())}

    def retire(self) -> None:
        """Another shard has taken its place: it is read by who holds it, and has no more jobs."""
        self.retired = True
        for links in self.link_logs.values():
            links.close()
        self.link_logs.clear()

    # ------------------------------------------------------------ indexes

    def add_index(self, index: Index, table: Table) -> None:
        """Begin an index at once: BM25 over the rows there are, HNSW empty. For few rows; index_build goes
        step by step."""
        with self.lock:
            self.columns.learn(table)
            made = self.directory.make_index(index, self)
            if made is None:
                return
            if isinstance(made, PostingIndex):
                for part in self.parts():
                    made.add(part.low, self.part_texts(index, part))
            else:
                self.add_index_rows(index)
            self.put_index(index, made)

    def put_index(
        self, index: Index, made: HnswGraph | PostingIndex, rows: IndexRows | None = None
    ) -> None:
        """In the place of one that was there, if any; what was logged of that is forgotten."""
        with self.lock:
            self.link_logs.pop(index.oid, None)
            self.cleanups.pop(index.oid, None)
            if rows is not None:
                self.index_rows[index.oid] = rows
            self.indexes = {**self.indexes, index.oid: made}
            self.definitions[index.oid] = index

    def part_texts(
        self, index: Index, part: Part, low: int = 0, high: int | None = None
    ) -> list[list[Any]]:
        """The text of each field of an index with postings, over the rows [low, high) of a part."""
        high = len(part) if high is None else min(high, len(part))
        present = self.times.begins[part.low + low : part.low + high] != ABORTED

        def column(attnum: int) -> pa.Array:
            return part.column_slice(attnum, low, high)

        return self._texts(index, column, high - low, present)

    def _texts(
        self,
        index: Index,
        column: Callable[[int], pa.Array],
        row_count: int,
        present: Any = None,
    ) -> list[list[Any]]:
        """Texts of columns, or the lexemes of the tsvector that a gin index is over."""
        table = self.columns.table
        assert table is not None, index.name
        if index.method == "gin":
            vectors = self.directory.index_values(index, table, column, row_count, present)
            return [[None if v is None else list(v.lexemes) for v in vectors]]
        return [column(attnum).to_pylist() for attnum in index.fields(table)]

    def add_index_rows(self, index: Index) -> None:
        """The values of a vector index whose rows are its own, over the rows there are."""
        if index.oid in self.index_rows:
            return
        rows = self.new_index_rows(index)
        if rows is None:
            return
        for part in self.parts():
            rows.add(self.part_values(index, part, 0, len(part)))
        self.index_rows[index.oid] = rows

    def new_index_rows(self, index: Index) -> IndexRows | None:
        """Room for the values of a vector index, if its rows are its own."""
        table = self.columns.table
        assert table is not None, index.name
        if not has_own_rows(index, table):
            return None
        self._indexed[index.oid] = (index, table)
        return self.directory.make_index_rows(index, self)

    def part_values(self, index: Index, part: Part, low: int, high: int) -> list[Any]:
        """What a vector index holds of the rows [low, high) of a part."""
        first, end = part.low + low, part.low + high
        begins, ends = self.times.begins[first:end], self.times.ends[first:end]
        alive = (ends > self.directory.horizon()) & (begins != ABORTED)

        def column(attnum: int) -> pa.Array:
            return part.column_slice(attnum, low, high)

        return self._index_values(index.oid, column, high - low, alive)

    def _index_values(
        self,
        index_oid: int,
        column: Callable[[int], pa.Array],
        row_count: int,
        alive: Any = None,
    ) -> list[Any]:
        index, table = self._indexed[index_oid]
        return self.directory.index_values(index, table, column, row_count, alive)

    def index_view(self, index_oid: int) -> VectorView | IndexView:
        """The rows of a vector index."""
        with self.lock:
            rows = self.index_rows.get(index_oid)
            if rows is not None:
                return rows.view(self.row_count)
            return self.vectors(self.definitions[index_oid].columns[0].attnum)

    def drop_index(self, index_oid: int) -> None:
        with self.lock:
            self.indexes = {oid: i for oid, i in self.indexes.items() if oid != index_oid}
            self.definitions.pop(index_oid, None)
            self._indexed.pop(index_oid, None)
            rows = self.index_rows.pop(index_oid, None)
            if rows is not None and rows.file_name():
                self.directory.vfs.remove(rows.file_name())
            self.link_logs.pop(index_oid, None)
            self.cleanups.pop(index_oid, None)

    def measure_recall(
        self, index_oid: int, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Compare answers of an HNSW graph with exact ones. Runs beside searches and linking."""
        graph = self.indexes.get(index_oid)
        if not isinstance(graph, HnswGraph):
            return
        with self.lock:
            view = self.index_view(index_oid)
            live = self.times.visible(self.times.changed_at) & view.present.extend(self.row_count)
        graph.recall.measure(graph, view.array, live, cancelled)

    def link_step(
        self, index_oid: int, budget: int | None = None, threads: int = 1, cancelled: Any = None
    ) -> int:
        """Link up to `budget` more rows into the HNSW graph of an index; returns how many are left to link."""
        graph = self.indexes.get(index_oid)
        if not isinstance(graph, HnswGraph):
            return 0
        return self.link_graph(graph, index_oid, budget, threads, cancelled)

    def link_graph(
        self,
        graph: HnswGraph,
        index_oid: int,
        budget: int | None,
        threads: int,
        cancelled: Callable[[], bool] | None,
    ) -> int:
        """The same with a graph that may take the place of the index's.

        Rows of open transactions wait. Runs beside searches; one thread links at a time.
        """
        with self.link_lock:
            with self.lock:
                upto = self.settled
                view = self.index_view(index_oid)
                begins = self.times.begins[graph.linked : upto]
                dead = np.flatnonzero(begins >= ABORTED) + graph.linked
            present = view.present
            if len(dead):
                present = present - RowSet.from_ids(dead.astype(np.int64), present.row_count)
            if graph.linked < upto:
                graph.link(
                    view.array,
                    upto,
                    present.words,
                    threads=threads,
                    budget=budget,
                    cancelled=cancelled,
                )
            return max(0, upto - graph.linked)


def _by_part(parts: Sequence[Part], row_ids: RowIds) -> list[tuple[Part, RowIds, RowIds]]:
    """(part, positions in row_ids, local offsets) of the parts that hold any of the rows."""
    if len(row_ids) == 0:
        return []
    lows = np.array([part.low for part in parts], np.int64)
    owners = np.searchsorted(lows, row_ids, side="right") - 1
    groups = []
    for owner in np.unique(owners).tolist():
        positions = np.flatnonzero(owners == owner).astype(np.int64)
        groups.append((parts[owner], positions, row_ids[positions] - parts[owner].low))
    return groups


def _ascending_by_part(
    parts: Sequence[Part], rows: RowSet
) -> Iterator[tuple[Part, RowIds | range]]:
    """(part, local offsets) of the parts that hold any of the rows."""
    if rows.count == rows.row_count:
        for part in parts:
            if part.low < rows.row_count:
                yield part, range(min(len(part), rows.row_count - part.low))
        return
    ids = rows.ids()
    bounds = [*np.searchsorted(ids, [part.low for part in parts]).tolist(), len(ids)]
    for part, low, high in zip(parts, bounds, bounds[1:], strict=False):
        if low < high:
            yield part, _local(ids[low:high], part.low)


def _local(ids: RowIds, base: int) -> RowIds | range:
    """Offsets from base of ids that ascend."""
    first, last = int(ids[0]) - base, int(ids[-1]) - base
    return range(first, last + 1) if last - first < len(ids) else ids - base


def _scatter(target: list[Any], positions: list[int], values: list[Any]) -> None:
    for position, value in zip(positions, values, strict=True):
        target[position] = value


def _take(part: Part, attnum: int, offsets: RowIds | range) -> pa.Array:
    if isinstance(offsets, range):
        return part.column_slice(attnum, offsets.start, offsets.stop)
    column = part.column(attnum)
    whole = len(offsets) == len(part) and (np.diff(offsets) == 1).all()
    return column if whole else column.take(pa.array(offsets))


def vector_batch_at(shard: Shard, attnum: int, low: int, high: int) -> VectorBatch | None:
    """The vectors of rows [low, high) as they lie in the file; None without such a column."""
    vector = shard.columns.vector(attnum)
    if vector is None:
        return None
    return VectorBatch(vector.rows(low, high), vector.present_mask(low, high))
