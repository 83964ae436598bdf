"""Tombstones: deletions of segment rows, as files beside the segments.

    capture   under the lock: the ends of every row of the shards that have unsaved ones
    write     a file for each segment whose ends differ from what its files say
    adopt     under the lock, once the manifest names them

A file replaces the one before it, whose deletions it repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.errors import DatabaseError
from sqlvec.storage.growing import RowIds
from sqlvec.storage.manifest import ShardFiles
from sqlvec.storage.segment import Segment, write_tombstones
from sqlvec.storage.shard import Shard

if TYPE_CHECKING:
    from sqlvec.storage.store import Store


@dataclass(frozen=True, slots=True)
class Tombstones:
    """A tombstone file that is written and not named yet."""

    name: str
    shard: Shard
    segment: Segment


Captured = list[tuple[Shard, RowIds]]


def capture(shards: Sequence[Shard]) -> Captured:
    """The ends as they are; the caller holds the lock, and puts the captured back when it fails."""
    captured = [(s, s.times.ends[: s.memtable.low].copy()) for s in shards if s.unsaved_deletes]
    for shard, _ in captured:
        shard.unsaved_deletes = False
    return captured


def put_back(captured: Captured) -> None:
    for shard, _ in captured:
        shard.unsaved_deletes = True


def write(store: Store, captured: Captured) -> list[Tombstones]:
    """The files, durable; on an error none of them is left."""
    made: list[Tombstones] = []
    try:
        for shard, ends in captured:
            for segment in shard.segments:
                now = ends[segment.low : segment.high]
                if not np.array_equal(now, segment.ends()):
                    name = shard.directory.new_name("tombstones")
                    write_tombstones(store.vfs, name, segment, now)
                    made.append(Tombstones(name, shard, segment))
        if made:
            store.vfs.sync_many([one.name for one in made])
    except DatabaseError:
        store.discard(one.name for one in made)
        raise
    return made


def with_tombstones(files: ShardFiles, made: Sequence[Tombstones]) -> ShardFiles:
    """The files of a shard with its new tombstones among them."""
    names = {one.segment.name: one.name for one in made if one.shard.shard_id == files.shard_id}
    if not names:
        return files
    segments = tuple(
        replace(segment, tombstones=names.get(segment.name, segment.tombstones))
        for segment in files.segments
    )
    return replace(files, segments=segments)


def adopt(store: Store, made: Sequence[Tombstones]) -> None:
    """Have the segments read what the manifest names now; those of dropped shards go."""
    for one in made:
        if one.shard.shard_id in store.open_shards:
            one.segment.read_tombstones(store.vfs, one.name)
        else:
            store.discard([one.name])
