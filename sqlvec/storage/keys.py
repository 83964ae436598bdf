"""Finding rows by key: a hash of the key's bytes, sorted, with row ids beside it.

    key bytes  one part per column: its bytes alone for a key of one column, else u32 length +
               bytes for each; integers and date/time i64, floats f64 (one zero, one NaN), numerics
               their shortest decimal text, blank-padded text without trailing blanks, other text
               utf-8, bytea as it is, ranges their sort key, vectors their elements
               (sparse ones their binary form), lists their text
    run        hashes u64[n] ascending (xxhash64 of the key bytes), rows i64[n]; one entry per row
               version
    bloom      u64[buckets], 8 bits of one word per entry

A null makes a key that equals none and has no entry, unless NULLS NOT DISTINCT was declared. A
hash only proposes a row: the reader compares the values.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from sqlvec.storage.growing import Mask, RowIds, Words
from sqlvec.types import BPCHAR, NUMERIC, SqlType, by_oid
from sqlvec.types.range_type import NUMERIC_RANGES, sort_key_of
from sqlvec.types.sparse_vector import SparseVector

BULK_ROWS_MIN = 64  # from here on a batch is a run of its own, not entries of a dictionary
RUNS_MAX = 8
NULL_LENGTH = b"\xff\xff\xff\xff"
BLOOM_ENTRIES_PER_WORD = 4  # 16 bits an entry: about 0.3 % false positives with 8 bits of one word

P1 = np.uint64(0x9E3779B185EBCA87)  # the primes of xxhash64
P2 = np.uint64(0xC2B2AE3D27D4EB4F)
P3 = np.uint64(0x165667B19E3779F9)
P4 = np.uint64(0x85EBCA77C2B2AE63)
P5 = np.uint64(0x27D4EB2F165667C5)


@dataclass(frozen=True, slots=True)
class KeyDefinition:
    """The columns of a primary key, unique constraint or unique index."""

    attnums: tuple[int, ...]
    nulls_not_distinct: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class KeyRun:
    """hashes u64[n] ascending, rows i64[n]; bloom u64[m] or empty."""

    hashes: Words
    rows: RowIds
    bloom: Words

    def find(self, key_hash: int) -> list[int]:
        """The rows whose key may be the one hashed."""
        if len(self.bloom):
            mask = bloom_mask(key_hash)
            if self.bloom.item(key_hash % len(self.bloom)) & mask != mask:
                return []
        # bisect over a memoryview is three times as fast as numpy's for one key.
        view = memoryview(self.hashes)  # type: ignore[arg-type]
        at = bisect_left(view, key_hash)
        found: list[int] = []
        while at < len(view) and view[at] == key_hash:
            found.append(self.rows.item(at))
            at += 1
        return found


    def may_hold(self, hashes: Words) -> Mask:
        """Which keys the bloom filter lets pass; all of them without one."""
        if not len(self.bloom):
            return np.ones(len(hashes), np.bool_)
        masks = _bloom_masks(hashes)
        words = self.bloom[(hashes % np.uint64(len(self.bloom))).astype(np.int64)]
        return np.asarray(words & masks == masks)


class MemoryKeys:
    """The keys of the memtable: single rows in a dictionary, large batches as runs."""

    def __init__(self) -> None:
        self._rows: dict[int, list[int]] = {}
        self._runs: list[KeyRun] = []

    def add(self, hashes: Words, rows: RowIds) -> None:
        if len(hashes) >= BULK_ROWS_MIN:
            self._runs = [*self._runs, sorted_run(hashes, rows)]
            if len(self._runs) > RUNS_MAX:
                self._runs = [joined_run(self._runs)]
            return
        for key_hash, row in zip(hashes.tolist(), rows.tolist(), strict=True):
            self._rows.setdefault(key_hash, []).append(row)

    def add_one(self, key_hash: int, row: int) -> None:
        self._rows.setdefault(key_hash, []).append(row)

    def versions(self, key_hash: int) -> list[int]:
        """The single rows that have the hash, oldest first."""
        return self._rows.get(key_hash, [])

    def keep_versions(self, key_hash: int, rows: list[int]) -> None:
        """Forget the other single rows that have the hash."""
        self._rows[key_hash] = rows

    def find(self, key_hash: int) -> list[int]:
        """The rows whose key may be the one hashed; of single ones the newest first."""
        found = self._rows.get(key_hash, [])[::-1]
        for run in self._runs:
            found.extend(run.find(key_hash))
        return found

    def forget_below(self, row_id: int) -> None:
        """Drop the entries of rows that a segment has taken over."""
        kept = {k: [r for r in rows if r >= row_id] for k, rows in self._rows.items()}
        self._rows = {k: rows for k, rows in kept.items() if rows}
        runs = [_run_from(run, row_id) for run in self._runs]
        self._runs = [run for run in runs if len(run.rows)]

    def runs(self) -> list[KeyRun]:
        """Everything as runs, for a search of many keys."""
        if not self._rows:
            return self._runs
        pairs = [(k, row) for k, rows in list(self._rows.items()) for row in list(rows)]
        hashes = np.array([k for k, _ in pairs], np.uint64)
        rows = np.array([row for _, row in pairs], np.int64)
        return [*self._runs, sorted_run(hashes, rows)]


def _run_from(run: KeyRun, row_id: int) -> KeyRun:
    kept = run.rows >= row_id
    return KeyRun(run.hashes[kept], run.rows[kept], run.bloom)


def sorted_run(hashes: Words, rows: RowIds, *, bloom: bool = False) -> KeyRun:
    order = np.argsort(hashes, kind="stable")
    hashes = np.ascontiguousarray(hashes[order])
    words = bloom_of(hashes) if bloom else np.zeros(0, np.uint64)
    return KeyRun(hashes, np.ascontiguousarray(rows[order]), words)


def joined_run(runs: Sequence[KeyRun]) -> KeyRun:
    hashes = np.concatenate([run.hashes for run in runs])
    return sorted_run(hashes, np.concatenate([run.rows for run in runs]))


def candidates(run: KeyRun, hashes: Words) -> Iterator[tuple[npt.NDArray[np.int64], RowIds]]:
    """(positions, rows) of every entry of the run whose hash is one of `hashes`, in rounds: the
    first holds each hash's first entry, the next its second, and so on.
    """
    at = np.searchsorted(run.hashes, hashes)
    positions = np.arange(len(hashes))
    while len(positions):
        inside = at < len(run.hashes)
        at, positions = at[inside], positions[inside]
        same = run.hashes[at] == hashes[positions]
        at, positions = at[same], positions[same]
        if len(positions):
            yield positions, run.rows[at]
        at = at + 1


# ---------------------------------------------------------------- bloom filter


def bloom_mask(key_hash: int) -> int:
    """Eight bits of a word, from the upper part of the hash (the lower chooses the word)."""
    mask = 0
    for shift in range(16, 64, 6):
        mask |= 1 << (key_hash >> shift & 63)
    return mask


def bloom_of(hashes: Words) -> Words:
    words = np.zeros(len(hashes) // BLOOM_ENTRIES_PER_WORD + 1, np.uint64)
    places = (hashes % np.uint64(len(words))).astype(np.int64)
    np.bitwise_or.at(words, places, _bloom_masks(hashes))
    return words


def _bloom_masks(hashes: Words) -> Words:
    """bloom_mask of many."""
    masks = np.zeros(len(hashes), np.uint64)
    for shift in range(16, 64, 6):
        masks |= np.uint64(1) << (hashes >> np.uint64(shift) & np.uint64(63))
    return masks


# ---------------------------------------------------------------- hashing


def hash_key(values: Sequence[Any], types: Sequence[SqlType], nulls: bool) -> int | None:
    """The hash of one key given as datums; None when a null makes it equal to no other."""
    if len(values) == 1:
        part = None if values[0] is None else _encoder(types[0])(values[0])
        if part is None and not nulls:
            return None
        return xxhash.xxh64_intdigest(NULL_LENGTH if part is None else part)
    parts: list[bytes] = []
    for value, type in zip(values, types, strict=True):
        if value is None:
            if not nulls:
                return None
            parts.append(NULL_LENGTH)
        else:
            part = _encoder(type)(value)
            parts.append(len(part).to_bytes(4, "little") + part)
    return xxhash.xxh64_intdigest(b"".join(parts))


def hash_columns(
    columns: Sequence[pa.Array], types: Sequence[SqlType], nulls: bool
) -> tuple[Words, Mask]:
    """hashes u64[rows] of the keys of many rows, and valid bool[rows]: which of them can equal
    another.
    """
    rows = len(columns[0])
    valid = np.ones(rows, np.bool_)
    if not nulls:
        for column in columns:
            if column.null_count:
                valid &= np.asarray(column.is_valid())
    integers = _as_int64(columns[0]) if len(columns) == 1 and not columns[0].null_count else None
    if integers is not None:
        return xxhash64_of_int64(integers), valid
    datums = [_datums(column, type) for column, type in zip(columns, types, strict=True)]
    hashes = np.zeros(rows, np.uint64)
    for row, values in enumerate(zip(*datums, strict=True)):
        key_hash = hash_key(values, types, nulls)
        hashes[row] = 0 if key_hash is None else key_hash
    return hashes, valid


def xxhash64_of_int64(values: RowIds) -> Words:
    """xxhash64, seed 0, of each value's 8 little-endian bytes: the algorithm's path for short
    input.
    """
    with np.errstate(over="ignore"):
        lane = _rotated(values.view(np.uint64) * P2, 31) * P1
        mixed = _rotated((P5 + np.uint64(8)) ^ lane, 27) * P1 + P4
        mixed = (mixed ^ (mixed >> np.uint64(33))) * P2
        mixed = (mixed ^ (mixed >> np.uint64(29))) * P3
        return mixed ^ (mixed >> np.uint64(32))


def _rotated(values: Words, bits: int) -> Words:
    return (values << np.uint64(bits)) | (values >> np.uint64(64 - bits))


def _as_int64(column: pa.Array) -> RowIds | None:
    type = column.type
    if pa.types.is_integer(type):
        return np.ascontiguousarray(column.to_numpy(zero_copy_only=False), np.int64)
    if pa.types.is_timestamp(type) or pa.types.is_time64(type):
        return np.ascontiguousarray(column.view(pa.int64()).to_numpy(), np.int64)
    if pa.types.is_date32(type):
        return np.ascontiguousarray(column.view(pa.int32()).to_numpy(), np.int64)
    return None


def _datums(column: pa.Array, type: SqlType) -> list[Any]:
    if pa.types.is_string(column.type) and type.oid != NUMERIC.oid:
        return list(column.to_pylist())
    definition = by_oid(type.oid)
    assert definition is not None, type
    return list(definition.from_arrow(column))


def _encoder(type: SqlType) -> Callable[[Any], bytes]:
    return _ENCODERS.get(type.oid, _encode)


def _encode_blank_padded(value: str) -> bytes:
    return value.rstrip(" ").encode()


_ENCODERS: dict[int, Callable[[Any], bytes]] = {
    BPCHAR.oid: _encode_blank_padded,
    **{oid: sort_key_of(SqlType(oid)) for oid in NUMERIC_RANGES},
}


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int):  # bool too: 0 and 1
        return int(value).to_bytes(8, "little", signed=True)
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        same = 0.0 if value == 0.0 else float("nan") if value != value else value
        return np.float64(same).tobytes()
    if isinstance(value, Decimal):
        return _encode_decimal(value)
    if isinstance(value, np.ndarray):
        return (value + value.dtype.type(0)).tobytes()  # -0 is 0
    if isinstance(value, SparseVector):
        return value.tobytes()
    return repr(value).encode()


def _encode_decimal(value: Decimal) -> bytes:
    if not value.is_finite():
        return str(value).encode()
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), value
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")  # Decimal.normalize would round to the context's precision
    if not stripped:
        return b"0"
    return f"{sign}:{stripped}e{exponent + len(text) - len(stripped)}".encode()
