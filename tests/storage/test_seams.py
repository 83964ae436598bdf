from random import Random

import pytest

from sqlvec.errors import DataCorrupted, DuplicateObject, ObjectInUse
from sqlvec.storage.seams import FileBlobs, SingleNode, SystemClock, replace_file
from tests.sim.simfs import SimFs


def test_a_blob_is_put_once_and_read_in_ranges(fs: SimFs) -> None:
    blobs = FileBlobs(fs)
    blobs.put_new("b/one", b"hello")
    assert blobs.get("b/one") == b"hello" and blobs.get("b/one", 1, 3) == b"ell"
    assert (blobs.head("b/one"), blobs.head("b/two"), blobs.list("b")) == (5, None, ["one"])
    with pytest.raises(DuplicateObject):
        blobs.put_new("b/one", b"again")
    blobs.delete("b/one")
    assert blobs.list("b") == []


def test_a_blob_is_durable_when_put_returns(fs: SimFs) -> None:
    FileBlobs(fs).put_new("b/one", b"hello")
    assert all(fs.crash(Random(seed)).read("b/one") == b"hello" for seed in range(10))


def test_the_epoch_rises_with_every_owner(fs: SimFs) -> None:
    first, second = SingleNode(fs), SingleNode(fs)
    assert first.acquire() == 1
    with pytest.raises(ObjectInUse):
        second.acquire()
    first.release()
    first.release()
    assert second.acquire() == 2


def test_a_damaged_epoch_is_noticed_and_leaves_the_lock_free(fs: SimFs) -> None:
    node = SingleNode(fs)
    node.acquire()
    node.release()
    fs.rot("epoch", 5)
    with pytest.raises(DataCorrupted, match='"epoch"'):
        node.acquire()
    replace_file(fs, "epoch", b"")
    with pytest.raises(DataCorrupted, match="unexpected end of file"):
        node.acquire()


def test_the_clock_goes_forward() -> None:
    clock = SystemClock()
    start = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= start
    assert clock.now_us() > 1_700_000_000_000_000
