from random import Random

import pytest

from sqlvec.errors import DatabaseError, DiskFull, UndefinedFile
from tests.sim.simfs import Crashed, SimFs


def written(fs: SimFs, name: str, data: bytes, *, sync: bool, sync_dir: bool) -> None:
    file = fs.create(name)
    file.append(data)
    if sync:
        file.sync()
    if sync_dir:
        fs.sync_dir(name.rpartition("/")[0])


def test_synced_bytes_survive_every_crash() -> None:
    for seed in range(20):
        fs = SimFs()
        written(fs, "d/a", b"hello", sync=True, sync_dir=True)
        fs.open_append("d/a").append(b" world")
        found = fs.crash(Random(seed)).read("d/a")
        assert found[:5] == b"hello"
        assert len(found) <= 11


def test_a_name_needs_its_directory_synced() -> None:
    fs = SimFs()
    written(fs, "d/a", b"x", sync=True, sync_dir=False)
    assert {fs.crash(Random(seed)).exists("d/a") for seed in range(20)} == {True, False}
    fs.sync_dir("other")
    assert not all(fs.crash(Random(seed)).exists("d/a") for seed in range(20))
    fs.sync_dir("d")
    assert all(fs.crash(Random(seed)).exists("d/a") for seed in range(20))


def test_a_rename_is_whole_or_not_at_all() -> None:
    fs = SimFs()
    written(fs, "a", b"old", sync=True, sync_dir=True)
    written(fs, "a.new", b"new", sync=True, sync_dir=True)
    fs.rename("a.new", "a")
    assert {fs.crash(Random(seed)).read("a") for seed in range(20)} == {b"old", b"new"}


def test_mapped_writes_survive_by_sector() -> None:
    fs = SimFs()
    view = fs.map_shared("d/v", 1024)
    fs.sync("d/v")
    fs.sync_dir("d")
    view[:] = 7
    sectors = set()
    for seed in range(40):
        after = fs.crash(Random(seed)).read("d/v")
        sectors.add((after[0], after[511], after[512], after[1023]))
    assert sectors == {(0, 0, 0, 0), (0, 0, 7, 7), (7, 7, 0, 0), (7, 7, 7, 7)}


def test_a_grown_map_shares_its_bytes_with_the_earlier_one() -> None:
    fs = SimFs()
    small = fs.map_shared("v", 16)
    large = fs.map_shared("v", 64)
    small[3] = 9
    assert large[3] == 9 and len(large) == 64


def test_faults_strike_once_and_crashes_stay() -> None:
    fs = SimFs()
    fs.fail_at, fs.fail_errno = 2, 28
    file = fs.create("a")
    with pytest.raises(DiskFull, match='could not write to file "a"'):
        file.append(b"1234")
    file.append(b"5678")
    assert fs.read("a") == b"5678"
    fs.crash_at = fs.operations + 1
    with pytest.raises(Crashed):
        fs.read("a")
    with pytest.raises(Crashed):
        file.sync()


def test_a_missing_file_is_a_database_error() -> None:
    with pytest.raises(UndefinedFile):
        SimFs().read("a")
    assert issubclass(UndefinedFile, DatabaseError)
