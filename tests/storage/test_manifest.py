from dataclasses import replace
from random import Random

import numpy as np
import pytest

from sqlvec.errors import ConfigurationError, DataCorrupted, IoError
from sqlvec.storage.manifest import (
    HEADER,
    MAGIC,
    NAME,
    GraphFile,
    Manifest,
    SegmentFile,
    SequenceValue,
    ShardFiles,
    VectorsFile,
    Version,
    read_manifest,
)
from tests.sim.simfs import SimFs

SHARD = ShardFiles(
    1,
    20000,
    "acme",
    (SegmentFile("data/1", 0, 10, 99), SegmentFile("data/2", 10, 12, 5, "data/4")),
    (VectorsFile(3, "data/3", 8),),
    (GraphFile(20003, "data/5", 12, "data/6"),),
)


def opened(fs: SimFs, bytes_max: int = 1 << 20) -> Manifest:
    manifest = Manifest(fs, bytes_max=bytes_max)
    manifest.open()
    return manifest


def test_a_version_comes_back(fs: SimFs) -> None:
    manifest = opened(fs)
    assert not manifest.is_new and manifest.version == opened(fs).version
    version = Version(
        seqno=5,
        next_file=6,
        next_shard=2,
        catalog=manifest.version.catalog,
        shards={1: SHARD},
        sequences={7: SequenceValue(33, True)},
        fills={(20000, 4): b"\x00\xff"},
    )
    manifest.apply(version)
    found = opened(fs).version
    assert replace(found, catalog=version.catalog) == version
    manifest.apply(replace(version, shards={}, seqno=6))
    assert (opened(fs).version.shards, opened(fs).version.seqno) == ({}, 6)


def test_names_of_a_shard() -> None:
    assert sorted(SHARD.names()) == [f"data/{n}" for n in (1, 2, 3, 4, 5, 6)]
    assert SHARD.high == 12
    with pytest.raises(AssertionError):
        ShardFiles(1, 2, "", (SegmentFile("a", 0, 10, 1), SegmentFile("b", 11, 12, 1)))


def test_torn_tail_is_cut_off(fs: SimFs) -> None:
    manifest = opened(fs)
    manifest.apply(replace(manifest.version, seqno=1))
    whole = fs.size(NAME)
    manifest.apply(replace(manifest.version, seqno=2))
    fs.truncate(NAME, fs.size(NAME) - 1)
    again = opened(fs)
    assert again.version.seqno == 1 and fs.size(NAME) == whole
    again.apply(replace(again.version, seqno=3))
    assert opened(fs).version.seqno == 3


def test_an_edit_that_is_broken_before_another_is_no_torn_tail(fs: SimFs) -> None:
    manifest = opened(fs)
    sizes = [fs.size(NAME)]
    for seqno in (1, 2, 3):
        manifest.apply(replace(manifest.version, seqno=seqno))
        sizes.append(fs.size(NAME))
    for offset in (*range(sizes[0], sizes[2]), sizes[2] - 1):
        damaged = fs.clone()
        damaged.rot(NAME, offset)
        with pytest.raises(DataCorrupted, match=f"offset {sizes[0] if offset < sizes[1] else sizes[1]}$"):
            read_manifest(damaged)


def test_a_long_log_is_rewritten(fs: SimFs) -> None:
    manifest = opened(fs, bytes_max=500)
    sizes = []
    for seqno in range(1, 60):
        shards = {1: replace(SHARD, tenant=str(seqno))}
        manifest.apply(replace(manifest.version, seqno=seqno, shards=shards))
        sizes.append(fs.size(NAME))
    assert max(sizes) < 6000 and sorted(sizes) != sizes
    assert opened(fs).version.shards[1].tenant == "59"


def test_every_edit_survives_every_crash() -> None:
    for seed in range(30):
        rng, fs = Random(seed), SimFs()
        manifest = opened(fs, bytes_max=300)
        for seqno in range(1, rng.randint(2, 12)):
            manifest.apply(replace(manifest.version, seqno=seqno))
        assert opened(fs.crash(rng)).version.seqno == manifest.version.seqno


def test_damage_and_newer_formats_are_refused(fs: SimFs) -> None:
    opened(fs)
    fs.rot(NAME, 0)
    with pytest.raises(DataCorrupted, match="magic"):
        opened(fs)
    fs.names[NAME].buffer[: HEADER.size] = np.frombuffer(HEADER.pack(MAGIC, 9, 0), np.uint8)
    with pytest.raises(ConfigurationError, match="format version 9"):
        opened(fs)
    fs.truncate(NAME, 3)
    with pytest.raises(DataCorrupted, match="unexpected end"):
        read_manifest(fs)


def test_a_failed_edit_closes_the_manifest(fs: SimFs) -> None:
    manifest = opened(fs)
    fs.fail_at = fs.operations + 2
    with pytest.raises(IoError):
        manifest.apply(replace(manifest.version, seqno=1))
    with pytest.raises(IoError, match="closed to writes"):
        manifest.apply(replace(manifest.version, seqno=2))
