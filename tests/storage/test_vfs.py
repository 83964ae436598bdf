import os
from pathlib import Path

import numpy as np
import pytest

from sqlvec.errors import IoError, ObjectInUse, UndefinedFile
from sqlvec.storage.vfs import OsFs, io_error


def test_a_file_is_written_read_and_listed(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path / "db"))
    file = fs.create("wal/a")
    file.append(b"one")
    file.append(np.frombuffer(b"two", np.uint8))
    file.sync()
    fs.sync_dir("wal")
    assert (file.size, fs.size("wal/a"), fs.read("wal/a")) == (6, 6, b"onetwo")
    assert fs.list("wal") == ["a"] and fs.list("nothing") == []
    file.close()
    again = fs.open_append("wal/a")
    again.append(b"!")
    assert fs.read("wal/a") == b"onetwo!"
    again.close()


def test_a_shared_map_grows_and_its_earlier_maps_see_the_same_bytes(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path))
    small = fs.map_shared("v", 4096)
    large = fs.map_shared("v", 1 << 20)
    small[10] = 7
    large[5000] = 8
    assert (large[10], fs.size("v")) == (7, 1 << 20)
    fs.sync("v")
    assert fs.read("v")[5000] == 8
    # Allocated, not sparse: a full disk is an error at growth and not a signal at a store.
    assert os.stat(tmp_path / "v").st_blocks * 512 >= 1 << 20


def test_a_private_map_keeps_its_changes_to_itself(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path))
    fs.create("a").append(b"abc")
    private, plain = fs.map("a", private=True), fs.map("a")
    private[0] = 0
    assert fs.read("a") == b"abc" and plain.tobytes() == b"abc"
    with pytest.raises(ValueError):
        plain[0] = 1


def test_a_map_outlives_the_removal_of_its_file(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path))
    fs.create("a").append(b"abc")
    view = fs.map("a")
    fs.remove("a")
    fs.remove("a")
    assert view.tobytes() == b"abc" and not fs.exists("a")


def test_rename_replaces_and_truncate_cuts(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path))
    fs.create("a").append(b"old")
    fs.create("b").append(b"new!")
    fs.rename("b", "a")
    fs.truncate("a", 3)
    assert fs.read("a") == b"new" and fs.list("") == ["a"]


def test_a_directory_belongs_to_one(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path))
    lock = fs.lock()
    with pytest.raises(ObjectInUse, match="held by another process"):
        OsFs(str(tmp_path)).lock()
    lock.release()
    OsFs(str(tmp_path)).lock().release()


def test_errors_of_the_machine_are_errors_of_the_database(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path))
    for action in (fs.read, fs.size, fs.map, fs.sync, fs.open_append):
        with pytest.raises(UndefinedFile, match='"none"'):
            action("none")
    full = io_error(OSError(28, "No space left on device"), "write to", "wal/1")
    assert full.sqlstate == "53100"
    assert full.message == 'could not write to file "wal/1": No space left on device'
    assert isinstance(io_error(OSError(5, "I/O error"), "fsync", "a"), IoError)
