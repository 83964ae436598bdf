from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.errors import ConfigurationError, DataCorrupted, DiskFull, IoError
from sqlvec.storage import wal as wal_module
from sqlvec.storage.wal import FRAME_SIZE, HEADER_SIZE, Wal, read_log
from tests.sim.simfs import SimFs


def opened(fs: SimFs, after: int = 0, file_bytes_max: int = 1 << 20) -> tuple[Wal, list[bytes]]:
    wal = Wal(fs, file_bytes_max=file_bytes_max)
    return wal, [entry.body.tobytes() for entry in wal.recover(after=after)]


def test_entries_come_back_in_order(fs: SimFs) -> None:
    wal, found = opened(fs)
    assert found == []
    wal.append(1, [b"one"])
    wal.append(2, [b"tw", np.frombuffer(b"o", np.uint8)])
    wal.append(5, [b""])
    wal.sync()
    assert opened(fs)[1] == [b"one", b"two", b""]
    assert opened(fs, after=1)[1] == [b"two", b""]
    assert (HEADER_SIZE, FRAME_SIZE) == (28, 28)


def test_an_lsn_is_durable_only_after_sync(fs: SimFs) -> None:
    wal, _ = opened(fs)
    lsn = wal.append(1, [b"one"])
    assert wal.durable_lsn < lsn == FRAME_SIZE + 3
    wal.sync()
    assert wal.durable_lsn == lsn


def test_torn_tail_is_cut_off(fs: SimFs) -> None:
    wal, _ = opened(fs)
    wal.append(1, [b"one"])
    wal.sync()
    wal.append(2, [b"two"])
    name = "wal/" + fs.list("wal")[0]
    whole = fs.size(name)
    for cut in range(1, FRAME_SIZE + 3):
        copy = fs.crash(Random(0))
        copy.names[name] = copy.synced_names[name]
        copy.names[name].size = min(copy.names[name].size, whole - cut)
        found = opened(copy)
        assert found[1] == [b"one"]
        assert copy.size(name) == HEADER_SIZE + FRAME_SIZE + 3
        found[0].append(2, [b"again"])
        assert opened(copy)[1] == [b"one", b"again"]


def test_a_flipped_bit_in_the_last_file_ends_the_log(fs: SimFs) -> None:
    wal, _ = opened(fs)
    wal.append(1, [b"one"])
    wal.append(2, [b"two"])
    name = "wal/" + fs.list("wal")[0]
    fs.rot(name, fs.size(name) - 1)
    assert opened(fs)[1] == [b"one"]


def test_a_flipped_bit_in_an_earlier_file_is_damage(fs: SimFs) -> None:
    wal, _ = opened(fs, file_bytes_max=1)
    for seqno in (1, 2, 3):
        wal.append(seqno, [b"body"])
    first = "wal/" + fs.list("wal")[1]
    fs.rot(first, fs.size(first) - 1)
    with pytest.raises(DataCorrupted, match=f'in file "{first}" at offset {HEADER_SIZE}'):
        opened(fs)


def test_files_are_started_when_one_is_full_and_removed_when_not_needed(fs: SimFs) -> None:
    wal, _ = opened(fs, file_bytes_max=68)
    for seqno in range(1, 8):
        wal.append(seqno, [b"0123456789"])
    wal.sync()
    assert len(fs.list("wal")) == 4
    assert wal.truncate(through=3) == [f"wal/{1:020d}.wal"]
    assert [len(b) for b in opened(fs, after=3)[1]] == [10] * 4
    wal.truncate(through=7)
    assert fs.list("wal") == [f"{8:020d}.wal"]
    again, found = opened(fs, after=7)
    assert found == [] and again.lsn == wal.lsn


def test_a_log_that_does_not_reach_back_is_damage(fs: SimFs) -> None:
    wal, _ = opened(fs)
    wal.append(1, [b"one"])
    wal.append(2, [b"two"])
    wal.truncate(through=2)
    with pytest.raises(DataCorrupted, match="does not reach back to seqno 2"):
        opened(fs, after=1)
    with pytest.raises(DataCorrupted, match="does not reach back"):
        opened(SimFs(), after=1)


def test_a_large_entry_is_several_frames(fs: SimFs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_module, "FRAME_BODY_MAX", 7)
    wal, _ = opened(fs)
    body = bytes(range(100))
    wal.append(1, [body[:3], body[3:50], body[50:]])
    wal.append(2, [b"x"])
    assert opened(fs)[1] == [body, b"x"]
    name = "wal/" + fs.list("wal")[0]
    fs.truncate(name, HEADER_SIZE + 3 * (FRAME_SIZE + 7))  # three whole frames of fifteen
    assert opened(fs)[1] == []
    assert fs.size(name) == HEADER_SIZE


def test_a_full_disk_leaves_the_log_as_it_was(fs: SimFs) -> None:
    wal, _ = opened(fs)
    wal.append(1, [b"one"])
    fs.fail_at, fs.fail_errno = fs.operations + 1, 28
    with pytest.raises(DiskFull):
        wal.append(2, [b"two" * 50])
    assert wal.failure is None
    wal.append(2, [b"two"])
    wal.sync()
    assert opened(fs)[1] == [b"one", b"two"]


def test_a_failed_fsync_closes_the_log(fs: SimFs) -> None:
    wal, _ = opened(fs)
    wal.append(1, [b"one"])
    fs.fail_at = fs.operations + 1
    with pytest.raises(IoError, match="could not fsync file"):
        wal.sync()
    with pytest.raises(IoError, match="closed to writes"):
        wal.append(2, [b"two"])
    with pytest.raises(IoError, match="closed to writes"):
        wal.sync()
    assert wal.durable_lsn == 0


def test_seqnos_rise(fs: SimFs) -> None:
    wal, _ = opened(fs)
    wal.append(4, [b""])
    with pytest.raises(AssertionError):
        wal.append(4, [b""])


def test_a_newer_format_is_refused(fs: SimFs) -> None:
    header = wal_module.HEADER.pack(wal_module.MAGIC, 7, 0, 1, 0)
    file = fs.create("wal/00000000000000000001.wal")
    file.append(header + wal_module.crc32c(header).to_bytes(4, "little"))
    with pytest.raises(ConfigurationError, match="format version 7"):
        opened(fs)


@given(bodies=st.lists(st.binary(max_size=40), max_size=8), seed=st.integers(0, 2**32))
def test_after_a_crash_the_log_is_a_prefix_with_all_that_was_synced(
    bodies: list[bytes], seed: int
) -> None:
    rng, fs = Random(seed), SimFs()
    wal, _ = opened(fs, file_bytes_max=100)
    synced = 0
    for seqno, body in enumerate(bodies, 1):
        wal.append(seqno, [body])
        if rng.random() < 0.4:
            wal.sync()
            synced = seqno
    after = fs.crash(rng)
    read = [entry.body.tobytes() for entry in read_log(after, after=0)]
    _, found = opened(after)
    assert found == bodies[: len(found)] == read
    assert len(found) >= synced
