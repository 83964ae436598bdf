"""Segment: the rows [low, high) of a shard, written once and never changed (I4).

A block file (blocks.py) of kind SEGMENT with the blocks

    rows                       i64[2] low, high
    begins, ends               i64[rows]; ends as they were when the segment was written
    types                      i64[columns, 3] attnum, type oid, typmod
    column/A                   Arrow IPC stream of column A in row-id order; dead rows may be null
    filter/A/*                 ColumnFilter of column A
    zones/R                    f64[columns, zones of R rows, 4], columns as in types: bounds of the values
                               that are kept (NaN for a type without order, and for text), how many they are,
                               and how many nulls; see index/zone_map.py
    zones/R/A                  S33[zones, 2], the bounds of column A, of text or uuid
    present/A/D                u64 words: which rows have a vector(D) in column A's vector file
    kept                       u64 words, unless every row was kept when the segment was written
    vectors                    i64[n, 3] attnum, dims, digest of the kept rows of the vector file
    key/A.B/N/hashes,rows,bloom  sorted run of the key (A, B); N is 1 for NULLS NOT DISTINCT
    bm25/I/*                   the postings of BM25 index I

A segment of format version 1 has no zones.

Deletions that came later are in a block file of kind TOMBSTONES: row_ids i64[n], ends i64[n], all
of them since the segment was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sqlvec.errors import DataCorrupted
from sqlvec.index.ordered import ColumnFilter
from sqlvec.index.zone_map import ROWS, ColumnZones, column_zones, constant_zones, zone_arrays
from sqlvec.storage.blocks import Array, BlockFile, FileKind, write_blocks
from sqlvec.storage.growing import Mask, RowIds, Words, mask_of_words, word_count, words_of_mask
from sqlvec.storage.keys import KeyDefinition, KeyRun, hash_columns, sorted_run
from sqlvec.storage.part import Part, ShardColumns, build_filter, vector_dims
from sqlvec.storage.records import decode_array, encode_array
from sqlvec.storage.vectors import VectorCheck, VectorColumn
from sqlvec.storage.vfs import Vfs
from sqlvec.types import SqlType

_ZONES = "zones/"


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRows:
    """What goes into a segment. keep: the rows whose values are still wanted, the others become
    null.
    """

    low: int
    high: int
    begins: RowIds
    ends: RowIds
    keep: Mask
    columns: Mapping[int, tuple[SqlType, pa.Array]]
    vectors: Mapping[int, VectorColumn] = field(default_factory=dict)
    keys: Sequence[KeyDefinition] = ()
    bm25: Mapping[int, Mapping[str, Array]] = field(default_factory=dict)


def write_segment(
    vfs: Vfs,
    name: str,
    rows: SegmentRows,
    *,
    filter_text_bytes_max: int,
    zone_rows: int = ROWS,
    durable: bool = True,
) -> int:
    """Write a segment file and return its size; to sync it is the caller's unless it is durable now."""
    count = rows.high - rows.low
    assert len(rows.begins) == len(rows.ends) == len(rows.keep) == count > 0, (rows.low, rows.high)
    types = [(attnum, t.oid, t.typmod) for attnum, (t, _) in rows.columns.items()]
    blocks: dict[str, Array] = {
        "rows": np.array([rows.low, rows.high], np.int64),
        "begins": rows.begins,
        "ends": rows.ends,
        "types": np.array(types, np.int64).reshape(-1, 3),
    }
    if not rows.keep.all():
        blocks["kept"] = words_of_mask(rows.keep)
    kept: dict[int, tuple[SqlType, pa.Array]] = {}
    for attnum, (type, array) in rows.columns.items():
        assert len(array) == count, (attnum, len(array), count)
        kept[attnum] = type, _without_dead(array, rows.keep)
    for attnum, (type, array) in kept.items():
        blocks[f"column/{attnum}"] = np.frombuffer(encode_array(array), np.uint8)
        built = build_filter(type, array, filter_text_bytes_max)
        parts = {} if built is None else built.arrays()
        blocks.update({f"filter/{attnum}/{part}": values for part, values in parts.items()})
    blocks.update(zone_blocks(kept, rows.keep, zone_rows))
    blocks.update(_vector_blocks(rows))
    for definition in rows.keys:
        blocks.update(_key_blocks(definition, rows, kept))
    for index_oid, arrays in rows.bm25.items():
        blocks.update({f"bm25/{index_oid}/{part}": values for part, values in arrays.items()})
    return write_blocks(vfs, name, FileKind.SEGMENT, blocks, durable=durable)


