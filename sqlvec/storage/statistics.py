"""Statistics of a database that is not open: what each shard holds, and how well its key runs are guarded.

A bloom filter's rate of false positives is measured, not computed: keys that are in no run are asked for,
and those that the filter lets pass are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sqlvec.catalog.objects import Table
from sqlvec.storage.keys import KeyRun
from sqlvec.storage.manifest import ShardFiles, Version, read_manifest
from sqlvec.storage.part import ShardColumns
from sqlvec.storage.segment import Segment
from sqlvec.storage.vfs import Vfs
from sqlvec.storage.visibility import ABORTED, LIVE

PROBES = 200_000
SEED = 1


@dataclass(frozen=True, slots=True)
class KeyRunStatistics:
    """columns: of the key; false_positives: the share of absent keys that the bloom filter lets pass."""

    columns: str
    entries: int
    bits_per_entry: float
    false_positives: float


@dataclass(frozen=True, slots=True)
class SegmentStatistics:
    name: str
    rows: int
    dead: int
    bytes: int
    runs: tuple[KeyRunStatistics, ...]


@dataclass(frozen=True, slots=True)
class ShardStatistics:
    """dead: rows that were deleted, replaced or never committed. bytes: of all its files."""

    shard_id: int
    table: str
    tenant: str
    bytes: int
    segments: tuple[SegmentStatistics, ...]

    @property
    def rows(self) -> int:
        return sum(segment.rows for segment in self.segments)

    @property
    def dead(self) -> int:
        return sum(segment.dead for segment in self.segments)

    def render(self) -> Iterator[str]:
        tenant = f" tenant {self.tenant!r}" if self.tenant else ""
        yield (
            f"shard {self.shard_id} {self.table}{tenant}: {self.rows} rows, {self.dead} dead, "
            f"{len(self.segments)} segments, {self.bytes} bytes"
        )
        for segment in self.segments:
            yield (
                f"  {segment.name}: {segment.rows} rows, {segment.dead} dead, {segment.bytes} bytes"
            )
            for run in segment.runs:
                yield (
                    f"    key ({run.columns}): {run.entries} entries, {run.bits_per_entry:.1f} bits "
                    f"each, {run.false_positives:.3%} false positives"
                )


def read_statistics(vfs: Vfs) -> list[ShardStatistics]:
    """Of every shard; ObjectInUse when a server has the directory, DataCorrupted where it is damaged."""
    lock = vfs.lock()
    try:
        version, _ = read_manifest(vfs)
        here = [files for files in version.shards.values() if not files.offloaded]
        shards = sorted(here, key=lambda files: files.shard_id)
        return [_shard(vfs, version, files) for files in shards]
    finally:
        lock.release()


def _shard(vfs: Vfs, version: Version, files: ShardFiles) -> ShardStatistics:
    table = version.catalog.relations.get(files.table_oid)
    segments = []
    for file in files.segments:
        segment = Segment(vfs, file.name, ShardColumns(), tombstones=file.tombstones)
        dead = (segment.begins == ABORTED) | (segment.ends() != LIVE)
        runs = tuple(
            _run(", ".join(_column(table, attnum) for attnum in definition.attnums), run)
            for definition, run in segment.stored_runs()
        )
        segments.append(
            SegmentStatistics(
                file.name, len(segment), int(np.count_nonzero(dead)), file.size, runs
            )
        )
    size = sum(vfs.size(name) for name in files.names())
    name = table.name if table is not None else f"table {files.table_oid}"
    return ShardStatistics(files.shard_id, name, files.tenant, size, tuple(segments))


def _column(table: object, attnum: int) -> str:
    return table.column_by_attnum(attnum).name if isinstance(table, Table) else str(attnum)


def _run(columns: str, run: KeyRun) -> KeyRunStatistics:
    hashes = np.random.default_rng(SEED).integers(0, 2**64, PROBES, np.uint64)
    absent = hashes[~np.isin(hashes, run.hashes)]
    passed = int(np.count_nonzero(run.may_hold(absent)))
    bits = len(run.bloom) * 64 / max(1, len(run.hashes))
    return KeyRunStatistics(columns, len(run.hashes), bits, passed / len(absent))
