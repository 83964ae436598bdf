"""Readers in other threads see whole commits, whatever is written, flushed and merged meanwhile."""

from __future__ import annotations

from random import Random
from threading import Event, Thread

import numpy as np
import pyarrow as pa

from sqlvec.storage.store import Store
from sqlvec.storage.vectors import VectorBatch
from tests.sim.history import DOCS, TINY, SimClock, docs_table
from tests.sim.simfs import SimFs

ROWS = 40
COMMITS = 300


def rows(ids: list[int]) -> dict[int, object]:
    vectors = np.array([[i, 0, -i] for i in ids], np.float32)
    return {
        1: pa.array(ids, pa.int64()),
        2: pa.array([f"t{i}" for i in ids]),
        3: VectorBatch(vectors),
    }


def test_readers_see_whole_commits_beside_a_writer() -> None:
    store = Store.open(SimFs(), SimClock(), TINY)
    tx = store.begin()
    tx.catalog = tx.catalog.with_relation(docs_table(DOCS, "docs", tenant=False))
    shard = store.shard(DOCS, create=True)
    assert shard is not None
    tx.insert(shard, rows(list(range(ROWS))))
    store.commit(tx)
    done, failures, reads = Event(), [], [0, 0]

    def read(place: int) -> None:
        while not done.is_set():
            reader = store.begin()
            shard = store.shard(DOCS)  # another one, once it was written anew
            assert shard is not None
            seen = shard.visible(reader).ids()
            ids = shard.gather(1, seen)
            texts = shard.take([2], seen).column(0).to_pylist()
            vectors = shard.vectors(3).array[seen, 0].tolist()
            key = shard.find_key((1,), (ids[0],), reader)
            if len(ids) != ROWS or texts != [f"t{i}" for i in ids] or vectors != ids:
                failures.append((ids, texts, vectors))
            if key != seen[0]:
                failures.append((key, seen[0]))
            reader.rollback()
            reads[place] += 1

    threads = [Thread(target=read, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    rng, live = Random(1), list(range(ROWS))
    for commit in range(COMMITS):
        tx = store.begin()
        shard = store.shard(DOCS, create=True)
        gone = rng.randrange(ROWS)
        row = shard.find_key((1,), (live[gone],), tx)
        tx.delete(shard, np.array([row]))
        live[gone] = ROWS + commit
        tx.insert(shard, rows([live[gone]]))
        store.commit(tx)
        if commit % 20 == 19:
            store.flush()
            for job in store.jobs():
                job.run()
    done.set()
    for thread in threads:
        thread.join()
    assert failures == [] and min(reads) > 0
    store.close()
