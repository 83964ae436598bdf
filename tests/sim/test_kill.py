"""kill -9: a writer on a real directory prints what was acknowledged; no such row may be missing
afterwards.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sqlvec.storage.check import verify
from sqlvec.storage.store import Store
from sqlvec.storage.vfs import OsFs
from tests.sim.history import DOCS, TINY, SimClock, docs_table

WRITER = """
import sys
import numpy as np, pyarrow as pa
from sqlvec.storage.store import Store
from sqlvec.storage.vectors import VectorBatch
from sqlvec.storage.vfs import OsFs
from tests.sim.history import DOCS, TINY, SimClock

store = Store.open(OsFs(sys.argv[1]), SimClock(), TINY)
start = int(sys.argv[2])
for commit in range(100_000):
    ids = list(range(start + commit * 3, start + commit * 3 + 3))
    tx = store.begin()
    shard = store.shard(DOCS, create=True)
    vectors = np.array([[i, 0, -i] for i in ids], np.float32)
    bodies = pa.array([f"row {i}" for i in ids])
    tx.insert(shard, {1: pa.array(ids), 2: bodies, 3: VectorBatch(vectors)})
    store.commit(tx)
    print(ids[-1], flush=True)
    if commit % 7 == 3:
        store.flush()
        for job in store.jobs():
            job.run()
"""


@pytest.mark.parametrize("lines", [1, 5, 40])
def test_no_acknowledged_row_is_lost_by_kill_9(tmp_path: Path, lines: int) -> None:
    store = Store.open(OsFs(str(tmp_path)), SimClock(), TINY)
    tx = store.begin()
    tx.catalog = tx.catalog.with_relation(docs_table(DOCS, "docs", tenant=False))
    store.commit(tx)
    store.close()
    acknowledged = -1
    for start in (0, 1_000_000):
        acknowledged = _write_and_kill(tmp_path, start, lines)
        store = Store.open(OsFs(str(tmp_path)), SimClock(), TINY)
        reader = store.begin()
        shard = store.shard(DOCS)
        assert shard is not None
        rows = shard.visible(reader).ids()
        ids = shard.gather(1, rows)
        mine = [i for i in ids if i >= start]
        assert mine == list(range(start, start + len(mine))) and mine[-1] >= acknowledged
        assert len(mine) % 3 == 0, "half a transaction"
        vectors = shard.gather(3, rows)
        assert all(v.tolist() == [i, 0, -i] for i, v in zip(ids, vectors, strict=True))
        store.close()
    assert verify(OsFs(str(tmp_path))) == []


def _write_and_kill(directory: Path, start: int, lines: int) -> int:
    """Run the writer until it has acknowledged so many commits; the last acknowledged id."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(start)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(lines)]
    writer.kill()
    acknowledged += [
        int(line) for line in writer.stdout.read().splitlines(keepends=True) if line[-1] == "\n"
    ]
    writer.stdout.close()
    writer.wait()
    return acknowledged[-1]
