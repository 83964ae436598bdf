"""What `sqlvec check --stats` says: rows, dead ones, segments, bytes, and bloom filters as measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqlvec.cli import main
from sqlvec.database import Cluster
from sqlvec.storage.keys import bloom_mask, sorted_run
from sqlvec.storage.statistics import read_statistics


def test_a_shard_is_counted(make_database: Callable[..., Any]) -> None:
    database = make_database()
    database.insert(list(range(4_000)))
    database.store.flush()
    database.delete(list(range(10)))
    database.insert([5_000])
    database.store.close()
    (shard,) = read_statistics(database.fs)
    assert (shard.table, shard.tenant, shard.rows, shard.dead) == ("docs", "", 4_001, 10)
    assert [segment.rows for segment in shard.segments] == [4_000, 1]
    names = database.fs.list("data")
    assert shard.bytes == sum(database.fs.size(f"data/{name}") for name in names)
    (run,) = shard.segments[0].runs
    assert (run.columns, run.entries) == ("id", 4_000)
    assert 16 <= run.bits_per_entry < 17 and 0 < run.false_positives < 0.006
    head, *lines = shard.render()
    assert head == f"shard 1 docs: 4001 rows, 10 dead, 2 segments, {shard.bytes} bytes"
    assert "key (id): 4000 entries, 16.0 bits each, 0." in lines[1]


def test_the_filter_of_many_keys_is_that_of_each() -> None:
    random = np.random.default_rng(5)
    run = sorted_run(random.integers(0, 2**64, 500, np.uint64), np.arange(500), bloom=True)
    others = random.integers(0, 2**64, 5_000, np.uint64)
    assert run.may_hold(run.hashes).all()
    masks = [(h, bloom_mask(h)) for h in others.tolist()]
    one_by_one = [h for h, mask in masks if run.bloom.item(h % len(run.bloom)) & mask == mask]
    assert others[run.may_hold(others)].tolist() == one_by_one
    assert len(one_by_one) < 100


def test_the_command_prints_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Cluster.open(tmp_path)
    connection = cluster.database("postgres").connect("postgres", 1, 0, {})
    for sql in ("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 50)"):
        connection.execute(connection.prepare(connection.parse(sql)[0]))
        connection.wait(connection.end_group())
    cluster.close()
    assert main(["check", str(tmp_path), "--stats"]) == 0
    said = capsys.readouterr().out
    assert "t: 50 rows, 0 dead, 1 segments" in said and "false positives" in said
    assert "1 database(s) checked, 0 finding(s)" in said
