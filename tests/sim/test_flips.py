"""Single flipped bits in a real data directory: check finds each, or it lies where nobody reads."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from sqlvec.storage.check import verify
from sqlvec.storage.manifest import read_manifest
from sqlvec.storage.store import Store
from sqlvec.storage.vectors import VectorBatch, padded_dims
from sqlvec.storage.vfs import OsFs
from tests.sim.history import DIMS, DOCS, TINY, SimClock, docs_table, indexes

ROWS = 300


def insert(store: Store, ids: list[int]) -> None:
    tx = store.begin()
    shard = store.shard(DOCS, create=True)
    assert shard is not None
    vectors = np.array([[i, i / 2, -i] for i in ids], np.float32)
    bodies = pa.array([f"text number {i}" for i in ids])
    tx.insert(shard, {1: pa.array(ids), 2: bodies, 3: VectorBatch(vectors)})
    store.commit(tx)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Segments, tombstones, vectors, a graph with its log, and a log with entries: of a server that was killed."""
    path = tmp_path_factory.mktemp("flips")
    store = Store.open(OsFs(str(path)), SimClock(), TINY)
    tx = store.begin()
    docs = docs_table(DOCS, "docs", tenant=False)
    tx.catalog = tx.catalog.with_relation(docs, *indexes(DOCS))
    store.commit(tx)
    insert(store, list(range(ROWS)))
    store.flush()
    tx = store.begin()
    shard = store.shard(DOCS)
    assert shard is not None
    tx.delete(shard, np.arange(0, 20, dtype=np.int64))
    store.commit(tx)
    for start in (1_000, 2_000):
        for job in store.jobs():
            job.run()
        store.flush()
        insert(store, list(range(start, start + 30)))
    tx = store.begin()
    shard = store.shard(DOCS)
    assert shard is not None
    tx.delete(shard, shard.visible(tx).ids()[:5])
    store.commit(tx)
    store.flush()  # and not merged after it, so that the tombstones stay
    insert(store, list(range(4_000, 4_030)))
    for job in store.jobs():
        if job.kind == "link":
            job.run()
    insert(store, [5_000])
    store.wal.close()
    store.membership.release()
    return path


def files_of(directory: Path) -> list[tuple[Path, int]]:
    found = sorted(p for p in directory.rglob("*") if p.is_file() and p.stat().st_size)
    return [(path, path.stat().st_size) for path in found]


def flushed_bytes(directory: Path, name: str) -> int:
    """Of a vector file: what lies behind is rewritten from the log, or was never used."""
    version, _ = read_manifest(OsFs(str(directory)))
    (files,) = (f for f in version.shards.values() if name in f.names())
    return files.high * padded_dims(DIMS) * 4


def flip(directory: Path, path: Path, offset: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


@pytest.mark.parametrize(
    "flips", [150, pytest.param(2_000, marks=pytest.mark.long)]
)
def test_every_flip_is_found_or_lies_in_unused_space(directory: Path, flips: int) -> None:
    rng, fs = Random(flips), OsFs(str(directory))
    either = fs, OsFs(str(directory), segment_io="pread")
    assert verify(fs) == []
    kinds = {path.suffix for path, _ in files_of(directory)}
    assert {".segment", ".tombstones", ".vectors", ".graph", ".links", ".wal"} <= kinds
    places = files_of(directory)
    unused = 0
    for turn in range(flips):
        # Every file in turn, so that small ones are met as often as large ones.
        path, size = places[turn % len(places)]
        name, offset, bit = str(path.relative_to(directory)), rng.randrange(size), rng.randrange(8)
        if path.suffix == ".vectors" and offset >= flushed_bytes(directory, name):
            unused += 1
            continue
        flip(directory, path, offset, bit)
        found = verify(rng.choice(either))
        flip(directory, path, offset, bit)
        assert found, (name, offset)
        said = " ".join(f"{finding.file} {finding.message}" for finding in found)
        assert name in said and ("offset" in said or "version" in said), (name, offset, said)
    assert unused < flips / len(places) + 1
    assert verify(fs) == []