def _without_dead(array: pa.Array, keep: Mask) -> pa.Array:
    if keep.all():
        return array
    return array.take(pa.array(np.arange(len(array)), mask=~keep))


def zone_blocks(
    columns: Mapping[int, tuple[SqlType, pa.Array]], keep: Mask, zone_rows: int
) -> dict[str, Array]:
    """The blocks that are its zone maps, of columns without the values of rows that are not kept."""
    found = zone_arrays(columns, keep, zone_rows)
    return {f"{_ZONES}{zone_rows}/{name}".rstrip("/"): values for name, values in found.items()}


def _vector_blocks(rows: SegmentRows) -> dict[str, Array]:
    blocks: dict[str, Array] = {}
    checks: list[tuple[int, int, int]] = []
    for attnum, vector in rows.vectors.items():
        present = vector.present_mask(rows.low, rows.high)
        blocks[f"present/{attnum}/{vector.dims}"] = words_of_mask(present)
        vector.verify()  # damage must not become the new digest
        digest = vector.digest(rows.low, rows.high, rows.keep)
        checks.append((attnum, vector.dims, digest))
    blocks["vectors"] = np.array(checks, np.int64).reshape(-1, 3)
    return blocks


def _key_blocks(
    definition: KeyDefinition, rows: SegmentRows, kept: Mapping[int, tuple[SqlType, pa.Array]]
) -> dict[str, Array]:
    if any(attnum not in kept for attnum in definition.attnums):
        return {}  # the key is younger than a column of these rows: made from the fill when needed
    columns = [kept[attnum][1] for attnum in definition.attnums]
    types = [kept[attnum][0] for attnum in definition.attnums]
    hashes, valid = hash_columns(columns, types, definition.nulls_not_distinct)
    valid &= rows.keep
    row_ids: RowIds = np.flatnonzero(valid).astype(np.int64) + rows.low
    run = sorted_run(hashes[valid], row_ids, bloom=True)
    prefix = _key_prefix(definition)
    return {prefix + "hashes": run.hashes, prefix + "rows": run.rows, prefix + "bloom": run.bloom}


def _key_prefix(definition: KeyDefinition) -> str:
    attnums = ".".join(map(str, definition.attnums))
    return f"key/{attnums}/{int(definition.nulls_not_distinct)}/"


