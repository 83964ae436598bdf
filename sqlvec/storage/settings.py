"""Limits of the storage engine. Everything that grows has one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageSettings:
    wal_file_bytes_max: int = 64 << 20
    manifest_bytes_max: int = 1 << 20  # of edits since it was last rewritten
    memtable_bytes_max: int = 32 << 20  # a shard with more is flushed
    memtable_rows_max: int = 200_000
    memtable_bytes_stall: int = 256 << 20  # writers wait beyond these three, see stall.py
    segments_stall: int = 500
    unlinked_rows_stall: int = 4_000_000
    block_bytes_max: int = 64 << 20  # of one run of growing columns; string offsets reach 2**31
    wal_bytes_max: int = 256 << 20  # a longer log is shortened by flushing every shard
    segments_merged: int = 8  # that many neighbours of similar size become one
    segment_rows_max: int = 4_000_000  # merging makes none larger than these
    segment_bytes_max: int = 512 << 20
    inline_bytes_max: int = 1 << 20  # less is merged in the server: it takes milliseconds
    link_log_bytes_min: int = 16 << 20  # a log is not condensed before, however small its graph
    index_memory_limit_bytes: int = 0  # of codes and links of all graphs; beyond, bit codes; 0: none
    dead_nodes_min: int = 1_000  # a graph is not cleaned for fewer
    retention_us: int = 0  # how far back rows can be asked for AS OF a time; 0: not at all
    dead_rows_min: int = 4_096  # a shard is not written anew for fewer
    flat_to_hnsw_rows: int = 4_000  # a smaller tenant is scanned exactly, about as fast as a walk
    shard_idle_seconds: float = 300.0  # a tenant's shard that was not used for so long is closed
    open_shards_max: int = 1_000  # those of tenants that were used longest ago are closed beyond
    blob_directory: str = ""  # of offloaded tenants; empty: a folder of each database's own
    sequence_ahead: int = 32  # values logged ahead, PostgreSQL's SEQ_LOG_VALS
    disk_use_warning_percentage: int = 80
    disk_use_readonly_percentage: int = 90
    filter_text_bytes_max: int = 64  # mean length up to which a text column gets a ColumnFilter
    segment_io: str = "mmap"  # or "pread", see segment_io.py
    zone_rows: int = 4_096  # of which a segment's zone maps keep the least and the greatest value
