"""A bm25 index whose options were changed: built anew beside the one that answers, then put in its place.

Searches go by the index that they find, with the analysis that it was made by, so an answer is never of
two. Rows that come meanwhile are added to both: to the old one as ever, to the new one before it is put
in place, under the lock. What segments hold is of the old analysis until they are written anew; a restart
analyzes them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Index, Table
from sqlvec.index.bm25 import Bm25Index
from sqlvec.storage.shard_files import make_bm25

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)


def changed_texts(store: Store, shard: Shard) -> list[Index]:
    """Definitions whose options are not those that the shard's index was made by."""
    found = []
    for oid, index in shard.indexes.items():
        definition = store.catalog.relations.get(oid)
        if isinstance(index, Bm25Index) and isinstance(definition, Index):
            if definition.options != shard.definitions[oid].options:
                found.append(definition)
    return found


def reindex(store: Store, shard: Shard, index: Index, cancelled: Callable[[], bool]) -> None:
    """Builds the index by its definition and puts it in place, unless it was dropped or changed again."""
    table = store.catalog.relations.get(shard.table_oid)
    if not isinstance(table, Table):
        return
    made = make_bm25(index, table)
    for part in shard.parts():
        if cancelled():
            return
        made.add(part.low, shard.part_texts(index, part))
    made.settle()
    with store.lock:
        if store.catalog.relations.get(index.oid) is not index or index.oid not in shard.indexes:
            return
        for part in shard.parts():
            if part.high > made.row_count:
                low = max(made.row_count - part.low, 0)
                made.add(part.low + low, shard.part_texts(index, part, low))
        shard.indexes = {**shard.indexes, index.oid: made}
        shard.definitions[index.oid] = index
    log.info("reindexed", extra={"shard": shard.shard_id, "index": index.oid, "rows": made.row_count})
