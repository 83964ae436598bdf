"""Bugs planted on purpose: the simulation finds each of them within few seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sqlvec.storage import blocks, compaction, rewrite, wal
from sqlvec.storage.recovery import _Replay
from sqlvec.storage.store import Store
from sqlvec.storage.visibility import ABORTED, LIVE
from sqlvec.storage.wal import Wal
from tests.sim.simulation import Simulation

SEEDS = range(2_000, 2_120)


def skip_the_fsync(patch: pytest.MonkeyPatch) -> None:
    def sync(self: Wal) -> None:
        self._check_open()
        self.durable_lsn = self.lsn

    patch.setattr(Wal, "sync", sync)


def drop_the_checksum_of_the_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(wal, "crc32c", lambda *buffers: 7)


def drop_the_checksum_of_blocks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(blocks, "crc32c", lambda *buffers: 7)


def publish_before_the_sync(patch: pytest.MonkeyPatch) -> None:
    def publish(self: Store) -> None:
        with self.lock:
            while self._pending:
                self._publish(self._pending.popleft())

    patch.setattr(Store, "publish", publish)


def lose_a_tombstone_in_compaction(patch: pytest.MonkeyPatch) -> None:
    merge_plan = compaction._merge_plan

    def forgetful(*args: Any) -> Any:
        plan = merge_plan(*args)
        ended = np.flatnonzero(plan.ends != LIVE)
        if len(ended):
            plan.ends[ended[-1]] = LIVE
        return plan

    patch.setattr(compaction, "_merge_plan", forgetful)


def forget_what_ended_while_a_shard_was_rewritten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rewrite, "with_tombstones", lambda files, _: files)


def apply_the_log_to_rows_that_were_renumbered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_Replay, "_is_rewritten", lambda *_: False)


def keep_no_row_for_a_snapshot_in_a_rewrite(patch: pytest.MonkeyPatch) -> None:
    def kept(begins: Any, ends: Any, horizon: int) -> Any:
        return (begins < ABORTED) & (ends == LIVE)

    patch.setattr(rewrite, "kept_rows", kept)


@pytest.mark.parametrize(
    "plant",
    [
        skip_the_fsync,
        drop_the_checksum_of_the_log,
        drop_the_checksum_of_blocks,
        publish_before_the_sync,
        lose_a_tombstone_in_compaction,
        forget_what_ended_while_a_shard_was_rewritten,
        apply_the_log_to_rows_that_were_renumbered,
        keep_no_row_for_a_snapshot_in_a_rewrite,
    ],
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in SEEDS:
        try:
            Simulation(seed).run(120)
        except Exception:  # noqa: BLE001 (whatever ends it is a finding)
            return
    pytest.fail(f"{plant.__name__} was not noticed")
