"""Marks in rare branches: the simulation proves that it reaches every one of them.

A mark costs a set insertion and does nothing else.
"""

from __future__ import annotations

MARKS = frozenset(
    {
        "compaction.shard_dropped",
        "disk.came_back",
        "disk.full",
        "file.half_written",
        "flush.shard_dropped",
        "links.lost_tail",
        "links.rows_unknown",
        "manifest.edit_cut",
        "manifest.rewritten",
        "manifest.torn_tail",
        "recovery.orphan",
        "recovery.rewritten",
        "recovery.shard_dropped",
        "rewrite.followed_again",
        "rewrite.given_up",
        "shard.closed",
        "shard.fetched",
        "shard.offloaded",
        "wal.entry_cut",
        "wal.no_room_for_a_file",
        "wal.torn_tail",
        "wal.unused_file",
    }
)
hit: set[str] = set()


def mark(name: str) -> None:
    """Note that a branch was taken."""
    assert name in MARKS, name
    hit.add(name)
