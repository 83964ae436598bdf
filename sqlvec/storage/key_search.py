"""Keys of one shard: runs of its segments, and the memtable's hashes, kept for every key that is
asked for.

Uniqueness knows no snapshots: find_conflict() finds any row that is there, and waits for open transactions
that are writing a row with the key, or deleting the one that has it. The executor asks it, in order to name
the row; check() asks again under the store's lock, in which the rows are then added.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.errors import UniqueViolation
from sqlvec.storage.batch import RowBatch
from sqlvec.storage.column_reader import column_reader
from sqlvec.storage.growing import Mask, RowIds, Words
from sqlvec.storage.keys import (
    KeyDefinition,
    KeyRun,
    MemoryKeys,
    candidates,
    hash_columns,
    hash_key,
)
from sqlvec.storage.row_claims import await_transaction
from sqlvec.storage.visibility import ABORTED, LIVE, UNCOMMITTED
from sqlvec.types import BPCHAR, SqlType
from sqlvec.types.range_type import NUMERIC_RANGES, sort_key_of

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.transaction import Newest, Transaction


VERSIONS_MAX = 32  # of a row in the memtable, before those that nobody sees are forgotten


class KeyTaken(UniqueViolation):
    """A row that came since the executor looked has one of the keys; it words the error."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchHashes:
    """hashes u64[rows] of one key of a batch, and which rows have the key (bool[rows])."""

    definition: KeyDefinition
    hashes: Words
    valid: Mask


@dataclass(frozen=True, slots=True)
class RowKey:
    """A key of a table; places: of its columns among the live ones, late: it may be taken for a while."""

    definition: KeyDefinition
    places: tuple[int, ...]
    types: list[SqlType]
    unique: bool
    late: bool


def key_definitions(table: Table, catalog: Catalog) -> list[KeyDefinition]:
    """The keys that hold for every row: constraints, and unique indexes over plain columns."""
    found = {KeyDefinition(constraint.attnums): None for constraint in table.unique_keys}
    for index in catalog.indexes(table.oid):
        attnums = tuple(column.attnum for column in index.columns)
        if index.unique and not index.predicate and all(attnums):
            if index.nulls_not_distinct:
                found.pop(KeyDefinition(attnums), None)
            elif KeyDefinition(attnums, True) in found:
                continue
            found[KeyDefinition(attnums, index.nulls_not_distinct)] = None
    return list(found)


