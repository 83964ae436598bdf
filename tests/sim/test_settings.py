"""Metamorphic: one history under many settings leaves the same rows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.store import Store
from tests.sim.history import (
    DOCS,
    SPLIT_DOCS,
    TENANT_DOCS,
    TINY,
    History,
    State,
    check_structure,
    indexes,
    rows_of,
)
from tests.sim.simfs import SimFs

VARIANTS = [
    StorageSettings(),
    replace(TINY, memtable_rows_max=5, segments_merged=2),
    replace(TINY, segment_rows_max=40, block_bytes_max=200),
    replace(TINY, wal_file_bytes_max=200, wal_bytes_max=500, manifest_bytes_max=100),
    replace(TINY, link_log_bytes_min=100_000, dead_nodes_min=100_000),
    replace(TINY, sequence_ahead=0, filter_text_bytes_max=0),
    replace(TINY, zone_rows=1, segment_io="pread"),
    replace(TINY, memtable_rows_max=5, segments_merged=2, dead_rows_min=8, segment_io="pread"),
]


def outcome(
    seed: int, settings: StorageSettings, quantization: str = ""
) -> tuple[State, list[State]]:
    history = History(
        SimFs(), Random(seed), [{}], settings=settings, quantization=quantization,
        interleaved=False,
    )  # fmt: skip
    store = history.open()
    for _ in range(60):
        history.step()
    assert history.store is not None
    store = history.store
    found = rows_of(store)
    check_structure(store, found)
    return found, history.states


@pytest.mark.parametrize("seed", range(4))
def test_settings_do_not_change_what_is_stored(seed: int) -> None:
    wanted = outcome(seed, TINY)
    for settings in VARIANTS:
        assert outcome(seed, settings) == wanted, settings


@pytest.fixture
def quantized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of three dimensions get codes too, a few of them are enough, and soon it is done again."""
    monkeypatch.setattr("sqlvec.index.hnsw.quantizer.DIMENSIONS_MIN", 1)
    monkeypatch.setattr("sqlvec.storage.quantization.TRAINING_ROWS_MIN", 4)
    monkeypatch.setattr("sqlvec.storage.quantization.TRAINED_AGAIN", 2)


@pytest.mark.parametrize("seed", range(2))
def test_codes_do_not_change_what_is_stored(seed: int, quantized: None) -> None:
    wanted = outcome(seed, TINY)
    for quantization in QUANTIZATIONS:
        assert outcome(seed, TINY, quantization) == wanted, quantization
    limited = replace(TINY, index_memory_limit_bytes=3_000)
    assert outcome(seed, limited) == wanted, "by the limit"


def graphs(store: Store) -> set[str]:
    """The quantizations that walks go by, of graphs with enough rows."""
    return {
        graph.quantizer.name
        for shard in store.open_shards.values()
        for graph in shard.indexes.values()
        if isinstance(graph, HnswGraph) and graph.linked >= 4
    }


def alter(history: History, quantization: str) -> None:
    store = history.store
    assert store is not None
    tx = store.begin()
    for oid in (DOCS, TENANT_DOCS, SPLIT_DOCS):
        _, index = indexes(oid, quantization)
        tx.catalog = tx.catalog.with_relation(index)
    history.commit(tx, dict(history.states[history.visible]))


def test_a_crash_costs_codes_nothing(quantized: None) -> None:
    """Lost writes and torn files: a graph is whole, or begun anew, whatever codes it is to have next."""
    seen: set[str] = set()
    for seed in range(4):
        rng = Random(seed)
        history = History(SimFs(), rng, [{}], quantization="bit")
        history.open()
        for quantization in ("pq", "int8", "none", "bit"):
            for _ in range(40):
                history.step()
            history.begin()
            assert history.store is not None
            seen |= graphs(history.store)
            alter(history, quantization)
            for job in history.store.jobs()[: rng.randrange(4)]:
                job.run()
            history.recover(history.fs.crash(rng))
    assert seen == set(QUANTIZATIONS)
