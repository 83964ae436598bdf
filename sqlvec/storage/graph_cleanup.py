"""Graph cleanup: nodes of rows that no snapshot can see are taken out of the HNSW graphs.

Until then a dead node is walked through and not returned, which costs time at every search. When enough
rows have died, the graph is passed over range by range: live nodes are connected around dead ones,
each range logged as links are. Searches go on meanwhile, linking waits for one range at a time. The
pass ends by taking the dead nodes out, to which nothing leads any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.row_set import RowSet
from sqlvec.storage.graph_files import log_links
from sqlvec.storage.visibility import ABORTED

if TYPE_CHECKING:
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

RANGE_ROWS = 4_096
DEAD_SHARE_MIN = 0.05  # of the rows that the graph was offered


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What the last pass over a graph saw: how many rows were dead at which horizon."""

    dead: int
    horizon: int


def wants_cleanup(store: Store, shard: Shard, index_oid: int) -> bool:
    """Whether enough rows died since the last pass. The caller holds store.lock."""
    graph = shard.indexes[index_oid]
    assert isinstance(graph, HnswGraph)
    last = shard.cleanups.get(index_oid, Cleanup(graph.taken_out, -1))
    enough = max(store.settings.dead_nodes_min, DEAD_SHARE_MIN * graph.linked)
    return shard.deleted - last.dead >= enough and last.horizon != store.horizon()


def clean_graph(store: Store, shard: Shard, index_oid: int, cancelled: Callable[[], bool]) -> None:
    """One pass; a cancelled one leaves a graph that is as good as before."""
    graph, definition = shard.indexes.get(index_oid), shard.definitions.get(index_oid)
    if not isinstance(graph, HnswGraph) or definition is None or not store.holds(shard):
        return
    with store.lock:
        horizon = store.reclaim_horizon()
        store.save_horizon()
        view, count = shard.index_view(index_oid), shard.row_count
        begins, ends = shard.times.begins[:count], shard.times.ends[:count]
    died = np.asarray((begins < ABORTED) & (ends <= horizon))
    dead = RowSet.from_mask(died)
    live = RowSet.from_mask((begins < ABORTED) & ~died) & view.present
    low = 0
    while True:
        with shard.link_lock:
            last = low + RANGE_ROWS >= graph.linked
            graph.reconnect(view.array, dead, low, min(low + RANGE_ROWS, graph.linked, count))
            taken = graph.take_out(view.array, dead, live) if last else 0
            log_links(store, shard, index_oid)
            if last:
                break
        low += RANGE_ROWS
        if cancelled():
            return
    shard.cleanups[index_oid] = Cleanup(dead.count, horizon)
    log.info("graph cleaned", extra={"shard": shard.shard_id, "rows": taken})
