"""BM25 statistics of whole tables: what is counted in every shard, added up once for a statement.

A table may have thousands of shards, most of them closed: they are gone through one after the other, none is kept
open for this, and what is kept of each are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from sqlvec.exec.context import Context
from sqlvec.exec.placement import family_shards
from sqlvec.index.bm25.statistics import Statistics, Term

if TYPE_CHECKING:
    from sqlvec.catalog.objects import Index
    from sqlvec.storage.transaction import Past

Fields = tuple[int, ...]
Key = tuple[str, Fields]  # a term, or "" for every text; or what is not of a term
_LENGTHS = "\n"  # no term has it


class TableStatistics:
    """Of an index, at a statement's snapshot. Legs in threads of their own may ask at the same time."""

    def __init__(self, index: Index, past: Past | None, context: Context) -> None:
        self._index = index
        self._past = past
        self._context = context
        self._lock = Lock()
        self._counts: dict[Key, dict[int, int]] = {}  # by shard id
        self._totals: dict[Key, int] = {}

    def beside(self, shard_id: int, fields: int) -> Beside:
        return Beside(self, shard_id, fields)

    def counts(self, keys: Sequence[Key], without: int) -> list[int]:
        """Of each key over all shards but one."""
        with self._lock:
            fresh = [key for key in keys if key not in self._counts]
            if fresh:
                self._count(fresh)
            return [self._totals[key] - self._counts[key].get(without, 0) for key in keys]

    def _count(self, keys: list[Key]) -> None:
        found: dict[Key, dict[int, int]] = {key: {} for key in keys}
        for shard_id, statistics in self._each():
            self._context.check_cancelled()
            for key in keys:
                count = _counted(statistics, *key)
                if count:
                    found[key][shard_id] = count
        self._counts.update(found)
        self._totals.update({key: sum(counts.values()) for key, counts in found.items()})

    def _each(self) -> Iterator[tuple[int, Statistics]]:
        context = self._context
        table = context.catalog.table(self._index.table_oid)
        for shard in family_shards(table, context):
            part = context.catalog.index_in(self._index, shard.table_oid)
            index = None if part is None else shard.text_index(part.oid)
            if index is not None:
                yield shard.shard_id, index.statistics(shard.visible(self._past or context.tx))


def _counted(statistics: Statistics, term: str, fields: Fields) -> int:
    if term == _LENGTHS:
        return statistics.length_sums[fields[0]]
    return statistics.doc_freq(term, fields) if term else statistics.texts_of(fields)


class Beside:
    """The statistics of a table's shards but one, as those of one shard."""

    def __init__(self, table: TableStatistics, without: int, fields: int) -> None:
        self._table = table
        self._without = without
        single: list[Fields] = [(field,) for field in range(fields)]
        found = self._counts([*(("", f) for f in single), *((_LENGTHS, f) for f in single)])
        self.texts, self.length_sums = found[:fields], found[fields:]

    def texts_of(self, fields: Fields) -> int:
        return self._counts([("", fields)])[0]

    def terms(self, terms: Sequence[str], field: int = 0) -> list[Term]:
        """Their frequencies alone; where they are is no concern of another shard."""
        freqs = self._counts([(term, (field,)) for term in terms])
        return [Term(doc_freq, (), ()) for doc_freq in freqs]

    def doc_freq(self, term: str, fields: Fields) -> int:
        return self._counts([(term, fields)])[0]

    def _counts(self, keys: Sequence[Key]) -> list[int]:
        return self._table.counts(keys, self._without)


def table_statistics(index: Index, past: Past | None, context: Context) -> TableStatistics:
    """One for the statement."""
    known = context.table_statistics
    if known is None:
        known = context.table_statistics = {}
    key = index.oid, id(past)
    if key not in known:
        known[key] = TableStatistics(index, past, context)
    return known[key]
