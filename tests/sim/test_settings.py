"""Metamorphic: one history under many settings leaves the same rows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sqlvec.storage.settings import StorageSettings
from tests.sim.history import TINY, History, State, check_structure, rows_of
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


def outcome(seed: int, settings: StorageSettings) -> tuple[State, list[State]]:
    history = History(SimFs(), Random(seed), [{}], settings=settings, interleaved=False)
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
