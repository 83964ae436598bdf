"""What a transaction does to shards as wholes, without a look at their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class ShardChanges:
    """Shard ids: created without a row, dropped, and the new states of their tenants. A value: undoing a
    statement is going back to the one before.
    """

    created: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    states: Mapping[int, str] = field(default_factory=dict)

    def create(self, shard_id: int) -> ShardChanges:
        return replace(self, created=self.created | {shard_id})

    def drop(self, shard_ids: Iterable[int]) -> ShardChanges:
        return replace(self, dropped=self.dropped | frozenset(shard_ids))

    def keep(self, shard_id: int) -> ShardChanges:
        return replace(self, dropped=self.dropped - {shard_id})

    def set_state(self, shard_ids: Iterable[int], state: str) -> ShardChanges:
        return replace(self, states={**self.states, **dict.fromkeys(shard_ids, state)})


NO_CHANGES = ShardChanges()