class KeySearch:
    """Belongs to a shard and does not keep it: a shard is closed by letting go of it."""

    def __init__(self, shard: Shard) -> None:
        self._shard: Shard = weakref.proxy(shard)
        self._memory: dict[KeyDefinition, MemoryKeys] = {}
        self._versions_max = VERSIONS_MAX
        self._row_keys: tuple[Table, Catalog, list[RowKey]] | None = None

    # ------------------------------------------------------------ searching

    def find(
        self, attnums: tuple[int, ...], values: Sequence[Any], tx: Transaction | Newest
    ) -> int | None:
        types = self._types(attnums)
        definition = self._definition(attnums, tx)
        key_hash = hash_key(values, types, definition.nulls_not_distinct)
        if key_hash is None:
            return None
        shard = self._shard
        for row in self._memory_keys(definition).find(key_hash):
            if shard.sees(row, tx) and self._equals(row, attnums, values, types):
                return row
        for segment in reversed(shard.segments):
            for row in segment.key_run(definition).find(key_hash):
                if shard.sees(row, tx) and self._equals(row, attnums, values, types):
                    return row
        return None

    def find_conflict(
        self, attnums: tuple[int, ...], values: Sequence[Any], tx: Transaction
    ) -> int | None:
        """See Shard.find_conflict."""
        types = self._types(attnums)
        definition = self._definition(attnums, tx)
        key_hash = hash_key(values, types, definition.nulls_not_distinct)
        if key_hash is None:
            return None
        shard = self._shard
        with shard.lock:
            runs: list[Any] = [self._memory_keys(definition)]
            runs += [segment.key_run(definition) for segment in reversed(shard.segments)]
            for run in runs:
                for row in run.find(key_hash):
                    ended = shard.times.ends.item(row) != LIVE
                    if ended or not self._equals(row, attnums, values, types):
                        continue
                    if self._stands(row, tx):
                        return int(row)
        return None

    def find_many(
        self, attnums: tuple[int, ...], columns: Sequence[pa.Array], tx: Transaction
    ) -> RowIds:
        positions, rows = self.find_all(attnums, columns, tx)
        found = np.full(len(columns[0]), -1, np.int64)
        found[positions] = rows
        return found

    def find_all(
        self, attnums: tuple[int, ...], columns: Sequence[pa.Array], tx: Transaction | Newest
    ) -> tuple[RowIds, RowIds]:
        """Every row that has one of the keys: the positions of the keys, and the rows."""
        definition = self._definition(attnums, tx)
        types = self._types(attnums)
        hashes, valid = hash_columns(columns, types, definition.nulls_not_distinct)
        wanted = np.flatnonzero(valid)
        found_at: list[int] = []
        found_rows: list[int] = []
        visible = self._shard.visible(tx)
        for run in self._runs(definition):
            for positions, rows in candidates(run, hashes[wanted]):
                inside = rows < visible.row_count
                seen = np.zeros(len(rows), np.bool_)
                seen[inside] = visible.contains(rows[inside])
                for at, row in zip(
                    wanted[positions[seen]].tolist(), rows[seen].tolist(), strict=True
                ):
                    values = [_datum(c, t, at) for c, t in zip(columns, types, strict=True)]
                    if self._equals(row, attnums, values, types):
                        found_at.append(at)
                        found_rows.append(row)
        return np.array(found_at, np.int64), np.array(found_rows, np.int64)

    def has_duplicates(
        self, attnums: tuple[int, ...], columns: Sequence[pa.Array], tx: Transaction
    ) -> bool:
        definition = self._definition(attnums, tx)
        hashes, valid = hash_columns(columns, self._types(attnums), definition.nulls_not_distinct)
        hashes = hashes[valid]
        if len(np.unique(hashes)) != len(hashes):
            return True
        return bool((self.find_many(attnums, columns, tx) >= 0).any())

    # ------------------------------------------------------------ writing

    def check(self, batch: RowBatch, table: Table, tx: Transaction) -> list[BatchHashes]:
        """Hash the keys of new rows; KeyTaken or LockWait when an unseen row has one of them."""
        out: list[BatchHashes] = []
        known = dict.fromkeys(key_definitions(table, tx.catalog))
        known.update(dict.fromkeys(self._memory))
        for definition in known:
            found = [batch.column(attnum) for attnum in definition.attnums]
            columns = [column for column in found if column is not None]
            if len(columns) < len(found):
                continue
            types = [batch.types[attnum] for attnum in definition.attnums]
            hashes, valid = hash_columns(columns, types, definition.nulls_not_distinct)
            entry = BatchHashes(definition, hashes, valid)
            if self._is_unique(definition, table, tx.catalog):
                self._check_unseen(entry, tx)
                if table.is_unique_across(definition.attnums):
                    self._check_siblings(entry, tx)
            out.append(entry)
        return out

    def _check_siblings(self, entry: BatchHashes, tx: Transaction) -> None:
        for shard in self._shard.directory.siblings():
            if shard is not self._shard:
                shard.keys._check_unseen(entry, tx)

    def check_row(
        self, datums: Sequence[Any], table: Table, tx: Transaction
    ) -> list[tuple[MemoryKeys, int]]:
        """Hash the keys of one new row, given as a datum for each live column. KeyTaken when a row has one
        of them, LockWait when that depends on another transaction."""
        out: list[tuple[MemoryKeys, int]] = []
        for key in self._keys_of(table, tx.catalog):
            values = [datums[place] for place in key.places]
            nulls = key.definition.nulls_not_distinct
            key_hash = hash_key(values, key.types, nulls)
            if key_hash is None:
                continue
            memory = self._memory.get(key.definition)
            if memory is None:
                if not key.unique:
                    continue
                memory = self._memory_keys(key.definition)
            if key.unique:
                if len(memory.versions(key_hash)) >= self._versions_max:
                    self._prune(memory, key_hash, tx)
                found = memory.find(key_hash)
                for segment in self._shard.segments:
                    found += segment.key_run(key.definition).find(key_hash)
                if found:
                    self._check_found(found, key, values, tx)
            out.append((memory, key_hash))
        return out

    def _prune(self, memory: MemoryKeys, key_hash: int, tx: Transaction) -> None:
        """Forget versions of a row that nobody can see any more, so that a row which is updated over and over
        is not looked for among all that it ever was. What cannot be forgotten is not looked at again soon."""
        times, horizon = self._shard.times, tx.horizon()
        rows = np.array(memory.versions(key_hash), np.int64)
        kept = rows[(times.ends[rows] > horizon) & (times.begins[rows] != ABORTED)]
        memory.keep_versions(key_hash, kept.tolist())
        self._versions_max = max(VERSIONS_MAX, 2 * len(kept))

    def _check_found(
        self, found: list[int], key: RowKey, values: Sequence[Any], tx: Transaction
    ) -> None:
        if key.late:
            self._check_rows(np.array(found, np.int64), tx)
            return
        for row in found:
            if self._shard.times.ends.item(row) != LIVE:
                continue
            if self._equals(row, key.definition.attnums, values, key.types) and self._stands(row, tx):
                raise KeyTaken("duplicate key value violates unique constraint")

    def _keys_of(self, table: Table, catalog: Catalog) -> list[RowKey]:
        known = self._row_keys
        if known is None or known[0] is not table or known[1] is not catalog:
            unique = key_definitions(table, catalog)
            late = {c.attnums for c in table.unique_keys if c.deferrable}
            places = {c.attnum: place for place, c in enumerate(table.live_columns)}
            keys = [
                RowKey(
                    definition,
                    tuple(places[attnum] for attnum in definition.attnums),
                    [table.column_by_attnum(attnum).type.stored for attnum in definition.attnums],
                    definition in unique,
                    definition.attnums in late,
                )
                for definition in dict.fromkeys([*unique, *self._memory])
                if all(attnum in places for attnum in definition.attnums)
            ]
            known = self._row_keys = (table, catalog, keys)
        return known[2]

    def add(self, batches: Sequence[BatchHashes], first_row_id: int) -> None:
        """Enter the keys of rows that were added at first_row_id."""
        for batch in batches:
            keys = self._memory.get(batch.definition)
            if keys is not None:
                rows = np.flatnonzero(batch.valid).astype(np.int64)
                keys.add(batch.hashes[batch.valid], rows + first_row_id)

    def forget_below(self, row_id: int) -> None:
        for keys in self._memory.values():
            keys.forget_below(row_id)

    def _is_unique(self, definition: KeyDefinition, table: Table, catalog: Catalog) -> bool:
        return definition in key_definitions(table, catalog)

    def _check_unseen(self, batch: BatchHashes, tx: Transaction) -> None:
        shard = self._shard
        memory = self._memory_keys(batch.definition)
        if shard.only_user(tx.id) and shard.times.changed_at <= tx.snapshot_seqno:
            return
        hashes = batch.hashes[batch.valid]
        runs = [segment.key_run(batch.definition) for segment in shard.segments]
        if len(hashes) < 8:
            for key_hash in hashes.tolist():
                found = memory.find(key_hash)
                for run in runs:
                    found += run.find(key_hash)
                self._check_rows(np.array(found, np.int64), tx)
            return
        for run in [*memory.runs(), *runs]:
            for _, rows in candidates(run, hashes):
                self._check_rows(rows, tx)

    def _check_rows(self, rows: RowIds, tx: Transaction) -> None:
        """Rows with an equal key: none may be alive or about to be without the transaction seeing
        it.
        """
        times = self._shard.times
        begins, ends = times.begins[rows], times.ends[rows]
        unseen = (begins > tx.snapshot_seqno) & (begins != ABORTED) & (ends == LIVE)
        for row in rows[unseen].tolist():
            if self._stands(row, tx) and not self._is_own(row, tx):
                raise KeyTaken("duplicate key value violates unique constraint")

    def _is_own(self, row: int, tx: Transaction) -> bool:
        writes = self._shard.writes_of(tx)
        return writes is not None and writes.holds(row)

    def _stands(self, row: int, tx: Transaction) -> bool:
        """Whether the row is there for good, or by this transaction; waits to know."""
        shard = self._shard
        begin = shard.times.begins.item(row)
        if begin == ABORTED or shard.times.ends.item(row) != LIVE:
            return False
        holder = shard.claims.holder(row)
        if holder == tx.id:
            return False
        if holder:
            await_transaction(tx, holder)
        if begin == UNCOMMITTED and not self._is_own(row, tx):
            await_transaction(tx, shard.writer_of(row))
        return True

    # ------------------------------------------------------------ inside

    def _definition(
        self, attnums: tuple[int, ...], tx: Transaction | Newest
    ) -> KeyDefinition:
        return self._shard.directory.key_definition(attnums, tx.catalog)

    def _types(self, attnums: tuple[int, ...]) -> list[SqlType]:
        return [self._shard.columns.type(attnum) for attnum in attnums]

    def _memory_keys(self, definition: KeyDefinition) -> MemoryKeys:
        keys = self._memory.get(definition)
        if keys is None:
            with self._shard.lock:
                keys = MemoryKeys()
                for part in self._shard.memtable.parts(self._shard.columns):
                    run = part.key_run(definition)
                    keys.add(run.hashes, run.rows)
                self._memory[definition] = keys
                self._row_keys = None
        return keys

    def _runs(self, definition: KeyDefinition) -> list[KeyRun]:
        memory = self._memory_keys(definition).runs()
        return [*memory, *(s.key_run(definition) for s in self._shard.segments)]

    def _equals(
        self,
        row: int,
        attnums: tuple[int, ...],
        values: Sequence[Any],
        types: Sequence[SqlType],
    ) -> bool:
        ids = np.array([row], np.int64)
        for attnum, value, type in zip(attnums, values, types, strict=True):
            if not _same(self._shard.gather(attnum, ids)[0], value, type):
                return False
        return True


def _datum(column: pa.Array, type: SqlType, at: int) -> Any:
    return column_reader(column, type)((at,))[0]


def _same(left: Any, right: Any, type: SqlType) -> bool:
    """Equality as a unique index has it: NaN equals NaN, and of two nulls NULLS NOT DISTINCT
    asked.
    """
    if left is None or right is None:
        return left is right
    if type.oid == BPCHAR.oid:
        return bool(left.rstrip(" ") == right.rstrip(" "))
    if type.oid in NUMERIC_RANGES:
        sort_key = sort_key_of(type)
        return sort_key(left) == sort_key(right)
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right))
    return bool(left == right) or bool(left != left and right != right)