class Segment(Part):
    """An open segment; blocks are verified as they are first read."""

    def __init__(self, vfs: Vfs, name: str, columns: ShardColumns, *, tombstones: str = "") -> None:
        self.file = BlockFile(vfs, name, FileKind.SEGMENT)
        low, high = self.file.array("rows").tolist()
        super().__init__(low, high, columns)
        self.name = name
        self.types = {
            attnum: SqlType(oid, typmod)
            for attnum, oid, typmod in self.file.array("types").tolist()
        }
        self._arrays: dict[int, pa.Array] = {}
        self._filters: dict[int, ColumnFilter | None] = {}
        self._zones: dict[int, ColumnZones | None] = {}
        self._constant: dict[int, tuple[SqlType, pa.Array | None, ColumnZones]] = {}
        self._tombstones: BlockFile | None = None
        if tombstones:
            self.read_tombstones(vfs, tombstones)

    def read_tombstones(self, vfs: Vfs, name: str) -> None:
        """Take over the deletions of a tombstone file."""
        self._tombstones = BlockFile(vfs, name, FileKind.TOMBSTONES)

    @property
    def begins(self) -> RowIds:
        return self.file.array("begins")

    @property
    def written_ends(self) -> RowIds:
        """ends as the segment file has them."""
        return self.file.array("ends")

    def ends(self) -> RowIds:
        """ends with the tombstones applied, a new array."""
        ends = self.written_ends.copy()
        if self._tombstones is not None:
            ends[self._tombstones.array("row_ids") - self.low] = self._tombstones.array("ends")
        return ends

    def filter(self, attnum: int) -> ColumnFilter | None:
        if attnum not in self._filters:
            arrays = self.file.arrays(f"filter/{attnum}/")
            self._filters[attnum] = ColumnFilter.from_arrays(arrays) if arrays else None
        return self._filters[attnum]

    def has_read_filter(self, attnum: int) -> bool:
        return attnum in self._filters

    def zones(self, attnum: int) -> ColumnZones | None:
        if attnum not in self.types:
            return self._filled_zones(attnum)
        if attnum not in self._zones:
            self._zones[attnum] = self._read_zones(attnum)
        return self._zones[attnum]

    @property
    def zone_count(self) -> int:
        """Of each column."""
        return -(-len(self) // (self.zone_rows() or ROWS))

    def zone_rows(self) -> int:
        """Of each zone, 0 when the segment has none: it is of format version 1."""
        name = next((name for name in self.file.names if name.startswith(_ZONES)), "")
        return int(name.split("/")[1]) if name else 0

    def zone_maps(self) -> dict[str, Array]:
        """The blocks that are zone maps."""
        return {name: self.file.array(name) for name in self.file.names if name.startswith(_ZONES)}

    def _read_zones(self, attnum: int) -> ColumnZones | None:
        zone_rows = self.zone_rows()
        if not zone_rows:
            return None
        name = f"{_ZONES}{zone_rows}"
        texts = f"{name}/{attnum}"
        return column_zones(
            self.types[attnum],
            self.file.array(name)[list(self.types).index(attnum)],
            self.file.array(texts) if texts in self.file else None,
            zone_rows,
        )

    def _filled_zones(self, attnum: int) -> ColumnZones | None:
        """Of a column that is younger than the segment: its fill may become another while it is added."""
        type, fill = self._columns.type(attnum), self._columns.fills.get(attnum)
        if vector_dims(type) or attnum not in self._columns.types:
            return None
        known = self._constant.get(attnum)
        if known is None or known[:2] != (type, fill):
            value = self._columns.missing(attnum, 1)
            if value.type != type.definition.arrow(type.typmod):
                return None
            known = self._constant[attnum] = type, fill, constant_zones(type, value, len(self))
        return known[2]

    def stored_type(self, attnum: int) -> SqlType:
        return self.types.get(attnum, self._columns.type(attnum))

    def presence(self) -> dict[tuple[int, int], Words]:
        """Words over local offsets by (attnum, dims)."""
        out: dict[tuple[int, int], Words] = {}
        for key, words in self.file.arrays("present/").items():
            attnum, dims = key.split("/")
            if len(words) != word_count(len(self)):
                raise DataCorrupted(f'unexpected length of block "present/{key}" in "{self.name}"')
            out[int(attnum), int(dims)] = words
        return out

    def kept(self) -> Mask:
        """The rows whose values were wanted when the segment was written."""
        if "kept" not in self.file:
            return np.ones(len(self), np.bool_)
        return mask_of_words(self.file.array("kept"), 0, len(self))

    def vector_checks(self, attnum: int, dims: int) -> list[VectorCheck]:
        """What this segment's rows in a vector file must be; none when it holds no such column."""
        found = self.file.array("vectors").tolist()
        return [
            VectorCheck(self.low, self.high, self.kept(), digest)
            for *key, digest in found
            if key == [attnum, dims]
        ]

    def bm25(self, index_oid: int) -> dict[str, Any]:
        """The postings of an index; empty when the segment is older than the index."""
        return self.file.arrays(f"bm25/{index_oid}/")

    def _stored(self, attnum: int) -> pa.Array | None:
        if attnum not in self.types:
            return None
        array = self._arrays.get(attnum)
        if array is None:
            array = decode_array(self.file.array(f"column/{attnum}"))
            if len(array) != len(self):
                raise DataCorrupted(f'unexpected length of column {attnum} in file "{self.name}"')
            self._arrays[attnum] = array
        return array

    def stored_runs(self) -> Iterator[tuple[KeyDefinition, KeyRun]]:
        """The key runs that were written with the segment."""
        for name in self.file.names:
            if name.startswith("key/") and name.endswith("/hashes"):
                _, attnums, nulls, _ = name.split("/")
                key = KeyDefinition(tuple(map(int, attnums.split("."))), nulls == "1")
                yield key, self.key_run(key)

    def _make_run(self, definition: KeyDefinition) -> KeyRun:
        prefix = _key_prefix(definition)
        if prefix + "hashes" not in self.file:
            return super()._make_run(definition)
        blocks = (self.file.array(prefix + name) for name in ("hashes", "rows", "bloom"))
        return KeyRun(*blocks)


def write_tombstones(vfs: Vfs, name: str, segment: Segment, ends: RowIds) -> None:
    """Write how `ends` of the segment's rows differ from what its file says; to sync it is the
    caller's.
    """
    changed = np.flatnonzero(ends != segment.written_ends).astype(np.int64)
    blocks = {"row_ids": changed + segment.low, "ends": ends[changed]}
    write_blocks(vfs, name, FileKind.TOMBSTONES, blocks, durable=False)
